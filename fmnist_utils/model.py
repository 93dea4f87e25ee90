"""The network, and the recipe that says what may differ between two trainings."""

from dataclasses import dataclass, replace

import keras
from keras import layers

from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """Everything that may differ between two trainings; `dataclasses.replace` makes a variant."""

    name: str
    filters: tuple = (32, 64)
    pooling: tuple = (2, 2)  # sides of the two max-pools
    pool_first: bool = False  # pool before normalising: a quarter of the numbers to normalise
    units: int = 512
    dropout: float = 0.5
    batch_size: int = 32
    epochs: int = 30
    learning_rate: float = 1e-3
    schedule: str = "constant"  # or "cosine": up in an epoch or a tenth of all, then to zero
    weight_decay: float = 0.0  # decoupled, as in AdamW (arXiv 1711.05101)
    label_smoothing: float = 0.0
    weight_averaging: float = 0.0  # momentum of the weights' moving average; 0: no average
    augmentations: tuple = ("flip",)  # names in `batches.AUGMENTATIONS`


BASELINE = Recipe("baseline")
IMPROVED = Recipe(
    "improved",
    filters=(48, 96),
    pool_first=True,
    units=320,
    dropout=0.25,
    batch_size=64,
    learning_rate=2e-3,
    schedule="cosine",
    weight_decay=0.01,
    label_smoothing=0.05,
    augmentations=("flip", "shift", "erase"),
)
COMPACT = replace(
    IMPROVED,
    name="compact",
    filters=(32, 64),
    pooling=(2, 3),
    units=48,
    dropout=0.05,
    augmentations=("flip", "shift"),
)
RECIPES = {recipe.name: recipe for recipe in (BASELINE, IMPROVED, COMPACT)}


def recipe_named(name) -> Recipe:
    """Return the recipe called `name`; raise UserError where there is none."""
    if name not in RECIPES:
        raise UserError(f"There is no recipe {name!r}; choose one of: {', '.join(RECIPES)}.")
    return RECIPES[name]


def build(recipe) -> keras.Model:
    """Return the untrained network: raw pixels `uint8 (B, 28, 28, 1)` in, probabilities out.

    Two convolutional and two fully connected layers. The scaling to 0..1 is part of the network,
    so nothing that feeds it can scale differently. The output is `float32 (B, 10)`, rows sum to 1.
    """
    network = [keras.Input((28, 28, 1), dtype="uint8", name="pixels"), layers.Rescaling(1 / 255)]
    for filters, side in zip(recipe.filters, recipe.pooling, strict=True):
        network.append(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        reduce = [layers.BatchNormalization(), layers.MaxPooling2D(side, padding="same")]
        network += reversed(reduce) if recipe.pool_first else reduce
    network += [
        layers.Flatten(),
        layers.Dense(recipe.units, activation="relu"),
        layers.Dropout(recipe.dropout),
        layers.Dense(len(CLASS_NAMES), activation="softmax"),
    ]
    return keras.Sequential(network, name=recipe.name)


def choices(recipe):
    """Return what `recipe` chooses and why, a row each."""
    schedule = {
        "constant": ("constant", "the simplest; the usual 0.001 is a good first choice with Adam"),
        "cosine": ("rises at first, then falls to zero", "large steps first, fine ones last"),
    }
    rows = [
        ("epochs", recipe.epochs, "in each, the network sees every training image once"),
        ("training images", "50,000", "83 % of the 60,000 there are; the others choose the epoch"),
        ("batch", recipe.batch_size, "small batches make noisy steps, which generalise well"),
        ("steps an epoch", -(-50_000 // recipe.batch_size), "images / batch, rounded up"),
        (
            "augmentation",
            ", ".join(recipe.augmentations),
            "more to learn from than the images there are",
        ),
        ("loss", "cross-entropy", "minus the logarithm of the right class's probability"),
        ("label smoothing", recipe.label_smoothing, "the share of certainty that is not asked for"),
        ("optimizer", "Adam", "adapts the step to each weight, so there is little to tune"),
        ("learning rate", recipe.learning_rate, "how far a step goes"),
        ("its schedule", *schedule[recipe.schedule]),
        ("weight decay", recipe.weight_decay, "draws weights towards zero: simpler answers"),
        ("weight averaging", recipe.weight_averaging, "its momentum: steadier than the last step"),
    ]
    return [{"choice": name, "value": str(value), "why": why} for name, value, why in rows if value]
