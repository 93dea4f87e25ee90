import numpy as np
import pytest

from fmnist_utils import data
from fmnist_utils.batches import AUGMENTATIONS, Batches

GREY = np.full((2000, 28, 28, 1), 128, np.uint8)


def test_an_epoch_holds_every_image_once_with_its_label(splits, few):
    numbers = np.arange(50_000).reshape(-1, 1, 1, 1)
    batches = Batches(data.Split(numbers, splits.train.labels), 32)
    assert batches.steps_per_epoch == 1563
    for epoch in range(2):
        all_batches = [batches[epoch * 1563 + index] for index in range(1563)]
        images, labels = map(np.concatenate, zip(*all_batches, strict=True))
        assert len(all_batches[-1][0]) == 16
        assert (np.sort(images, axis=0) == numbers).all()
        assert (labels == np.eye(10)[splits.train.labels[images.ravel()]]).all()
    images, labels = Batches(few.train, 32, smoothing=0.1)[0]
    assert (images.dtype, labels.dtype) == (np.uint8, np.float32)
    assert np.allclose(labels, np.where(Batches(few.train, 32)[0][1] == 1, 0.91, 0.01))


def test_batches_are_a_pure_function_of_seed_and_epoch(few):
    first = Batches(few.train, 32, ("flip", "shift"), seed=3)
    again = Batches(few.train, 32, ("flip", "shift"), seed=3, first_epoch=5)
    for index in reversed(range(10)):
        assert all(map(np.array_equal, first[50 + index], again[index]))
    same = data.Split(*(np.repeat(array[:1], 32, axis=0) for array in few.train))
    for split, augmentations in ((few.train, ()), (same, ("flip",))):
        batches = Batches(split, 32, augmentations, seed=3)
        assert (batches[0][0] != batches[batches.steps_per_epoch][0]).any()
        assert (batches[0][0] != Batches(split, 32, augmentations, seed=4)[0][0]).any()


def augmented(name, images, seed=0):
    return AUGMENTATIONS[name](images, np.random.default_rng(seed))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_are_pure_and_give_pixels(splits, name):
    images = splits.train.images[:2000]
    before, once = images.copy(), augmented(name, images)
    assert (images == before).all()
    assert (once == augmented(name, images)).all()
    assert (once.dtype, once.shape) == (np.uint8, images.shape)
    assert (once != augmented(name, images, seed=1)).any()
    assert (once != images).any(axis=(1, 2, 3)).mean() > 0.3


def test_flip_mirrors_half_of_the_images_and_shift_moves_them_by_up_to_two_pixels(splits):
    images = splits.train.images[:2000]
    flipped, shifted = augmented("flip", images), augmented("shift", images)
    mirrored = (flipped == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (mirrored | (flipped == images).all(axis=(1, 2, 3))).all()
    assert 900 < mirrored.sum() < 1100
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    for down, right in np.ndindex(7, 7):
        moved = padded[:, 7 - down :, 7 - right :][:, :28, :28]
        hits = (shifted == moved).all(axis=(1, 2, 3)).sum()
        assert 40 < hits < 200 if {down, right} <= {1, 2, 3, 4, 5} else hits < 40


def test_erase_noise_and_tone_are_as_strong_as_documented():
    erased = augmented("erase", GREY)[..., 0] == 0
    hit = erased.any(axis=(1, 2))
    heights, widths = erased.any(axis=2).sum(axis=1)[hit], erased.any(axis=1).sum(axis=1)[hit]
    assert 900 < hit.sum() < 1100
    assert (erased.sum(axis=(1, 2))[hit] == heights * widths).all()
    assert set(heights) == set(widths) == set(range(3, 11))
    assert erased.any(axis=0).all()

    noisy, peppered = augmented("gaussian_noise", GREY), augmented("salt_and_pepper", GREY)
    deviations = noisy.std(axis=(1, 2, 3))
    assert deviations.max() < 28
    assert abs(deviations.mean() - 12.5) < 1
    assert abs(noisy.mean() - 128) < 0.1
    assert set(np.unique(peppered)) == {0, 128, 255}
    for value in (0, 255):
        shares = (peppered == value).mean(axis=(1, 2, 3))
        assert shares.max() < 0.05
        assert abs(shares.mean() - 0.0125) < 0.002

    ramp = np.linspace(0, 255, 784).astype(np.uint8).reshape(1, 28, 28, 1).repeat(200, axis=0)
    toned = augmented("tone", ramp).reshape(200, 784).astype(int)
    assert (toned[:, [0, -1]] == [0, 255]).all()  # black and white stay, the order too
    assert (np.diff(toned, axis=1) >= 0).all()
    assert 60 <= toned[:, 392].min() < 75
    assert 170 < toned[:, 392].max() <= 182
