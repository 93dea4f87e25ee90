"""Time training and classification beside other ways to do the same.

    python -m benchmarks.speed

An epoch of the baseline on all training images is timed twice: with `training.train`, and with
Keras' `fit` alone, as most notebooks have it. Both validate; `training.train` also saves the state.
Then one image is classified with the network's own two methods, and with LiteRT, and the sample
photos with `photos.classify`. Prints the medians, and writes `benchmarks/speed.json`.
"""

import argparse
import json
import os
import tempfile
import time
import timeit
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from statistics import median

import keras
from ai_edge_litert.interpreter import Interpreter

from benchmarks import parsed
from fmnist_utils import data, photos, store, training
from fmnist_utils.model import build
from fmnist_utils.recipes import BASELINE

ROUNDS = 3  # each way to train has its turn in each round
CALLS = {
    "`model.predict`": "network.predict(image, verbose=0)",
    "`model.predict_on_batch`, as `photos.classify` does": "network.predict_on_batch(image)",
    "LiteRT": "lite(pixels=image)",
}


def epoch_of_train(splits):
    """Return the seconds of a second epoch: the time between its state and the one before."""
    with tempfile.TemporaryDirectory() as folder:
        training.train(replace(BASELINE, epochs=2), splits, folder)
        first = os.path.getmtime(f"{folder}/epoch-001.npz")
        second = os.path.getmtime(f"{folder}/epoch-002.npz")
    return second - first


def epoch_of_fit(splits):
    """Return the seconds of a second `fit`, of one epoch; the flip is a layer of the network."""
    layers = build(BASELINE).layers
    layers.insert(0, keras.layers.RandomFlip("horizontal"))
    network = keras.Sequential(layers)
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    for _ in range(2):
        begun = time.perf_counter()
        network.fit(
            x=splits.train.images,
            y=splits.train.labels,
            batch_size=BASELINE.batch_size,
            validation_data=splits.validation,
            validation_batch_size=1000,
            verbose=0,
        )
        seconds = time.perf_counter() - begun
    return seconds


def lite(network):
    """Return LiteRT's version of `network`, as a function of `pixels`."""
    with tempfile.TemporaryDirectory() as folder:
        network.export(f"{folder}/model.tflite", format="litert", verbose=False)
        content = Path(f"{folder}/model.tflite").read_bytes()
    interpreter = Interpreter(model_content=content, num_threads=os.cpu_count())
    return interpreter.get_signature_runner()


def milliseconds(call, names):
    """Return what a `call` takes, measured eleven times after a warm-up."""
    seconds = timeit.repeat(call, globals=names, number=20, repeat=12)
    return [1000 * each / 20 for each in seconds[1:]]


def pictures_a_second(network):
    """Return how many of the sample photos `photos.classify` does in a second, in each round."""
    files = list(Path("sample_photos").glob("*.jpg")) * 10
    names = {"classify": photos.classify, "network": network, "files": files}
    seconds = timeit.repeat("classify(network, files)", globals=names, number=1, repeat=ROUNDS)
    return [len(files) / each for each in seconds]


def main():
    splits = data.load()
    train = []
    fit = []
    for _ in range(ROUNDS):
        train.append(epoch_of_train(splits))
        fit.append(epoch_of_fit(splits))
    measured = {
        "seconds for an epoch of `baseline`, `training.train`": train,
        "seconds for an epoch of `baseline`, `fit` alone": fit,
    }
    network = store.load("baseline").model
    names = {"network": network, "lite": lite(network), "image": splits.test.images[:1]}
    for way, call in CALLS.items():
        measured[f"milliseconds for one image, {way}"] = milliseconds(call, names)
    measured["pictures a second, `photos.classify`"] = pictures_a_second(network)
    for title, figures in measured.items():
        print(f"{title}: {median(figures):.3g}")
    versions = {name: version(name) for name in ("keras", "tensorflow", "ai-edge-litert")}
    report = {"measured": measured, "versions": versions}
    Path("benchmarks/speed.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    parsed(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    main()
