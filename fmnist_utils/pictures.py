"""Any file, bytes, array or image becomes an upright RGB picture, or is refused in one sentence."""

import io
import warnings
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fmnist_utils.errors import UserError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MAX_BYTES = 50_000_000
MAX_PIXELS = 110_000_000
SIDE = 1024  # pixels that are enough for a result of 28


class PhotoError(UserError):
    """One sentence that says what is wrong with a picture, and what to do about it."""


def read(source) -> Image.Image:
    """Return the picture in `source` as an upright RGB image, no larger than 1024 pixels a side.

    `source` is a path, bytes, a file object, a numpy array (grey, RGB or RGBA; 8 or 16 bits, or
    floats) or a PIL image. Transparency is laid on white. Raises PhotoError for what can't be used.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # Pillow's about odd or large pictures
            image = _rgb(_opened(source))
        if min(image.size) < 8:
            raise PhotoError(f"is {image.width} × {image.height} pixels; give a larger one")
        if all(low == high for low, high in image.getextrema()):
            raise PhotoError("is of one colour throughout; give a photo of a garment")
        image.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
        return image
    except PhotoError as error:
        wrong = error
    except Image.DecompressionBombError:
        wrong = f"has more than {MAX_PIXELS // 10**6} megapixels; give a smaller one"
    except Exception as error:  # damaged files make Pillow raise almost anything
        wrong = f"is damaged ({error}); copy it from its source again"
    raise PhotoError(f"{source if isinstance(source, (str, Path)) else 'The picture'} {wrong}.")


def _opened(source):
    if isinstance(source, np.ndarray):
        source = _from_array(source)
    elif not isinstance(source, Image.Image):
        source = _from_content(_content(source))
    if source.width * source.height > MAX_PIXELS:
        raise Image.DecompressionBombError
    return ImageOps.exif_transpose(source)


def _content(source):
    try:
        with open(source, "rb") if isinstance(source, (str, Path)) else nullcontext(source) as file:
            content = file.read(MAX_BYTES + 1) if hasattr(file, "read") else file
        content = bytes(memoryview(content))  # which refuses text and numbers
    except FileNotFoundError:
        raise PhotoError("does not exist; check the path") from None
    except IsADirectoryError:
        raise PhotoError("is a folder; give a picture, or the folder to classify") from None
    except Exception as error:  # what is not a file raises whatever it likes
        wanted = "a path, bytes, a file opened with 'rb', an array or a PIL image"
        raise PhotoError(f"cannot be read ({error}); give {wanted}") from None
    if not content:
        raise PhotoError("is empty; save the picture again")
    if len(content) > MAX_BYTES:
        raise PhotoError(f"is larger than {MAX_BYTES // 10**6} MB; give a smaller one")
    return content


def _from_content(content):
    if content[4:8] == b"ftyp" and content[8:11] in (b"hei", b"hev", b"mif", b"msf"):
        raise PhotoError("is a HEIC file; save it as JPEG")
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError:
        if b"<svg" in content[:1000].lower():
            raise PhotoError("is a drawing (SVG); save it as PNG") from None
        raise PhotoError("is not a picture that can be read; save it as JPEG or PNG") from None
    image.draft(None, (SIDE // 2, SIDE // 2))  # from where JPEG may be decoded at a smaller scale
    return image


def _from_array(array):
    """Return an 8-bit image; the array's values tell whether white is 1, 255 or 65535."""
    array = array.squeeze(axis=2) if array.shape[2:] == (1,) else array
    fits = array.ndim >= 2 and array.shape[2:] in ((), (3,), (4,)) and array.size
    if not fits or array.dtype.kind not in "biuf":
        wanted = "numbers of shape (height, width), with 1, 3 or 4 channels after it or none"
        raise PhotoError(f"is an array of {array.dtype} {array.shape}; give {wanted}")
    if not np.isfinite(array).all():
        raise PhotoError("holds NaN or infinity; give finite numbers")
    if array.dtype != np.uint8:
        low, high = float(array.min()), float(array.max())
        fitting = [(0, top) for top in (1, 255, 65535) if low >= 0 and high <= top]
        low, top = fitting[0] if fitting else (low, high - low or 1)
        array = np.round((array.astype(np.float64) - low) * (255 / top)).astype(np.uint8)
    return Image.fromarray(array)


def _rgb(image):
    """Return `image` in RGB: deep grey scaled to 8 bits, transparency laid on white."""
    if image.mode.startswith("I") or image.mode == "F":
        transparent, array = image.info.get("transparency"), np.asarray(image)
        image = _from_array(array)
        if transparent is not None:
            image.putalpha(Image.fromarray(np.where(array == transparent, 0, 255).astype(np.uint8)))
    if image.mode == "La":  # Pillow converts it to nothing but LA
        image = image.convert("LA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.copy() if image.mode == "RGB" else image.convert("RGB")
