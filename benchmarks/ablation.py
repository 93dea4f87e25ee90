"""Change one ingredient of a recipe at a time, to see what each of them is worth.

    python -m benchmarks.ablation compact --epochs 10 --seeds 0 1
    python -m benchmarks.ablation compact --epochs 30 --seeds 0 1 --changes "without shift"

Each ingredient that the recipe has is left out, each augmentation that it lacks is added. The
figures are the accuracies on the validation images. They are printed, and added to
`benchmarks/ablation.json`. A run that is finished in `runs/` is not trained again.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from benchmarks import mistakes_in_a_sentence, parsed
from fmnist_utils import data, training
from fmnist_utils.augment import AUGMENTATIONS
from fmnist_utils.errors import expect
from fmnist_utils.identity import run_directory
from fmnist_utils.recipes import RECIPES

REPORT = Path("benchmarks/ablation.json")


def ingredients(recipe):
    """Return `recipe` with one ingredient changed at a time, under the name of its change."""
    changes = {
        "the recipe": recipe,
        "learning rate 0.0003": replace(recipe, learning_rate=0.0003),
        "constant learning rate": replace(recipe, schedule="constant", learning_rate=1e-3),
        "without label smoothing": replace(recipe, label_smoothing=0.0),
        "without weight decay": replace(recipe, weight_decay=0.0),
    }
    for name in AUGMENTATIONS:
        names = list(recipe.augmentations)
        if name in names:
            change = f"without {name}"
            names.remove(name)
        else:
            change = f"with {name}"
            names.append(name)
        changes[change] = replace(recipe, augmentations=names)
    return changes


def main(name, epochs, seeds, wanted):
    changes = ingredients(replace(RECIPES[name], epochs=epochs))
    for change in wanted or changes:
        expect(change in changes, "A change", change, f"one of: {', '.join(changes)}")
    splits = data.load()
    report = json.loads(REPORT.read_text())
    rows = report.setdefault(f"{name}, {epochs} epochs", {})
    for change in wanted or changes:
        recipe = changes[change]
        by_seed = rows.setdefault(change, {})
        for seed in seeds:
            run = training.train(recipe, splits, run_directory(recipe, seed), seed)
            by_seed[str(seed)] = run.history["val_accuracy"][run.best_epoch - 1]
            print(f"{change}, seed {seed}: {by_seed[str(seed)]:.4f}")
            REPORT.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--changes", nargs="+", help="some of the changes, by name")
    with mistakes_in_a_sentence():
        chosen = parsed(parser)
        main(chosen.recipe, chosen.epochs, chosen.seeds, chosen.changes)
