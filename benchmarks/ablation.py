"""Change one ingredient of a recipe at a time, and see what each is worth.

    python -m benchmarks.ablation --seeds 0 1
    python -m benchmarks.ablation --seeds 0 1 --epochs 30 --changes "without shift"
    python -m benchmarks.ablation --learning-rates

It changes the compact recipe, by default with 10 epochs. `--learning-rates` trains the
baseline for 3 epochs with several constant rates. Judged on the validation images. Prints a table,
and writes it into `benchmarks/ablation.json` or `learning_rate.json`. A run that is finished in
`runs/` is not trained again.
"""

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path

from fmnist_utils import data, training
from fmnist_utils.batches import AUGMENTATIONS
from fmnist_utils.model import BASELINE, COMPACT

RATES = (1e-1, 1e-2, 1e-3, 3e-4, 1e-4)


def variants(recipe):
    """Return each change by its name: what `recipe` has is dropped, what it lacks is added."""
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


def best(recipe, splits, seed=0):
    """Train, and return validation loss and accuracy of the best epoch, and that epoch."""
    run = training.train(recipe, splits, training.run_directory(recipe, seed), seed)
    curves = (run.history[curve][run.best_epoch - 1] for curve in ("val_loss", "val_accuracy"))
    return *curves, run.best_epoch


def ablation(seeds, epochs, changes):
    splits, rows = data.load(), []
    for change, recipe in variants(replace(COMPACT, epochs=epochs)).items():
        if changes and change not in ("the recipe", *changes):
            continue
        losses, accuracies, _ = zip(*(best(recipe, splits, seed) for seed in seeds), strict=True)
        row = {"accuracy": statistics.mean(accuracies), "loss": statistics.mean(losses)}
        rows.append({"change": change, **row, "accuracies": accuracies, "losses": losses})
        print(f"{change:33s}{row['accuracy']:8.2%}{row['accuracy'] - rows[0]['accuracy']:+8.2%}")
    path = Path("benchmarks/ablation.json")
    reports = json.loads(path.read_text()) if path.exists() else {}
    reports[f"compact, {epochs} epochs"] = {"seeds": seeds, "rows": rows}
    path.write_text(json.dumps(reports, indent=1) + "\n")


def learning_rates():
    splits, rows = data.load(), []
    for rate in RATES:
        loss, accuracy, epoch = best(replace(BASELINE, learning_rate=rate, epochs=3), splits)
        row = {"best_epoch": epoch, "validation_loss": loss, "validation_accuracy": accuracy}
        rows.append({"learning_rate": rate, "epochs": 3, **row})
        print(f"learning rate {rate:g}: loss {loss:.4f}, accuracy {accuracy:.2%}", flush=True)
    Path("benchmarks/learning_rate.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--changes", nargs="+", help="some of the table's changes, by name")
    parser.add_argument("--learning-rates", action="store_true")
    chosen = parser.parse_args()
    if chosen.learning_rates:
        learning_rates()
    else:
        ablation(chosen.seeds, chosen.epochs, chosen.changes)
