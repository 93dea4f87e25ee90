"""Train the baseline with several learning rates, and see which one is best.

    python -m benchmarks.learning_rate

The original compared 1e-1, 1e-2, 1e-3 and 1e-4 and guessed that the optimum lies between the last
two. Each rate is judged on the validation images by the best of a few epochs. Prints a table and
writes `benchmarks/learning_rate.json`.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from fmnist_utils import data, training
from fmnist_utils.model import BASELINE

RATES = (1e-1, 1e-2, 1e-3, 3e-4, 1e-4)


def main(epochs):
    splits = data.load()
    rows = []
    print("learning rate  best epoch  validation loss  validation accuracy")
    for rate in RATES:
        recipe = replace(BASELINE, learning_rate=rate, epochs=epochs)
        run = training.train(recipe, splits, f"runs/learning-rate-{rate:g}-{epochs}")
        loss, accuracy = run.best_validation
        rows.append(
            {
                "learning_rate": rate,
                "epochs": epochs,
                "best_epoch": run.best_epoch,
                "validation_loss": loss,
                "validation_accuracy": accuracy,
            }
        )
        print(f"{rate:13g}  {run.best_epoch:10d}  {loss:15.4f}  {accuracy:19.2%}", flush=True)
    Path("benchmarks/learning_rate.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    main(parser.parse_args().epochs)
