"""Time the training and the classification against other ways to do the same, side by side.

    python -m benchmarks.speed

All ways train the baseline on the same images, in turns, after a round that is not counted: ours
with its checkpoints; plain Keras as most notebooks have it; a plain PyTorch loop, where torch is
installed; and the compiled training step alone on one batch, the floor for any loop around it.
Then one image, and many, are classified. Prints medians and ratios, and writes
`benchmarks/speed.json`.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import keras
import tensorflow as tf

from fmnist_utils import data, store, training
from fmnist_utils.model import BASELINE, build

BATCH = BASELINE.batch_size


class Ours:
    """`training.train` in a thread of its own, an epoch a turn, its checkpoint included."""

    def __init__(self, split, rounds):
        self.turn, self.done = threading.Semaphore(0), threading.Semaphore(0)
        ours = self

        class Paced(training.Checkpoint):
            def on_epoch_begin(self, epoch, logs=None):
                ours.turn.acquire()
                super().on_epoch_begin(epoch, logs)

            def on_epoch_end(self, epoch, logs=None):
                super().on_epoch_end(epoch, logs)
                ours.done.release()

        def run():
            unchanged, training.Checkpoint = training.Checkpoint, Paced
            small = data.Split(split.images[:BATCH], split.labels[:BATCH])
            with tempfile.TemporaryDirectory() as folder:
                training.train(BASELINE, data.Splits(split, small, small), folder, epochs=rounds)
            training.Checkpoint = unchanged

        threading.Thread(target=run).start()

    def __call__(self):
        self.turn.release()
        self.done.acquire()


def plain_keras(split):
    """Return a round of `fit` with a flip in the network and everything else by default."""
    network = build(BASELINE)
    scaling, *others = network.layers
    flip = keras.layers.RandomFlip("horizontal")
    model = keras.Sequential([network.inputs[0], scaling, flip, *others])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return lambda: model.fit(split.images, split.labels, batch_size=BATCH, verbose=0)


def bare_step(split):
    """Return a round of the compiled training step, on one batch again and again."""
    model = build(BASELINE)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    images = tf.constant(split.images[:BATCH])
    labels = tf.one_hot(split.labels[:BATCH], 10)
    step = tf.function(lambda: model.train_step((images, labels)))

    def run():
        for _ in range(len(split.images) // BATCH):
            step()

    return run


def plain_torch(split):
    """Return a round of a plain PyTorch loop."""
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
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    images = torch.from_numpy(split.images).permute(0, 3, 1, 2)
    labels = torch.from_numpy(split.labels)

    def run():
        for chosen in torch.randperm(len(images)).split(BATCH):
            batch = images[chosen].float() / 255
            flipped = torch.where(torch.rand(len(batch), 1, 1, 1) < 0.5, batch.flip(3), batch)
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(flipped), labels[chosen]).backward()
            optimizer.step()

    return run


def in_turns(ways, rounds, steps):
    """Return the milliseconds a step of each way in each round, the first round left out."""
    taken = {name: [] for name in ways}
    for _ in range(1 + rounds):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            taken[name].append((time.perf_counter() - begun) / steps * 1000)
    return {name: times[1:] for name, times in taken.items()}


def classification(split, repeats=50):
    """Return milliseconds for one image, and images a second in large batches, by each way."""
    model = store.load("baseline").model
    one, many = split.images[:1], split.images
    with tempfile.TemporaryDirectory() as folder:
        model.export(f"{folder}/model.tflite", format="litert", verbose=False)
        interpreter = tf.lite.Interpreter(f"{folder}/model.tflite", num_threads=2)
    lite = interpreter.get_signature_runner()
    ways = {
        "predict_on_batch, as classify calls it": model.predict_on_batch,
        "model.predict": lambda images: model.predict(images, batch_size=1000, verbose=0),
        "LiteRT": lambda images: lite(pixels=images),
    }
    rows = {}
    for name, way in ways.items():
        way(one), way(many[:1000])
        single = [_seconds(lambda: way(one)) for _ in range(repeats)]  # noqa: B023
        batches = [
            _seconds(lambda: way(many[start : start + 1000]))  # noqa: B023
            for start in range(0, len(many), 1000)
        ]
        rows[name] = {
            "one_image_ms": statistics.median(single) * 1000,
            "images_per_second": 1000 / statistics.median(batches),
        }
    return rows


def _seconds(function):
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def main(rounds, steps):
    splits = data.load()
    split = data.Split(splits.train.images[: steps * BATCH], splits.train.labels[: steps * BATCH])
    ways = {
        "ours, with checkpoints": Ours(split, 1 + rounds),
        "plain Keras, as most notebooks": plain_keras(split),
        "the compiled step alone": bare_step(split),
    }
    if find_spec("torch"):
        ways["plain PyTorch loop"] = plain_torch(split)
    times = in_turns(ways, rounds, steps)
    training_rows = {name: statistics.median(each) for name, each in times.items()}
    ours = training_rows["ours, with checkpoints"]
    print(f"{'training':42s}ms a step  ours / it")
    for name, milliseconds in training_rows.items():
        print(f"{name:42s}{milliseconds:9.1f}  {ours / milliseconds:9.2f}")
    rows = classification(splits.test)
    print(f"\n{'classification':42s}ms an image  images a second")
    for name, row in rows.items():
        print(f"{name:42s}{row['one_image_ms']:11.2f}  {row['images_per_second']:15,.0f}")
    report = {"rounds": rounds, "steps": steps, "training_ms": training_rows, "rounds_ms": times}
    report["classification"] = rows
    Path("benchmarks/speed.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=500)
    chosen = parser.parse_args()
    main(chosen.rounds, chosen.steps)
