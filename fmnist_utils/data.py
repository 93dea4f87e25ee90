"""Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017, arXiv 1708.07747), checked to the byte."""

import gzip
import hashlib
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fmnist_utils.errors import UserError

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# SHA-256 of the decompressed files: mirrors compress anew, so the .gz differ between them.
PAYLOAD_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
MIRROR = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
DEBIAN_DIRECTORY = Path("/usr/share/datasets/fashion-mnist")
WAYS_OUT = (
    "connect to the network and run this again, "
    "or install Debian's package dataset-fashion-mnist (`make data` unpacks it without root), "
    "or set FMNIST_DIR to a folder that holds the four official .gz files"
)
VALIDATION_PER_CLASS = 1000


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

    The files come from `directory` or, without it, from the folder that the environment variable
    FMNIST_DIR names; without either, from the first of these that has them whole: Keras' cache,
    Debian's package dataset-fashion-mnist, a download into Keras' cache.

    Raises UserError where a file is missing or is not the official one.
    """
    train = Split(_images("train", directory), _labels("train", directory))
    validation = validation_indices(train.labels)
    rest = np.setdiff1d(np.arange(len(train.labels)), validation)
    return Splits(
        Split(train.images[rest], train.labels[rest]),
        Split(train.images[validation], train.labels[validation]),
        Split(_images("t10k", directory), _labels("t10k", directory)),
    )


def validation_indices(labels):
    """Return the sorted indices of the validation images: 1,000 of each class, always the same.

    RandomState's stream is frozen for good (NEP 19), so no release of numpy moves the split.
    """
    random = np.random.RandomState(0)
    chosen = [
        random.permutation(np.flatnonzero(labels == label))[:VALIDATION_PER_CLASS]
        for label in range(len(CLASS_NAMES))
    ]
    return np.sort(np.concatenate(chosen))


def _images(part, directory):
    payload = _payload(f"{part}-images-idx3-ubyte", directory)
    return np.frombuffer(payload, np.uint8, offset=16).reshape(-1, 28, 28, 1)


def _labels(part, directory):
    payload = _payload(f"{part}-labels-idx1-ubyte", directory)
    return np.frombuffer(payload, np.uint8, offset=8).astype(np.int64)


def _payload(name, directory):
    """Return the checked content of one file, from the first source that has it."""
    chosen = directory or os.environ.get("FMNIST_DIR")
    if chosen:
        return _read(Path(chosen) / f"{name}.gz")
    cached, packaged = (folder / f"{name}.gz" for folder in (_keras_cache(), DEBIAN_DIRECTORY))
    damaged = ""
    for path in (cached, packaged):
        if os.path.exists(path):  # False, not an error, where the folder may not be read
            try:
                return _read(path)
            except UserError as error:
                damaged = f" Before: {error}"
    try:
        return _download(cached)
    except UserError as error:
        raise UserError(f"{error}{damaged}") from None


def _keras_cache():
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "datasets" / "fashion-mnist"


def _read(path):
    """Return the decompressed content of `path`, or raise UserError if it is not official."""
    expected = PAYLOAD_SHA256[path.stem]
    try:
        payload = gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; {WAYS_OUT}.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read ({error}); {WAYS_OUT}.") from None
    found = hashlib.sha256(payload).hexdigest()
    if found != expected:
        raise UserError(
            f"{path} is not Fashion-MNIST's {path.stem}: its content has the SHA-256 {found}, "
            f"the official one {expected}; {WAYS_OUT}."
        )
    return payload


def _download(target):
    """Fetch `target` from Keras' mirror, under another name until checked; return its content."""
    import keras

    partial = target.with_name(f"{target.stem}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)  # else get_file turns to /tmp
        keras.utils.get_file(
            partial.name,
            MIRROR + target.name,
            cache_dir=target.parents[2],
            cache_subdir="datasets/fashion-mnist",
            force_download=True,
        )
    except Exception as error:  # get_file wraps whatever the network raises in a bare Exception
        raise UserError(f"{target.name} cannot be downloaded ({error}); {WAYS_OUT}.") from None
    payload = _read(partial)
    try:
        os.replace(partial, target)
    except OSError as error:
        raise UserError(f"{target} cannot be written ({error}); remove what is there.") from None
    return payload
