"""Turn a photo of a garment into what the network expects, and classify it."""

import glob
import os
import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError
from fmnist_utils.pictures import PhotoError, read

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".heic", ".heif", ".svg")
RIM = 0.025  # share of the shorter side that is surely background
SURE = 0.6  # on real photos, 41 % of the improved network's answers are right below it, 80 % above


class Prepared(NamedTuple):
    """A photo made ready for the network."""

    pixels: np.ndarray  # uint8 (28, 28, 1)
    stages: dict  # small pictures of the way there, by name
    warning: str  # why the cut-out is doubtful


class Classified(NamedTuple):
    """What the network says about one picture; fields that say nothing are empty."""

    source: object
    label: str = ""
    probability: float = 0.0
    ranking: tuple = ()  # as `ranking` returns it
    prepared: Prepared | None = None
    warning: str = ""  # why the answer is a guess
    error: str = ""  # why there is no answer


def classify(model, sources) -> list[Classified]:
    """Classify each of `sources`: what `read` takes, a folder, a pattern, or a list of these.

    A bad picture is an item with `error` set. Raises UserError where a folder or pattern has none.
    """
    sources = _listed(sources)
    bar = tqdm(sources, disable=len(sources) < 10, file=sys.stdout, leave=False, mininterval=1)
    return [_classified(model, source) for source in bar]


def _classified(model, source):
    try:
        prepared = prepare(read(source))
    except PhotoError as error:
        return Classified(source, error=str(error))
    answers = ranking(model.predict_on_batch(prepared.pixels[None])[0])
    unsure = "the network is unsure" if answers[0][1] < SURE else ""
    return Classified(source, *answers[0], answers, prepared, prepared.warning or unsure)


def ranking(probabilities):
    """Return the ten probabilities of one picture as (class, probability), likeliest first."""
    order = np.argsort(-probabilities, kind="stable")
    return tuple((CLASS_NAMES[label], float(probabilities[label])) for label in order)


def _listed(sources):
    """Return `sources` as a flat list, with folders and patterns replaced by what is in them."""
    if isinstance(sources, (list, tuple)):
        return [source for each in sources for source in _listed(each)]
    if not isinstance(sources, (str, Path)):
        return [sources]
    found = [Path(sources)]
    if os.path.isdir(sources):
        found = sorted(p for p in Path(sources).rglob("*") if p.suffix.lower() in SUFFIXES)
    elif glob.has_magic(str(sources)) and not os.path.exists(sources):
        found = sorted(map(Path, glob.glob(str(sources), recursive=True)))
    if not found:
        raise UserError(f"There is no picture in {sources}; check PHOTOS.")
    return found


def prepare(image) -> Prepared:
    """Turn an RGB `image` into the network's input: the garment alone, white on black, 28 × 28.

    The garment is cut out and perhaps narrowed, then come the steps of the dataset's authors (arXiv
    1708.07747, section 2): trim, grey, longest edge to 28, centre in a square, negate. Smooth
    downscaling replaces their subsampling and sharpening, which turns creases into patterns.
    """
    photo, mask = _on_plain(image)
    plain = mask is not None
    mask = mask if plain else _grabbed(photo)
    kept = mask if mask.any() else np.ones_like(mask)
    cut = Image.fromarray(np.where(kept[..., None], photo, np.uint8(255)))
    left, top, right, bottom = box = Image.fromarray(kept).getbbox()
    width = (right - left) * (1 if plain else _narrowing(kept[top:bottom, left:right]))
    trimmed = cut.crop(box).convert("L").resize((max(1, round(width)), bottom - top))
    square = ImageOps.pad(trimmed, (28, 28), Image.Resampling.LANCZOS, color=255)
    seen = ImageOps.invert(square)
    stages = {"photo": image.copy(), "cut out": cut, "what the network sees": seen}
    for stage in stages.values():
        stage.thumbnail((128, 128))  # so that a thousand of them fit into memory
    pixels = np.asarray(seen)[..., None]
    return Prepared(pixels, stages, _doubt(mask, plain, pixels))


def _on_plain(image):
    """Return `image` without a plain frame, and the garment's mask if the background is plain."""
    photo = np.asarray(image)
    rim = np.concatenate([photo[0], photo[-1], photo[:, 0], photo[:, -1]])
    background = np.median(rim, axis=0)
    if (np.abs(rim - background).max(axis=1) <= 2).mean() < 0.5:
        return image, None
    mask = np.abs(photo - background).max(axis=2) > 4
    box = Image.fromarray(mask).getbbox() or (0, 0, *image.size)
    # A full rectangle on one colour is a photo in a frame.
    framed = box != (0, 0, *image.size) and mask[box[1] : box[3], box[0] : box[2]].mean() > 0.98
    return _on_plain(image.crop(box)) if framed else (image, mask)


def _narrowing(mask):
    """Return the factor by which the garment in the trimmed `mask` is narrowed.

    The median T-shirt laid flat at home is 0.99 times as wide as high, in Fashion-MNIST 0.79 times.
    Shoes keep their shape: seen from the side they are not symmetrical, or they are very wide.
    """
    ratio = mask.shape[1] / mask.shape[0]
    mirrored = mask[:, ::-1]
    symmetry = (mask & mirrored).sum() / (mask | mirrored).sum()
    return min(0.8, 0.9 / ratio) if symmetry > 0.65 and ratio < 1.6 else 1


def _grabbed(image):
    """Return the garment's mask from GrabCut (Rother and others, 2004): the rim is background."""
    small = image.copy()
    small.thumbnail((160, 160), Image.Resampling.BOX)  # GrabCut on more is slower, and no better
    rim = max(2, round(RIM * min(small.size)))
    if min(small.size) <= 2 * rim:
        return np.zeros((image.height, image.width), bool)
    mask = np.full((small.height, small.width), cv2.GC_BGD, np.uint8)
    mask[rim:-rim, rim:-rim] = cv2.GC_PR_FGD
    cv2.setRNGSeed(0)  # GrabCut's result depends on what OpenCV drew before
    cv2.grabCut(np.asarray(small), mask, None, None, None, 4, cv2.GC_INIT_WITH_MASK)
    garment = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    garment = cv2.morphologyEx(garment, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(garment, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(garment)
    if contours:  # the largest connected part, its holes filled
        cv2.drawContours(filled, [max(contours, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return cv2.resize(filled, image.size, interpolation=cv2.INTER_LINEAR) > 0


def _doubt(mask, plain, pixels):
    share = mask.mean()
    if share < 0.02:
        return "no garment was found"
    if share > 0.9:
        return "no background was found"
    rim = 1 + round(1.5 * RIM * min(mask.shape))  # GrabCut never takes the rim itself
    inner = mask[rim:-rim, rim:-rim]
    edge = np.concatenate([inner[0], inner[-1], inner[:, 0], inner[:, -1]])
    if not plain and edge.mean() > 0.2:
        return "the garment is cut off at the edge"
    return "there is almost no contrast" if np.ptp(pixels) < 40 else ""
