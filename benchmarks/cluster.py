"""Time classification with Ray, with one worker and with two, beside `photos.classify` alone.

    python -m benchmarks.cluster

The pictures are test images, enlarged and laid on noise, so that each is cut out as a photo is.
Starting takes the same time for any number of pictures: so each way classifies few, then many, and
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
from PIL import Image

from fmnist_utils import data

FEW = 100
MANY = 700
WAYS = ("`photos.classify`", "Ray, one worker", "Ray, two workers")  # 0, 1 and 2 workers
ALONE = """
import sys
from fmnist_utils import photos, store
photos.classify(store.load().model, sys.argv[1])
"""


def draw(folder, images):
    """Write a JPEG of 800 × 800 pixels for each of `images`: the garment on a wall of noise."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number, image in enumerate(images):
        large = Image.fromarray(image.squeeze()).resize((800, 800), Image.BICUBIC)
        garment = 255 - np.asarray(large)[..., None]
        wall = generator.normal(150, 20, (800, 800, 3)).clip(0, 255)
        photo = np.where(garment < 235, garment, wall).astype(np.uint8)
        Image.fromarray(photo).save(folder / f"_DSC{number:05}.jpg")


def seconds(workers, pictures):
    """Return what a process takes for all `pictures`; 0 workers is `photos.classify` alone."""
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-m", "cluster.classify", pictures, output, "--workers", workers]
        if workers == 0:
            command = [sys.executable, "-c", ALONE, pictures]
        begun = time.perf_counter()
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
        return time.perf_counter() - begun


def main():
    images = data.load().test.images[:MANY]
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder, "few")
        many = Path(folder, "many")
        draw(few, images[:FEW])
        draw(many, images)
        for workers, name in enumerate(WAYS):
            rates[name] = (MANY - FEW) / (seconds(workers, many) - seconds(workers, few))
            print(f"{name}: {rates[name]:.1f} pictures a second")
    machine = {"cpus": os.cpu_count(), "ray": version("ray")}
    report = {"pictures a second": rates, "machine": machine}
    Path("benchmarks/cluster.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
