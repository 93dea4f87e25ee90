"""Cut a garment out of a photo, and make it look like the dataset's pictures."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageFilter, ImageOps

SIZE = (28, 28)
RIM = 0.025  # share of the shorter side that is surely background


class Prepared(NamedTuple):
    """A photo made ready for the network."""

    views: np.ndarray  # uint8 (V, 28, 28, 1); the first is the one to look at
    stages: dict  # PIL images of the steps by name, at most 128 pixels wide and high
    warning: str  # why the cut-out is doubtful, or ""


def prepare(image) -> Prepared:
    """Turn an RGB `image` into the network's input: the garment alone, white on black.

    The garment is cut out; then come the steps of the dataset's authors (arXiv 1708.07747, section
    2): trim, grey, longest edge to 28, sharpen (on a plain background only), centre in a square,
    negate. There are several views, narrower, wider and mirrored; dark ones are brightened. A
    picture that looks like one of the dataset is only scaled to 28 × 28.
    """
    if _is_from_dataset(image):
        view = np.asarray(image.convert("L").resize(SIZE, Image.BOX))
        return Prepared(view[np.newaxis, ..., np.newaxis], _stages(image, image, view), "")
    photo, mask, plain = _find_garment(image)
    kept = mask if mask.any() else ~mask  # the whole photo, if no garment was found
    cut = Image.fromarray(np.where(kept[..., np.newaxis], photo, np.uint8(255)))
    box = Image.fromarray(kept).getbbox()
    views = _make_views(cut.crop(box).convert("L"), plain)
    warning = _doubt(mask, plain, views)
    # The brightest pixel becomes 200 at least; in the dataset it is 254 or 255.
    brighter = max(1, 200 / max(1, views.max()))
    views = np.minimum(views * brighter, 255).astype(np.uint8)
    return Prepared(views, _stages(image, cut, views[0, ..., 0]), warning)


def _stages(image, cut, view):
    seen = Image.fromarray(view)
    stages = {"photo": image.copy(), "cut out": cut.copy(), "what the network sees": seen}
    for stage in stages.values():
        stage.thumbnail((128, 128))  # so that a thousand of them fit into memory
    return stages


def _is_from_dataset(image):
    """Return whether this is a picture like the dataset's: grey, square, on black."""
    pixels = np.asarray(image)
    square = image.width == image.height and image.width % SIZE[0] == 0
    grey = not np.ptp(pixels, axis=2).any()
    return square and grey and np.median(_rim(pixels)) <= 8  # a JPEG's black is not exactly 0


def _rim(pixels):
    """Return the pixels along the four edges."""
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def _find_garment(image):
    """Return `image` without a frame, the garment's mask, and whether the background is plain."""
    pixels = np.asarray(image)
    rim = _rim(pixels)
    background = np.median(rim, axis=0)
    like_background = np.abs(rim - background).max(axis=1) <= 2
    if like_background.mean() < 0.5:
        return image, _grabcut(image), False
    mask = np.abs(pixels - background).max(axis=2) > 4
    inner = image.crop(Image.fromarray(mask).getbbox())
    filled = mask.sum() / (inner.width * inner.height)
    if inner.size != image.size and filled > 0.98:  # no garment, but a photo in a frame
        return _find_garment(inner)
    return image, mask, True


def _grabcut(image):
    """Return the garment's mask, bool (H, W), by GrabCut (Rother and others, 2004).

    Its starting point is that the rim is background.
    """
    scale = 160 / max(image.size)  # on larger pictures it is slower, and no better
    width = max(8, round(scale * image.width))
    height = max(8, round(scale * image.height))
    small = np.asarray(image.resize((width, height), Image.BOX))
    rim = max(2, round(RIM * min(width, height)))
    inner = (rim, rim, width - 2 * rim, height - 2 * rim)
    mask = np.zeros((height, width), np.uint8)
    # In a new thread OpenCV's random numbers always begin anew, and so give the same result.
    with ThreadPoolExecutor(1) as fresh:
        fresh.submit(cv2.grabCut, small, mask, inner, None, None, 4, cv2.GC_INIT_WITH_RECT).result()
    garment = np.uint8(mask == cv2.GC_PR_FGD)
    garment = cv2.morphologyEx(garment, cv2.MORPH_OPEN, None)  # removes what is thinner than 3
    contours, _ = cv2.findContours(garment, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = sorted(contours, key=cv2.contourArea)[-1:]
    filled = cv2.drawContours(np.zeros_like(garment), largest, -1, 1, cv2.FILLED)
    return cv2.resize(filled, image.size) > 0


def _make_views(garment, plain):
    """Return a grey `garment` in several widths, each mirrored, too: uint8 (V, 28, 28, 1).

    On a background that is not plain, it was probably laid flat and photographed from below, so
    that its lower end looks too wide: there are views that narrow this end.
    """
    scale = 4 * SIZE[0] / max(garment.size)
    width = max(4, round(scale * garment.width))
    height = max(4, round(scale * garment.height))
    garment = garment.resize((width, height), Image.BOX)
    narrowings = (0,) if plain else (0, width / 8)
    stretch = 1 if plain else 0.8  # laid flat, a garment is wider
    views = []
    for narrowing in narrowings:
        # The corners that the view shows: top left, bottom left, bottom right, top right.
        corners = (0, 0, -narrowing, height, width + narrowing, height, width, 0)
        for factor in (1, 0.8, 0.9, 1.1, 1.2):  # narrower and wider
            size = (max(4, round(width * factor * stretch)), height)
            view = garment.transform(size, Image.QUAD, corners, Image.BICUBIC, fillcolor=255)
            view = ImageOps.invert(ImageOps.pad(view, SIZE, Image.LANCZOS, color=255))
            if plain:
                view = view.filter(ImageFilter.UnsharpMask(radius=1, percent=50, threshold=0))
            views.append(np.asarray(view))
            views.append(np.asarray(view)[:, ::-1])
    return np.stack(views)[..., np.newaxis]


def _doubt(mask, plain, views):
    """Return why the cut-out may be wrong, or an empty text."""
    if mask.mean() >= 0.9:
        return "no background was found"
    if mask.mean() <= 0.02:
        return "no garment was found"
    rim = 1 + round(1.5 * RIM * min(mask.shape))  # GrabCut never takes the rim itself
    inner = mask[rim:-rim, rim:-rim]
    if not plain and inner.size and _rim(inner).mean() > 0.2:
        return "the garment is cut off at the edge"
    if np.ptp(views) < 40:
        return "there is almost no contrast"
    return ""
