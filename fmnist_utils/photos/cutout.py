"""Cut a garment out of a photo, and make it look like the dataset's pictures."""

from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps

SIZE = (28, 28)
SIDE = 128  # pixels; on smaller pictures GrabCut misses more, on larger ones it is slower
ROUNDS = 2  # of GrabCut
SHOWN = (96, 96)  # pixels; no stage is wider or higher
THINNEST = 8  # pixels; of a strip nothing would be left inside the rim
RIM = 0.025  # share of the shorter side that is surely background
DARKEST = 60  # every photo learnt from has a pixel that is as bright
BRIGHT = 200  # in the dataset the brightest pixel is 254 or 255
FILLED = 0.5  # of the inside of an outline; photos have 0.945 and more, charts mostly 0.05 to 0.5
SIMILAR = 0.5  # a second cut-out with this share of the first one's area is a second garment


class Prepared(NamedTuple):
    """A photo made ready for the network."""

    views: np.ndarray  # uint8 (V, 28, 28, 1): as it is, and mirrored
    stages: dict  # PIL images of the steps by name, at most SHOWN wide and high
    warning: str  # why the cut-out is doubtful, or ""


def prepare(image) -> Prepared:
    """Turn an RGB `image` into the network's input: the garment alone, white on black.

    The garment is cut out; then come the steps of the dataset's authors (arXiv 1708.07747, section
    2): trim, grey, longest edge to 28, centre in a square, negate. (They sharpen as well, which a
    network that has learnt from photos does not need.) A picture that looks like one of the dataset
    is only scaled to 28 × 28.
    """
    if _is_from_dataset(image):
        view = np.asarray(image.convert("L").resize(SIZE, Image.BOX))
        return Prepared(view[np.newaxis, ..., np.newaxis], _stages(image, image, view), "")
    photo = _without_frame(image)
    mask = _mask_on_plain(photo)
    if mask is None:
        photo = photo.copy()
        photo.thumbnail((SIDE, SIDE), Image.BOX)
        if min(photo.size) < THINNEST:
            photo = photo.resize((max(THINNEST, photo.width), max(THINNEST, photo.height)))
        mask = _grabcut(photo)
    garment, second = _largest_part(mask)
    kept = garment if garment.any() else ~garment  # the whole photo, if no garment was found
    cut = Image.fromarray(np.where(kept[..., np.newaxis], photo, np.uint8(255)))
    view = _scaled(cut.crop(Image.fromarray(kept).getbbox()).convert("L"))
    filled = mask[kept].mean()
    warning = _doubt(garment, filled, second, view)
    view = _brightened(view)
    views = np.stack([view, view[:, ::-1]])[..., np.newaxis]
    return Prepared(views, _stages(image, cut, view), warning)


def _is_from_dataset(image):
    """Return whether this is a picture like the dataset's: grey, square, on black."""
    pixels = np.asarray(image)
    square = image.width == image.height and image.width % SIZE[0] == 0
    grey = not np.ptp(pixels, axis=2).any()
    return square and grey and np.median(_rim(pixels)) <= 8  # a JPEG's black is not exactly 0


def _without_frame(image):
    """Return the photo in a frame of one colour, or `image` where there is none."""
    mask = _mask_on_plain(image)
    if mask is None:
        return image
    inner = image.crop(Image.fromarray(mask).getbbox())
    filled = mask.sum() / (inner.width * inner.height)
    return inner if filled > 0.98 else image


def _mask_on_plain(image):
    """Return where `image` differs from its rim, bool (H, W); None if the rim has many colours."""
    pixels = np.asarray(image)
    rim = _rim(pixels)
    background = np.median(rim, axis=0)
    like_background = np.abs(rim - background).max(axis=1) <= 2
    if like_background.mean() < 0.5:
        return None
    return np.abs(pixels - background).max(axis=2) > 4


def _rim(pixels):
    """Return the pixels along the four edges."""
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def _grabcut(photo):
    """Return the garment's mask, bool (H, W), by GrabCut (Rother and others, 2004).

    Its starting point is that the rim is background.
    """
    rim = max(2, round(RIM * min(photo.size)))
    inner = (rim, rim, photo.width - 2 * rim, photo.height - 2 * rim)
    mask = np.zeros((photo.height, photo.width), np.uint8)
    cv2.setRNGSeed(0)  # of this thread: the same photo gives the same result
    cv2.grabCut(np.asarray(photo), mask, inner, None, None, ROUNDS, cv2.GC_INIT_WITH_RECT)
    garment = np.uint8(mask == cv2.GC_PR_FGD)
    return cv2.morphologyEx(garment, cv2.MORPH_OPEN, None) > 0  # removes what is thinner than 3


def _largest_part(mask):
    """Return the largest part of `mask` without its holes, and the second's size beside it."""
    contours, _ = cv2.findContours(np.uint8(mask), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contours = sorted(contours, key=cv2.contourArea, reverse=True)
    part = cv2.drawContours(np.zeros(mask.shape, np.uint8), contours[:1], -1, 1, cv2.FILLED)
    if len(contours) < 2:
        return part > 0, 0.0
    largest, second = [cv2.contourArea(contour) for contour in contours[:2]]
    return part > 0, second / max(1, largest)


def _doubt(garment, filled, second, view):
    """Return why the cut-out may be wrong, or an empty text."""
    if garment.mean() >= 0.9:
        return "no background was found"
    if garment.mean() <= 0.02:
        return "no garment was found"
    if filled < FILLED:
        return "a drawing? its outline is mostly empty"
    if second > SIMILAR:
        return "two garments? the larger one was taken"
    if np.ptp(view) < 40:
        return "there is almost no contrast"
    return ""


def _scaled(garment):
    """Return a grey `garment` on white as the network's input: on black, its longest edge 28."""
    scale = SIZE[0] / max(garment.size)
    width = max(2, round(scale * garment.width))
    height = max(2, round(scale * garment.height))
    small = garment.resize((width, height), Image.BOX)
    return 255 - np.asarray(ImageOps.pad(small, SIZE, color=255))


def _brightened(view):
    """Brighten what is almost black: a white garment that was cut out from a white page."""
    if view.max() >= DARKEST:
        return view
    return (view * (BRIGHT / max(1, view.max()))).astype(np.uint8)


def _stages(image, cut, view):
    seen = Image.fromarray(view)
    stages = {"photo": image.copy(), "cut out": cut.copy(), "what the network sees": seen}
    for stage in stages.values():
        stage.thumbnail(SHOWN)  # so that a thousand of them fit into memory
    return stages
