"""A recipe holds the choices of one training; here are the four that were trained in full."""

import re
from dataclasses import dataclass, fields

import numpy as np

from fmnist_utils.errors import UserError, expect, expect_number, expect_whole

FILE_NAME = "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"  # allowed on any system


@dataclass(frozen=True)
class Recipe:
    """The choices of one training; a value that cannot be used raises a UserError."""

    name: str
    filters: tuple = (32, 64)  # how many each convolution has; 1 to 4 convolutions
    pooling: tuple = (2, 2)  # the side of each convolution's max-pool, in pixels
    pool_first: bool = False  # pool before batch normalisation: fewer numbers to normalise
    units: int = 512  # of the first fully connected layer
    dropout: float = 0.5
    batch_size: int = 32
    epochs: int = 30
    learning_rate: float = 1e-3
    schedule: str = "constant"  # or "cosine": a short warm-up, then cosine decay to 0
    weight_decay: float = 0.0  # decoupled, as in AdamW (arXiv 1711.05101)
    label_smoothing: float = 0.0  # the share of each label that is spread over all classes
    augmentations: tuple = ("flip",)  # names in `augment.AUGMENTATIONS`, applied in this order
    photos: bool = False  # whether `data.join` adds photos to the images of Fashion-MNIST

    def __post_init__(self):
        for field in fields(self):
            value = _plain(getattr(self, field.name))
            object.__setattr__(self, field.name, value)  # as the class is frozen
        expect_file_name("The recipe's name", self.name)
        layers = len(self.filters) if isinstance(self.filters, tuple) else 0
        self._expect("filters", 1 <= layers <= 4, "1 to 4 whole numbers, such as (32, 64)")
        as_many = isinstance(self.pooling, tuple) and len(self.pooling) == layers
        self._expect("pooling", as_many, f"{layers} whole numbers, one for each of the filters")
        self._expect("pool_first", isinstance(self.pool_first, bool), "True or False")
        expect_whole("The recipe's batch_size", self.batch_size, 1, 1024)
        expect_whole("The recipe's epochs", self.epochs, 1, 999)
        expect_number("The recipe's learning_rate", self.learning_rate, 1e-12, 1e9)
        known = self.schedule in ("constant", "cosine")
        self._expect("schedule", known, "'constant' or 'cosine'")
        expect_number("The recipe's weight_decay", self.weight_decay, 0, 1)
        expect_number("The recipe's label_smoothing", self.label_smoothing, 0, 0.99)
        several = isinstance(self.augmentations, tuple)
        names = several and all(isinstance(name, str) for name in self.augmentations)
        self._expect("augmentations", names, "a tuple of names, such as ('flip',)")
        self._expect("photos", isinstance(self.photos, bool), "True or False")

    def _expect(self, field, fits, wanted):
        expect(fits, f"The recipe's {field}", getattr(self, field), wanted)


def expect_file_name(what, value):
    """Raise UserError unless `value` can be the name of a file on any system."""
    fits = isinstance(value, str) and re.fullmatch(FILE_NAME, value)
    wanted = "up to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit"
    expect(fits, what, value, wanted)


def _plain(value):
    """Return a tuple for a list, which JSON makes, and Python's number for numpy's."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        value = tuple(_plain(each) for each in value)
    return value


BASELINE = Recipe(
    name="baseline",
    filters=(32, 64),
    pooling=(2, 2),
    pool_first=False,
    units=512,
    dropout=0.5,
    batch_size=32,
    epochs=30,
    learning_rate=1e-3,
    schedule="constant",
    weight_decay=0.0,
    label_smoothing=0.0,
    augmentations=("flip",),
    photos=False,
)
IMPROVED = Recipe(
    name="improved",
    filters=(48, 96),
    pooling=(2, 2),
    pool_first=True,
    units=320,
    dropout=0.25,
    batch_size=64,
    epochs=30,
    learning_rate=2e-3,
    schedule="cosine",
    weight_decay=0.01,
    label_smoothing=0.05,
    augmentations=("flip", "shift", "erase"),
    photos=False,
)
COMPACT = Recipe(
    name="compact",
    filters=(32, 64),
    pooling=(2, 3),
    pool_first=True,
    units=48,
    dropout=0.05,
    batch_size=64,
    epochs=30,
    learning_rate=2e-3,
    schedule="cosine",
    weight_decay=0.01,
    label_smoothing=0.05,
    augmentations=("flip", "shift"),
    photos=False,
)
PHOTOS = Recipe(
    name="photos",
    filters=(48, 96),
    pooling=(2, 2),
    pool_first=True,
    units=320,
    dropout=0.25,
    batch_size=64,
    epochs=30,
    learning_rate=2e-3,
    schedule="cosine",
    weight_decay=0.01,
    label_smoothing=0.05,
    augmentations=("flip", "shift", "erase"),
    photos=True,
)
RECIPES = {
    "baseline": BASELINE,
    "improved": IMPROVED,
    "compact": COMPACT,
    "photos": PHOTOS,
}


def recipe_named(name) -> Recipe:
    """Return the recipe called `name`; raise UserError where there is none."""
    if name not in RECIPES:
        raise UserError(f"There is no recipe {name!r}; choose one of: {', '.join(RECIPES)}.")
    return RECIPES[name]
