"""Train a recipe with several seeds, and save the figures of all and the weights of the best.

    python -m benchmarks.seeds --recipe baseline --seeds 0 1 2

A seed whose run is finished in `runs/` is not trained again. The weights with the best validation
loss go into `saved_model/`, with the figures of every seed. Use Colab's Keras, 3.13, so that plain
Keras opens the weights there. `KERAS_BACKEND=jax` with `--directory benchmarks/jax` measures JAX.
"""

import argparse

import pandas as pd

from benchmarks import mistakes_in_a_sentence, parsed
from fmnist_utils import data, evaluation, store, training
from fmnist_utils.identity import run_directory
from fmnist_utils.recipes import RECIPES


def main(recipe, seeds, directory):
    splits = data.load()
    photos = data.load_photos()
    models = []
    records = []
    for seed in seeds:
        model, record = trained(recipe, seed, splits, photos, run_directory(recipe, seed))
        models.append(model)
        records.append(record)
    losses = [min(record["history"]["val_loss"]) for record in records]
    best = losses.index(min(losses))
    results = records[best].copy()
    results["seeds"] = records
    store.save(directory, recipe.name, recipe, models[best], results)
    print(table(records))


def trained(recipe, seed, splits, photos, run_dir):
    """Return a trained network, and its figures for the images of Fashion-MNIST, `splits`.

    A run that is finished in `run_dir` is used.
    """
    learnt = data.join(splits, photos) if recipe.photos else splits
    run = training.train(recipe, learnt, run_dir, seed)
    record = {
        "seed": seed,
        "best_epoch": run.best_epoch,
        "history": run.history,
        "validation": evaluation.evaluate(run.model, splits.validation).as_dict(),
        "test": evaluation.evaluate(run.model, splits.test).as_dict(),
    }
    return run.model, record


def table(records):
    """Return the figures of each seed, their mean and their standard deviation, as text."""
    seeds = pd.json_normalize(records).set_index("seed")
    figures = seeds[["best_epoch", "validation.loss", "test.accuracy"]]
    both = pd.concat([figures, figures.agg(["mean", "std"])])
    return both.round(4).to_string()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="baseline", choices=RECIPES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--directory", default="saved_model")
    with mistakes_in_a_sentence():
        chosen = parsed(parser)
        main(RECIPES[chosen.recipe], chosen.seeds, chosen.directory)
