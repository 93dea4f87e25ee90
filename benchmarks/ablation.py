"""Change one ingredient of a recipe at a time, and see what each is worth.

    python -m benchmarks.ablation compact --epochs 10 --seeds 0 1
    python -m benchmarks.ablation compact --epochs 30 --seeds 0 1 --changes "without shift"
    python -m benchmarks.ablation improved --epochs 30 --seeds 0 --changes "with mixup"
    python -m benchmarks.ablation baseline --epochs 3 --seeds 0

What the recipe has is dropped, and what it lacks is added; `baseline` is trained with other
constant learning rates. Mixtures, and the opinions that `benchmarks.opinions` writes, are tried
where they are named. Judged on the validation images. Prints each figure, and adds it to
`benchmarks/ablation.json`. A run that is finished in `runs/` is not trained again.
"""

import argparse
import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks import opinions
from fmnist_utils import data, store, training
from fmnist_utils.batches import AUGMENTATIONS, Batches
from fmnist_utils.model import BASELINE, RECIPES


class Mixed(Batches):
    """Batches whose labels are partly others' opinions, whose images are partly other images."""

    def __init__(self, split, *how, opinion=0, temperature=1, below=1, mixture=None, **options):
        super().__init__(split, *how, **options)
        self.mixture = mixture
        if opinion:
            softened = np.load(opinions.PATH)["opinions"].astype(np.float32) ** (1 / temperature)
            softened /= softened.sum(axis=1, keepdims=True)
            of_label = softened[np.arange(len(softened)), split.labels, None]
            share = np.float32(opinion) * (of_label < below)
            self.labels = (1 - share) * self.labels + share * softened

    def __getitem__(self, step):
        images, labels = super().__getitem__(step)
        if not self.mixture:
            return images, labels
        index = step + self.first_epoch * self.steps_per_epoch
        generator = np.random.default_rng((self.seed, index, 0, 1))  # no other has four numbers
        other = generator.permutation(len(images))
        kept = self.mixture(len(images), generator)
        share = kept.mean(axis=(1, 2, 3))[:, None]
        images = np.rint(kept * images + (1 - kept) * images[other]).astype(np.uint8)
        return images, np.float32(share * labels + (1 - share) * labels[other])


def mixup(count, generator):
    """Return how much is kept of each image, everywhere the same (arXiv 1710.09412)."""
    return generator.beta(0.2, 0.2, (count, 1, 1, 1))


def cutmix(count, generator):
    """Return 0 inside a box of half of the images, of any size, and 1 elsewhere (1905.04899)."""
    sides = np.rint(28 * np.sqrt(generator.random(count))).astype(int)
    sides *= generator.random(count) < 0.5
    kept = np.ones((count, 28, 28, 1))
    starts = generator.integers(0, 29 - sides, (2, count))
    for image, side, top, left in zip(kept, sides, *starts, strict=True):
        image[top : top + side, left : left + side] = 0
    return kept


MIXED = {
    "with half the opinion": {"opinion": 0.5},
    "with four fifths of the opinion": {"opinion": 0.8},
    "with half the opinion, temperature 2": {"opinion": 0.5, "temperature": 2.0},
    "with the opinion where it doubts the label": {"opinion": 1.0, "below": 0.1},
    "with mixup": {"mixture": mixup},
    "with cutmix": {"mixture": cutmix},
    "with half the opinion and mixup": {"opinion": 0.5, "mixture": mixup},
    "with half the opinion and cutmix": {"opinion": 0.5, "mixture": cutmix},
}


def of_baseline():
    rates = (1e-3, 1e-1, 1e-2, 3e-4, 1e-4)
    return {f"learning rate {rate:g}": replace(BASELINE, learning_rate=rate) for rate in rates}


def of(recipe):
    changes = {
        "the recipe": recipe,
        "constant learning rate": replace(recipe, schedule="constant", learning_rate=1e-3),
        "without label smoothing": replace(recipe, label_smoothing=0.0),
        "without weight decay": replace(recipe, weight_decay=0.0),
    }
    for name in AUGMENTATIONS:
        has = name in recipe.augmentations
        others = tuple(other for other in recipe.augmentations if other != name)
        change = replace(recipe, augmentations=others if has else (*others, name))
        changes[f"{'without' if has else 'with'} {name}"] = change
    return changes


def mixed(recipe, change):
    """Return the recipe under its own name; opinions about all labels smooth these enough."""
    name = f"{recipe.name}-{re.sub('[^a-z0-9]+', '-', change)}"
    if "opinion" not in MIXED[change]:
        return replace(recipe, name=name)
    smoothing = recipe.label_smoothing if "below" in MIXED[change] else 0.0
    name += f"-{store.file_hash(opinions.PATH)[:8]}"
    return replace(recipe, name=name, label_smoothing=smoothing)


def best(recipe, splits, seed, mixing):
    with patch.object(training, "Batches", partial(Mixed, **mixing)):
        run = training.train(recipe, splits, training.run_directory(recipe, seed), seed)
    curves = {"accuracy": "val_accuracy", "loss": "val_loss"}
    return {figure: run.history[curve][run.best_epoch - 1] for figure, curve in curves.items()}


def main(name, epochs, seeds, wanted):
    splits, path = data.load(), Path("benchmarks/ablation.json")
    changes = of_baseline() if name == "baseline" else of(RECIPES[name])
    changes |= {change: mixed(RECIPES[name], change) for change in MIXED if change in wanted}
    for change in wanted or changes:
        recipe, mixing = replace(changes[change], epochs=epochs), MIXED.get(change, {})
        for seed in seeds:
            figures = best(recipe, splits, seed, mixing)
            print(f"{change:44s}seed {seed}{figures['accuracy']:9.2%}{figures['loss']:9.4f}")
            reports = json.loads(path.read_text())
            rows = reports.setdefault(f"{name}, {epochs} epochs", {})
            rows.setdefault(change, {})[str(seed)] = figures
            path.write_text(json.dumps(reports, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--changes", nargs="+", default=[], help="some changes, by name")
    chosen = parser.parse_args()
    main(chosen.recipe, chosen.epochs, chosen.seeds, chosen.changes)
