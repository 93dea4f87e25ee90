"""Find the pictures in folders, and those that fit a pattern."""

import mimetypes
import os
from collections.abc import Iterable
from fnmatch import fnmatch
from numbers import Number
from pathlib import Path

import numpy as np
from PIL import Image

from fmnist_utils.errors import UserError, as_path
from fmnist_utils.photos.cutout import SIZE
from fmnist_utils.photos.reading import CHANNELS, FORMATS, is_address, is_array, printable


def list_pictures(sources) -> list:
    """Return `sources` as a flat list of what `read` takes.

    `sources` is one source, a folder, a pattern (with *, ? or **), or an iterable of these. Folders
    and patterns become the paths of the pictures there, sorted. How many files are left out is
    printed. What is not there stays in the list, so that `read` says what is wrong with it.
    """
    if isinstance(sources, (str, os.PathLike)):
        return _list_path(sources)
    if is_array(sources) or isinstance(_first(sources), Number):
        return _list_array(sources)
    if _is_single(sources):
        return [sources]
    pictures = []
    for source in sources:
        pictures.extend(list_pictures(source))
    return pictures


def _first(values):
    """Return the first of the values in nested lists."""
    while isinstance(values, (list, tuple)) and values:
        values = values[0]
    return values


def _list_array(source):
    """Return the pictures in an array; what may be one or several stays whole for `read` to refuse.

    Channels come last in a picture, and may come first in an array of several.
    """
    try:
        array = np.asarray(source)
    except Exception:  # `read` says what numpy does not like
        return [source]
    if array.dtype.kind in "OSUT" and not any(isinstance(each, Number) for each in array.flat):
        return list_pictures(list(array.flat))  # paths, say
    if array.ndim == 4 and array.shape[3] not in CHANNELS and array.shape[1] in CHANNELS:
        array = np.moveaxis(array, 1, 3)
    is_several = array.ndim == 4
    if array.ndim == 3:
        may_be_one = array.shape[2] in CHANNELS or array.shape[0] in (3, 4)
        is_several = array.shape[1:] == SIZE or not may_be_one
    return list(array) if is_several else [array]


def _is_single(source):
    """Return whether this is one picture, and not an iterable of pictures."""
    if isinstance(source, (bytes, bytearray, memoryview)) or hasattr(source, "read"):
        return True
    return not isinstance(source, Iterable)


def _list_path(source):
    """Return the pictures at a path; print how many files are left out."""
    try:
        path = as_path(source, "A picture")
    except UserError:
        return [source]
    is_many = os.path.isdir(path) or "*" in str(path) or "?" in str(path)
    if not is_many or os.path.isfile(path) or is_address(source):
        return [source]
    files = files_at(path)
    pictures = [file for file in sorted(files) if _is_picture(file)]
    left_out = len(files) - len(pictures)
    if left_out:
        print(f"Left out of {printable(path)}, files that are hidden or not pictures: {left_out}.")
    return pictures


def files_at(path):
    """Return the files in a folder, or that fit a pattern."""
    folder = path
    while not os.path.isdir(folder):
        folder = folder.parent
    if folder == path:
        return _files_below(folder)
    pattern = str(path.relative_to(folder)).replace("[", "[[]")  # brackets are part of a name
    if "**" not in pattern:
        return [file for file in folder.glob(pattern) if not file.is_dir()]
    pattern = f"/{pattern}".replace("/**", "*")  # fnmatch's * fits folders, too
    files = _files_below(folder)
    return [file for file in files if fnmatch(f"/{file.relative_to(folder)}", pattern)]


def _files_below(folder):
    """Return the files in `folder` and the folders in it, through links, but each folder once.

    `Path.glob` follows no links to folders, or where links form a loop gives each file many times.
    """
    files = []
    entered = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real_place = os.path.realpath(place)
        if real_place in entered:
            folders.clear()  # `os.walk` goes no further here
            continue
        entered.add(real_place)
        files.extend(Path(place, name) for name in names)
        folders[:] = [name for name in folders if not name.startswith(".")]
    return files


def _is_picture(file):
    """Return whether the name or the content is a picture's; `read` says if it is damaged."""
    if file.name.startswith(".") or not file.is_file() or not os.access(file, os.R_OK):
        return False
    kind, _ = mimetypes.guess_type(file.name)
    if kind and kind.startswith("image/"):
        return True
    try:
        with Image.open(file, formats=FORMATS):
            return True
    except Exception:  # on a file of another kind Pillow raises almost anything
        return False
