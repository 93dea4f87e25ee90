import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fmnist_utils import data, evaluation, training
from fmnist_utils.errors import UserError
from fmnist_utils.model import BASELINE

IMAGES = "train-images-idx3-ubyte.gz"
LABELS = "train-labels-idx1-ubyte.gz"


@pytest.fixture
def folder(tmp_path, splits, monkeypatch):
    """A copy of the four official files, and nowhere else to find them."""
    cache = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets/fashion-mnist"
    sources = (os.environ.get("FMNIST_DIR", ""), cache, data.DEBIAN_DIRECTORY)
    source = next(Path(folder) for folder in sources if Path(folder, IMAGES).exists())
    monkeypatch.delenv("FMNIST_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(data, "DEBIAN_DIRECTORY", tmp_path / "debian")
    monkeypatch.setattr(data, "MIRROR", "file:///nowhere/")
    return shutil.copytree(source, tmp_path / "files")


def test_splits_have_the_documented_shapes_and_classes(splits):
    for split, count in zip(splits, (50_000, 10_000, 10_000), strict=True):
        assert split.images.shape == (count, 28, 28, 1)
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int64
        assert (np.bincount(split.labels) == count // 10).all()


def test_validation_indices_never_change(folder):
    labels = np.frombuffer(gzip.decompress((folder / LABELS).read_bytes()), np.uint8, offset=8)
    indices = data.validation_indices(labels).astype("<i8")
    assert hashlib.sha256(indices).hexdigest() == (
        "b62f1359020fad944f6a9d535dd13adf81ace5618a668e787dbe9cd5e235d452"
    )


def test_train_and_validation_together_are_the_official_training_set(splits, folder):
    official = np.frombuffer(gzip.decompress((folder / IMAGES).read_bytes())[16:], np.uint8)
    rows = np.concatenate([splits.train.images, splits.validation.images]).reshape(60_000, -1)
    ours = np.sort([hash(row.tobytes()) for row in rows])
    theirs = np.sort([hash(row.tobytes()) for row in official.reshape(60_000, -1)])
    assert (ours == theirs).all()


@pytest.mark.parametrize("source", ["directory", "FMNIST_DIR", "cache", "debian", "download"])
def test_every_source_gives_the_same_data(folder, splits, source, monkeypatch, tmp_path):
    if source == "FMNIST_DIR":
        monkeypatch.setenv("FMNIST_DIR", str(folder))
    if source == "cache":
        shutil.copytree(folder, tmp_path / "keras/datasets/fashion-mnist")
    if source == "debian":
        monkeypatch.setattr(data, "DEBIAN_DIRECTORY", folder)
    if source == "download":
        monkeypatch.setattr(data, "MIRROR", f"file://{folder}/")
    loaded = data.load(folder if source == "directory" else None)
    assert (loaded.test.labels == splits.test.labels).all()
    assert (loaded.train.images == splits.train.images).all()


def damage(path, how, folder):
    if how == "missing":
        path.unlink()
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:-1000])
    if how == "altered":
        payload = bytearray(gzip.decompress(path.read_bytes()))
        payload[5000] ^= 1
        path.write_bytes(gzip.compress(payload, compresslevel=1))
    if how == "swapped":
        shutil.copy(folder / "t10k-labels-idx1-ubyte.gz", path)
    if how == "a folder":
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize("how", ["missing", "truncated", "altered", "swapped", "a folder"])
def test_a_bad_file_is_named_with_the_ways_out(folder, how):
    damage(folder / LABELS, how, folder)
    with pytest.raises(UserError, match=f"{LABELS}.*network.*dataset-fashion-mnist.*FMNIST_DIR"):
        data.load(folder)


@pytest.mark.parametrize("how", ["truncated", "altered", "swapped"])
def test_a_bad_file_in_the_cache_is_fetched_again(folder, how, tmp_path, monkeypatch, splits):
    cache = Path(shutil.copytree(folder, tmp_path / "keras/datasets/fashion-mnist"))
    damage(cache / LABELS, how, folder)
    monkeypatch.setattr(data, "MIRROR", f"file://{folder}/")
    assert (data.load().train.labels == splits.train.labels).all()
    assert (cache / LABELS).read_bytes() == (folder / LABELS).read_bytes()


def test_a_bad_file_in_the_cache_gives_way_to_the_package(folder, tmp_path, monkeypatch, splits):
    cache = Path(shutil.copytree(folder, tmp_path / "keras/datasets/fashion-mnist"))
    damage(cache / LABELS, "truncated", folder)
    with pytest.raises(UserError, match=rf"{LABELS} cannot be read.*cannot be downloaded"):
        data.load()
    monkeypatch.setattr(data, "DEBIAN_DIRECTORY", folder)
    assert (data.load().train.labels == splits.train.labels).all()


def test_a_bad_download_never_takes_the_file_s_place(folder, tmp_path, monkeypatch):
    damage(folder / IMAGES, "truncated", folder)
    monkeypatch.setattr(data, "MIRROR", f"file://{folder}/")
    with pytest.raises(UserError, match="train-images"):
        data.load()
    assert not (tmp_path / "keras/datasets/fashion-mnist" / IMAGES).exists()


def test_without_any_source_the_error_names_the_ways_out(folder):
    with pytest.raises(UserError, match=r"cannot be downloaded.*network.*FMNIST_DIR"):
        data.load()


BAD_SPLITS = {
    "float64": lambda images, labels: (images / 255, labels),
    r"\(320, 28, 28\)": lambda images, labels: (images[..., 0], labels),
    r"\(0, 28, 28, 1\)": lambda images, labels: (images[:0], labels[:0]),
    "float32": lambda images, labels: (np.full(images.shape, np.nan, np.float32), labels),
    "each of the 5 images": lambda images, labels: (images[:5], labels),
    "int64": lambda images, labels: (images, labels - 1),
    "from 0 to 9": lambda images, labels: (images, labels + 1),
    "labels are float64": lambda images, labels: (images, labels / 2),
    r"\(320, 1\)": lambda images, labels: (images, labels[:, None]),
    r"\(320, 10\)": lambda images, labels: (images, np.eye(10, dtype=int)[labels]),
}


@pytest.mark.parametrize("sentence", BAD_SPLITS)
def test_a_bad_split_is_named_by_all_who_take_one(few, tmp_path, sentence):
    bad = data.Split(*BAD_SPLITS[sentence](*few.train))
    splits = few._replace(validation=bad), few._replace(train=bad)
    for use in (
        lambda: data.check(bad),
        lambda: evaluation.evaluate(None, bad),
        lambda: training.train(BASELINE, splits[0], tmp_path),
        lambda: training.train(BASELINE, splits[1], tmp_path),
    ):
        with pytest.raises(UserError, match=sentence):
            use()
    assert not list(tmp_path.iterdir())


def test_what_is_no_split_is_named(few):
    with pytest.raises(UserError, match=r"ndarray.*Split"):
        data.check(few.train.images)


def test_importing_data_imports_neither_keras_nor_scikit_learn():
    code = "import sys; from fmnist_utils import data; print({'keras', 'sklearn'} & {*sys.modules})"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert printed.strip() == "set()"
