import gzip
import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from fmnist_utils import data, evaluation, training
from fmnist_utils.errors import UserError
from fmnist_utils.model import BASELINE
from tests.conftest import run_python

IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
WAYS_OUT = "network.*dataset-fashion-mnist.*FMNIST_DIR"


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


def test_the_splits_are_the_official_data_always_split_in_the_same_way(splits, folder):
    images, labels = (gzip.decompress((folder / name).read_bytes()) for name in (IMAGES, LABELS))
    images = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28, 1)
    labels = np.frombuffer(labels, np.uint8, offset=8)
    chosen = data.validation_indices(labels).astype("<i8")
    assert hashlib.sha256(chosen).hexdigest().startswith("b62f1359020fad944f6a9d535dd13adf")
    for official, train, validation in zip((images, labels), *splits[:2], strict=True):
        assert (validation == official[chosen]).all()
        assert (train == np.delete(official, chosen, axis=0)).all()
    for split, count in zip(splits, (50_000, 10_000, 10_000), strict=True):
        assert split.images.shape == (count, 28, 28, 1)
        assert (split.images.dtype, split.labels.dtype) == (np.uint8, np.int64)
        assert (np.bincount(split.labels) == count // 10).all()


def test_every_source_gives_the_same_data(folder, splits, monkeypatch):
    found = [data.load(folder)]
    with monkeypatch.context() as patched:
        patched.setenv("FMNIST_DIR", str(folder))
        found.append(data.load())
    for name, place in (("DEBIAN_DIRECTORY", folder), ("MIRROR", f"file://{folder}/")):
        with monkeypatch.context() as patched:
            patched.setattr(data, name, place)
            found.append(data.load())
    found.append(data.load())  # from the cache, where the download was put
    for loaded in found:
        assert (loaded.test.labels == splits.test.labels).all()
        assert (loaded.train.images == splits.train.images).all()


DAMAGES = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1000]),
    "altered": lambda path: path.write_bytes(gzip.compress(bytes(60_008))),  # as many labels
    "swapped": lambda path: shutil.copy(path.with_name("t10k-labels-idx1-ubyte.gz"), path),
    "missing": Path.unlink,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_bad_file_or_download_is_named_with_the_ways_out(folder, how, tmp_path, monkeypatch):
    DAMAGES[how](folder / LABELS)
    monkeypatch.setattr(data, "MIRROR", f"file://{folder}/")
    for source, happened in ((folder, "read"), (None, "downloaded")):
        with pytest.raises(UserError, match=f"{LABELS} cannot be {happened} .*{WAYS_OUT}"):
            data.load(source)
    assert not (tmp_path / "keras/datasets/fashion-mnist" / LABELS).exists()


@pytest.mark.parametrize("how", ["truncated", "altered", "swapped"])
def test_a_bad_cache_gives_way_to_package_and_download(folder, how, tmp_path, monkeypatch, splits):
    cache = Path(shutil.copytree(folder, tmp_path / "keras/datasets/fashion-mnist"))
    DAMAGES[how](cache / LABELS)
    with pytest.raises(UserError, match=f"{LABELS} cannot be read.*cannot be down.*{WAYS_OUT}"):
        data.load()
    for name, place in (("DEBIAN_DIRECTORY", folder), ("MIRROR", f"file://{folder}/")):
        with monkeypatch.context() as patched:
            patched.setattr(data, name, place)
            assert (data.load().train.labels == splits.train.labels).all()
    assert (cache / LABELS).read_bytes() == (folder / LABELS).read_bytes()


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
    for use in (
        lambda: data.check(bad),
        lambda: evaluation.evaluate(None, bad),
        lambda: training.train(BASELINE, few._replace(validation=bad), tmp_path),
        lambda: training.train(BASELINE, few._replace(train=bad), tmp_path),
    ):
        with pytest.raises(UserError, match=sentence):
            use()
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match=r"ndarray.*Split"):
        data.check(bad.images)


def test_importing_data_imports_neither_keras_nor_scikit_learn():
    code = "import sys; from fmnist_utils import data; print({'keras', 'sklearn'} & {*sys.modules})"
    assert run_python(code).stdout.strip() == "set()"
