"""The network."""

import keras
import numpy as np
from keras import layers

from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError, expect

IMAGES_AT_ONCE = 200


def build(recipe) -> keras.Model:
    """Return the untrained network: raw pixels in, the probabilities of the ten classes out.

    Pixels are uint8 (B, 28, 28, 1); the network scales them itself, so that no caller can scale
    them wrongly. Probabilities are (B, 10).
    """
    # Channels come last, whatever a user's keras.json says.
    channels_last = "channels_last"
    stack = [
        keras.Input((28, 28, 1), dtype="uint8", name="pixels"),
        layers.Rescaling(1 / 255),
    ]
    for filters, side in zip(recipe.filters, recipe.pooling, strict=True):
        convolution = layers.Conv2D(
            filters, 3, padding="same", activation="relu", data_format=channels_last
        )
        normalisation = layers.BatchNormalization()
        pooling = layers.MaxPooling2D(side, padding="same", data_format=channels_last)
        if recipe.pool_first:
            stack += [convolution, pooling, normalisation]
        else:
            stack += [convolution, normalisation, pooling]
    stack += [
        layers.Flatten(data_format=channels_last),
        layers.Dense(recipe.units, activation="relu"),
        layers.Dropout(recipe.dropout),
        layers.Dense(len(CLASS_NAMES), activation="softmax"),
    ]
    return keras.Sequential(stack, name=recipe.name)


def probabilities(network, images):
    """Return what a `network` answers to `images`, uint8 (N, 28, 28, 1): float32 (N, 10).

    Raises UserError where the answers are no probabilities.
    """
    takes_images = getattr(network, "input_shape", None) == (None, 28, 28, 1)
    names_classes = getattr(network, "output_shape", None) == (None, len(CLASS_NAMES))
    wanted = "a network of `model.build`, or one of its shapes"
    expect(takes_images and names_classes, "The model", network, wanted)
    parts = []
    for start in range(0, len(images), IMAGES_AT_ONCE):
        parts.append(network.predict_on_batch(images[start : start + IMAGES_AT_ONCE]))
    answers = np.concatenate(parts, dtype=np.float32)
    if not np.allclose(answers.sum(axis=1), 1, atol=0.02):  # NaN is close to nothing
        raise UserError("The network's answers are NaN or no probabilities; train it again.")
    return answers
