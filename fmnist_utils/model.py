"""The network, and the recipe that says what may differ between two trainings."""

import re
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
from keras import layers

from fmnist_utils.batches import AUGMENTATIONS
from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError, expect


@dataclass(frozen=True)
class Recipe:
    """What may differ between two trainings; a field that cannot be used raises a UserError."""

    name: str
    filters: tuple = (32, 64)  # of the two convolutions
    pooling: tuple = (2, 2)  # sides of the two max-pools
    pool_first: bool = False  # pool before normalising: fewer numbers to normalise
    units: int = 512  # of the first fully connected layer
    dropout: float = 0.5
    batch_size: int = 32
    epochs: int = 30
    learning_rate: float = 1e-3
    schedule: str = "constant"  # or "cosine": a short warm-up, then cosine decay to 0
    weight_decay: float = 0.0  # decoupled, as in AdamW (arXiv 1711.05101)
    label_smoothing: float = 0.0  # the share of each label that is spread over all classes
    augmentations: tuple = ("flip",)  # names in `batches.AUGMENTATIONS`

    def __post_init__(self):
        for fields, wanted, fits in _CHECKS:
            for field in fields.split():
                value = _plain(getattr(self, field))
                expect(fits(value), f"The recipe's {field}", value, wanted)
                object.__setattr__(self, field, value)


def is_number(value, kind=(int, float), least=0, most=1e9):
    """Return whether `value` is a number of this `kind`, not a bool, in these bounds."""
    return isinstance(value, kind) and not isinstance(value, bool) and least <= value <= most


def is_text(pattern, value):
    """Return whether `value` is a text that fits a regular expression."""
    return isinstance(value, str) and re.fullmatch(pattern, value)


def _plain(value):
    """Return tuples for lists, which JSON makes, and Python's numbers for numpy's."""
    value = value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value
    return tuple(map(_plain, value)) if isinstance(value, (list, tuple)) else value


def _are(fits, value):
    return isinstance(value, tuple) and all(map(fits, value))


is_whole = partial(is_number, kind=(int, np.integer), least=1, most=1024)
is_name = partial(is_text, r"(?a)[A-Za-z0-9][\w.-]{0,63}")  # of a file, on any system
_is_augmentation = partial(is_text, "|".join(AUGMENTATIONS))
NAME = "up to 64 letters, digits, '.', '_', '-'"
_CHECKS = (  # every field, what to give, and whether a value is that
    ("name", NAME, is_name),
    ("filters pooling", "2 whole numbers up to 1024", lambda v: _are(is_whole, v) and len(v) == 2),
    ("units batch_size", "a whole number from 1 to 1024", is_whole),
    ("epochs", "a whole number from 1 to 999", partial(is_whole, most=999)),
    ("learning_rate", "a number above 0, at most 1e9", partial(is_number, least=1e-12)),
    ("weight_decay", "a number from 0 to 1", partial(is_number, most=1)),
    ("dropout label_smoothing", "a number from 0 to 0.99", partial(is_number, most=0.99)),
    ("pool_first", "True or False", lambda v: isinstance(v, bool)),
    ("schedule", "'constant' or 'cosine'", partial(is_text, "constant|cosine")),
    ("augmentations", f"a tuple of {[*AUGMENTATIONS]}", partial(_are, _is_augmentation)),
)

BASELINE = Recipe("baseline")
_SHARED = {"pool_first": True, "batch_size": 64, "learning_rate": 2e-3, "schedule": "cosine"}
_SHARED |= {"weight_decay": 0.01, "label_smoothing": 0.05}
_WIDE = {"filters": (48, 96), "units": 320, "dropout": 0.25}
IMPROVED = Recipe("improved", **_SHARED, **_WIDE, augmentations=("flip", "shift", "erase"))
_SMALL = {"pooling": (2, 3), "units": 48, "dropout": 0.05}
COMPACT = Recipe("compact", **_SHARED, **_SMALL, augmentations=("flip", "shift"))
RECIPES = {recipe.name: recipe for recipe in (BASELINE, IMPROVED, COMPACT)}


def recipe_named(name) -> Recipe:
    """Return the recipe called `name`; raise UserError where there is none."""
    if name not in RECIPES:
        raise UserError(f"There is no recipe {name!r}; choose one of: {', '.join(RECIPES)}.")
    return RECIPES[name]


def build(recipe) -> keras.Model:
    """Return the untrained network: raw pixels `uint8 (B, 28, 28, 1)` in, probabilities out.

    The network scales the pixels itself, so no caller can scale them wrongly. `(B, 10)` comes out.
    """
    layout = {"data_format": "channels_last"}  # whatever a user's keras.json says
    network = [keras.Input((28, 28, 1), dtype="uint8", name="pixels"), layers.Rescaling(1 / 255)]
    for filters, side in zip(recipe.filters, recipe.pooling, strict=True):
        network.append(layers.Conv2D(filters, 3, padding="same", activation="relu", **layout))
        normalise = layers.BatchNormalization()
        pool = layers.MaxPooling2D(side, padding="same", **layout)
        network += [pool, normalise] if recipe.pool_first else [normalise, pool]
    network += [
        layers.Flatten(**layout),
        layers.Dense(recipe.units, activation="relu"),
        layers.Dropout(recipe.dropout),
        layers.Dense(len(CLASS_NAMES), activation="softmax"),
    ]
    return keras.Sequential(network, name=recipe.name)


def probabilities(network, images):
    """Return a `network`'s answers to `images`, `(N, 10)`; raise UserError where they are none."""
    shapes = [getattr(network, f"{end}_shape", None) for end in ("input", "output")]
    fits = shapes == [(None, 28, 28, 1), (None, len(CLASS_NAMES))]
    expect(fits, "The model", network, "a network of `model.build`, or one of its shapes")
    parts = [images[start : start + 200] for start in range(0, len(images), 200)]
    answers = np.concatenate([network.predict_on_batch(part) for part in parts], dtype=np.float32)
    if not np.allclose(answers.sum(axis=1), 1, atol=0.02):  # NaN is close to nothing
        raise UserError("The network's answers are NaN or no probabilities; train it again.")
    return answers
