"""Read a picture from any source: it becomes an upright RGB image, or one sentence says why not."""

import io
import math
import os
import re
from contextlib import suppress

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fmnist_utils.errors import UserError, as_path

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "JPEG2000")
PNG = b"\x89PNG\r\n\x1a\n"
ADDRESS = re.compile(r"\w{2,}:/|data:")  # two letters at least: C:/ is a drive
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff]")
CHANNELS = (1, 3, 4)  # what may follow height and width in an array's shape
FLAT = 28 * 28  # numbers of an image of Fashion-MNIST
MAX_BYTES = 50_000_000
MAX_PIXELS = 50_000_000  # decoded at full size
SIDE = 36 * 28  # pixels; more would add nothing to a result of 28
WHITES = (1, 255, 1023, 4095, 16383, 65535)  # the largest values of 1, 8, 10, 12, 14 and 16 bits


class PhotoError(UserError):
    """One sentence that says what is wrong with a picture, and what to do about it."""


def read(source) -> Image.Image:
    """Return the picture in `source`, upright, in RGB, at most 1008 pixels wide and high.

    `source` is a path, bytes, a file opened in binary mode, a PIL image, or an array (H, W),
    (H, W, 1), (H, W, 3) or (H, W, 4) of whole numbers or floats, of any library that numpy reads.
    784 numbers in a row are an image of Fashion-MNIST. Transparent parts become white.
    Raises PhotoError if there is no picture, or one that cannot be used.
    """
    try:
        image = _in_rgb(_decoded(source))
        if min(image.size) < 8:
            raise PhotoError(f"is {image.width} × {image.height} pixels; give a larger one")
        if all(low == high for low, high in image.getextrema()):
            raise PhotoError("is of one colour throughout; give a photo of a garment")
        image.thumbnail((SIDE, SIDE), Image.BOX)
        return image
    except Exception as error:  # on damaged files Pillow raises almost anything
        raise PhotoError(f"{printable(source)} {_what_is_wrong(error)}.") from None


def printable(source) -> str:
    """Return what a sentence or a table calls `source`: its path, without control characters."""
    name = getattr(source, "name", source) if hasattr(source, "read") else source  # an open file's
    if not isinstance(name, (str, os.PathLike)):
        return "The picture"
    text = UNPRINTABLE.sub("�", str(name)) or "''"
    if len(text) > 200:
        text = f"{text[:99]} … {text[-99:]}"
    return text


def is_array(source) -> bool:
    """Return whether `source` is an array, a tensor, a row of pandas, or the like."""
    return hasattr(source, "__array__") and not isinstance(source, (str, bytes, Image.Image))


def is_address(source) -> bool:
    """Return whether `source` is the address of something on the web."""
    return ADDRESS.match(str(source)) is not None


def _what_is_wrong(error):
    """Return the rest of a sentence that begins with the name of the source."""
    if isinstance(error, PhotoError):
        return str(error)
    if isinstance(error, UserError):
        return "is not a path; give the path of a picture"
    if isinstance(error, FileNotFoundError):
        return "does not exist; check the path"
    if isinstance(error, PermissionError):
        return "may not be read; change its permissions"
    if isinstance(error, ImportError):
        return "is a HEIC file; pip install pillow-heif, or save it as JPEG"
    if isinstance(error, Image.DecompressionBombError):
        return f"has more than {MAX_PIXELS // 10**6} megapixels; give a smaller one"
    if isinstance(error, UnidentifiedImageError):
        return "is not a picture that can be read (SVG drawings are not); save it as JPEG or PNG"
    return f"is damaged or cannot be read ({error!s:.200}); copy it from its source again"


def _decoded(source):
    """Return an upright image of any mode."""
    if is_array(source):
        return _from_array(np.asarray(source))
    if isinstance(source, Image.Image):
        return _upright(source)
    content = _content(source)
    try:
        return _from_bytes(content)
    except Exception:
        return _from_bytes(_without_metadata(content))


def _content(source):
    """Return the bytes of a file."""
    if isinstance(source, (str, os.PathLike)):
        if is_address(source):
            raise PhotoError("is an address; download the picture, and give its file")
        path = as_path(source, "A picture")
        if path.exists() and not path.is_file():
            raise PhotoError("is a folder or a device; give a picture, or the folder to classify")
        with open(path, "rb") as file:
            return _content(file)
    if hasattr(source, "read"):
        with suppress(AttributeError, OSError):  # a stream cannot go back to its beginning
            source.seek(0)
        source = source.read(MAX_BYTES + 1)
    if not isinstance(source, (bytes, bytearray, memoryview)):
        wanted = "a path, bytes, a file opened with 'rb', an array or a PIL image"
        raise PhotoError(f"is of the type {type(source).__name__}; give {wanted}")
    content = bytes(source)
    if not content:
        raise PhotoError("is empty; save the picture again")
    if len(content) > MAX_BYTES:
        raise PhotoError(f"is larger than {MAX_BYTES // 10**6} MB; give a smaller one")
    return content


def _from_bytes(content):
    """Return the upright image in a file's bytes, whatever the file's name was."""
    if content[4:8] == b"ftyp" and content[8:11] in (b"hei", b"hev", b"mif", b"msf"):  # HEIC
        from pillow_heif import HeifImageFile  # not everybody has it, or needs it

        return _upright(HeifImageFile(io.BytesIO(content)))
    image = Image.open(io.BytesIO(content), formats=FORMATS)
    image.draft(None, (SIDE // 2, SIDE // 2))  # decodes a JPEG, and only this, at a smaller scale
    if image.format == "JPEG2000" and max(image.size) > 2 * SIDE:
        image.reduce = 1  # halves both sides
    return _upright(image)


def _without_metadata(content):
    """Return a PNG or JPEG without its metadata: where they are damaged, Pillow refuses it."""
    if content.startswith(b"\xff\xd8\xff"):
        # A JPEG's application segments become comments, except Exif's, and Adobe's about colours.
        return re.sub(rb"\xff[\xe0\xe2-\xed\xef]", b"\xff\xfe", content)
    if not content.startswith(PNG):
        return content
    # A PNG is a sequence of chunks, each of a length, a kind, data and a checksum.
    kept = [PNG]
    start = len(PNG)
    while start < len(content):
        end = start + 12 + int.from_bytes(content[start : start + 4])
        kind = content[start + 4 : start + 8]
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(content[start:end])
        start = end
    return b"".join(kept)


def _upright(image):
    """Return `image` upright, and reduced first, because copies of a large one take memory."""
    if image.width * image.height > MAX_PIXELS:
        raise Image.DecompressionBombError
    image.load()
    small = image.copy()
    small.thumbnail((2 * SIDE, 2 * SIDE), Image.NEAREST)
    with suppress(Exception):  # damaged metadata are no reason to refuse the pixels
        ImageOps.exif_transpose(small, in_place=True)  # turns the pixels before it can fail
    return small


def _from_array(array):
    """Return an image of 8 bits: 0 is black, and white is what the largest values suggest."""
    if array.shape == (FLAT,):
        array = array.reshape(28, 28)
    if array.ndim == 2 and array.shape[1] in (FLAT, FLAT + 1):  # with a label, as Kaggle has it
        flat = "reshape flat images to (N, 28, 28), without labels, and one picture to (H, W, 1)"
        raise PhotoError(f"is {array.dtype} {array.shape}; {flat}")
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in CHANNELS)
    if not fits or array.size == 0 or array.dtype.kind not in "biuf":
        raise PhotoError(f"is {array.dtype} {array.shape}; give numbers (H, W), (H, W, 3 or 4)")
    step = math.ceil(max(array.shape[:2]) / (2 * SIDE))
    array = np.ascontiguousarray(array[::step, ::step])
    if array.shape[2:] == (1,):
        array = array[..., 0]
    if not np.isfinite(array).all():
        raise PhotoError("holds NaN or infinity; give finite numbers")
    if array.dtype != np.uint8 or array.max() <= 1:
        array = _in_8_bits(array)
    return Image.fromarray(array)


def _in_8_bits(array):
    """Return the array with its values scaled to 0...255; a few outliers are ignored."""
    low, high = np.percentile(array.astype(np.float64), (0.5, 99.5))
    large_enough = [white for white in WHITES if high <= 1.05 * white]
    white = min(large_enough, default=high)
    limits = (low, high) if low < -0.05 * white else (0, white)
    return np.interp(array, limits, (0, 255)).round().astype(np.uint8)


def _in_rgb(image):
    if image.mode == "F" or image.mode.startswith("I"):
        image = _from_array(np.asarray(image)[..., np.newaxis])  # grey, of more than 8 bits
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _on_white(image):
    """Return an RGBA image in RGB, laid on white, from which a white garment is made to differ."""
    alpha = np.asarray(image)[..., 3:]
    if not alpha.any():  # some programs write 0 everywhere, and mean nothing by it
        return image.convert("RGB")
    page = Image.new("RGBA", image.size, "white")
    pixels = np.asarray(Image.alpha_composite(page, image))
    white = pixels.min(axis=2, keepdims=True) > 250
    pixels = np.where(white & (alpha > 127), np.uint8(250), pixels)
    return Image.fromarray(pixels).convert("RGB")
