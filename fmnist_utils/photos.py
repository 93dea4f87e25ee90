"""Pictures from outside: a photo of a garment, made into what the network expects."""

import glob
import io
import os
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".heic", ".heif", ".svg")
MAX_BYTES = 50_000_000
MAX_PIXELS = 110_000_000
SIDE = 512  # pixels that are enough for a result of 28
CUT_SIDE = 160  # pixels: GrabCut on more is slower, and no better
RIM = 0.025  # share of the shorter side that is surely background
THUMBNAIL_SIDE = 128  # small, so that a thousand of them fit into memory
BATCH_SIZE = 64
SURE = 0.6  # on real photos, 41 % of the improved network's answers are right below it, 80 % above


class PhotoError(UserError):
    """One sentence that says what is wrong with a picture, and what to do about it."""


class Prepared(NamedTuple):
    """The network's input `uint8 (28, 28, 1)`, the named pictures on the way, and any doubt."""

    pixels: np.ndarray
    stages: dict
    warning: str


@dataclass(frozen=True)
class Classified:
    """What the network says about one picture; `error` says why it says nothing.

    `ranking` holds (class, probability) for all ten, likeliest first. `warning` says why little of
    it should be believed.
    """

    source: object
    label: str = ""
    probability: float = 0.0
    ranking: tuple = ()
    prepared: Prepared | None = None
    warning: str = ""
    error: str = ""


def classify(model, sources) -> list[Classified]:
    """Say what is in each of `sources`: what `read` takes, a folder, a pattern, or a list of them.

    A picture that cannot be read is an item with `error` set. Raises UserError where a folder or a
    pattern holds no picture.
    """
    sources = _listed(sources)
    few = len(sources) < 10
    progress = tqdm(sources, disable=few, file=sys.stdout, leave=False, mininterval=1)
    items = [_prepared(each) for each in progress]
    pixels = [item.pixels for item in items if isinstance(item, Prepared)]
    answers = (
        probabilities
        for start in range(0, len(pixels), BATCH_SIZE)
        for probabilities in model.predict_on_batch(np.stack(pixels[start : start + BATCH_SIZE]))
    )
    return [
        Classified(source, error=str(item))
        if isinstance(item, PhotoError)
        else _classified(source, item, next(answers))
        for source, item in zip(sources, items, strict=True)
    ]


def _prepared(source):
    """Return what `prepare` makes of `source`, or the PhotoError that says why it cannot."""
    try:
        return prepare(read(source))
    except PhotoError as error:
        return error


def _classified(source, prepared, probabilities):
    order = np.argsort(-probabilities, kind="stable")
    ranking = tuple((CLASS_NAMES[label], float(probabilities[label])) for label in order)
    unsure = "the network is unsure" if ranking[0][1] < SURE else ""
    return Classified(source, *ranking[0], ranking, prepared, prepared.warning or unsure)


def table(items):
    """Return a row for each `Classified`: source, answer, probability, and any warning or error."""
    return [
        {
            "photo": _name(item.source),
            "answer": item.label,
            "probability": round(item.probability, 3),
            "note": item.error or item.warning,
        }
        for item in items
    ]


def _listed(sources):
    """Return `sources` as a flat list, with folders and patterns replaced by what is in them."""
    if isinstance(sources, (list, tuple)):
        return [source for each in sources for source in _listed(each)]
    if not isinstance(sources, (str, Path)):
        return [sources]
    path = Path(sources)
    if os.path.isdir(path):
        found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
    elif glob.has_magic(str(sources)) and not os.path.exists(path):
        found = sorted(map(Path, glob.glob(str(sources), recursive=True)))
    else:
        found = [path]
    if not found:
        raise UserError(f"There is no picture in {sources}; check PHOTOS.")
    return found


def read(source) -> Image.Image:
    """Return the picture in `source` as an upright RGB image of a size that is enough here.

    `source` is a path, bytes, a file object, a numpy array (grey, RGB or RGBA; 8 or 16 bits, or
    floats) or a PIL image. JPEG, PNG, WebP, GIF and BMP are read, of the last three the first
    frame; transparency is laid on white.

    Raises PhotoError where it is not a picture, or not one that can be classified.
    """
    name = _name(source)
    if isinstance(source, np.ndarray):
        source = _from_array(source, name)
    elif not isinstance(source, Image.Image):
        source = io.BytesIO(_content(source, name))
    image = _decoded(source, name)
    if min(image.size) < 8:
        raise PhotoError(f"{name} is {image.width} × {image.height} pixels; give a larger one.")
    if all(low == high for low, high in image.getextrema()):
        raise PhotoError(f"{name} is of one colour throughout; give a photo of a garment.")
    image.thumbnail((2 * SIDE, 2 * SIDE), Image.Resampling.BOX)
    return image


def _name(source):
    return str(source) if isinstance(source, (str, Path)) else "The picture"


def _content(source, name):
    """Return the bytes of a file that is not too large."""
    try:
        if isinstance(source, (str, Path)):
            with open(source, "rb") as file:
                content = file.read(MAX_BYTES + 1)
        elif isinstance(source, (bytes, bytearray, memoryview)):
            content = bytes(source)
        else:
            content = bytes(source.read(MAX_BYTES + 1))
    except FileNotFoundError:
        raise PhotoError(f"{name} does not exist; check the path.") from None
    except IsADirectoryError:
        raise PhotoError(
            f"{name} is a folder; give a picture, or the folder to classify."
        ) from None
    except Exception as error:  # what is not a file raises whatever it likes
        raise PhotoError(
            f"{name} cannot be read ({error}); "
            "give a path, bytes, a file opened with 'rb', an array or a PIL image."
        ) from None
    if not content:
        raise PhotoError(f"{name} is empty; save the picture again.")
    if len(content) > MAX_BYTES:
        raise PhotoError(f"{name} is larger than {MAX_BYTES // 10**6} MB; give a smaller one.")
    if content[4:8] == b"ftyp" and content[8:11] in (b"hei", b"hev", b"mif", b"msf"):
        raise PhotoError(f"{name} is a HEIC file; save it as JPEG.")
    return content


def _decoded(source, name):
    """Return the RGB image, upright, of a file object or of a PIL image that may not be loaded."""
    try:
        with _pillow_limits():
            image = source
            if not isinstance(source, Image.Image):
                image = Image.open(source, formats=FORMATS)
                image.draft(None, (SIDE, SIDE))
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            return _rgb(ImageOps.exif_transpose(image), name)
    except PhotoError:
        raise
    except UnidentifiedImageError:
        if b"<svg" in source.getvalue()[:1000].lower():
            raise PhotoError(f"{name} is a drawing (SVG); save it as PNG.") from None
        raise PhotoError(
            f"{name} is not a picture that can be read; save it as JPEG or PNG."
        ) from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise PhotoError(
            f"{name} has more than {MAX_PIXELS // 10**6} megapixels; give a smaller one."
        ) from None
    except Exception as error:  # damaged files make Pillow raise almost anything
        raise PhotoError(
            f"{name} is damaged ({error}); copy it once more from where it came."
        ) from None


@contextmanager
def _pillow_limits():
    """Let Pillow refuse, before it decodes, what is larger than our limit; silence the rest."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _rgb(image, name):
    """Return `image` in RGB: deep grey scaled to 8 bits, transparency laid on white."""
    if image.mode.startswith("I") or image.mode == "F":
        transparent = image.info.get("transparency")
        array = np.asarray(image)
        image = _from_array(array, name)
        if transparent is not None:
            image.putalpha(Image.fromarray(np.where(array == transparent, 0, 255).astype(np.uint8)))
    if image.mode == "La":  # Pillow converts it to nothing but LA
        image = image.convert("LA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.copy() if image.mode == "RGB" else image.convert("RGB")


def _from_array(array, name):
    """Return an 8-bit image of an array `(H, W)`, or `(H, W, C)` with 1, 3 or 4 channels."""
    squeezed = array.squeeze(axis=2) if array.ndim == 3 and array.shape[2] == 1 else array
    fits = squeezed.ndim == 2 or (squeezed.ndim == 3 and squeezed.shape[2] in (3, 4))
    if not fits or not squeezed.size or squeezed.dtype.kind not in "biuf":
        raise PhotoError(
            f"{name} is an array of {array.dtype} {array.shape}; "
            "give numbers of shape (height, width), with 1, 3 or 4 channels after it or none."
        )
    if not np.isfinite(squeezed).all():
        raise PhotoError(f"{name} holds NaN or infinity; give finite numbers.")
    return Image.fromarray(_eight_bits(squeezed))


def _eight_bits(array):
    """Scale to 0..255: what it holds tells whether it goes to 1, to 255 or to 65535."""
    if array.dtype == np.uint8:
        return array
    values = array.astype(np.float64)
    low, high = values.min(), values.max()
    if low < 0 or high > 65535:
        values, top = values - low, high - low
    else:
        top = next(top for top in (1, 255, 65535) if high <= top)
    return np.round(values * (255 / top)).astype(np.uint8)


def prepare(image) -> Prepared:
    """Make of an RGB `image` what the network expects: the garment alone, white on black, 28 × 28.

    The garment is cut out, then come the steps of the dataset's authors (arXiv 1708.07747, section
    2): trim, longest edge to 28, centre in a square, negate, to grey. Smooth downscaling replaces
    their subsampling and sharpening, which turns creases into patterns. The same image always
    gives the same result.
    """
    photo = _without_frame(image)
    mask = _unlike_plain_background(photo)
    studio = mask is not None
    if not studio:
        mask = _grabbed(photo)
    warning = _doubt(mask, studio)
    if not mask.any():
        mask = np.ones_like(mask)
    cut = Image.fromarray(np.where(mask[..., None], np.asarray(photo), np.uint8(255)))
    left, top, right, bottom = box = _bounding_box(mask)
    width = (right - left) * (1 if studio else _narrowing(mask[top:bottom, left:right]))
    trimmed = cut.crop(box).convert("L").resize((max(1, round(width)), bottom - top))
    square = ImageOps.pad(trimmed, (28, 28), Image.Resampling.LANCZOS, color=255)
    seen = ImageOps.invert(square)
    if not warning and np.ptp(np.asarray(seen)) < 40:
        warning = "there is almost no contrast"
    stages = {"photo": image.copy(), "cut out": cut, "what the network sees": seen}
    for stage in stages.values():
        stage.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return Prepared(np.asarray(seen)[..., None], stages, warning)


def _without_frame(image):
    """Return `image` without a plain frame: what is a full rectangle on one colour is a photo."""
    mask = _unlike_plain_background(image)
    if mask is None or not mask.any():
        return image
    left, top, right, bottom = box = _bounding_box(mask)
    return image.crop(box) if mask[top:bottom, left:right].mean() > 0.98 else image


def _bounding_box(mask):
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def _unlike_plain_background(image):
    """Return where `image` differs from its background, or None where that is not plain."""
    photo = np.asarray(image)
    rim = np.concatenate([photo[0], photo[-1], photo[:, 0], photo[:, -1]])
    background = np.median(rim, axis=0)
    if (np.abs(rim - background).max(axis=1) <= 2).mean() < 0.5:
        return None
    return np.abs(photo - background).max(axis=2) > 4


def _narrowing(mask):
    """Return how much narrower the garment in `mask`, trimmed, would be in the dataset.

    Clothes laid flat are wider than those, and their sleeves are spread: the median T-shirt is 0.99
    times as wide as high in photos from people's homes, 0.79 times in Fashion-MNIST. What is not
    symmetrical is a shoe seen from the side, and so is what is very wide: these keep their shape.
    """
    ratio = mask.shape[1] / mask.shape[0]
    mirrored = mask[:, ::-1]
    symmetry = (mask & mirrored).sum() / (mask | mirrored).sum()
    return min(0.8, 0.9 / ratio) if symmetry > 0.65 and ratio < 1.6 else 1


def _grabbed(image):
    """Return where the garment is, found with GrabCut (Rother and others, 2004) in OpenCV.

    It starts from the guess that the rim is background and the rest is not.
    """
    small = image.copy()
    small.thumbnail((CUT_SIDE, CUT_SIDE), Image.Resampling.BOX)
    mask = np.full((small.height, small.width), cv2.GC_BGD, np.uint8)
    rim = max(2, round(RIM * min(mask.shape)))
    if min(mask.shape) <= 2 * rim:
        return np.zeros((image.height, image.width), bool)
    mask[rim:-rim, rim:-rim] = cv2.GC_PR_FGD
    cv2.setRNGSeed(0)  # GrabCut's result hangs on what OpenCV drew before
    cv2.grabCut(np.asarray(small), mask, None, None, None, 4, cv2.GC_INIT_WITH_MASK)
    garment = _largest(np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8))
    return cv2.resize(garment, image.size, interpolation=cv2.INTER_LINEAR) > 0


def _largest(mask):
    """Return the largest connected part of `mask`, its holes filled."""
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    if contours:
        cv2.drawContours(filled, [max(contours, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return filled


def _doubt(mask, studio):
    """Return why the cut-out should not be believed, or nothing."""
    share = mask.mean()
    if share < 0.02:
        return "no garment was found"
    if share > 0.9:
        return "no background was found"
    rim = 1 + round(1.5 * RIM * min(mask.shape))  # GrabCut never takes the rim itself
    inner = mask[rim:-rim, rim:-rim]
    edge = np.concatenate([inner[0], inner[-1], inner[:, 0], inner[:, -1]])
    return "the garment is cut off at the edge" if not studio and edge.mean() > 0.2 else ""
