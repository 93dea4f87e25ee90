"""Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017, arXiv 1708.07747), checked to the byte."""

import gzip
import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fmnist_utils.errors import UserError, as_path, expect

CLASS_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat")
CLASS_NAMES += ("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

# SHA-256 of the decompressed files: mirrors compress anew, so the .gz differ between them.
PAYLOAD_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
MIRROR = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
DEBIAN_DIRECTORY = Path("/usr/share/datasets/fashion-mnist")
WAYS_OUT = "connect to the network, or install Debian's package dataset-fashion-mnist (`make data`"
WAYS_OUT += " unpacks it without root), or set FMNIST_DIR to a folder with the official .gz files"


class Split(NamedTuple):
    """Images `uint8 (N, 28, 28, 1)`, 0 background to 255, and labels `int64 (N,)`, 0 to 9."""

    images: np.ndarray
    labels: np.ndarray


class Splits(NamedTuple):
    """The 50,000 images to learn from, 10,000 to choose by, and 10,000 for the final figure."""

    train: Split
    validation: Split
    test: Split


def load(directory=None) -> Splits:
    """Return Fashion-MNIST as train (50,000), validation (10,000) and test (10,000) splits.

    Each file comes from `directory`, else the environment variable FMNIST_DIR's, else the first of
    Keras' cache, Debian's package and a download that has it whole; raises UserError if none has.
    """
    files = [_payload(name, directory) for name in PAYLOAD_SHA256]
    images, test_images = (file[16:].reshape(-1, 28, 28, 1) for file in files[::2])
    labels, test_labels = (file[8:].astype(np.int64) for file in files[1::2])
    chosen = np.isin(np.arange(len(labels)), validation_indices(labels))
    train, validation = (Split(images[part], labels[part]) for part in (~chosen, chosen))
    return Splits(train, validation, Split(test_images, test_labels))


def validation_indices(labels):
    """Return the sorted indices of the validation images: 1,000 of each class, always the same."""
    random = np.random.RandomState(0)  # its stream is frozen for good (NEP 19)
    shuffled = (random.permutation(np.flatnonzero(labels == label)) for label in range(10))
    return np.sort(np.concatenate([indices[:1000] for indices in shuffled]))


def check(split):
    """Raise UserError unless `split` has raw images and one label for each, as `Split` says."""
    expect(isinstance(split, Split), "A split", split, "a `data.Split(images, labels)`")
    images, labels = split
    raw = isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.size
    raw = raw and images.shape[1:] == (28, 28, 1) and images.max() > 1
    expect(raw, "The images", images, "raw pixels from 0 to 255, uint8 (N, 28, 28, 1)")
    whole = isinstance(labels, np.ndarray) and labels.dtype.kind in "iu"
    wanted = f"each of the {len(images)} images one of the whole numbers from 0 to 9"
    expect(whole and labels.shape == (len(images),), "The labels", labels, wanted)
    unknown = np.setdiff1d(labels, range(len(CLASS_NAMES))).tolist()
    expect(not unknown, "The labels", unknown, wanted)


def _payload(name, directory):
    """Return the checked content of one file, `uint8`, from the first source that has it."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras").absolute()
    cached = home / "datasets/fashion-mnist" / f"{name}.gz"
    sources = [("read", cached), ("read", DEBIAN_DIRECTORY / cached.name), ("downloaded", cached)]
    if chosen := directory or os.environ.get("FMNIST_DIR"):
        sources = [("read", as_path(chosen, "FMNIST_DIR") / cached.name)]
    problems = []
    for how, path in sources:
        try:
            return _read(path) if how == "read" else _download(path)
        except Exception as error:  # zlib, gzip and get_file raise many kinds
            problems.append(f"{path} cannot be {how} ({error})")
    raise UserError(f"{', '.join(problems)}; {WAYS_OUT}.")


def _read(path):
    """Return the decompressed content of `path`; raise an error unless it is the official one."""
    payload = gzip.decompress(path.read_bytes())
    if (found := hashlib.sha256(payload).hexdigest()) != PAYLOAD_SHA256[path.stem]:
        raise ValueError(f"it is not Fashion-MNIST's, its content has the SHA-256 {found}")
    return np.frombuffer(payload, np.uint8)


def _download(target):
    """Fetch `target` from Keras' mirror, under another name until checked; return its content."""
    from keras.utils import get_file

    partial = target.with_name(f"{target.stem}.part")
    get_file(partial.name, MIRROR + target.name, cache_subdir=target.parent, force_download=True)
    payload = _read(partial)
    os.replace(partial, target)
    return payload
