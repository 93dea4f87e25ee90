"""Time recipes, and plain Keras, until the original's test accuracy is passed.

    python -m benchmarks.time_to_accuracy --recipes baseline improved compact

Plain Keras is the baseline as most notebooks have it. All learn from the same 50,000 images and
stop at the end of the first epoch that is good enough. The clock runs from the building of the
network on, and stands still only while the test set is read, which nothing but this benchmark does;
the recipes' own validation and checkpoints count. A learning rate that falls does so within the
epochs asked for: these recipes are asked for as few as were found to be enough. By default only the
compact recipe is timed, which is trained fastest. Prints a table, and writes
`benchmarks/time_to_accuracy.json`.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import keras

from benchmarks.speed import BATCH, machine, plain_keras
from fmnist_utils import data, training
from fmnist_utils.evaluation import ORIGINAL
from fmnist_utils.model import recipe_named

EPOCHS = {"baseline": 30, "improved": 5, "compact": 8}


class Stopwatch:
    """Counts the seconds until a network is more accurate on `test` than the original's."""

    def __init__(self, test):
        self.test = test
        self.epochs = []
        self.seconds = 0.0
        self.begun = time.perf_counter()

    def read(self, model):
        """Note time and accuracy of `model` at an epoch's end; end its training if it passed."""
        self.seconds += time.perf_counter() - self.begun
        _, accuracy = training._validate(model, self.test)
        self.epochs.append({"seconds": self.seconds, "accuracy": accuracy})
        model.stop_training = self.passed
        self.begun = time.perf_counter()

    @property
    def passed(self):
        return self.epochs[-1]["accuracy"] > ORIGINAL["accuracy"]


def time_plain_keras(splits, seed):
    """Return the stopwatch of a training in plain Keras."""
    stopwatch = Stopwatch(splits.test)
    keras.utils.set_random_seed(seed)
    model = plain_keras()
    read = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: stopwatch.read(model))
    epochs = EPOCHS["baseline"]
    model.fit(*splits.train, batch_size=BATCH, epochs=epochs, callbacks=[read], verbose=2)
    return stopwatch


def time_recipe(recipe, splits, seed):
    """Return the stopwatch of a training of `recipe` with `training.train`."""
    stopwatch = Stopwatch(splits.test)

    class Watched(training.Checkpoint):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            stopwatch.read(self.model)

    with tempfile.TemporaryDirectory() as folder, patch.object(training, "Checkpoint", Watched):
        training.train(recipe, splits, folder, seed, EPOCHS[recipe.name])
    return stopwatch


def table(rows):
    """Return the times as lines of text, with how many times as fast as plain Keras each is."""
    lines = ["             epochs  seconds  accuracy  times faster"]
    for name, row in rows.items():
        ratio = rows["plain Keras"]["seconds"] / row["seconds"]
        faster = f"{ratio:14.1f}" if row["passed"] else "    not passed"
        accuracy = row["epochs"][-1]["accuracy"]
        lines.append(
            f"{name:11s}{len(row['epochs']):8d}{row['seconds']:9.1f}{accuracy:10.2%}{faster}"
        )
    return "\n".join(lines)


def main(names, seed):
    splits = data.load()
    stopwatches = {"plain Keras": time_plain_keras(splits, seed)}
    stopwatches |= {name: time_recipe(recipe_named(name), splits, seed) for name in names}
    rows = {
        name: {"seconds": watch.seconds, "passed": watch.passed, "epochs": watch.epochs}
        for name, watch in stopwatches.items()
    }
    print(table(rows))
    report = {"seed": seed, "rows": rows, "machine": machine()}
    Path("benchmarks/time_to_accuracy.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", nargs="+", default=["compact"], choices=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    main(chosen.recipes, chosen.seed)
