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
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageChops, ImageFilter, ImageOps
from tqdm import tqdm

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


WAYS = {
    "resized, grey": lambda image: np.asarray(image.convert("L").resize((28, 28))),
    "resized, grey, inverted": lambda image: 255 - WAYS["resized, grey"](image),
    "the dataset's authors' steps": authors_steps,
    "here": lambda image: photos.prepare(image).pixels[..., 0],
}


def names(network, pixels):
    predicted = network.predict(np.stack(pixels)[..., None], verbose=0).argmax(axis=1)
    return np.array(data.CLASS_NAMES)[predicted]


def accuracy_by_kind(called, kinds):
    right = pd.Series([name in KINDS[kind] for name, kind in zip(called, kinds, strict=True)])
    shares = right.groupby(kinds).mean()
    return {**shares, "mean of the garments": shares.drop("shoes").mean()}


def main(folder):
    files = [path for kind in KINDS for path in sorted(Path(folder, kind).glob("*"))]
    kinds = [path.parent.name for path in files]
    images = [pictures.read(path) for path in files]
    pixels = {way: [prepare(each) for each in tqdm(images, way)] for way, prepare in WAYS.items()}
    test = data.Split(*(array[:1000] for array in data.load().test))
    large = [Image.fromarray(255 - each.squeeze()).resize((280, 280), 0) for each in test.images]
    prepared = [WAYS["here"](each.convert("RGB")) for each in tqdm(large, "test images")]
    right = np.array(data.CLASS_NAMES)[test.labels]
    report = {"photos": Counter(kinds), "accuracy": {}, "test images": {}}
    for name in RECIPES:
        network = store.load(name).model
        ways = {way: accuracy_by_kind(names(network, each), kinds) for way, each in pixels.items()}
        report["accuracy"][name] = ways
        test_images = {"as they are": test.images[..., 0], "through `prepare`": prepared}
        report["test images"][name] = {
            how: float((names(network, each) == right).mean()) for how, each in test_images.items()
        }
        print(name, pd.DataFrame(ways).map("{:.1%}".format).to_string(), sep="\n", end="\n\n")
    print(pd.DataFrame(report["test images"]).map("{:.1%}".format))
    Path("benchmarks/photos.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
