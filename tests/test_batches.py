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
        for one, other in zip(first[50 + index], again[index], strict=True):
            assert (one == other).all()


def test_epochs_and_seeds_differ_in_order_and_in_augmentation(few):
    same = data.Split(*(np.repeat(array[:1], 32, axis=0) for array in few.train))
    for split, augmentations in ((few.train, ()), (same, ("flip",))):
        batches = Batches(split, 32, augmentations, seed=3)
        assert (batches[0][0] != batches[batches.steps_per_epoch][0]).any()
        assert (batches[0][0] != Batches(split, 32, augmentations, seed=4)[0][0]).any()


def test_images_keep_their_labels_and_types(few):
    images, labels = Batches(few.train, 32)[0]
    assert (images.dtype, labels.dtype) == (np.uint8, np.float32)
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


GREY = np.full((2000, 28, 28, 1), 128, np.uint8)


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
    assert (mirrored | (flipped == images).all(axis=(1, 2, 3))).all()
    assert 900 < mirrored.sum() < 1100


def test_shift_moves_each_image_by_up_to_two_pixels_each_way(images):
    shifted = augmented("shift", images)
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    for down, right in np.ndindex(7, 7):
        moved = padded[:, 7 - down :, 7 - right :][:, :28, :28]
        hits = (shifted == moved).all(axis=(1, 2, 3)).sum()
        inside = 1 <= down <= 5 and 1 <= right <= 5
        assert 40 < hits < 200 if inside else hits < 40, (down - 3, right - 3)


def test_erase_blackens_a_box_in_about_half_of_the_images():
    erased = augmented("erase", GREY)[..., 0] == 0
    hit = erased.any(axis=(1, 2))
    heights, widths = erased.any(axis=2).sum(axis=1)[hit], erased.any(axis=1).sum(axis=1)[hit]
    assert 900 < hit.sum() < 1100
    assert (erased.sum(axis=(1, 2))[hit] == heights * widths).all()
    assert set(heights) == set(widths) == set(range(3, 11))
    assert erased.any(axis=0).all()


def test_gaussian_noise_has_a_deviation_of_up_to_25_that_differs_between_images():
    noisy = augmented("gaussian_noise", GREY)
    deviations = noisy.std(axis=(1, 2, 3))
    assert deviations.max() < 28
    assert abs(deviations.mean() - 12.5) < 1
    assert abs(noisy.mean() - 128) < 0.1


def test_salt_and_pepper_turns_up_to_a_twentieth_of_the_pixels_white_or_black():
    peppered = augmented("salt_and_pepper", GREY)
    assert set(np.unique(peppered)) == {0, 128, 255}
    for value in (0, 255):
        shares = (peppered == value).mean(axis=(1, 2, 3))
        assert shares.max() < 0.05
        assert abs(shares.mean() - 0.0125) < 0.002


def test_tone_keeps_black_white_and_the_order_of_the_greys():
    ramp = np.linspace(0, 255, 784).astype(np.uint8).reshape(1, 28, 28, 1).repeat(200, axis=0)
    toned = augmented("tone", ramp).reshape(200, 784).astype(int)
    assert (toned[:, [0, -1]] == [0, 255]).all()
    assert (np.diff(toned, axis=1) >= 0).all()
    assert 60 <= toned[:, 392].min() < 75
    assert 170 < toned[:, 392].max() <= 182
