import numpy as np
import pytest

from fmnist_utils import data
from fmnist_utils.batches import AUGMENTATIONS, Batches


def test_an_epoch_holds_every_image_once(splits):
    numbered = data.Split(np.arange(50_000).reshape(-1, 1, 1, 1), splits.train.labels)
    batches = Batches(numbered, 32)
    assert batches.steps_per_epoch == 1563
    for epoch in range(2):
        images = [batches[epoch * 1563 + index][0].ravel() for index in range(1563)]
        assert len(images[-1]) == 16
        assert (np.sort(np.concatenate(images)) == np.arange(50_000)).all()


def test_batches_are_a_pure_function_of_seed_and_epoch(few):
    first = Batches(few.train, 32, ("flip", "shift"), seed=3)
    again = Batches(few.train, 32, ("flip", "shift"), seed=3, first_epoch=5)
    for index in reversed(range(10)):
        images, labels = again[index]
        assert (first[50 + index][0] == images).all()
        assert (first[50 + index][1] == labels).all()


def test_epochs_and_seeds_differ_in_order_and_in_augmentation(few):
    one, other = few.train.images[:1], few.train.labels[:1]
    same = data.Split(np.repeat(one, 32, axis=0), np.repeat(other, 32))
    for split, augmentations in ((few.train, ()), (same, ("flip",))):
        batches = Batches(split, 32, augmentations, seed=3)
        assert (batches[0][0] != batches[batches.steps_per_epoch][0]).any()
        assert (batches[0][0] != Batches(split, 32, augmentations, seed=4)[0][0]).any()


def test_images_keep_their_labels_and_types(few):
    batches = Batches(few.train, 32)
    images, labels = batches[0]
    assert images.dtype == np.uint8
    assert labels.dtype == np.float32
    for image, label in zip(images, labels, strict=True):
        index = np.flatnonzero((few.train.images == image).all(axis=(1, 2, 3)))
        assert few.train.labels[index[0]] == label.argmax()


def test_smoothing_takes_its_share_of_every_label(few):
    labels = Batches(few.train, 32, smoothing=0.1)[0][1]
    assert np.allclose(np.sort(labels, axis=1), [0.01] * 9 + [0.91])
    assert (labels.argmax(axis=1) == Batches(few.train, 32)[0][1].argmax(axis=1)).all()


@pytest.fixture
def images(splits):
    return splits.train.images[:2000]


def augmented(name, images):
    return AUGMENTATIONS[name](images, np.random.default_rng(0))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_are_pure_and_give_pixels(images, name):
    before = images.copy()
    once, again = augmented(name, images), augmented(name, images)
    assert (images == before).all()
    assert (once == again).all()
    assert (once.dtype, once.shape) == (np.uint8, images.shape)
    assert (once != AUGMENTATIONS[name](images, np.random.default_rng(1))).any()
    assert (once != images).any(axis=(1, 2, 3)).mean() > 0.3


def test_flip_mirrors_about_half_of_the_images(images):
    flipped = augmented("flip", images)
    mirrored = (flipped == images[:, :, ::-1]).all(axis=(1, 2, 3))
    same = (flipped == images).all(axis=(1, 2, 3))
    assert (mirrored | same).all()
    assert 900 < mirrored.sum() < 1100


def test_shift_moves_each_image_by_up_to_two_pixels_each_way(images):
    shifted = augmented("shift", images)
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    moved_by = {
        (down, right): (shifted == padded[:, 4 - down :, 4 - right :][:, :28, :28]).all((1, 2, 3))
        for down in range(-3, 4)
        for right in range(-3, 4)
    }
    inner = {offset: hits for offset, hits in moved_by.items() if max(map(abs, offset)) <= 2}
    assert np.any(list(inner.values()), axis=0).all()
    assert all(40 < hits.sum() < 200 for hits in inner.values())
    assert all(hits.sum() < 40 for offset, hits in moved_by.items() if offset not in inner)


def test_erase_blackens_a_box_in_about_half_of_the_images():
    white = np.full((2000, 28, 28, 1), 255, np.uint8)
    erased = augmented("erase", white)[..., 0] == 0
    hit = erased.any(axis=(1, 2))
    heights, widths = erased.any(axis=2).sum(axis=1)[hit], erased.any(axis=1).sum(axis=1)[hit]
    assert 900 < hit.sum() < 1100
    assert (erased.sum(axis=(1, 2))[hit] == heights * widths).all()
    for sides in (heights, widths):
        assert set(sides) == set(range(3, 11))
    for axis in (1, 2):
        assert erased.any(axis=(0, axis)).all()


def test_gaussian_noise_has_a_deviation_of_up_to_25_that_differs_between_images():
    grey = np.full((2000, 28, 28, 1), 128, np.uint8)
    noisy = augmented("gaussian_noise", grey)
    deviations = noisy.std(axis=(1, 2, 3))
    assert deviations.max() < 28
    assert abs(deviations.mean() - 12.5) < 1
    assert abs(noisy.mean() - 128) < 0.1


def test_salt_and_pepper_turns_up_to_a_twentieth_of_the_pixels_white_or_black():
    grey = np.full((2000, 28, 28, 1), 128, np.uint8)
    peppered = augmented("salt_and_pepper", grey)
    assert set(np.unique(peppered)) == {0, 128, 255}
    for value in (0, 255):
        shares = (peppered == value).mean(axis=(1, 2, 3))
        assert shares.max() < 0.05
        assert abs(shares.mean() - 0.0125) < 0.002


def test_tone_keeps_black_white_and_the_order_of_the_greys():
    ramp = np.linspace(0, 255, 784).astype(np.uint8).reshape(1, 28, 28, 1).repeat(200, axis=0)
    toned = augmented("tone", ramp).reshape(200, 784).astype(int)
    assert (toned[:, 0] == 0).all()
    assert (toned[:, -1] == 255).all()
    assert (np.diff(toned, axis=1) >= 0).all()
    middle = toned[:, 392]
    assert 60 <= middle.min() < 75
    assert 170 < middle.max() <= 182
