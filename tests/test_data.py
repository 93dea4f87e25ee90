"""The images, what an epoch is made of them, and the random changes."""

import gzip
import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from fmnist_utils import data, evaluation, training
from fmnist_utils.augment import AUGMENTATIONS
from fmnist_utils.batches import Batches
from fmnist_utils.errors import UserError
from fmnist_utils.recipes import BASELINE
from tests.conftest import copy_project, edit, run_python

IMAGES = "train-images-idx3-ubyte.gz"
LABELS = "train-labels-idx1-ubyte.gz"
WAYS_OUT = "network.*dataset-fashion-mnist.*FMNIST_DIR"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the four official files, and nowhere else to find them."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    sources = [os.environ.get("FMNIST_DIR", ""), home / data.CACHE_FOLDER, data.DEBIAN_DIRECTORY]
    [source, *_] = [each for each in sources if Path(each, IMAGES).exists()]
    monkeypatch.delenv("FMNIST_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(data, "DEBIAN_DIRECTORY", tmp_path / "debian")
    monkeypatch.setattr(data, "MIRROR", "file:///nowhere/")
    return Path(shutil.copytree(source, tmp_path / "files"))


def test_the_official_data_is_always_split_in_the_same_way(splits, folder, monkeypatch):
    labels = np.frombuffer(gzip.decompress((folder / LABELS).read_bytes()), np.uint8, offset=8)
    chosen = data.validation_indices(labels).astype("<i8")
    assert hashlib.sha256(chosen).hexdigest().startswith("b62f1359020fad944f6a9d535dd13adf")
    assert (splits.validation.labels == labels[chosen]).all()
    assert (splits.train.labels == np.delete(labels, chosen)).all()
    for split, count in zip(splits, (50_000, 10_000, 10_000), strict=True):
        assert split.images.shape == (count, 28, 28, 1)
        assert (split.images.dtype, split.labels.dtype) == (np.uint8, np.int64)
        assert (np.bincount(split.labels) == count // 10).all()
    monkeypatch.setenv("FMNIST_DIR", str(folder))
    for found in (data.load(folder), data.load()):
        assert (found.test.labels == splits.test.labels).all()
        assert (found.train.images == splits.train.images).all()


def damage(path, how):
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:-1000])
    elif how == "altered":
        path.write_bytes(gzip.compress(bytes(60_008)))  # as many labels
    elif how == "missing":
        path.unlink()


@pytest.mark.parametrize("how", ["truncated", "altered", "missing"])
def test_a_bad_file_or_download_is_named_with_the_ways_out(folder, how, tmp_path, monkeypatch):
    damage(folder / LABELS, how)
    monkeypatch.setattr(data, "MIRROR", f"file://{folder}/")
    with pytest.raises(UserError, match=f"{LABELS} cannot be read .*{WAYS_OUT}"):
        data.load(folder)
    with pytest.raises(UserError, match=f"{LABELS} cannot be downloaded .*{WAYS_OUT}"):
        data.load()
    assert not (tmp_path / "keras" / data.CACHE_FOLDER / LABELS).exists()


def test_a_bad_cache_gives_way_to_package_and_download(folder, tmp_path, monkeypatch, splits):
    cache = Path(shutil.copytree(folder, tmp_path / "keras" / data.CACHE_FOLDER))
    damage(cache / LABELS, "truncated")
    with monkeypatch.context() as patched:
        patched.setattr(data, "DEBIAN_DIRECTORY", folder)
        assert (data.load().train.labels == splits.train.labels).all()
    monkeypatch.setattr(data, "MIRROR", f"file://{folder}/")
    assert (data.load().train.labels == splits.train.labels).all()
    monkeypatch.setattr(data, "MIRROR", "file:///nowhere/")  # the cache is whole again
    assert (data.load().train.labels == splits.train.labels).all()


def test_another_data_set_of_the_same_form_is_an_edit_of_constants(tmp_path, folder, splits):
    """The mirrored images stand in for KMNIST: they need other hashes and names, in one file."""
    copy_project(tmp_path / "copy")
    edit(tmp_path / "copy/fmnist_utils/data.py", '"Ankle boot"', '"boot turned round"')
    for path in folder.iterdir():
        payload = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8)
        if "images" in path.name:
            images = payload[16:].reshape(-1, 28, 28)[:, :, ::-1]
            payload = np.concatenate([payload[:16], images.ravel()])
        content = payload.tobytes()
        path.write_bytes(gzip.compress(content, 1))
        old = data.PAYLOAD_SHA256[path.stem]
        new = hashlib.sha256(content).hexdigest()
        edit(tmp_path / "copy/fmnist_utils/data.py", old, new)
    code = """
import sys
from fmnist_utils import data
images = data.load(sys.argv[1]).test.images
print(images.sum(axis=(0, 1)).ravel().tolist(), data.CLASS_NAMES[9])
"""
    printed = run_python(code, folder, folder=tmp_path / "copy").stdout
    columns = splits.test.images.sum(axis=(0, 1)).ravel()
    assert printed.strip() == f"{columns[::-1].tolist()} boot turned round"


def test_a_bad_split_is_named_by_all_who_take_one(few, tmp_path):
    images, labels = few.train
    bad_splits = {
        "float64": data.Split(images / 255, labels),
        r"\(0, 28, 28, 1\)": data.Split(images[:0], labels[:0]),
        "all 0 or 1; give raw pixels": data.Split(images // 255, labels),
        "each of the 5 images": data.Split(images[:5], labels),
        r"\[10\]; give each .* from 0 to 9": data.Split(images, labels + 1),
        "labels cannot be float64": data.Split(images, labels / 2),
        r"split cannot be uint8 .*Split": images,
    }
    for sentence, bad in bad_splits.items():
        with pytest.raises(UserError, match=sentence):
            evaluation.evaluate(None, bad)
    with pytest.raises(UserError, match="split cannot be"):
        training.train(BASELINE, few._replace(train=bad), tmp_path)
    with pytest.raises(UserError, match="split cannot be"):
        training.train(BASELINE, few._replace(validation=bad), tmp_path)


def test_importing_data_imports_neither_keras_nor_scikit_learn():
    code = "import sys; from fmnist_utils import data; print({'keras', 'sklearn'} & {*sys.modules})"
    assert run_python(code).stdout.strip() == "set()"


def test_an_epoch_holds_every_image_once_with_its_label(few):
    numbers = np.arange(310).reshape(-1, 1, 1, 1)
    batches = Batches(data.Split(numbers, few.train.labels[:310]), 32, label_smoothing=0.1)
    assert batches.steps_per_epoch == 10
    seen = []
    for step in range(10, 20):
        images, labels = batches[step]
        right = few.train.labels[images.ravel()]
        assert np.allclose(labels, np.where(np.arange(10) == right[:, np.newaxis], 0.91, 0.01))
        seen += images.ravel().tolist()
    assert sorted(seen) == list(range(310))


def test_batches_depend_on_seed_and_epoch_alone(few):
    batches = Batches(few.train, 32, ("flip", "shift"), seed=3)
    later = Batches(few.train, 32, ("flip", "shift"), seed=3, first_epoch=5)
    for index in reversed(range(10)):
        assert (batches[50 + index][0] == later[index][0]).all()
        assert (batches[50 + index][1] == later[index][1]).all()
    one_image = data.Split(few.train.images[:1].repeat(32, 0), few.train.labels[:1].repeat(32))
    for split, augmentations in ((few.train, ()), (one_image, ("flip",))):
        batches = Batches(split, 32, augmentations, seed=3)
        other_seed = Batches(split, 32, augmentations, seed=4)
        assert (batches[0][0] != batches[batches.steps_per_epoch][0]).any()
        assert (batches[0][0] != other_seed[0][0]).any()


def changed(name, images, seed=0):
    return AUGMENTATIONS[name](images, np.random.default_rng(seed))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_are_pure_and_give_pixels(splits, name):
    images = splits.train.images[:2000]
    before = images.copy()
    once = changed(name, images)
    assert (images == before).all()
    assert (once == changed(name, images)).all()
    assert (once.dtype, once.shape) == (np.uint8, images.shape)
    assert (once != changed(name, images, seed=1)).any()


def test_flip_and_shift_move_as_documented(splits):
    images = splits.train.images[:2000]
    flipped = changed("flip", images)
    mirrored = (flipped == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (mirrored | (flipped == images).all(axis=(1, 2, 3))).all()
    assert 900 < mirrored.sum() < 1100
    shifted = changed("shift", images)
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    for down, right in np.ndindex(7, 7):
        moved = padded[:, 7 - down :, 7 - right :][:, :28, :28]
        hits = (shifted == moved).all(axis=(1, 2, 3)).sum()
        assert hits > 40 if {down, right} <= {1, 2, 3, 4, 5} else hits < 40


def test_erase_and_noise_are_as_strong_as_documented():
    grey = np.full((2000, 28, 28, 1), 128, np.uint8)
    erased = changed("erase", grey)[..., 0] == 0
    hit = erased.any(axis=(1, 2))
    heights = erased.any(axis=2).sum(axis=1)[hit]
    widths = erased.any(axis=1).sum(axis=1)[hit]
    assert 900 < hit.sum() < 1100
    assert (erased.sum(axis=(1, 2))[hit] == heights * widths).all()
    assert set(heights) == set(widths) == set(range(3, 11))
    assert erased.any(axis=0).all()

    noisy = changed("gaussian_noise", grey)
    deviations = noisy.std(axis=(1, 2, 3))
    assert deviations.max() < 28
    assert abs(deviations.mean() - 12.5) < 1
    assert abs(noisy.mean() - 128) < 0.1
    peppered = changed("salt_and_pepper", grey)
    assert set(np.unique(peppered)) == {0, 128, 255}
    for value in (0, 255):
        shares = (peppered == value).mean(axis=(1, 2, 3))
        assert shares.max() < 0.05
        assert abs(shares.mean() - 0.0125) < 0.002


def test_tone_keeps_black_white_and_the_order_of_greys():
    ramp = np.linspace(0, 255, 784).astype(np.uint8).reshape(1, 28, 28, 1).repeat(200, axis=0)
    toned = changed("tone", ramp).reshape(200, 784).astype(int)
    assert (toned[:, [0, -1]] == [0, 255]).all()
    assert (np.diff(toned, axis=1) >= 0).all()
    assert 60 <= toned[:, 392].min() < 75
    assert 170 < toned[:, 392].max() <= 182


def test_warp_squeezes_turns_and_shrinks_around_the_middle():
    bar = np.zeros((2000, 28, 28, 1), np.uint8)
    bar[:, 6:22, 12:16] = 255
    warped = changed("warp", bar)[..., 0] / 255.0
    weights = warped.sum(axis=(1, 2))
    sizes = weights / (16 * 4)  # the bar's own
    assert 0.48 < sizes.min() < 0.58  # 0.75 × 0.85²
    assert 1.1 < sizes.max() < 1.2
    rows, columns = np.mgrid[:28, :28] - 13.5
    assert np.abs((warped * columns).sum(axis=(1, 2)) / weights).max() < 0.2
    assert np.abs((warped * rows).sum(axis=(1, 2)) / weights).max() < 0.2
    slopes = (warped * rows * columns).sum(axis=(1, 2)) / (warped * rows**2).sum(axis=(1, 2))
    angles = np.degrees(np.arctan(slopes))
    assert 9 < angles.max() < 13
    assert -13 < angles.min() < -9
