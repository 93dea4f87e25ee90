"""Classify labelled photos with every network that ships, prepared in several ways.

    python -m benchmarks.photos FOLDER

FOLDER has the folders of Alexey Grigorev's clothing dataset (github.com/alexeygrigorev/
clothing-dataset-small). The main figure is the mean over the garments without the shoes, as those
are pairs seen from above, which Fashion-MNIST never shows. To see what the preparation itself
costs, 1,000 test images are classified too: as they are, and drawn as photos. Writes
`benchmarks/photos.json`.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from statistics import mean

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from fmnist_utils import data, photos, store
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


def authors_steps(picture):
    """Follow section 2 of arXiv 1708.07747, which expects a studio's plain background."""
    background = Image.new("RGB", picture.size, picture.getpixel((0, 0)))
    difference = np.asarray(ImageChops.difference(picture, background).convert("L"))
    box = Image.fromarray(difference > 12).getbbox()
    trimmed = picture.crop(box)
    scale = 28 / max(trimmed.size)
    width = max(1, round(scale * trimmed.width))
    height = max(1, round(scale * trimmed.height))
    small = trimmed.resize((width, height), Image.Resampling.NEAREST)
    sharp = small.filter(ImageFilter.UnsharpMask(1))
    square = ImageOps.pad(sharp, (28, 28), color="white")
    return np.asarray(ImageOps.invert(square.convert("L")))


def one_view(picture):
    return photos.prepare(picture).views[0].squeeze()


WAYS = {
    "resized, grey, inverted": inverted,
    "the dataset's authors' steps": authors_steps,
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


def shares(answers, kinds):
    """Return the share of right answers for each kind of photo, and the mean of the garments."""
    right = {kind: [] for kind in KINDS}
    for answer, kind in zip(answers, kinds, strict=True):
        right[kind].append(answer in KINDS[kind])
    result = {kind: mean(each) for kind, each in right.items()}
    result["mean of the garments"] = mean(result[kind] for kind in KINDS if kind != "shoes")
    return result


def as_photo(image):
    """Return a test image as a picture: inverted onto white, and ten times as large."""
    return Image.fromarray(255 - image.squeeze()).resize((280, 280), Image.Resampling.NEAREST)


def main(folder):
    pictures, kinds = read_photos(folder)
    test = data.load().test
    images = test.images[:1000]
    names = [CLASS_NAMES[label] for label in test.labels[:1000]]
    report = {"photos": Counter(kinds), "accuracy": {}, "test images": {}, "right": {}}
    for recipe in RECIPES:
        network = store.load(recipe).model
        accuracy = {}
        for way, prepare in WAYS.items():
            prepared = [prepare(picture) for picture in pictures]
            accuracy[way] = shares(labels(network, prepared), kinds)
        items = photos.classify(network, pictures)
        accuracy["here"] = shares([item.label for item in items], kinds)
        report["accuracy"][recipe] = accuracy
        pairs = zip(items, kinds, strict=True)
        right = np.array([item.label in KINDS[kind] for item, kind in pairs])
        sure = np.array([item.probability >= photos.SURE for item in items])
        report["right"][recipe] = {
            "sure": float(right[sure].mean()),
            "unsure": float(right[~sure].mean()),
        }
        items = photos.classify(network, [as_photo(image) for image in images])
        report["test images"][recipe] = {
            "as they are": float(np.equal(labels(network, images), names).mean()),
            "through `prepare`": float(np.equal([item.label for item in items], names).mean()),
        }
        print(recipe, json.dumps(accuracy, indent=1))
    Path("benchmarks/photos.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
