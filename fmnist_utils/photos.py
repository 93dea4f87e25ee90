"""Turn a photo of a garment into what the network expects, and classify it."""

import mimetypes
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageFilter, ImageOps
from tqdm import tqdm

from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError
from fmnist_utils.model import probabilities
from fmnist_utils.pictures import ADDRESS, CHANNELS, MAGIC, PhotoError, name, read

BRIGHT = 200  # of the brightest pixel, at least; in the dataset it is 254 or 255
RIM = 0.025  # share of the shorter side that is surely background
SURE = 0.6  # on real photos, 51 % of the improved network's answers are right below it, 84 % above


class Prepared(NamedTuple):
    """A photo made ready for the network."""

    views: np.ndarray  # uint8 (V, 28, 28, 1); the first is the one to look at
    stages: dict  # small pictures of the way there, by name
    warning: str  # why the cut-out is doubtful


class Classified(NamedTuple):
    """What the network says about one picture; fields that say nothing are empty."""

    source: object
    label: str = ""
    probability: float = 0.0
    ranking: tuple = ()  # (class, probability) of all ten, likeliest first
    prepared: Prepared | None = None
    warning: str = ""  # why the answer is a guess
    error: str = ""  # why there is no answer


def classify(model, sources) -> list[Classified]:
    """Classify what `read` takes, a folder, a pattern (with *, ? or **), or any number of these.

    A bad picture is an item with `error` set; how many files of a folder are left out is printed.
    Raises UserError where there is no picture at all.
    """
    if not (listed := _listed(sources)):
        raise UserError(f"There is no picture in {name(str(sources))}; check PHOTOS.")
    return [_classified(model, source) for source in tqdm(listed, leave=False, disable=None)]


def _classified(model, source):
    try:
        prepared = prepare(read(source))
    except PhotoError as error:
        return Classified(source, error=str(error))
    mean = np.exp(np.log(probabilities(model, prepared.views) + 1e-7).mean(axis=0))
    shares = zip(CLASS_NAMES, (mean / mean.sum()).tolist(), strict=True)
    ranking = tuple(sorted(shares, key=lambda share: -share[1]))
    unsure = "the network is unsure" if ranking[0][1] < SURE else ""
    return Classified(source, *ranking[0], ranking, prepared, prepared.warning or unsure)


def _listed(sources):
    """Return `sources` as a flat list, folders and patterns replaced by the pictures there."""
    if isinstance(sources, (str, os.PathLike)):
        path = os.path.expanduser(sources)
        named = os.path.isfile(path) or ADDRESS.match(path)
        several = os.path.isdir(path) or set("*?") & set(path)
        return _found(Path(path)) if several and not named else [sources]
    one = isinstance(sources, (bytes, bytearray, memoryview)) or hasattr(sources, "read")
    array = isinstance(sources, np.ndarray) and sources.ndim != 1
    if one or not isinstance(sources, Iterable) or (array and sources.shape[2:] in CHANNELS):
        return [sources]
    return [each for source in sources for each in _listed(source)]


def _found(path):
    """Return the pictures in a folder, or that fit a pattern; say how many files are left out."""
    base = next(each for each in (path, *path.parents) if each.is_dir())
    pattern = "**" if base == path else str(path.relative_to(base)).replace("[", "[[]")
    if "**" in pattern:
        wanted = f"/{pattern}".replace("/**", "*")
        files = [file for file in _below(base) if fnmatch(f"/{file.relative_to(base)}", wanted)]
    else:
        files = [file for file in base.glob(pattern) if not file.is_dir()]
    pictures = sorted(filter(_is_picture, files))
    if left := len(files) - len(pictures):
        print(f"{name(path)}: {left} files are left out, as hidden or no pictures.")
    return pictures


def _below(folder):
    """Yield the files in `folder` and the folders in it, each entered once, wherever links lead."""
    entered = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        new = os.path.realpath(place) not in entered
        entered.add(os.path.realpath(place))
        folders[:] = [each for each in folders if new and not each.startswith(".")]
        yield from (Path(place, each) for each in names if new)


def _is_picture(file):
    readable = not file.name.startswith(".") and os.access(file, os.R_OK) and file.is_file()
    kind = mimetypes.guess_type(file.name)[0] or ""  # if it is none, `read` says it
    return readable and (kind.startswith("image/") or MAGIC.match(np.fromfile(file, "u1", 32)))


def prepare(image) -> Prepared:
    """Turn an RGB `image` into the network's input: the garment alone, white on black, 28 × 28.

    The garment is cut out, then come the steps of the dataset's authors (arXiv 1708.07747, section
    2): trim, grey, longest edge to 28, sharpen, centre in a square, negate.
    """
    photo, mask, plain = _segmented(image)
    kept = mask if mask.any() else ~mask
    cut = Image.fromarray(np.where(kept[..., None], photo, np.uint8(255)))
    views = _views(cut.crop(Image.fromarray(kept).getbbox()).convert("L"), plain)
    doubt = _doubt(mask, plain, views)
    views = np.minimum(views * max(1, BRIGHT / max(1, views.max())), 255).astype(np.uint8)
    # One of the dataset's own images, grey, 28 × 28 or more, on black, is taken as it is.
    pixels, square = np.asarray(image), image.width == image.height and image.width % 28 == 0
    if square and not np.ptp(pixels, axis=2).any() and np.median(_rim(pixels)) <= 8:
        cut, doubt = image, ""
        views = np.asarray(image.convert("L").resize((28, 28), Image.BOX))[None, ..., None]
    seen = Image.fromarray(views[0, ..., 0])
    stages = {"photo": image.copy(), "cut out": cut.copy(), "what the network sees": seen}
    for stage in stages.values():
        stage.thumbnail((128, 128))  # so that a thousand of them fit into memory
    return Prepared(views, stages, doubt)


def _views(garment, plain):
    """Return a grey `garment` narrower, wider, mirrored; at home, where it is wide, from below."""
    scale, views = 112 / max(garment.size), []
    width, height = size = [max(4, round(scale * side)) for side in garment.size]
    garment = garment.resize(size, Image.BOX)
    for margin in (0,) if plain else (0, width / 8):
        corners = (0, 0, -margin, height, width + margin, height, width, 0)
        for factor in (1, 0.8, 0.9, 1.1, 1.2):
            wider = max(4, round(width * factor * (1 if plain else 0.8))), height
            view = garment.transform(wider, Image.QUAD, corners, Image.BICUBIC, fillcolor=255)
            view = ImageOps.invert(ImageOps.pad(view, (28, 28), Image.LANCZOS, color=255))
            view = np.asarray(view.filter(ImageFilter.UnsharpMask(1, 50, 0)) if plain else view)
            views += [view, view[:, ::-1]]
    return np.stack(views)[..., None]


def _segmented(image):
    """Return `image` without a plain frame, its garment's mask, and if the background is plain."""
    photo = np.asarray(image)
    background = np.median(_rim(photo), axis=0)
    if (np.abs(_rim(photo) - background).max(axis=1) <= 2).mean() < 0.5:
        return image, _grabbed(image), False
    mask = np.abs(photo - background).max(axis=2) > 4
    left, top, right, bottom = box = Image.fromarray(mask).getbbox() or (0, 0, *image.size)
    # A full rectangle on one colour is a photo in a frame.
    framed = box != (0, 0, *image.size) and mask[top:bottom, left:right].mean() > 0.98
    return _segmented(image.crop(box)) if framed else (image, mask, True)


def _rim(array):
    return np.concatenate([array[0], array[-1], array[:, 0], array[:, -1]])


def _grabbed(image):
    """Return the garment's mask from GrabCut (Rother and others, 2004): the rim is background."""
    scale = 160 / max(image.size)  # GrabCut on more is slower, and no better
    width, height = size = [max(8, round(scale * side)) for side in image.size]
    small, rim = np.asarray(image.resize(size, Image.BOX)), max(2, round(RIM * min(size)))
    mask, inner = np.zeros((height, width), np.uint8), (rim, rim, width - 2 * rim, height - 2 * rim)
    with ThreadPoolExecutor(1) as fresh:  # in a new thread OpenCV's random state is always the same
        fresh.submit(cv2.grabCut, small, mask, inner, None, None, 4, cv2.GC_INIT_WITH_RECT).result()
    garment = cv2.morphologyEx(np.uint8(mask == cv2.GC_PR_FGD), cv2.MORPH_OPEN, None)  # 3 × 3
    contours, _ = cv2.findContours(garment, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = sorted(contours, key=cv2.contourArea)[-1:]
    filled = cv2.drawContours(np.zeros_like(garment), largest, -1, 1, cv2.FILLED)
    return cv2.resize(filled, image.size) > 0


def _doubt(mask, plain, views):
    if not 0.02 < mask.mean() < 0.9:
        return f"no {'background' if mask.mean() > 0.5 else 'garment'} was found"
    rim = 1 + round(1.5 * RIM * min(mask.shape))  # GrabCut never takes the rim itself
    inner = mask[rim:-rim, rim:-rim]
    if not plain and inner.size and _rim(inner).mean() > 0.2:
        return "the garment is cut off at the edge"
    return "there is almost no contrast" if np.ptp(views) < 40 else ""
