"""Save and load a trained network together with its results."""

import hashlib
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from fmnist_utils.errors import UserError, as_path, expect
from fmnist_utils.model import build, probabilities
from fmnist_utils.recipes import Recipe, expect_file_name

# The same network answers a little differently on another machine: numbers of 32 bits differ by up
# to 0.003 as a GPU multiplies them, numbers of 16 bits by up to 0.024 (both measured).
TOLERANCE = 0.01
TOLERANCE_16_BITS = 0.1


class Saved(NamedTuple):
    """A network and its results, as `NAME.json` has them."""

    model: keras.Model
    results: dict


def save(directory, name, recipe, model, results):
    """Write `name.keras` (no optimizer) and `name.json`: recipe, `results`, versions, SHA-256.

    Raises UserError where that cannot be done; the files that were there before stay.
    """
    folder = as_path(directory, "The directory")
    expect_file_name("The name", name)
    expect(isinstance(recipe, Recipe), "The recipe", recipe, "a `recipes.Recipe`")
    expect(isinstance(results, dict), "The results", results, "a dict")
    fresh = _without_optimizer(model, recipe)
    about = dict(results)
    about["name"] = name
    about["recipe"] = asdict(recipe)
    about["parameters"] = fresh.count_params()
    about["versions"] = _versions()
    about["compute_dtype"] = fresh.compute_dtype
    about["pattern_answers"] = pattern_answers(fresh)
    partial_weights = folder / f"{name}.partial.keras"
    partial_json = folder / f"{name}.partial.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh.save(partial_weights)
        about["sha256"] = file_hash(partial_weights)
        partial_json.write_text(json.dumps(about, indent=1, allow_nan=False) + "\n")
        partial_weights.replace(folder / f"{name}.keras")
        partial_json.replace(folder / f"{name}.json")
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        advice = "use a directory with room, and results that JSON can hold"
        raise UserError(f"{folder / name} cannot be saved ({error}); {advice}.") from None
    finally:
        for path in (partial_weights, partial_json):
            if path.is_file():
                path.unlink()


def load(name="photos", directory="saved_model") -> Saved:
    """Return the network `name` with its results; a name with a folder is a path.

    Raises UserError if a file is missing or damaged, or if the network does not give the answers
    that it gave when it was saved. The SHA-256 is checked before Keras opens the file, and the
    network, built from its recipe, takes nothing but arrays from it.
    """
    stem = as_path(name, "MODEL")
    if not os.path.dirname(name):
        stem = as_path(directory, "The directory") / stem
    if stem.suffix in (".keras", ".json"):
        stem = stem.with_suffix("")
    weights = Path(f"{stem}.keras")
    description = Path(f"{stem}.json")
    for path in (weights, description):
        if not path.is_file():
            raise UserError(f"{path} does not exist; train with `train.ipynb`, or check MODEL.")
    results = _results(weights, description)
    try:
        model = build(Recipe(**results["recipe"]))
        model.load_weights(weights)
        answers = pattern_answers(model)
    except Exception as error:  # h5py and Keras raise many kinds
        wrong = f"{weights} does not fit the network of its recipe ({error!s:.200})"
        raise UserError(f"{wrong}: was `model.build` changed?") from None
    formats = {model.compute_dtype, results.get("compute_dtype", "float32")}
    tolerance = TOLERANCE if formats == {"float32"} else TOLERANCE_16_BITS
    if not np.allclose(answers, results["pattern_answers"], rtol=0, atol=tolerance):
        changed = "answers a test pattern otherwise than when it was saved"
        raise UserError(f"{weights} {changed}: was `model.build` changed?")
    return Saved(model, results)


def file_hash(path):
    """Return the SHA-256 of the file at `path`, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pattern_answers(model):
    """Return the probabilities that `model` gives to eight images of waves, as lists for JSON."""
    rows, columns = np.mgrid[:28, :28]
    images = []
    for number in range(8):
        angle = np.pi * number / 8
        distance = columns * np.cos(angle) + rows * np.sin(angle)
        wave = np.sin(distance * (0.3 + 0.15 * number))
        images.append(np.rint(127.5 + 127.5 * wave))
    images = np.array(images, dtype=np.uint8)[..., np.newaxis]
    return probabilities(model, images).tolist()


def _results(weights, description):
    """Return what `description` says, if `weights` is the file that it describes."""
    try:
        results = json.loads(description.read_text())
        if file_hash(weights) != results["sha256"]:
            raise ValueError("its SHA-256 differs")
        if "pattern_answers" not in results:
            raise ValueError("it was saved by an earlier version of this project")
    except (KeyError, TypeError, ValueError, OSError) as error:
        wrong = f"{weights} is not what {description.name} describes ({error!s:.200})"
        raise UserError(f"{wrong}; restore both files or train again.") from None
    return results


def _without_optimizer(model, recipe):
    """Return a new network with the weights of `model`; raise UserError if they do not fit."""
    fresh = build(recipe)
    weights = model.get_weights() if isinstance(model, keras.Model) else []
    shapes = [array.shape for array in weights]
    fits = shapes == [variable.shape for variable in fresh.weights]
    wanted = "one that was built from the recipe"
    expect(fits, "The model", model, wanted)
    fresh.set_weights(weights)
    return fresh


def _versions():
    """Return the versions of what a network's figures may depend on."""
    return {
        "python": platform.python_version(),
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
