"""Kill a training again and again, and compare its end with that of one that was never killed.

    python -m benchmarks.kill 100

Half of the kills (SIGKILL) come at random moments, half just before one of the calls that change
the run's folder. Two recipes are trained on the first images of the real data: the baseline, and
one that has every option. Prints how many arrays differed, and writes `benchmarks/kill.json`.
"""

import argparse
import io
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

from benchmarks import parsed, positive
from fmnist_utils import data, training
from fmnist_utils.augment import AUGMENTATIONS
from fmnist_utils.recipes import BASELINE, COMPACT

EPOCHS = 6
EVERYTHING = replace(COMPACT, epochs=EPOCHS, augmentations=list(AUGMENTATIONS))
RECIPES = {"baseline": replace(BASELINE, epochs=EPOCHS), "everything": EVERYTHING}
CALLS = ("open", "os.mkdir", "os.rename", "os.remove")  # as Python's audit names them
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["fmnist_utils.training"])  # imported once, for all processes


def child(name, folder, fatal_call):
    """Train in `folder`; be killed just before the call there of that number (0: never)."""
    few = [data.Split(split.images[:320], split.labels[:320]) for split in data.load()]
    splits = data.Splits(few[0], few[1], few[2])
    calls = 0

    def count_calls(event, arguments):
        nonlocal calls
        if event in CALLS and str(folder) in str(arguments[0]):
            calls += 1
            if calls == fatal_call:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count_calls)
    sys.stdout = io.StringIO()  # no lines of a hundred trainings
    training.train(RECIPES[name], splits, folder)


def start(name, folder, fatal_call=0):
    """Start `child` as a process of its own."""
    process = processes.Process(target=child, args=(name, folder, fatal_call))
    process.start()
    return process


def finish(name, folder):
    """Train to the end, and return the seconds that it took."""
    process = start(name, folder)
    begun = time.monotonic()
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - begun


def survive(name, folder, moments, kills):
    """Train in subfolders of `folder` until there were `kills` kills, and compare each end.

    `moments` says when to kill: a whole number is a call, a fraction is a share of the time that a
    whole training takes. What was killed is started again in the same folder; where a training
    ended before its kill, the next one starts in a new folder. Returns the names of the arrays that
    differ from those of a training that was never killed.
    """
    uninterrupted = Path(folder) / "uninterrupted"
    seconds = finish(name, uninterrupted)
    found = []
    number = 1
    while kills > 0:
        run_dir = Path(folder) / f"killed-{number}"
        if killed(name, run_dir, next(moments), seconds):
            kills -= 1
        else:
            found += differences(uninterrupted, run_dir)
            number += 1
    finish(name, run_dir)
    return found + differences(uninterrupted, run_dir)


def killed(name, run_dir, moment, seconds):
    """Train, and return whether the kill at `moment` came before the end."""
    if isinstance(moment, int):
        process = start(name, run_dir, fatal_call=moment)
        process.join()
    else:
        process = start(name, run_dir)
        process.join(moment * seconds)
        process.kill()
        process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def differences(one, other):
    """Return the names of the arrays that differ between the last states of two runs."""
    last = f"epoch-{EPOCHS:03d}.npz"
    with np.load(one / last) as state, np.load(other / last) as same:
        assert state.files == same.files
        return [name for name in state.files if not np.array_equal(state[name], same[name])]


def random_moments():
    """Yield calls and shares of the whole time, as `survive` takes them, without end."""
    while True:
        yield random.randint(1, 24)  # an uninterrupted training makes 24 calls
        yield random.uniform(0.5, 1)  # the first half goes by before the first epoch


def main(kills):
    report = {}
    for name in RECIPES:
        with tempfile.TemporaryDirectory() as folder:
            found = survive(name, folder, random_moments(), kills)
        report[name] = {"kills": kills, "differences": found}
        print(f"{name}: {kills} kills, {len(found)} differences", flush=True)
    Path("benchmarks/kill.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kills", type=positive)
    main(parsed(parser).kills)
