"""The network, and the recipe that says what may differ between two trainings."""

from dataclasses import dataclass

import keras
from keras import layers

from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """Everything that may differ between two trainings; `dataclasses.replace` makes a variant."""

    name: str
    filters: tuple = (32, 64)
    units: int = 512
    dropout: float = 0.5
    batch_size: int = 32
    epochs: int = 30
    learning_rate: float = 1e-3
    schedule: str = "constant"  # or "cosine": one epoch of warm-up, then down to zero
    weight_decay: float = 0.0  # decoupled, as in AdamW (arXiv 1711.05101)
    label_smoothing: float = 0.0
    weight_averaging: float = 0.0  # momentum of the weights' moving average; 0: no average
    augmentations: tuple = ("flip",)  # names in `batches.AUGMENTATIONS`


BASELINE = Recipe("baseline")
RECIPES = {recipe.name: recipe for recipe in (BASELINE,)}


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
    for filters in recipe.filters:
        network += [
            layers.Conv2D(filters, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
        ]
    network += [
        layers.Flatten(),
        layers.Dense(recipe.units, activation="relu"),
        layers.Dropout(recipe.dropout),
        layers.Dense(len(CLASS_NAMES), activation="softmax"),
    ]
    return keras.Sequential(network, name=recipe.name)


def choices(recipe):
    """Return what `recipe` chooses and why, a row each."""
    rows = [
        ("epochs", recipe.epochs, "the best one comes early; the rest shows the overfitting"),
        ("training images", "50,000", "83 % of the 60,000 there are; the others choose the epoch"),
        ("batch", recipe.batch_size, "small batches make noisy steps, which generalise well"),
        ("steps an epoch", -(-50_000 // recipe.batch_size), "images / batch, rounded up"),
        ("loss", "cross-entropy", "minus the logarithm of the right class's probability"),
        ("optimizer", "Adam", "adapts the step to each weight, so there is little to tune"),
        ("learning rate", f"{recipe.learning_rate:g}", "the usual first choice with Adam"),
    ]
    return [{"choice": name, "value": str(value), "why": why} for name, value, why in rows]
