"""Change one ingredient of a recipe at a time, and see what each is worth.

    python -m benchmarks.ablation --seeds 0 1
    python -m benchmarks.ablation --seeds 0 1 --epochs 30 --changes "without shift"

By default it takes the compact recipe, which a processor trains fastest, 10 epochs, and every
change. Judged on the validation images; the test set is left alone. Prints a table and writes it
into `benchmarks/ablation.json`, beside those of other numbers of epochs. A run that is finished in
`runs/` is not trained again.
"""

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path

from fmnist_utils import data, training
from fmnist_utils.batches import AUGMENTATIONS
from fmnist_utils.model import RECIPES, recipe_named


def variants(recipe):
    """Return each change of `recipe` by its name: an ingredient that it has is dropped.

    An augmentation that it doesn't have is added.
    """
    changes = {
        "the recipe": recipe,
        "constant learning rate": replace(recipe, schedule="constant", learning_rate=1e-3),
        "without label smoothing": replace(recipe, label_smoothing=0.0),
        "without weight decay": replace(recipe, weight_decay=0.0),
    }
    for name in AUGMENTATIONS:
        has = name in recipe.augmentations
        others = tuple(other for other in recipe.augmentations if other != name)
        change = others if has else (*others, name)
        changes[f"{'without' if has else 'with'} {name}"] = replace(recipe, augmentations=change)
    return changes


def main(name, seeds, epochs, changes):
    splits = data.load()
    recipe = replace(recipe_named(name), epochs=epochs)
    rows = []
    print(f"{name}, {epochs} epochs{'':20s}validation accuracy      loss  difference")
    for change, variant in variants(recipe).items():
        if changes and change not in ("the recipe", *changes):
            continue
        folder = f"runs/ablation/{change.replace(' ', '-')}-{name}-{epochs}"
        runs = [training.train(variant, splits, f"{folder}-seed{seed}", seed) for seed in seeds]
        rows.append({"change": change, **_mean(runs)})
        difference = rows[-1]["accuracy"] - rows[0]["accuracy"]
        print(
            f"{change:33s}{rows[-1]['accuracy']:19.2%}{rows[-1]['loss']:10.4f}{difference:+12.2%}"
        )
    path = Path("benchmarks/ablation.json")
    reports = json.loads(path.read_text()) if path.exists() else {}
    reports[f"{name}, {epochs} epochs"] = {"seeds": seeds, "rows": rows}
    path.write_text(json.dumps(reports, indent=1) + "\n")


def _mean(runs):
    """Return accuracy and loss of the best epochs: means over the seeds, and each seed's."""
    loss, accuracy = zip(*(run.best_validation for run in runs), strict=True)
    return {
        "accuracy": statistics.mean(accuracy),
        "loss": statistics.mean(loss),
        "accuracies": accuracy,
        "losses": loss,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="compact", choices=RECIPES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--changes", nargs="+", help="some of the table's changes, by name")
    chosen = parser.parse_args()
    main(chosen.recipe, chosen.seeds, chosen.epochs, chosen.changes)
