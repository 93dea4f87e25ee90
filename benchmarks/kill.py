"""Kill a training again and again, and compare its end with that of one that was never killed.

    python -m benchmarks.kill --kills 100

Half of the kills (SIGKILL) come at random moments, half before or after one of the steps of
writing the state. Trained are the baseline, and a recipe with schedule, averaging and all else, on
the first images of the real data. Also measured: what share of a baseline training's time the
checkpoints take. Prints a table and writes `benchmarks/kill.json`.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from fmnist_utils import batches, data, training
from fmnist_utils.model import BASELINE

EVERYTHING = replace(
    BASELINE,
    name="everything",
    filters=(8, 16),
    units=32,
    schedule="cosine",
    weight_decay=0.01,
    label_smoothing=0.1,
    weight_averaging=0.9,
    augmentations=tuple(batches.AUGMENTATIONS),
)
RECIPES = {recipe.name: recipe for recipe in (BASELINE, EVERYTHING)}
EPOCHS = 6
# What `training` itself calls: some versions of Python have `tempfile` call `shutil.rmtree` too.
OWN = SimpleNamespace(rmtree=shutil.rmtree, copy=shutil.copy)
WRITES = ((OWN, "rmtree"), (OWN, "copy"), (np, "savez"))
WRITES += ((Path, "mkdir"), (Path, "write_text"), (Path, "rename"))


def few(splits):
    """Return the first images of each split: enough to train on for a moment."""
    return data.Splits(*(data.Split(images[:320], labels[:320]) for images, labels in splits))


def child(name, folder, step, epochs=EPOCHS):
    """Train recipe `name` in `folder`; at the `step`-th step of writing, be killed (0: never)."""
    splits = few(data.load())
    steps = itertools.count(1)
    for owner, function in WRITES:
        setattr(owner, function, _deadly(getattr(owner, function), steps, step))
    training.shutil = OWN
    print("begins", flush=True)
    training.train(RECIPES[name], splits, folder, epochs=epochs)


def _deadly(function, steps, fatal):
    def call(*arguments, **keywords):
        if next(steps) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **keywords)
        if next(steps) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return call


def start(name, folder, step=0):
    """Start `child` as a process of its own, and wait until its training begins."""
    command = [sys.executable, "-m", "benchmarks.kill", "--child", name, str(folder), str(step)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def survive(name, folder, moments, kills):
    """Train in subfolders of `folder` until there were `kills` kills, and compare each end.

    `moments` says when: a whole number is a step of writing, a fraction is a share of the time that
    a run takes from its beginning to its end without any kill. What was killed is started again in
    its folder; what ended before its kill is followed by a new run in a new folder. Return what
    differed from a run that was never killed.
    """
    reference = Path(folder) / "uninterrupted"
    length = finish(name, reference)
    folders = (Path(folder) / f"killed-{number}" for number in itertools.count())
    found = []
    while kills:
        killed = next(folders)
        while kills and _killed(name, killed, next(moments), length):
            kills -= 1
        finish(name, killed)
        found += differences(reference, killed)
    return found


def finish(name, folder):
    """Train to the end; return the seconds that it took."""
    process, begun = start(name, folder), time.monotonic()
    if process.wait():
        raise RuntimeError(f"The training in {folder} did not end well.")
    return time.monotonic() - begun


def _killed(name, folder, moment, length):
    """Start a training and kill it at `moment`; return False if it ended before."""
    at_step = isinstance(moment, int)
    process = start(name, folder, step=moment if at_step else 0)
    try:
        process.wait(None if at_step else moment * length)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.returncode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"The training ended with exit status {process.returncode}.")
    return process.returncode != 0


def differences(one, other):
    """Return the names of what differs between the ends of two runs: arrays, or the history."""
    ends = [_end(Path(folder) / f"epoch-{EPOCHS:03d}") for folder in (one, other)]
    return [key for key, value in ends[0].items() if not np.array_equal(value, ends[1][key])]


def _end(folder):
    """Return every array of a state, the optimizer's included, and its history, by name."""
    end = {"history": list(json.loads((folder / "state.json").read_text())["history"].values())}
    for file in training.STATE_FILES:
        with np.load(folder / file) as arrays:
            end |= {f"{file} {name}": arrays[name] for name in arrays.files}
    return end


def checkpoint_share(folder):
    """Return the time of a checkpoint as a share of a baseline epoch's time, on all the data.

    It is the third epoch's: the first with an old state to remove, and without any compiling.
    """
    splits = data.load()
    seconds = []
    write = training.Checkpoint._write

    def timed(checkpoint, epoch):
        begun = time.monotonic()
        write(checkpoint, epoch)
        seconds.append((time.monotonic() - begun) / (time.monotonic() - checkpoint.started))

    training.Checkpoint._write = timed
    training.train(BASELINE, splits, folder, epochs=3)
    return seconds[2]


def main(kills):
    rng = random.Random(0)
    report = {}
    print("recipe      kills  differences")
    for name in RECIPES:
        moments = iter(lambda: rng.choice([rng.uniform(0, 0.7), rng.randrange(1, 40)]), None)
        with tempfile.TemporaryDirectory() as folder:
            found = survive(name, folder, moments, kills)
        report[name] = {"kills": kills, "differences": found}
        print(f"{name:10s}  {kills:5d}  {len(found):11d}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report["checkpoint_share"] = checkpoint_share(folder)
    print(f"checkpoints: {report['checkpoint_share']:.2%} of a baseline epoch")
    Path("benchmarks/kill.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(chosen.child[0], chosen.child[1], int(chosen.child[2]))
    else:
        main(chosen.kills)
