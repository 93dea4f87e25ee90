"""Train a recipe with several seeds, and keep the figures of all and the weights of the best.

    python -m benchmarks.seeds --recipe baseline --seeds 0 1 2

A seed whose run is finished in `runs/` (the folder that `train.ipynb` uses too) is not trained
again. The weights with the best validation loss go into `saved_model/`, with the figures of every
seed. To write a file that plain `keras.models.load_model` opens on Colab as well, train with
Colab's Keras: `pip install "keras==3.13.*"`.

With `KERAS_BACKEND=jax` and `--directory benchmarks/jax` the figures there are had again, from a
working directory whose `runs/` holds none of TensorFlow's.
"""

import argparse
from dataclasses import replace

from fmnist_utils import data, evaluation, store, training
from fmnist_utils.model import RECIPES, recipe_named


def main(recipe, seeds, epochs, directory):
    recipe = replace(recipe, epochs=epochs or recipe.epochs)
    splits = data.load()
    runs, records = {}, []
    for seed in seeds:
        runs[seed] = training.train(recipe, splits, training.run_directory(recipe, seed), seed)
        validation = evaluation.evaluate(runs[seed].model, splits.validation)
        test = evaluation.evaluate(runs[seed].model, splits.test)
        records.append(store.seed_results(seed, runs[seed], validation, test))
    best = min(records, key=lambda record: record["validation"]["loss"])["seed"]
    store.save(directory, recipe.name, recipe, runs[best].model, records, best)
    print(table(store.load(recipe.name, directory).results))


def table(results):
    """Return each seed's figures, and their mean and spread, as lines of text."""
    lines = ["seed  best epoch  validation loss  test accuracy  thresholded precision"]
    for record in results["seeds"]:
        lines.append(
            f"{record['seed']:4d}  {record['best_epoch']:10d}  {record['validation']['loss']:15.4f}"
            f"  {record['test']['accuracy']:13.2%}  {record['test']['thresholded_precision']:21.2%}"
        )
    for figure in ("accuracy", "thresholded_precision"):
        mean, spread = results["test"][figure].values()
        lines.append(f"{figure}: {mean:.2%}" + (f" ± {spread:.2%}" if spread is not None else ""))
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="baseline", choices=RECIPES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--directory", default="saved_model")
    chosen = parser.parse_args()
    if chosen.epochs and chosen.directory == "saved_model":
        parser.error("what ships is trained in full: with --epochs, give another --directory")
    main(recipe_named(chosen.recipe), chosen.seeds, chosen.epochs, chosen.directory)
