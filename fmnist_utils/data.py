"""Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017, arXiv 1708.07747), checked to the byte.

Another data set of the same form, such as KMNIST, needs other constants here and nothing else.
"""

import gzip
import hashlib
import os
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from fmnist_utils.augment import warp
from fmnist_utils.errors import UserError, as_path, expect

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
# SHA-256 of the decompressed files: the .gz files differ, as each mirror compresses them anew.
PAYLOAD_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
MIRROR = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
CACHE_FOLDER = "datasets/fashion-mnist"  # in Keras' own folder, where Keras puts it too
DEBIAN_DIRECTORY = Path("/usr/share/datasets/fashion-mnist")
WAYS_OUT = (
    "connect to the network, or install Debian's package dataset-fashion-mnist (`make data` "
    "unpacks it without root), or set FMNIST_DIR to a folder with the official .gz files"
)
VALIDATION_IMAGES = 1000  # of each class
IMAGE_HEADER = 16  # bytes before the pixels in a file of images
LABEL_HEADER = 8  # bytes before the labels in a file of labels
NONE = -1  # the label of a photo that shows none of the ten classes
PHOTOS = Path("saved_model/photos.npz")
PHOTO_REPEATS = 6  # how often an epoch shows each photo: so they are a quarter of it


class Split(NamedTuple):
    """Images `uint8 (N, 28, 28, 1)`, 0 is background, and labels `int64 (N,)`, 0 to 9 or NONE."""

    images: np.ndarray
    labels: np.ndarray


class Splits(NamedTuple):
    """The images to learn from, to choose the best epoch by, and for the final figures."""

    train: Split
    validation: Split
    test: Split


def load(directory=None) -> Splits:
    """Return Fashion-MNIST as train (50,000), validation (10,000) and test (10,000) splits.

    The files come from `directory`, or from the folder that the environment variable FMNIST_DIR
    names, or else from the first of these that has the official file: Keras' cache, Debian's
    package, a download. Raises UserError if none has it.
    """
    learning = _official_split("train", directory)
    test = _official_split("t10k", directory)
    is_validation = np.zeros(len(learning.labels), dtype=bool)
    is_validation[validation_indices(learning.labels)] = True
    train = Split(learning.images[~is_validation], learning.labels[~is_validation])
    validation = Split(learning.images[is_validation], learning.labels[is_validation])
    return Splits(train, validation, test)


def load_photos(path=PHOTOS) -> Splits:
    """Return photos of clothes at people's homes, prepared as `photos.prepare` does.

    They are from Alexey Grigorev's clothing dataset (CC0). The people who took the photos of one
    split took none in the other two. The label of hats, skirts and shorts is NONE.
    Raises UserError if `path` cannot be read.
    """
    splits = {}
    try:
        with np.load(path) as file:
            for name in Splits._fields:
                splits[name] = Split(file[f"{name}_images"], file[f"{name}_labels"])
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise UserError(f"{path} cannot be read ({error!s:.200}); restore the file.") from None
    return Splits(splits["train"], splits["validation"], splits["test"])


def join(splits, photos) -> Splits:
    """Return `splits` with photos added to learn from and to choose by; the test is unchanged.

    To learn from, each photo is there PHOTO_REPEATS times, and all copies but the first are
    squeezed, turned and shrunk a little, each in its own way. To choose by, each photo of the ten
    classes is there once: counted more often, so few would choose the epoch almost by chance.
    """
    train = [splits.train, photos.train]
    for copy in range(1, PHOTO_REPEATS):
        warped = warp(photos.train.images, np.random.default_rng(copy))
        train.append(Split(warped, photos.train.labels))
    validation = [splits.validation, known(photos.validation)]
    return Splits(_together(train), _together(validation), splits.test)


def known(split) -> Split:
    """Return the images of `split` that show one of the ten classes."""
    is_known = split.labels != NONE
    return Split(split.images[is_known], split.labels[is_known])


def _together(splits):
    images = np.concatenate([split.images for split in splits])
    labels = np.concatenate([split.labels for split in splits])
    return Split(images, labels)


def validation_indices(labels):
    """Return the sorted indices of the validation images: 1,000 of each class, always the same."""
    random = np.random.RandomState(0)  # its stream is frozen for good (NEP 19)
    chosen = []
    for label in range(len(CLASS_NAMES)):
        shuffled = random.permutation(np.flatnonzero(labels == label))
        chosen.append(shuffled[:VALIDATION_IMAGES])
    return np.sort(np.concatenate(chosen))


def check(split):
    """Raise UserError unless `split` has raw images and one label for each, as `Split` says."""
    expect(isinstance(split, Split), "A split", split, "a `data.Split(images, labels)`")
    images, labels = split
    pixels = isinstance(images, np.ndarray) and images.dtype == np.uint8
    fits = pixels and images.shape[1:] == (28, 28, 1) and len(images) > 0
    expect(fits, "The images", images, "raw pixels from 0 to 255, uint8 (N, 28, 28, 1)")
    if images.max() <= 1:  # as after scaling, and rounding to whole numbers again
        raise UserError("The images are all 0 or 1; give raw pixels, uint8 from 0 to 255.")
    wanted = f"each of the {len(images)} images one of the whole numbers from 0 to 9, or -1"
    whole = isinstance(labels, np.ndarray) and labels.dtype.kind in "iu"
    expect(whole and labels.shape == (len(images),), "The labels", labels, wanted)
    unknown = np.setdiff1d(labels, range(NONE, len(CLASS_NAMES)))
    expect(len(unknown) == 0, "The labels", unknown.tolist(), wanted)


def _official_split(prefix, directory):
    """Return the split in the two official files that begin with `prefix`."""
    images = _payload(f"{prefix}-images-idx3-ubyte", directory)
    labels = _payload(f"{prefix}-labels-idx1-ubyte", directory)
    images = images[IMAGE_HEADER:].reshape(-1, 28, 28, 1)
    return Split(images, labels[LABEL_HEADER:].astype(np.int64))


def _payload(name, directory):
    """Return the checked content of one file, uint8, from the first source that has it."""
    file_name = f"{name}.gz"
    folder = directory or os.environ.get("FMNIST_DIR")
    if folder:
        sources = [(_read, as_path(folder, "The folder of the data") / file_name)]
    else:
        home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras").absolute()
        cached = home / CACHE_FOLDER / file_name
        sources = [(_read, cached), (_read, DEBIAN_DIRECTORY / file_name), (_download, cached)]
    problems = []
    for get, path in sources:
        try:
            return get(path)
        except Exception as error:  # zlib, gzip and get_file raise many kinds
            how = "downloaded" if get is _download else "read"
            problems.append(f"{path} cannot be {how} ({error})")
    elsewhere = "put the official files there, or give no folder and " if folder else ""
    raise UserError(f"{', '.join(problems)}; {elsewhere}{WAYS_OUT}.")


def _read(path):
    """Return the decompressed content of `path`; raise an error unless it is the official one."""
    payload = gzip.decompress(path.read_bytes())
    found = hashlib.sha256(payload).hexdigest()
    if found != PAYLOAD_SHA256[path.stem]:
        raise ValueError(f"it is not the official file, its content has the SHA-256 {found}")
    return np.frombuffer(payload, np.uint8)


def _download(target):
    """Fetch `target` from the mirror, and return its content; until checked, it ends in `.part`."""
    from keras.utils import get_file  # here, as reading the data needs no Keras

    partial = target.with_name(f"{target.stem}.part")
    address = MIRROR + target.name
    get_file(partial.name, address, cache_subdir=target.parent, force_download=True)
    payload = _read(partial)
    os.replace(partial, target)
    return payload
