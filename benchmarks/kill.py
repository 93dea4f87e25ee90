"""Kill a training again and again, and compare its end with that of one that was never killed.

    python -m benchmarks.kill 100

Half of the kills (SIGKILL) come at random moments, half before one of the calls that change the
run's folder. Trained are the baseline, and a recipe with every option, on the first images of the
real data. Prints what differed and writes `benchmarks/kill.json`.
"""

import io
import itertools
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from fmnist_utils import batches, data, training
from fmnist_utils.model import BASELINE

EPOCHS = 6
OPTIONS = {"schedule": "cosine", "weight_decay": 0.01, "label_smoothing": 0.1, "units": 32}
OPTIONS |= {"filters": (8, 16), "augmentations": tuple(batches.AUGMENTATIONS), "epochs": EPOCHS}
RECIPES = {"baseline": replace(BASELINE, epochs=EPOCHS)}
RECIPES["everything"] = replace(BASELINE, name="everything", **OPTIONS)
CALLS = ("open", "os.mkdir", "os.rename", "os.remove")  # as Python's audit has them
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["fmnist_utils.training"])  # so that each starts with all imported


def few(splits):
    """Return the first images of each split: enough to train on for a moment."""
    return data.Splits(*(data.Split(images[:320], labels[:320]) for images, labels in splits))


def child(name, folder, fatal, begins):
    """Train recipe `name` in `folder`; be killed before the `fatal`-th call there (0: never)."""
    splits, calls = few(data.load()), itertools.count(1)

    def kill(event, arguments):
        if event in CALLS and str(folder) in str(arguments[0]) and next(calls) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(kill)
    begins.send("begins")
    sys.stdout = io.StringIO()
    training.train(RECIPES[name], splits, folder)


def start(name, folder, fatal=0):
    """Start `child` as a process of its own, and wait until its training begins."""
    begun, begins = processes.Pipe(duplex=False)
    process = processes.Process(target=child, args=(name, folder, fatal, begins))
    process.start()
    begun.recv()
    return process


def finish(name, folder):
    """Train to the end, and return the seconds that it took."""
    process, begun = start(name, folder), time.monotonic()
    process.join()
    assert not process.exitcode
    return time.monotonic() - begun


def survive(name, folder, moments, kills):
    """Train in subfolders of `folder` until there were `kills` kills, and compare each end.

    `moments` says when: a whole number is a call, a fraction is a share of a run's whole time. What
    was killed is started again in its folder; what ended before its kill is followed by a new run
    in a new folder. Return what differed from a run that was never killed.
    """
    reference = Path(folder) / "uninterrupted"
    length = finish(name, reference)
    folders, found = (Path(folder) / f"killed-{number}" for number in itertools.count()), []
    while kills:
        killed = next(folders)
        while kills and _killed(name, killed, next(moments), length):
            kills -= 1
        finish(name, killed)
        found += differences(reference, killed)
    return found


def _killed(name, folder, moment, length):
    """Return whether a training that is killed at `moment` had not ended before."""
    at_call = isinstance(moment, int)
    process = start(name, folder, fatal=moment if at_call else 0)
    process.join(None if at_call else moment * length)
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def differences(one, other):
    """Return the names of what differs between the last states of two runs."""
    states = (np.load(folder / f"epoch-{EPOCHS:03d}.npz") for folder in (one, other))
    pairs = zip(*(state.items() for state in states), strict=True)
    return [name for (name, a), (_, b) in pairs if not np.array_equal(a, b)]


def main(kills):
    rng, report = random.Random(0), {}
    for name in RECIPES:
        moments = iter(lambda: rng.choice([rng.uniform(0, 1), rng.randrange(1, 26)]), None)
        with tempfile.TemporaryDirectory() as folder:
            found = survive(name, folder, moments, kills)
        report[name] = {"kills": kills, "differences": found}
        print(f"{name}: {kills} kills, {len(found)} differences", flush=True)
    Path("benchmarks/kill.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
