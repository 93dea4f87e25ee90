"""Time training and classification against other ways to do the same, side by side.

    python -m benchmarks.speed

All ways train the baseline on the same images in batches of 32, in turns, after a round that is not
counted: ours, `training.train` with all that it does at an epoch's end; plain Keras, as most
notebooks have it; a plain PyTorch loop, where torch is installed; and the compiled step alone, on
one batch again and again: the floor for any loop around it. Only ours validates: on one batch here.

A round has 159 steps, to be over in seconds: three times a prime, like the 1,563 of a full epoch,
so ours executes three at a go in both. What ours does once an epoch is spread over those 1,563.

Then one image is classified, and a thousand in one call. Prints medians, and writes
`benchmarks/speed.json`.
"""

import argparse
import json
import os
import platform
import re
import statistics
import tempfile
import time
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import keras
import tensorflow as tf

from fmnist_utils import data, store, training
from fmnist_utils.model import BASELINE, build

BATCH = BASELINE.batch_size
FULL_EPOCH = 1563  # steps
REST = 0.5  # seconds after each turn: PyTorch's threads stay busy for a moment after their work


def plain_keras():
    """Return the baseline as most notebooks have it: the flip is a layer, the rest by default."""
    flip = keras.layers.RandomFlip("horizontal")
    model = keras.Sequential([keras.Input((28, 28, 1)), flip, *build(BASELINE).layers])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def torch_epoch(split):
    """Return a function that trains the baseline for an epoch in a plain PyTorch loop."""
    import torch
    from torch import nn

    first, second = BASELINE.filters
    network = nn.Sequential(
        *(nn.Conv2d(1, first, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(first), nn.MaxPool2d(2)),
        *(nn.Conv2d(first, second, 3, padding=1), nn.ReLU()),
        *(nn.BatchNorm2d(second), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(49 * second, BASELINE.units), nn.ReLU(), nn.Dropout(BASELINE.dropout)),
        nn.Linear(BASELINE.units, 10),
    )
    optimizer = torch.optim.Adam(network.parameters(), BASELINE.learning_rate)
    images = torch.from_numpy(split.images).permute(0, 3, 1, 2)
    labels = torch.from_numpy(split.labels)

    def epoch():
        for chosen in torch.randperm(len(images)).split(BATCH):
            batch = images[chosen].float() / 255
            flipped = torch.where(torch.rand(len(batch), 1, 1, 1) < 0.5, batch.flip(3), batch)
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(flipped), labels[chosen]).backward()
            optimizer.step()

    return epoch


def steps_alone(split):
    """Return a function that does an epoch's number of compiled steps, all on the first batch."""
    model = build(BASELINE)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    batch = tf.constant(split.images[:BATCH]), tf.one_hot(split.labels[:BATCH], 10)
    step = tf.function(lambda: model.train_step(batch))

    def epoch():
        for _ in range(len(split.images) // BATCH):
            step()

    return epoch


def time_an_epoch(model, split):
    """Train plain Keras for an epoch, and return how many milliseconds that took.

    Not what `fit` does before and after it: to let go of a dataset may take TensorFlow seconds.
    """
    moments = []

    def note(*_):
        moments.append(time.perf_counter())

    watch = keras.callbacks.LambdaCallback(on_epoch_begin=note, on_epoch_end=note)
    model.fit(*split, batch_size=BATCH, verbose=0, callbacks=[watch])
    begun, ended = moments
    return (ended - begun) * 1000


def time_training(split, rounds):
    """Return the milliseconds a step by each way, one for each round."""
    others = {
        "plain Keras": partial(time_an_epoch, plain_keras(), split),
        "the step alone": partial(milliseconds, steps_alone(split)),
    }
    if find_spec("torch"):
        others["plain PyTorch"] = partial(milliseconds, torch_epoch(split))
    times = {name: [] for name in ("ours", *others)}
    steps = len(split.images) // BATCH

    class TakingTurns(training.Checkpoint):
        """Lets the others have their turns before each epoch of ours."""

        def on_epoch_begin(self, epoch, logs=None):
            for name, way in others.items():
                times[name].append(way() / steps)
                time.sleep(REST)
            self.begun = time.perf_counter()
            super().on_epoch_begin(epoch, logs)

        def on_epoch_end(self, epoch, logs=None):
            stepping = (time.perf_counter() - self.begun) * 1000
            ending = milliseconds(partial(super().on_epoch_end, epoch, logs))
            times["ours"].append(stepping / steps + ending / FULL_EPOCH)

    batch = data.Split(split.images[:BATCH], split.labels[:BATCH])
    splits = data.Splits(split, validation=batch, test=batch)
    with tempfile.TemporaryDirectory() as folder, patch.object(training, "Checkpoint", TakingTurns):
        training.train(BASELINE, splits, folder, epochs=1 + rounds)
    return {name: each[1:] for name, each in times.items()}


def classifiers():
    """Return each way to classify with the shipped baseline, a function of images, by its name."""
    model = store.load("baseline").model
    lite = _lite(model)
    return {
        "ours": model.predict_on_batch,  # as photos.classify calls it
        "model.predict": lambda images: model.predict(images, batch_size=len(images), verbose=0),
        "LiteRT": lambda images: lite(pixels=images),
    }


def _lite(model):
    """Return `model` as a function that LiteRT executes."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.tflite"
        model.export(path, format="litert", verbose=False)
        content = Path(path).read_bytes()
    interpreter = tf.lite.Interpreter(model_content=content, num_threads=os.cpu_count())
    return interpreter.get_signature_runner()


def time_calls(ways, images, rounds, calls):
    """Return the milliseconds that each of `ways` takes for `images`, one for each round.

    In its turn a way is called `calls` times, one after the other, as a user's program would.
    """
    times = {name: [] for name in ways}
    for _ in range(1 + rounds):
        for name, way in ways.items():
            times[name].append(milliseconds(partial(way, images), calls))
    return {name: each[1:] for name, each in times.items()}


def milliseconds(function, calls=1):
    """Return how long a call of `function` takes, on average over `calls` in a row."""
    begun = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - begun) * 1000 / calls


def machine():
    """Return what the figures depend on: processor, cores, and the packages' versions."""
    cpuinfo = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    packages = [name for name in ("keras", "tensorflow", "torch") if find_spec(name)]
    return {
        "processor": named[1] if named else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "versions": {name: version(name) for name in packages},
    }


def summary(times):
    """Return the median of each way's times, with all of them."""
    return {name: {"median": statistics.median(each), "all": each} for name, each in times.items()}


def table(title, rows):
    """Return the medians as lines of text, with how many times as long as ours each way takes.

    That is the median over the rounds, so that a machine which slows down for a while changes both.
    """
    lines = [f"{title:42s}      ms  times ours"]
    for name, row in rows.items():
        pairs = zip(row["all"], rows["ours"]["all"], strict=True)
        ratio = statistics.median(time / ours for time, ours in pairs)
        lines.append(f"{name:42s}{row['median']:8.2f}  {ratio:10.2f}")
    return "\n".join(lines)


def main(rounds, steps):
    splits = data.load()
    train = data.Split(*(array[: steps * BATCH] for array in splits.train))
    images, ways = splits.test.images, classifiers()
    report = {
        "a training step of 32 images": summary(time_training(train, rounds)),
        "one image": summary(time_calls(ways, images[:1], rounds, calls=20)),
        "1,000 images": summary(time_calls(ways, images[:1000], rounds, calls=1)),
    }
    for title, rows in report.items():
        print(table(title, rows), end="\n\n")
    report["machine"] = machine()
    Path("benchmarks/speed.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--steps", type=int, default=159)
    chosen = parser.parse_args()
    main(chosen.rounds, chosen.steps)
