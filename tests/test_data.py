import gzip
import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from fmnist_utils import data, evaluation, training
from fmnist_utils.batches import AUGMENTATIONS, Batches
from fmnist_utils.errors import UserError
from fmnist_utils.model import BASELINE
from tests.conftest import run_python

IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
WAYS_OUT = "network.*dataset-fashion-mnist.*FMNIST_DIR"
DAMAGES = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1000]),
    "altered": lambda path: path.write_bytes(gzip.compress(bytes(60_008))),  # as many labels
    "swapped": lambda path: shutil.copy(path.with_name("t10k-labels-idx1-ubyte.gz"), path),
    "missing": Path.unlink,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}
BAD_SPLITS = {
    "float64": lambda good: good._replace(images=good.images / 255),
    r"\(320, 28, 28\)": lambda good: good._replace(images=good.images[..., 0]),
    r"\(0, 28, 28, 1\)": lambda good: data.Split(good.images[:0], good.labels[:0]),
    r"uint8 \(320, .* from 0 to 255": lambda good: good._replace(images=good.images // 255),
    "float32": lambda good: good._replace(images=np.full((320, 28, 28, 1), np.nan, np.float32)),
    "each of the 5 images": lambda good: good._replace(images=good.images[:5]),
    r"\[-1\]": lambda good: good._replace(labels=good.labels - 1),
    r"\[10\]; give each .* from 0 to 9": lambda good: good._replace(labels=good.labels + 1),
    "labels cannot be float64": lambda good: good._replace(labels=good.labels / 2),
    r"\(320, 1\)": lambda good: good._replace(labels=good.labels[:, None]),
    r"\(320, 10\)": lambda good: good._replace(labels=np.eye(10, dtype=int)[good.labels]),
    r"split cannot be uint8 .*Split": lambda good: good.images,
}


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


def test_the_official_data_is_always_split_in_the_same_way(splits, folder, monkeypatch):
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
    given = data.load(folder)
    monkeypatch.setenv("FMNIST_DIR", str(folder))
    for found in (given, data.load()):
        assert (found.test.labels == splits.test.labels).all()
        assert (found.train.images == splits.train.images).all()


@pytest.mark.parametrize("how", DAMAGES)
def test_a_bad_file_or_download_is_named_with_the_ways_out(folder, how, tmp_path, monkeypatch):
    DAMAGES[how](folder / LABELS)
    monkeypatch.setattr(data, "MIRROR", f"file://{folder}/")
    for source, happened in ((folder, "read"), (None, "downloaded")):
        with pytest.raises(UserError, match=f"{LABELS} cannot be {happened} .*{WAYS_OUT}"):
            data.load(source)
    assert not (tmp_path / "keras/datasets/fashion-mnist" / LABELS).exists()


@pytest.mark.parametrize("how", ["truncated", "altered", "swapped", "missing"])
def test_a_bad_cache_gives_way_to_package_and_download(folder, how, tmp_path, monkeypatch, splits):
    cache = Path(shutil.copytree(folder, tmp_path / "keras/datasets/fashion-mnist"))
    DAMAGES[how](cache / LABELS)
    with pytest.raises(UserError, match=f"{LABELS} cannot be read.*cannot be down.*{WAYS_OUT}"):
        data.load()
    places = [("DEBIAN_DIRECTORY", folder), ("MIRROR", f"file://{folder}/")]
    for name, place in [*places, ("MIRROR", "file:///nowhere/")]:  # where the cache is whole again
        with monkeypatch.context() as patched:
            patched.setattr(data, name, place)
            assert (data.load().train.labels == splits.train.labels).all()


@pytest.mark.parametrize("sentence", BAD_SPLITS)
def test_a_bad_split_is_named_by_all_who_take_one(few, tmp_path, sentence):
    bad = BAD_SPLITS[sentence](few.train)
    with pytest.raises(UserError, match=sentence):
        evaluation.evaluate(None, bad)
    for part in ("train", "validation"):
        with pytest.raises(UserError, match=sentence):
            training.train(BASELINE, few._replace(**{part: bad}), tmp_path)
    assert not list(tmp_path.iterdir())


def test_importing_data_imports_neither_keras_nor_scikit_learn():
    code = "import sys; from fmnist_utils import data; print({'keras', 'sklearn'} & {*sys.modules})"
    assert run_python(code).stdout.strip() == "set()"


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


def test_augmentations_are_as_strong_as_documented(splits):
    images, grey = splits.train.images[:2000], np.full((2000, 28, 28, 1), 128, np.uint8)
    flipped, shifted = augmented("flip", images), augmented("shift", images)
    mirrored = (flipped == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (mirrored | (flipped == images).all(axis=(1, 2, 3))).all()
    assert 900 < mirrored.sum() < 1100
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    for down, right in np.ndindex(7, 7):
        moved = padded[:, 7 - down :, 7 - right :][:, :28, :28]
        hits = (shifted == moved).all(axis=(1, 2, 3)).sum()
        assert 40 < hits < 200 if {down, right} <= {1, 2, 3, 4, 5} else hits < 40

    erased = augmented("erase", grey)[..., 0] == 0
    hit = erased.any(axis=(1, 2))
    heights, widths = erased.any(axis=2).sum(axis=1)[hit], erased.any(axis=1).sum(axis=1)[hit]
    assert 900 < hit.sum() < 1100
    assert (erased.sum(axis=(1, 2))[hit] == heights * widths).all()
    assert set(heights) == set(widths) == set(range(3, 11))
    assert erased.any(axis=0).all()

    noisy, peppered = augmented("gaussian_noise", grey), augmented("salt_and_pepper", grey)
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
