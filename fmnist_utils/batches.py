"""What an epoch is: every training image once, in random order, with random changes."""

import math
from functools import lru_cache

import keras
import numpy as np

from fmnist_utils.augment import AUGMENTATIONS
from fmnist_utils.data import CLASS_NAMES, NONE
from fmnist_utils.errors import expect


class Batches(keras.utils.PyDataset):
    """All batches of a training: images uint8 (B, 28, 28, 1), labels float32 (B, 10).

    Batch 0 is the first of `first_epoch`. Each batch depends on `(seed, epoch)` alone, so that a
    training that continues sees the images that it would have seen. The batches never end, because
    Keras can wait for up to 10 seconds after each epoch of a data set that does: `fit` needs
    `steps_per_epoch`, and `shuffle=False`.
    """

    num_batches = None  # without end

    def __init__(
        self, split, batch_size, augmentations=(), seed=0, first_epoch=0, label_smoothing=0.0
    ):
        super().__init__()
        self.images = split.images
        # Smoothed here and not in the loss, so that the validation loss stays as it is.
        self.labels = smoothed(one_hot(split.labels), label_smoothing)
        self.batch_size = batch_size
        self.augmentations = augmentations
        self.seed = seed
        self.first_epoch = first_epoch
        self.steps_per_epoch = steps_per_epoch(split, batch_size)

    def __getitem__(self, step):
        epoch = self.first_epoch + step // self.steps_per_epoch
        index = step % self.steps_per_epoch
        order = order_of_epoch(len(self.images), self.seed, epoch)
        start = index * self.batch_size
        chosen = order[start : start + self.batch_size]
        images = self.images[chosen]
        generator = np.random.default_rng((self.seed, epoch, index))
        for name in self.augmentations:
            images = apply_augmentation(name, images, generator)
        return images, self.labels[chosen]


def apply_augmentation(name, images, generator):
    """Return the images as the augmentation called `name` changes them.

    Raises UserError if it returns anything but images of the same shape and type.
    """
    changed = AUGMENTATIONS[name](images, generator)
    same_type = isinstance(changed, np.ndarray) and changed.dtype == images.dtype
    fits = same_type and changed.shape == images.shape
    what = f"The result of the augmentation {name!r}"
    expect(fits, what, changed, f"images like those that it got, {images.dtype} {images.shape}")
    return changed


def steps_per_epoch(split, batch_size):
    """Return the number of batches in an epoch; the last one may be smaller."""
    return math.ceil(len(split.images) / batch_size)


@lru_cache(maxsize=2)  # an epoch's order is needed for each of its batches
def order_of_epoch(count, seed, epoch):
    """Return the numbers from 0 to `count - 1` in the random order of one epoch."""
    return np.random.default_rng((seed, epoch)).permutation(count)


def one_hot(labels):
    """Return labels (N,) as shares of the classes: float32 (N, 10), 1 for the class, else 0.

    All classes get the same share of NONE (outlier exposure, arXiv 1812.04606): of what is none of
    the classes, the network learns to be sure of none.
    """
    shares = np.eye(len(CLASS_NAMES), dtype=np.float32)[labels]
    shares[labels == NONE] = 1 / len(CLASS_NAMES)
    return shares


def smoothed(labels, share):
    """Spread a `share` of each label over all classes (arXiv 1512.00567, section 7)."""
    return labels * (1 - share) + share / len(CLASS_NAMES)
