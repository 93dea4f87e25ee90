"""Classify labelled photos, prepared in three ways side by side.

    python -m benchmarks.photos FOLDER

FOLDER holds a folder for each kind of garment, called as in Alexey Grigorev's clothing dataset
(github.com/alexeygrigorev/clothing-dataset-small). Prints a table,
writes `benchmarks/photos.json`, and draws what the network saw, mistakes in orange, into
`runs/photos/`. The headline is the mean of the garments' accuracies, shoes apart: those are pairs
seen from above, which the dataset never shows.
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


def main(folder, model):
    files = [path for kind in KINDS for path in sorted(Path(folder, kind).glob("*"))]
    if not files:
        raise SystemExit(
            f"There is no photo in {folder}; its folders are called {', '.join(KINDS)}."
        )
    kinds = np.array([path.parent.name for path in files])
    network = store.load(model).model
    counts = Counter(kinds.tolist())
    accuracy = {}
    for way, prepare in WAYS.items():
        pixels = np.stack([prepare(photos.read(path)) for path in tqdm(files, desc=way)])
        names = [CLASS_NAMES[label] for label in network.predict(pixels, verbose=0).argmax(axis=1)]
        wrong = np.array([n not in KINDS[kind] for n, kind in zip(names, kinds, strict=True)])
        accuracy[way] = {kind: 1 - wrong[kinds == kind].mean() for kind in counts}
        garments = [share for kind, share in accuracy[way].items() if kind != "shoes"]
        accuracy[way]["mean of the garments"] = np.mean(garments)
        _draw(way, pixels, names, set(np.flatnonzero(wrong)))
    print(table(accuracy, counts))
    report = {"model": model, "photos": counts, "accuracy": accuracy}
    Path("benchmarks/photos.json").write_text(json.dumps(report, indent=1) + "\n")


def _draw(way, pixels, names, wrong):
    """Draw what the network saw of each picture into a file of its own."""
    Path("runs/photos").mkdir(parents=True, exist_ok=True)
    file = way.replace(" ", "-").replace("'", "")
    plt.show = lambda: plt.savefig(f"runs/photos/{file}.png", dpi=120)
    plots.contact_sheet(pixels, names, wrong)


def table(results, counts):
    """Return the accuracies as lines of text, a kind a line, a way of preparing a column."""
    lines = [f"{'':22s}photos" + "".join(f"{way:>16s}" for way in results)]
    for kind in next(iter(results.values())):
        shares = "".join(f"{shares[kind]:16.1%}" for shares in results.values())
        lines.append(f"{kind:22s}{counts.get(kind, ''):6}{shares}")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--model", default="baseline")
    chosen = parser.parse_args()
    matplotlib.use("Agg")
    main(chosen.folder, chosen.model)
