"""Keep a trained network together with what it was measured to do."""

import json
import platform
import statistics
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import keras

from fmnist_utils.errors import UserError
from fmnist_utils.model import Recipe, build
from fmnist_utils.training import file_hash

SUMMARISED = (
    "loss",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "thresholded_precision",
    "calibration_error",
    "mirrored_accuracy",
)


class Saved(NamedTuple):
    """A network and its results, as `NAME.json` has them."""

    model: keras.Model
    results: dict


def seed_results(seed, run, validation, test):
    """Return the record of one seed: its history, best epoch and two `Report`s."""
    return {
        "seed": seed,
        "best_epoch": run.best_epoch,
        "history": run.history,
        "validation": validation.as_dict(),
        "test": test.as_dict(),
    }


def save(directory, name, recipe, model, seeds, shipped_seed):
    """Write `name.keras` (without optimizer) and `name.json` into `directory`.

    `seeds` is a list of `seed_results`; `shipped_seed` says which of them `model` is. The JSON
    also holds mean and standard deviation over the seeds, and the hash of the `.keras` file.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    fresh = build(recipe)
    fresh.set_weights(model.get_weights())
    partial = directory / f"{name}.partial.keras"
    fresh.save(partial)
    results = {
        "name": name,
        "recipe": asdict(recipe),
        "parameters": model.count_params(),
        "shipped_seed": shipped_seed,
        "test": {figure: _mean_and_spread(seeds, figure) for figure in SUMMARISED},
        "seeds": seeds,
        "versions": {
            "python": platform.python_version(),
            "backend": keras.backend.backend(),
            **{
                package: version(package) for package in ("keras", keras.backend.backend(), "numpy")
            },
        },
        "sha256": file_hash(partial),
    }
    partial_json = directory / f"{name}.partial.json"
    partial_json.write_text(json.dumps(results, indent=1) + "\n")
    partial.replace(directory / f"{name}.keras")
    partial_json.replace(directory / f"{name}.json")


def load(name="improved", directory="saved_model") -> Saved:
    """Return the network `name` with its results.

    The hash is checked before anything opens the file; then the network is built from the recipe
    and takes the file's arrays alone, so nothing in the file is executed, and a file written by
    a newer Keras opens in an older one.

    Raises UserError where a file is missing, damaged, or belongs to another.
    """
    weights, description = (Path(directory) / f"{name}{end}" for end in (".keras", ".json"))
    for path in (weights, description):
        if not path.is_file():
            raise UserError(f"{path} does not exist; train with `train.ipynb`, or check MODEL.")
    try:
        results = json.loads(description.read_text())
        model = build(Recipe(**results["recipe"]))
        if results["shipped_seed"] not in [record["seed"] for record in results["seeds"]]:
            raise ValueError("shipped_seed is none of its seeds")
        expected = results["sha256"]
    except Exception as error:  # Keras has many for a recipe that it cannot build
        raise UserError(
            f"{description} is not what `store.save` wrote ({type(error).__name__}: {error}); "
            "restore it or train again."
        ) from None
    if file_hash(weights) != expected:
        raise UserError(
            f"{weights} is not the file that {description.name} describes: it was truncated, "
            "altered, or belongs to another run; restore both files or train again."
        )
    try:
        model.load_weights(weights)
    except ValueError:
        raise UserError(
            f"{description} describes another network than {weights} holds; "
            "restore both files or train again."
        ) from None
    return Saved(model, results)


def _mean_and_spread(seeds, figure):
    values = [seed["test"][figure] for seed in seeds]
    spread = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.mean(values), "standard_deviation": spread}
