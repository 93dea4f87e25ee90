"""The real data and small parts of it."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import matplotlib
import pytest

from benchmarks import kill
from fmnist_utils import data

matplotlib.use("Agg")


@pytest.fixture(scope="session")
def splits():
    return data.load()


@pytest.fixture(scope="session")
def few(splits):
    return kill.few(splits)
