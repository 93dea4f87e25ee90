"""Change one ingredient of a recipe at a time, and see what each is worth.

    python -m benchmarks.ablation compact --epochs 10 --seeds 0 1
    python -m benchmarks.ablation compact --epochs 30 --seeds 0 1 --changes "without shift"
    python -m benchmarks.ablation baseline --epochs 3 --seeds 0

What `compact` has is dropped, and the augmentations that it lacks are added; `baseline` is trained
with other constant learning rates. Judged on the validation images. Prints a table, and writes it
into `benchmarks/ablation.json`. A run that is finished in `runs/` is not trained again.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from fmnist_utils import data, training
from fmnist_utils.batches import AUGMENTATIONS
from fmnist_utils.model import BASELINE, COMPACT


def of_baseline():
    rates = (1e-3, 1e-1, 1e-2, 3e-4, 1e-4)
    return {f"learning rate {rate:g}": replace(BASELINE, learning_rate=rate) for rate in rates}


def of_compact():
    changes = {
        "the recipe": COMPACT,
        "constant learning rate": replace(COMPACT, schedule="constant", learning_rate=1e-3),
        "without label smoothing": replace(COMPACT, label_smoothing=0.0),
        "without weight decay": replace(COMPACT, weight_decay=0.0),
    }
    for name in AUGMENTATIONS:
        has = name in COMPACT.augmentations
        others = tuple(other for other in COMPACT.augmentations if other != name)
        change = replace(COMPACT, augmentations=others if has else (*others, name))
        changes[f"{'without' if has else 'with'} {name}"] = change
    return changes


def best(recipe, splits, seed):
    run = training.train(recipe, splits, training.run_directory(recipe, seed), seed)
    return [run.history[curve][run.best_epoch - 1] for curve in ("val_loss", "val_accuracy")]


def main(name, epochs, seeds, wanted):
    splits, rows = data.load(), []
    changes = of_compact() if name == "compact" else of_baseline()
    for change in (next(iter(changes)), *wanted) if wanted else changes:
        recipe = replace(changes[change], epochs=epochs)
        losses, accuracies = np.transpose([best(recipe, splits, seed) for seed in seeds])
        row = {"change": change, "accuracy": accuracies.mean(), "loss": losses.mean()}
        rows.append({**row, "accuracies": accuracies.tolist(), "losses": losses.tolist()})
        print(f"{change:33s}{row['accuracy']:8.2%}{row['accuracy'] - rows[0]['accuracy']:+8.2%}")
    path = Path("benchmarks/ablation.json")
    reports = json.loads(path.read_text()) if path.exists() else {}
    reports[f"{name}, {epochs} epochs"] = {"seeds": seeds, "rows": rows}
    path.write_text(json.dumps(reports, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", choices=["compact", "baseline"])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--changes", nargs="+", help="some of the table's changes, by name")
    chosen = parser.parse_args()
    main(chosen.recipe, chosen.epochs, chosen.seeds, chosen.changes)
