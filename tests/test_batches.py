import numpy as np

from fmnist_utils import data
from fmnist_utils.batches import Batches, flip


def test_an_epoch_holds_every_image_once(splits):
    batches = Batches(splits.train, 32)
    assert len(batches) == 1563
    order = np.concatenate([batches._order[i * 32 : (i + 1) * 32] for i in range(len(batches))])
    assert (np.sort(order) == np.arange(50_000)).all()
    assert len(batches[1562][0]) == 16


def test_batches_are_a_pure_function_of_seed_and_epoch(few):
    first, again = (Batches(few.train, 32, ("flip",), seed=3) for _ in range(2))
    for batches in (first, again):
        batches.epoch = 5
    later = [again[index] for index in reversed(range(len(again)))][::-1]
    for index, (images, labels) in enumerate(later):
        assert (first[index][0] == images).all()
        assert (first[index][1] == labels).all()


def test_epochs_and_seeds_differ_in_order_and_in_augmentation(few):
    one, other = few.train.images[:1], few.train.labels[:1]
    same = data.Split(np.repeat(one, 32, axis=0), np.repeat(other, 32))
    for split, augmentations in ((few.train, ()), (same, ("flip",))):
        first, later = (Batches(split, 32, augmentations, seed=3) for _ in range(2))
        later.epoch = 1
        assert (first[0][0] != later[0][0]).any()
        assert (first[0][0] != Batches(split, 32, augmentations, seed=4)[0][0]).any()


def test_images_keep_their_labels_and_types(few):
    batches = Batches(few.train, 32)
    images, labels = batches[0]
    assert images.dtype == np.uint8
    assert labels.dtype == np.float32
    for image, label in zip(images, labels, strict=True):
        index = np.flatnonzero((few.train.images == image).all(axis=(1, 2, 3)))
        assert few.train.labels[index[0]] == label.argmax()


def test_flip_mirrors_about_half_of_the_images(splits):
    images = splits.train.images[:2000]
    flipped = flip(images, np.random.default_rng(0))
    mirrored = (flipped == images[:, :, ::-1]).all(axis=(1, 2, 3))
    same = (flipped == images).all(axis=(1, 2, 3))
    assert (mirrored | same).all()
    assert 900 < mirrored.sum() < 1100
