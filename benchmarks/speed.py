"""Time training and classification against other ways to do the same, side by side.

    python -m benchmarks.speed

An epoch of the baseline on all training images: with `training.train`, validation and state
included; with a plain `fit` and the same validation, as most notebooks have it; and the floor for
both, the compiled step on one batch again and again, and the same validation. Then images are
classified with the network's own two methods and with LiteRT. Writes `benchmarks/speed.json`.
"""

import json
import os
import statistics
import tempfile
import time
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from timeit import repeat, timeit

import keras
import pandas as pd
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from fmnist_utils import data, store, training
from fmnist_utils.model import BASELINE, build

BATCH = BASELINE.batch_size


def compiled(*first_layers):
    model = keras.Sequential([keras.Input((28, 28, 1)), *first_layers, *build(BASELINE).layers])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def ours(splits):
    """Return the seconds of a second epoch: the time between its state and the one before."""
    with tempfile.TemporaryDirectory() as folder:
        training.train(replace(BASELINE, epochs=2), splits, folder)
        first, second = (os.stat(f"{folder}/epoch-00{n}.npz").st_mtime_ns for n in (1, 2))
    return (second - first) / 1e9


def plain_keras(splits):
    """Return the seconds of a second epoch of `fit`; the flip is a layer, the rest by default."""
    moments = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: moments.append(time.time()))
    model = compiled(keras.layers.RandomFlip("horizontal"))
    validation = {"validation_data": splits.validation, "validation_batch_size": 1000}
    model.fit(*splits.train, BATCH, epochs=2, verbose=0, callbacks=[watch], **validation)
    return moments[1] - moments[0]


def floor(splits):
    """Return the seconds of an epoch's steps, all on one batch, and of a validation."""
    model = compiled()
    model.optimizer.build(model.trainable_variables)
    batch = tf.constant(splits.train.images[:BATCH]), tf.constant(splits.train.labels[:BATCH])
    step = tf.function(lambda: model.train_step(batch))
    validate = partial(model.evaluate, *splits.validation, batch_size=1000, verbose=0)
    for warm_up in (step, validate):
        warm_up()
    steps = -(-len(splits.train.images) // BATCH)
    return timeit(step, number=steps) + timeit(validate, number=1)


def classifiers(model):
    with tempfile.TemporaryDirectory() as folder:
        model.export(f"{folder}/model.tflite", format="litert", verbose=False)
        content = Path(f"{folder}/model.tflite").read_bytes()
    lite = Interpreter(model_content=content, num_threads=os.cpu_count()).get_signature_runner()
    return {
        "`model.predict`": partial(model.predict, verbose=0),
        "`model.predict_on_batch`, as `photos.classify` does": model.predict_on_batch,
        "LiteRT": lambda images: lite(pixels=images),
    }


def main(rounds=3):
    splits, model = data.load(), store.load("baseline").model
    ways = {"here": ours, "plain Keras": plain_keras, "the steps and the validation alone": floor}
    epochs = {name: [] for name in ways}
    for _ in range(rounds):  # each way has its turn in each round
        for name, way in ways.items():
            epochs[name].append(way(splits))
    calls = {}
    for name, way in classifiers(model).items():
        _, *times = repeat(partial(way, splits.test.images[:1]), number=20, repeat=12)
        calls[name] = [1000 * each / 20 for each in times]
    report = {"seconds for an epoch of `baseline`": epochs, "milliseconds for one image": calls}
    print(pd.json_normalize(report, sep=": ").map(statistics.median).T.to_string(header=False))
    report["machine"] = {name: version(name) for name in ("keras", "tensorflow", "ai-edge-litert")}
    Path("benchmarks/speed.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
