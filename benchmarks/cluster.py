"""Time classification with Ray, with one worker and with two, beside `photos.classify` alone.

    python -m benchmarks.cluster

The pictures are test images, enlarged and laid on noise, so that each is cut out as a photo is.
Starting takes the same time for any number of pictures: each way classifies few, then many, and
the difference gives the pictures a second. Writes `benchmarks/cluster.json`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from fmnist_utils import data

FEW, MANY = 100, 700
WAYS = {"`photos.classify`": 0, "Ray, one worker": 1, "Ray, two workers": 2}
ALONE = "from fmnist_utils import photos, store; photos.classify(store.load().model, {!r})"


def draw(folder, images):
    """Write a JPEG of 800 × 800 pixels for each of `images`: the garment on a wall of noise."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number, image in enumerate(images):
        large = Image.fromarray(image.squeeze()).resize((800, 800), Image.BICUBIC)
        garment = 255 - np.asarray(large)[..., None]
        wall = random.normal(150, 20, (800, 800, 3)).clip(0, 255)
        photo = np.where(garment < 235, garment, wall).astype(np.uint8)
        Image.fromarray(photo).save(folder / f"_DSC{number:05}.jpg")


def seconds(workers, pictures):
    """Return what a process takes for all `pictures`; 0 workers is `photos.classify` alone."""
    with tempfile.TemporaryDirectory() as output:
        command = ["-m", "cluster.classify", pictures, output, f"--workers={workers}"]
        command = command if workers else ["-c", ALONE.format(str(pictures))]
        begun = time.perf_counter()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([sys.executable, *command], check=True, **quiet)
        return time.perf_counter() - begun


def main():
    images, rates, starts = data.load().test.images[:MANY], {}, {}
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder, "few"), Path(folder, "many")
        draw(few, images[:FEW])
        draw(many, images)
        for name, workers in WAYS.items():
            start, whole = seconds(workers, few), seconds(workers, many)
            rates[name] = (MANY - FEW) / (whole - start)
            starts[name] = start - FEW / rates[name]
    report = {"pictures a second": rates, "seconds to start": starts}
    print(pd.DataFrame(report).round(1).to_string())
    report["machine"] = {"cpus": os.cpu_count(), "ray": version("ray")}
    Path("benchmarks/cluster.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
