"""The network."""

import keras
import numpy as np
from keras import layers

from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError, expect

IMAGES_AT_ONCE = 200  # so that a million images fit into memory
CHANNELS_LAST = "channels_last"  # whatever a user's keras.json says


def build(recipe) -> keras.Model:
    """Return the untrained network: raw pixels in, the probabilities of the ten classes out.

    Pixels are uint8 (B, 28, 28, 1); the network scales them itself, so that no caller can scale
    them wrongly. Probabilities are (B, 10). Raises UserError where Keras refuses the recipe.
    """
    try:
        return keras.Sequential(layers_of(recipe), name=recipe.name)
    except (TypeError, ValueError) as error:
        wrong = f"Keras cannot build the recipe {recipe.name!r} ({error!s:.200})"
        raise UserError(f"{wrong}; change what it names.") from None


def layers_of(recipe):
    """Return the layers of a recipe's network, first to last."""
    stack = [
        keras.Input((28, 28, 1), dtype="uint8", name="pixels"),
        layers.Rescaling(1 / 255),
    ]
    for filters, side in zip(recipe.filters, recipe.pooling, strict=True):
        convolution = layers.Conv2D(
            filters, 3, padding="same", activation="relu", data_format=CHANNELS_LAST
        )
        normalisation = layers.BatchNormalization()
        pooling = layers.MaxPooling2D(side, padding="same", data_format=CHANNELS_LAST)
        if recipe.pool_first:
            stack += [convolution, pooling, normalisation]
        else:
            stack += [convolution, normalisation, pooling]
    stack += [
        layers.Flatten(data_format=CHANNELS_LAST),
        layers.Dense(recipe.units, activation="relu"),
        layers.Dropout(recipe.dropout),
        layers.Dense(len(CLASS_NAMES), activation="softmax"),
    ]
    return stack


def probabilities(network, images):
    """Return what a `network` answers to `images`, uint8 (N, 28, 28, 1): float32 (N, 10).

    Raises UserError if the answers are not probabilities.
    """
    takes_images = getattr(network, "input_shape", None) == (None, 28, 28, 1)
    names_classes = getattr(network, "output_shape", None) == (None, len(CLASS_NAMES))
    wanted = "a network of `model.build`, or one with the same inputs and outputs"
    expect(takes_images and names_classes, "The model", network, wanted)
    parts = []
    for start in range(0, len(images), IMAGES_AT_ONCE):
        parts.append(network.predict_on_batch(images[start : start + IMAGES_AT_ONCE]))
    answers = np.concatenate(parts, dtype=np.float32)
    # Numbers of 16 bits add up to 1 within 0.02. With a NaN among them, this is False as well.
    if not np.allclose(answers.sum(axis=1), 1, atol=0.02):
        raise UserError("The network's answers are NaN or not probabilities; train it again.")
    return answers
