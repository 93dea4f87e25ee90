"""Classify labelled photos, prepared in three ways, with every network that ships, side by side.

    python -m benchmarks.photos FOLDER

FOLDER holds a folder for each kind of garment, called as in Alexey Grigorev's clothing dataset
(github.com/alexeygrigorev/clothing-dataset-small). Prints a table a network, writes
`benchmarks/photos.json`, and draws what each network saw, mistakes in orange, into `runs/photos/`.
The headline is the mean of the garments' accuracies, shoes apart: those are pairs seen from above,
which the dataset never shows.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps
from tqdm import tqdm

from fmnist_utils import photos, plots, store
from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.model import RECIPES

KINDS = {
    "t-shirt": ("T-shirt/top",),
    "pants": ("Trouser",),
    "longsleeve": ("Pullover",),
    "dress": ("Dress",),
    "outwear": ("Coat",),
    "shirt": ("Shirt",),
    "shoes": ("Sandal", "Sneaker", "Ankle boot"),
}


def plain_resize(image):
    """Squeeze the whole picture into 28 × 28, as most notebooks do."""
    return np.asarray(image.convert("L").resize((28, 28)))[..., None]


def authors_steps(image):
    """Follow arXiv 1708.07747, section 2, which expects a studio's plain background."""
    background = Image.new("RGB", image.size, image.getpixel((0, 0)))
    far = ImageChops.difference(image, background).convert("L").point(lambda v: 255 * (v > 12))
    trimmed = image.crop(far.getbbox())
    size = [max(1, round(28 * side / max(trimmed.size))) for side in trimmed.size]
    small = trimmed.resize(size, Image.Resampling.NEAREST).filter(ImageFilter.UnsharpMask(1))
    square = ImageOps.pad(small, (28, 28), color="white")
    return np.asarray(ImageOps.invert(square.convert("L")))[..., None]


def ours(image):
    return photos.prepare(image).pixels


WAYS = {"plain resize": plain_resize, "authors' steps": authors_steps, "ours": ours}


def main(folder):
    files = [path for kind in KINDS for path in sorted(Path(folder, kind).glob("*"))]
    if not files:
        raise SystemExit(
            f"There is no photo in {folder}; its folders are called {', '.join(KINDS)}."
        )
    kinds = np.array([path.parent.name for path in files])
    counts = Counter(kinds.tolist())
    pixels = {
        way: np.stack([prepare(photos.read(path)) for path in tqdm(files, desc=way)])
        for way, prepare in WAYS.items()
    }
    accuracy = {}
    for name in RECIPES:
        network = store.load(name).model
        accuracy[name] = {}
        for way in WAYS:
            labels = network.predict(pixels[way], verbose=0).argmax(axis=1)
            called = [CLASS_NAMES[label] for label in labels]
            wrong = np.array([c not in KINDS[kind] for c, kind in zip(called, kinds, strict=True)])
            accuracy[name][way] = _accuracy(wrong, kinds)
            _draw(pixels[way], called, wrong, f"{name}-{way}")
        print(table(name, accuracy[name], counts))
    report = {"photos": counts, "accuracy": accuracy}
    Path("benchmarks/photos.json").write_text(json.dumps(report, indent=1) + "\n")


def _accuracy(wrong, kinds):
    """Return the share that is right of each kind, and the headline."""
    accuracy = {kind: 1 - wrong[kinds == kind].mean() for kind in dict.fromkeys(kinds)}
    garments = [share for kind, share in accuracy.items() if kind != "shoes"]
    return {**accuracy, "mean of the garments": np.mean(garments)}


def _draw(pixels, called, wrong, name):
    """Draw what the network saw into `runs/photos`."""
    Path("runs/photos").mkdir(parents=True, exist_ok=True)
    file = f"runs/photos/{name}.png".replace(" ", "-").replace("'", "")
    plt.show = lambda: plt.savefig(file, dpi=120)
    plots.contact_sheet(pixels, called, set(np.flatnonzero(wrong)))


def table(name, results, counts):
    """Return the accuracies as lines of text, a kind a line, a way of preparing a column."""
    lines = [f"{name:22s}photos" + "".join(f"{way:>16s}" for way in results)]
    for kind in next(iter(results.values())):
        shares = "".join(f"{shares[kind]:16.1%}" for shares in results.values())
        lines.append(f"{kind:22s}{counts.get(kind, ''):6}{shares}")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    matplotlib.use("Agg")
    main(parser.parse_args().folder)
