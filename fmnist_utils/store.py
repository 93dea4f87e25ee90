"""Save and load a trained network together with its results."""

import hashlib
import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import keras

from fmnist_utils.errors import UserError
from fmnist_utils.model import Recipe, build


class Saved(NamedTuple):
    """A network and its results, as `NAME.json` has them."""

    model: keras.Model
    results: dict


def save(directory, name, recipe, model, results):
    """Write `name.keras` (no optimizer) and `name.json`: recipe, `results`, versions, SHA-256."""
    partial = Path(directory).expanduser() / f"{name}.partial.keras"
    partial.parent.mkdir(parents=True, exist_ok=True)
    fresh = build(recipe)
    fresh.set_weights(model.get_weights())
    fresh.save(partial)
    versions = {"python": platform.python_version(), "backend": keras.backend.backend()}
    versions |= {each: version(each) for each in ("keras", versions["backend"], "numpy")}
    about = {"name": name, "recipe": asdict(recipe), "parameters": model.count_params()}
    about |= {**results, "versions": versions, "sha256": file_hash(partial)}
    partial.with_suffix(".json").write_text(json.dumps(about, indent=1) + "\n")
    for suffix in (".keras", ".json"):
        partial.with_suffix(suffix).replace(partial.with_name(f"{name}{suffix}"))


def load(name="improved", directory="saved_model") -> Saved:
    """Return the network `name` with its results.

    Raises UserError where a file is missing or damaged: the SHA-256 is checked before Keras opens
    the file, and the network, built from its recipe, takes nothing but arrays from it.
    """
    folder = Path(directory).expanduser()
    weights, description = folder / f"{name}.keras", folder / f"{name}.json"
    for path in (weights, description):
        if not path.is_file():
            raise UserError(f"{path} does not exist; train with `train.ipynb`, or check MODEL.")
    try:
        results = json.loads(description.read_text())
        model, expected = build(Recipe(**results["recipe"])), results["sha256"]
        if file_hash(weights) != expected:
            raise ValueError("its SHA-256 differs")
        model.load_weights(weights)
    except (ValueError, TypeError, KeyError) as error:
        wrong = f"{weights} is not what {description.name} describes ({error})"
        raise UserError(f"{wrong}; restore both files or train again.") from None
    return Saved(model, results)


def file_hash(path):
    """Return the SHA-256 of the file at `path`, in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
