"""The real data, a small part of it, a short training with every option, and copies to edit."""

import os
import shutil
import subprocess
import sys

import matplotlib
import pytest

from docs.execute import ROOT
from fmnist_utils import data, training
from fmnist_utils.recipes import Recipe

matplotlib.use("Agg")
SHORT = Recipe(
    name="short",
    filters=(8, 16),
    pooling=(2, 2),
    pool_first=False,
    units=32,
    dropout=0.5,
    batch_size=32,
    epochs=3,
    learning_rate=1e-3,
    schedule="cosine",
    weight_decay=0.01,
    label_smoothing=0.1,
    augmentations=("flip", "shift", "erase", "gaussian_noise", "salt_and_pepper", "tone"),
)


@pytest.fixture(scope="session")
def splits():
    return data.load()


def first_images(splits):
    """Return the first 320 images of each split: enough to train on for a moment."""
    few = [data.Split(split.images[:320], split.labels[:320]) for split in splits]
    return data.Splits(few[0], few[1], few[2])


@pytest.fixture(scope="session")
def few(splits):
    return first_images(splits)


@pytest.fixture(scope="session")
def finished(few, tmp_path_factory):
    """The folder of a finished run of SHORT, not to be changed, and what it returned."""
    folder = tmp_path_factory.mktemp("run")
    return folder, training.train(SHORT, few, folder)


@pytest.fixture
def run_dir(finished, tmp_path):
    """A copy of the finished run's folder, to be changed."""
    return shutil.copytree(finished[0], tmp_path / "run")


def copy_project(folder):
    """Copy the notebooks and the package into `folder`, and link what is only read."""
    folder.mkdir(parents=True, exist_ok=True)
    unneeded = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "fmnist_utils", folder / "fmnist_utils", ignore=unneeded)
    for name in ("train.ipynb", "inference.ipynb", "given.py", "run.py", "app.py", "Makefile"):
        shutil.copy2(ROOT / name, folder)
    for name in ("requirements.txt", "requirements-dev.txt"):
        shutil.copy2(ROOT / name, folder)  # with its time, which tells make that nothing is new
    for name in ("saved_model", "sample_photos", "benchmarks", "docs"):
        (folder / name).symlink_to(ROOT / name)


def run_python(code, *arguments, folder=ROOT, **environment):
    """Run `code` in a process of its own, in `folder`, as Python's command does."""
    command = [sys.executable, "-c", code]
    command += [str(argument) for argument in arguments]
    variables = os.environ.copy()
    variables.update(environment)
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)


def edit(path, old, new):
    """Replace a text in a file that has it."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
