"""Save and load a trained network together with its results."""

import hashlib
import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from fmnist_utils.errors import UserError, as_path, expect
from fmnist_utils.model import NAME, Recipe, build, is_name


class Saved(NamedTuple):
    """A network and its results, as `NAME.json` has them."""

    model: keras.Model
    results: dict


def save(directory, name, recipe, model, results):
    """Write `name.keras` (no optimizer) and `name.json`: recipe, `results`, versions, SHA-256.

    Raises UserError where that cannot be done; then both are as they were before.
    """
    folder = as_path(directory, "The directory")
    expect(is_name(name), "The name", name, NAME)
    expect(isinstance(recipe, Recipe), "The recipe", recipe, "a `model.Recipe`")
    expect(isinstance(results, dict), "The results", results, "a dict")
    fresh = _without_optimizer(model, recipe)
    partial = [folder / f"{name}.partial{suffix}" for suffix in (".keras", ".json")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh.save(partial[0])
        about = {"name": name, "recipe": asdict(recipe), "parameters": fresh.count_params()}
        about |= results | about | {"versions": _versions(), "sha256": file_hash(partial[0])}
        partial[1].write_text(json.dumps(about, indent=1, allow_nan=False) + "\n")
        for path in partial:
            path.replace(folder / f"{name}{path.suffix}")
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        advice = "use a directory with room, and results that JSON can hold"
        raise UserError(f"{folder / name} cannot be saved ({error}); {advice}.") from None
    finally:
        for path in filter(os.path.isfile, partial):
            path.unlink()


def _without_optimizer(model, recipe):
    fresh, weights = build(recipe), model.get_weights() if isinstance(model, keras.Model) else []
    fits = [array.shape for array in weights] == [variable.shape for variable in fresh.weights]
    wanted = "one that was built from the recipe, with finite weights"
    expect(fits and _are_finite(weights), "The model", model, wanted)
    fresh.set_weights(weights)
    return fresh


def _versions():
    versions = {"python": platform.python_version(), "backend": keras.backend.backend()}
    return versions | {each: version(each) for each in ("keras", versions["backend"], "numpy")}


def load(name="improved", directory="saved_model") -> Saved:
    """Return the network `name` with its results.

    Raises UserError where a file is missing or damaged: the SHA-256 is checked before Keras opens
    the file, and the network, built from its recipe, takes nothing but arrays from it.
    """
    stem = as_path(directory, "The directory") / as_path(name, "MODEL")
    stem = stem.with_suffix("") if stem.suffix in (".keras", ".json") else stem
    weights, description = Path(f"{stem}.keras"), Path(f"{stem}.json")
    for path in (weights, description):
        if not os.path.isfile(path):
            raise UserError(f"{path} does not exist; train with `train.ipynb`, or check MODEL.")
    try:
        results = json.loads(description.read_text())
        if file_hash(weights) != results["sha256"]:
            raise ValueError("its SHA-256 differs")
        model = build(Recipe(**results["recipe"]))
        model.load_weights(weights)
        if not _are_finite(model.get_weights()):
            raise ValueError("its weights are not finite")
    except Exception as error:  # damaged files make zipfile, h5py and Keras raise many kinds
        wrong = f"{weights} is not what {description.name} describes ({error!s:.200})"
        raise UserError(f"{wrong}; restore both files or train again.") from None
    return Saved(model, results)


def _are_finite(arrays):
    return all(np.isfinite(array).all() for array in arrays)


def file_hash(path):
    """Return the SHA-256 of the file at `path`, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
