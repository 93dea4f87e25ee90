"""Classify labelled photos with every network that ships, prepared in several ways.

    python -m benchmarks.photos FOLDER

FOLDER has the folders of Alexey Grigorev's clothing dataset (github.com/alexeygrigorev/
clothing-dataset-small). The main figure is the mean over the garments without the shoes, as those
are pairs seen from above, which Fashion-MNIST never shows. Writes `benchmarks/photos.json`.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from statistics import mean

import numpy as np
import pandas as pd

from fmnist_utils import photos, store
from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.model import probabilities
from fmnist_utils.photos.reading import read
from fmnist_utils.recipes import RECIPES

KINDS = {  # each folder, and the classes that are right
    "t-shirt": ["T-shirt/top"],
    "pants": ["Trouser"],
    "longsleeve": ["Pullover"],
    "dress": ["Dress"],
    "outwear": ["Coat"],
    "shirt": ["Shirt"],
    "shoes": ["Sandal", "Sneaker", "Ankle boot"],
}


def inverted(picture):
    return 255 - np.asarray(picture.convert("L").resize((28, 28)))


def one_view(picture):
    return photos.prepare(picture).views[0].squeeze()


WAYS = {
    "resized, grey, inverted": inverted,
    "here, one view": one_view,
}


def read_photos(folder):
    """Return the photos below `folder`, and the kind of each."""
    pictures = []
    kinds = []
    for kind in KINDS:
        for path in sorted(Path(folder, kind).iterdir()):
            pictures.append(read(path))
            kinds.append(kind)
    return pictures, kinds


def labels(network, images):
    """Return the likeliest class of each image (N, 28, 28)."""
    answers = probabilities(network, np.stack(images).reshape(-1, 28, 28, 1))
    return [CLASS_NAMES[number] for number in answers.argmax(axis=1)]


def are_right(answers, kinds):
    """Return whether each answer is right, as a Series."""
    return pd.Series([answer in KINDS[kind] for answer, kind in zip(answers, kinds, strict=True)])


def shares(answers, kinds):
    """Return the share of right answers for each kind of photo, and the mean of the garments."""
    result = are_right(answers, kinds).groupby(kinds).mean().to_dict()
    result["mean of the garments"] = mean(result[kind] for kind in KINDS if kind != "shoes")
    return result


def main(folder):
    pictures, kinds = read_photos(folder)
    report = {"photos": Counter(kinds), "accuracy": {}, "right": {}}
    for recipe in RECIPES:
        network = store.load(recipe).model
        accuracy = {}
        for way, prepare in WAYS.items():
            prepared = [prepare(picture) for picture in pictures]
            accuracy[way] = shares(labels(network, prepared), kinds)
        items = photos.classify(network, pictures)
        answers = [item.label for item in items]
        accuracy["here"] = shares(answers, kinds)
        sure = np.where([item.probability >= photos.SURE for item in items], "sure", "unsure")
        report["accuracy"][recipe] = accuracy
        report["right"][recipe] = are_right(answers, kinds).groupby(sure).mean().to_dict()
    Path("benchmarks/photos.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
