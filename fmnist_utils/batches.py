"""What an epoch is: every training image once, shuffled and augmented."""

import keras
import numpy as np

from fmnist_utils.data import CLASS_NAMES


class Batches(keras.utils.PyDataset):
    """The batches of one epoch: images `uint8 (B, 28, 28, 1)`, one-hot labels `float32 (B, 10)`.

    Order and augmentation are a pure function of `(seed, epoch)`: batch `i` of an epoch is the
    same whenever and wherever it is asked for. Set `epoch` before an epoch begins. Give
    `shuffle=False` to `fit`, which otherwise shuffles the batches once more, by Python's `random`.
    """

    def __init__(self, split, batch_size, augmentations=(), seed=0):
        super().__init__()
        self.images = split.images
        self.labels = np.eye(len(CLASS_NAMES), dtype=np.float32)[split.labels]
        self.batch_size = batch_size
        self.augmentations = augmentations
        self.seed = seed
        self.epoch = 0

    @property
    def epoch(self):
        return self._epoch

    @epoch.setter
    def epoch(self, epoch):
        self._epoch = epoch
        self._order = np.random.default_rng((self.seed, epoch)).permutation(len(self.images))

    def __len__(self):
        return -(-len(self.images) // self.batch_size)

    def __getitem__(self, index):
        chosen = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        images = self.images[chosen]
        generator = np.random.default_rng((self.seed, self.epoch, index))
        for name in self.augmentations:
            images = AUGMENTATIONS[name](images, generator)
        return images, self.labels[chosen]


def flip(images, generator):
    """Mirror each image left to right with probability 1/2."""
    mirrored = generator.random(len(images)) < 0.5
    return np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


AUGMENTATIONS = {"flip": flip}
