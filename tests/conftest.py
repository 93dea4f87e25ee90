"""The real data and small parts of it."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from fmnist_utils import data


@pytest.fixture(scope="session")
def splits():
    return data.load()


@pytest.fixture(scope="session")
def few(splits):
    """The first images of each split: enough to train on for a moment."""
    return data.Splits(*(data.Split(images[:320], labels[:320]) for images, labels in splits))
