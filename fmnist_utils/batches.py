"""What an epoch is: every training image once, shuffled and augmented."""

from functools import lru_cache

import keras
import numpy as np


class Batches(keras.utils.PyDataset):
    """All batches of a training: images `uint8 (B, 28, 28, 1)`, labels `float32 (B, 10)`.

    Batch 0 is `first_epoch`'s first; each derives from `(seed, epoch)` alone. They never end, as
    TensorFlow can take a minute to close what does: give `fit` `steps_per_epoch`, `shuffle=False`.
    """

    num_batches = None

    def __init__(self, split, batch_size, augmentations=(), seed=0, first_epoch=0, smoothing=0.0):
        super().__init__()
        # Smoothing the labels here, not in the loss, leaves the validation loss as it is.
        self.labels = np.eye(10, dtype=np.float32)[split.labels] * (1 - smoothing) + smoothing / 10
        self.images, self.batch_size, self.augmentations = split.images, batch_size, augmentations
        self.steps_per_epoch = -(-len(self.images) // batch_size)
        self.seed, self.first_epoch = seed, first_epoch

    def __getitem__(self, step):
        epoch, index = divmod(step + self.first_epoch * self.steps_per_epoch, self.steps_per_epoch)
        chosen = _order(len(self.images), self.batch_size, self.seed, epoch)[index]
        images = self.images[chosen]
        generator = np.random.default_rng((self.seed, epoch, index))
        for name in self.augmentations:
            images = AUGMENTATIONS[name](images, generator)
        return images, self.labels[chosen]


@lru_cache(maxsize=2)
def _order(n, size, seed, epoch):
    return np.split(np.random.default_rng((seed, epoch)).permutation(n), range(size, n, size))


def flip(images, generator):
    """Mirror each image left to right with probability 1/2."""
    mirrored = generator.random(len(images)) < 0.5
    return np.where(_each(mirrored), images[:, :, ::-1], images)


def shift(images, generator):
    """Move each image by up to 2 pixels in both directions: a random crop of it, padded by 2."""
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    rows, columns = generator.integers(0, 5, (2, len(images), 1)) + np.arange(28)
    return padded[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None]]


def erase(images, generator):
    """Blacken a box of 3 to 10 pixels a side with probability 1/2 (arXiv 1708.04896)."""
    sides = generator.integers(3, 11, (2, len(images)))
    starts = generator.integers(0, 29 - sides)
    inside = (np.arange(28) >= starts[..., None]) & (np.arange(28) < (starts + sides)[..., None])
    boxes = inside[0][:, :, None, None] & inside[1][:, None, :, None]
    return np.where(_each(generator.random(len(images)) < 0.5) & boxes, 0, images).astype(np.uint8)


def gaussian_noise(images, generator):
    """Add noise to each image, of a standard deviation of up to 25 grey levels."""
    noisy = generator.normal(images, _each(generator.uniform(0, 25, len(images))))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def salt_and_pepper(images, generator):
    """Turn up to a twentieth of each image's pixels white or black."""
    share = _each(generator.uniform(0, 0.05, len(images)))
    draws = generator.random(images.shape)
    return np.where(draws < share, np.where(draws < share / 2, 0, 255), images).astype(np.uint8)


def tone(images, generator):
    """Brighten or darken the middle greys of each image: pixels to a power of 1/2 to 2."""
    power = _each(2 ** generator.uniform(-1, 1, len(images)))
    return np.rint(255 * (images / 255) ** power).astype(np.uint8)


def _each(values):
    """Return a value for each image in a shape that spreads over its pixels."""
    return values[:, None, None, None]


AUGMENTATIONS = {f.__name__: f for f in (flip, shift, erase, gaussian_noise, salt_and_pepper, tone)}
