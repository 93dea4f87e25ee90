"""Train a recipe with several seeds, and keep the figures of all and the weights of the best.

    python -m benchmarks.seeds --recipe baseline --seeds 0 1 2

A seed whose run is finished in `runs/` is not trained again. The weights with the best validation
loss go into `saved_model/`, with the figures of every seed. Use Colab's Keras, 3.13, so that plain
Keras opens them there. `KERAS_BACKEND=jax` and `--directory benchmarks/jax` give JAX's figures.
"""

import argparse

import pandas as pd

from fmnist_utils import data, evaluation, store, training
from fmnist_utils.model import RECIPES


def main(recipe, seeds, directory):
    splits = data.load()
    models, records = {}, []
    for seed in seeds:
        run_dir = training.run_directory(recipe, seed)
        models[seed], record = trained(recipe, seed, splits, run_dir)
        records.append(record)
    best = min(records, key=lambda record: record["validation"]["loss"])
    several = {"seeds": records} if len(records) > 1 else {}
    store.save(directory, recipe.name, recipe, models[best["seed"]], {**best, **several})
    print(table(records))


def trained(recipe, seed, splits, run_dir):
    """Return the network of one training, finished in `run_dir` if need be, and its figures."""
    run = training.train(recipe, splits, run_dir, seed)
    record = {"seed": seed, "best_epoch": run.best_epoch, "history": run.history}
    for name in ("validation", "test"):
        record[name] = evaluation.evaluate(run.model, getattr(splits, name)).as_dict()
    return run.model, record


def table(records):
    """Return each seed's figures, their mean and standard deviation, as lines of text."""
    rows = pd.json_normalize(records).set_index("seed")
    rows = rows[["best_epoch", "validation.loss", "test.accuracy", "test.thresholded_precision"]]
    return pd.concat([rows, rows.agg(["mean", "std"])]).round(4).to_string()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="baseline", choices=RECIPES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--directory", default="saved_model")
    chosen = parser.parse_args()
    main(RECIPES[chosen.recipe], chosen.seeds, chosen.directory)
