"""What the benchmarks try beside the package is what they say it is."""

import numpy as np
import pytest

from benchmarks import ablation, mistakes, opinions, report
from fmnist_utils import data


def mixed(splits, **mixing):
    return ablation.Mixed(splits.train, 128, seed=1, **mixing)


@pytest.mark.parametrize("change", ablation.MIXED)
def test_a_mixed_batch_is_the_same_twice_and_its_labels_are_shares(change, splits):
    batches = mixed(splits, **ablation.MIXED[change])
    (images, labels), (again, same) = batches[5], batches[5]
    assert np.array_equal(images, again)
    assert np.array_equal(labels, same)
    assert images.dtype == np.uint8
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-5)
    assert not np.array_equal(labels, mixed(splits)[5][1])


@pytest.mark.parametrize("mixture", [ablation.mixup, ablation.cutmix])
def test_labels_are_mixed_as_the_images_are(mixture, splits):
    """Of two kinds of images, black ones and white ones, each class is one."""
    of = np.arange(256, dtype=np.uint8) % 2
    images = np.full((256, 28, 28, 1), 255, np.uint8) * of[:, None, None, None]
    split = data.Split(images, of.astype(np.int64))
    images, labels = ablation.Mixed(split, 256, mixture=mixture)[0]
    np.testing.assert_allclose(images.mean(axis=(1, 2, 3)) / 255, labels[:, 1], atol=0.01)
    assert ((labels > 0.1) & (labels < 0.9)).any(axis=1).mean() > 0.05


def test_an_opinion_is_of_a_network_that_did_not_see_the_image(splits):
    labels = splits.train.labels
    folds = opinions.folds(labels, 0)
    assert np.array_equal(
        np.sort(np.concatenate([unseen for _, unseen in folds])), np.arange(50_000)
    )
    assert not any(np.intersect1d(*fold).size for fold in folds)
    agree = np.load(opinions.PATH)["opinions"].argmax(axis=1) == labels
    assert 0.93 < agree.mean() < 0.96  # those who saw them say the label of 99 %


def test_the_mistakes_are_those_of_the_mean(few):
    """Of three answers, two are wrong about the first image, and one about the next two."""
    labels = few.test.labels
    wrong = (labels + 1) % 10
    every = np.eye(10)[np.stack([labels] * 3)] * 0.9
    every[:2, 0], every[2, 1:3] = np.eye(10)[wrong[0]], np.eye(10)[wrong[1:3]]
    figures = mistakes.described(every, few)
    (mistake,) = figures[mistakes.MISTAKES]
    assert (mistake["image"], mistake["seeds"]) == (0, 2)
    assert mistake["answer"] == data.CLASS_NAMES[wrong[0]]
    assert (figures["wrong in all seeds"], figures["wrong in any seed"]) == (0, 3)
    assert sum(figures[mistakes.COMPARED].values()) == 2


def test_the_mistakes_in_the_model_card_are_of_the_test_images(splits):
    labels = np.array(data.CLASS_NAMES)[splits.test.labels]
    for mistake in report.read("benchmarks/mistakes.json")[mistakes.MISTAKES]:
        assert mistake["label"] == labels[mistake["image"]] != mistake["answer"]
