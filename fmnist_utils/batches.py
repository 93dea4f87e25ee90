"""What an epoch is: every training image once, shuffled and augmented."""

from functools import lru_cache

import keras
import numpy as np

from fmnist_utils.data import CLASS_NAMES


class Batches(keras.utils.PyDataset):
    """All batches of a training: images `uint8 (B, 28, 28, 1)`, one-hot labels `float32 (B, 10)`.

    An epoch is `steps_per_epoch` of them, and batch 0 is the first of `first_epoch`. Order and
    augmentation are a pure function of `(seed, epoch)`: a batch is the same whenever and wherever
    it is asked for. Give `fit` the `steps_per_epoch`, and `shuffle=False`.

    They never end: to let go of a dataset, as after every epoch of one that ends, TensorFlow 2.20
    may take as long as it had used it, up to a minute.
    """

    num_batches = None

    def __init__(self, split, batch_size, augmentations=(), seed=0, first_epoch=0):
        super().__init__()
        self.images = split.images
        self.labels = np.eye(len(CLASS_NAMES), dtype=np.float32)[split.labels]
        self.batch_size = batch_size
        self.augmentations = augmentations
        self.seed = seed
        self.first_epoch = first_epoch
        self.steps_per_epoch = -(-len(self.images) // batch_size)

    def __getitem__(self, step):
        epochs, index = divmod(step, self.steps_per_epoch)
        epoch = self.first_epoch + epochs
        order = _order(len(self.images), self.seed, epoch)
        chosen = order[index * self.batch_size : (index + 1) * self.batch_size]
        images = self.images[chosen]
        generator = np.random.default_rng((self.seed, epoch, index))
        for name in self.augmentations:
            images = AUGMENTATIONS[name](images, generator)
        return images, self.labels[chosen]


@lru_cache(maxsize=2)
def _order(count, seed, epoch):
    return np.random.default_rng((seed, epoch)).permutation(count)


def flip(images, generator):
    """Mirror each image left to right with probability 1/2."""
    mirrored = generator.random(len(images)) < 0.5
    return np.where(_each(mirrored), images[:, :, ::-1], images)


def shift(images, generator):
    """Move each image by up to 2 pixels in both directions: a random crop of it, padded by 2."""
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    crops = np.lib.stride_tricks.sliding_window_view(padded, images.shape[1:3], axis=(1, 2))
    top, left = generator.integers(0, 5, (2, len(images)))
    return np.moveaxis(crops[np.arange(len(images)), top, left], 1, -1)


def erase(images, generator):
    """Blacken a box of 3 to 10 pixels a side in every other image (arXiv 1708.04896)."""
    sides = generator.integers(3, 11, (2, len(images)))
    starts = generator.integers(0, 29 - sides)
    inside = (np.arange(28) >= starts[..., None]) & (np.arange(28) < (starts + sides)[..., None])
    boxes = inside[0][:, :, None, None] & inside[1][:, None, :, None]
    return np.where(_each(generator.random(len(images)) < 0.5) & boxes, 0, images).astype(np.uint8)


def gaussian_noise(images, generator):
    """Add noise to each image, of a standard deviation of up to 25 grey levels."""
    deviation = _each(generator.uniform(0, 25, len(images)))
    return _pixels(images + deviation * generator.standard_normal(images.shape))


def salt_and_pepper(images, generator):
    """Turn up to a twentieth of each image's pixels white or black."""
    share = _each(generator.uniform(0, 0.05, len(images)))
    draws = generator.random(images.shape)
    return np.where(draws < share, np.where(draws < share / 2, 0, 255), images).astype(np.uint8)


def tone(images, generator):
    """Brighten or darken the middle greys of each image: pixels to a power of 1/2 to 2."""
    power = _each(2 ** generator.uniform(-1, 1, len(images)))
    return _pixels(255 * (images / 255) ** power)


AUGMENTATIONS = {
    function.__name__: function
    for function in (flip, shift, erase, gaussian_noise, salt_and_pepper, tone)
}


def _each(values):
    """Return one value an image as an array that spreads over the images' pixels."""
    return values[:, None, None, None]


def _pixels(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
