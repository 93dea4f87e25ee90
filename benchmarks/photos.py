"""Classify labelled photos, prepared in several ways, with every network that ships, side by side.

    python -m benchmarks.photos FOLDER

FOLDER has the folders of Alexey Grigorev's clothing dataset (github.com/alexeygrigorev/
clothing-dataset-small). The headline is the garments' mean, shoes apart: those are pairs seen from
above, which the dataset never shows. Beside it: what the preparation costs on 1,000 test images,
inverted onto white and ten times as large. Prints a table, and writes `benchmarks/photos.json`.
"""

import json
import sys
from collections import Counter
from operator import contains
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageChops, ImageFilter, ImageOps

from fmnist_utils import data, photos, pictures, store
from fmnist_utils.model import RECIPES

KINDS = {  # the folders, and the class that is right; of shoes several are
    **{"t-shirt": "T-shirt/top", "pants": "Trouser", "longsleeve": "Pullover", "dress": "Dress"},
    **{"outwear": "Coat", "shirt": "Shirt", "shoes": ("Sandal", "Sneaker", "Ankle boot")},
}


def authors_steps(image):
    """Follow arXiv 1708.07747, section 2, which expects a studio's plain background."""
    background = Image.new("RGB", image.size, image.getpixel((0, 0)))
    far = ImageChops.difference(image, background).convert("L").point(lambda v: 255 * (v > 12))
    trimmed = image.crop(far.getbbox())
    size = [max(1, round(28 * side / max(trimmed.size))) for side in trimmed.size]
    small = trimmed.resize(size, Image.Resampling.NEAREST).filter(ImageFilter.UnsharpMask(1))
    square = ImageOps.pad(small, (28, 28), color="white")
    return np.asarray(ImageOps.invert(square.convert("L")))


WAYS = {  # whose result the network sees as it is, in one view
    "resized, grey": lambda image: np.asarray(image.convert("L").resize((28, 28))),
    "resized, grey, inverted": lambda image: 255 - WAYS["resized, grey"](image),
    "the dataset's authors' steps": authors_steps,
    "here, one view": lambda image: photos.prepare(image).views[0, ..., 0],
}


def names(network, images):
    return np.array(data.CLASS_NAMES)[network.predict(images, verbose=0).argmax(axis=1)]


def main(folder):
    files = [path for kind in KINDS for path in sorted(Path(folder, kind).glob("*"))]
    kinds = [path.parent.name for path in files]
    right_names = [KINDS[kind] for kind in kinds]
    images = [pictures.read(path) for path in files]
    seen = {way: np.stack(list(map(once, images)))[..., None] for way, once in WAYS.items()}
    test = data.Split(*(array[:1000] for array in data.load().test))
    classes = np.array(data.CLASS_NAMES)[test.labels]
    large = [Image.fromarray(255 - each.squeeze()).resize((280, 280), 0) for each in test.images]
    report = {"photos": Counter(kinds), "accuracy": {}, "test images": {}, "right": {}}
    for name in RECIPES:
        network = store.load(name).model
        called = {way: names(network, each) for way, each in seen.items()}
        items = photos.classify(network, images)
        called["here"] = [item.label for item in items]
        right = pd.DataFrame(called).apply(lambda names: [*map(contains, right_names, names)])
        table = right.groupby(kinds).mean()
        table.loc["mean of the garments"] = table.drop("shoes").mean()
        report["accuracy"][name] = table.to_dict()
        sure = np.where([item.probability < photos.SURE for item in items], "unsure", "sure")
        report["right"][name] = right["here"].groupby(sure).mean().to_dict()
        through = [item.label for item in photos.classify(network, large)]
        answers = {"as they are": names(network, test.images), "through `prepare`": through}
        report["test images"][name] = pd.DataFrame(answers).T.eq(classes).mean(axis=1).to_dict()
        print(name, table.map("{:.1%}".format).to_string(), sep="\n", end="\n\n")
    for figures in ("test images", "right"):
        print(figures, pd.DataFrame(report[figures]).map("{:.1%}".format).to_string(), sep="\n")
    Path("benchmarks/photos.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
