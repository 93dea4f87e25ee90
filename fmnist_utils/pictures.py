"""Any file, bytes, array or image becomes an upright RGB picture, or is refused in one sentence."""

import io
import math
import os
import re
from contextlib import suppress

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from fmnist_utils.errors import UserError

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "JPEG2000")
MAGIC = re.compile(  # how the files begin that can be read
    rb"(?s)\xff\xd8\xff|\x89PNG|RIFF....WEBP|....ftypavi|GIF8|BM....\0\0\0\0|II\*\0|MM\0\*"
    rb"|\0\0\0\x0cjP  |\xff\x4f\xff\x51|....ftyp(?P<heic>hei|hev|mif|msf)"
)
SIZES = re.compile(rb"(?s)IHDR(....)(....)|\xff[\xc0-\xc2]\0.\x08(..)(..)")  # a PNG's, a JPEG's
ADDRESS = re.compile(r"\w{2,}:/|data:")
TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # EXIF's orientation to Pillow's Transpose
CHANNELS = (), (1,), (3,), (4,)  # the shapes of an array's pixels
MAX_BYTES = 50_000_000
MAX_PIXELS = 50_000_000  # decoded at full size
MAX_REDUCED = 110_000_000  # decoded at a smaller scale, as a JPEG can be
SIDE = 36 * 28  # pixels that are enough for a result of 28


class PhotoError(UserError):
    """One sentence that says what is wrong with a picture, and what to do about it."""


def read(source) -> Image.Image:
    """Return the picture in `source` as an upright RGB image, no larger than 1008 pixels a side.

    `source` is a path, bytes, a file object, a numpy array (grey, RGB or RGBA; whole numbers or
    floats) or a PIL image. Transparency is laid on white. Raises PhotoError for what can't be used.
    """
    try:
        image = _rgb(_opened(source))
        if min(image.size) < 8:
            raise PhotoError(f"is {image.width} × {image.height} pixels; give a larger one")
        if all(low == high for low, high in image.getextrema()):
            raise PhotoError("is of one colour throughout; give a photo of a garment")
        image.thumbnail((SIDE, SIDE), Image.BOX)
        return image
    except PhotoError as error:
        wrong = error
    except FileNotFoundError:
        wrong = "does not exist; check the path"
    except ImportError:
        wrong = "is a HEIC file; pip install pillow-heif, or save it as JPEG"
    except Image.DecompressionBombError:
        most = f"{MAX_PIXELS // 10**6}, or as a JPEG {MAX_REDUCED // 10**6} megapixels"
        wrong = f"has more than {most}; give a smaller one"
    except UnidentifiedImageError:
        wrong = "is not a picture that can be read, or a drawing (SVG); save it as JPEG or PNG"
    except Exception as error:  # damaged files make Pillow raise almost anything
        wrong = f"is damaged or cannot be read ({error!s:.200}); copy it from its source again"
    raise PhotoError(f"{name(source)} {wrong}.")


def name(source):
    """Return what a sentence or a table calls `source`: printable, and not too long."""
    text = str(source) if isinstance(source, (str, os.PathLike)) else "The picture"
    text = "".join(each if each.isprintable() else "�" for each in text) or "''"
    return text if len(text) <= 200 else f"{text[:99]} … {text[-99:]}"


def _opened(source):
    """Return an upright image of any mode, from OpenCV where odd metadata make Pillow give up."""
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _upright(source)
    content = _content(source)
    try:
        if (magic := MAGIC.match(content)) and magic["heic"]:
            from pillow_heif import HeifImageFile

            return _upright(HeifImageFile(io.BytesIO(content)))
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        if math.prod(image.size) <= MAX_REDUCED:
            image.draft(None, (SIDE // 2, SIDE // 2))
        if image.format == "JPEG2000" and max(image.size) > 2 * SIDE:
            image.reduce = 1
        return _upright(image)
    except Exception:
        if (array := _by_opencv(content)) is None:
            raise
        return _from_array(array)


def _content(source):
    if isinstance(source, (str, os.PathLike)):
        if ADDRESS.match(str(source)):
            raise PhotoError("is an address; download the picture, and give its file")
        path = os.path.expanduser(source)
        if os.path.exists(path) and not os.path.isfile(path):
            raise PhotoError("is a folder or a device; give a picture, or the folder to classify")
        with open(path, "rb") as file:
            return _content(file)
    with suppress(AttributeError, OSError):
        source.seek(0)
    try:
        content = source.read(MAX_BYTES + 1) if hasattr(source, "read") else source
        content = bytes(memoryview(content))
    except Exception as error:  # what is not a file raises whatever it likes
        wanted = "a path, bytes, a file opened with 'rb', an array or a PIL image"
        raise PhotoError(f"cannot be read ({error}); give {wanted}") from None
    if 0 < len(content) <= MAX_BYTES:
        return content
    limit = f"is larger than {MAX_BYTES // 10**6} MB; give a smaller one"
    raise PhotoError(limit if content else "is empty; save the picture again")


def _by_opencv(content):
    """Return the pixels of a PNG or JPEG, or None if it ends early: what follows changes them."""
    sizes = [math.prod(int.from_bytes(n) for n in each if n) for each in SIZES.findall(content)]
    if not 0 < max(sizes, default=0) <= MAX_PIXELS:
        return None
    transparent = content[1:4] == b"PNG" and content[25] in (4, 6)
    flag = cv2.IMREAD_UNCHANGED if transparent else cv2.IMREAD_COLOR
    content = re.sub(rb"bKGD|acTL|fcTL", b"teXt", content)  # the chunks that it doesn't pass over
    ends = b"\xff\xd9", bytes(999) + b"\xff\xd9"  # the end of a JPEG, which may be missing
    one, other = (cv2.imdecode(np.frombuffer(content + end, np.uint8), flag) for end in ends)
    if one is None or not np.array_equal(one, other):
        return None
    return cv2.cvtColor(one, cv2.COLOR_BGRA2RGBA if transparent else cv2.COLOR_BGR2RGB)


def _upright(image):
    """Return `image` upright, and reduced before anything else, as copies of it are dear."""
    if math.prod(image.size) > MAX_PIXELS:
        raise Image.DecompressionBombError
    image.load()
    scale, turn = max(1, max(image.size) / (2 * SIDE)), None
    image = image.resize([max(1, round(side / scale)) for side in image.size], Image.NEAREST)
    with suppress(Exception):  # damaged metadata refuse no pixels
        turn = TURNS.get(image.getexif().get(0x0112))
    return image if turn is None else image.transpose(turn)


def _from_array(array):
    """Return an 8-bit image: the type and the bulk of the values tell what black and white are."""
    fits = array.ndim >= 2 and array.shape[2:] in CHANNELS and array.size
    if not fits or array.dtype.kind not in "biuf":
        wanted = "numbers (height, width), with 1, 3 or 4 channels or none"
        raise PhotoError(f"is an array of {array.dtype} {array.shape}; give {wanted}")
    if math.prod(array.shape[:2]) > MAX_REDUCED:
        raise Image.DecompressionBombError
    step = -(-max(array.shape[:2]) // (2 * SIDE))
    array = np.ascontiguousarray(array[::step, ::step])
    array = array[..., 0] if array.shape[2:] == (1,) else array
    if not np.isfinite(array).all():
        raise PhotoError("holds NaN or infinity; give finite numbers")
    if array.dtype != np.uint8 or array.max() <= 1:
        low, high = np.percentile(array.astype(np.float64), (0.5, 99.5))
        top = next((top for top in (1, 255, 1023, 4095, 16383, 65535) if high <= 1.05 * top), high)
        low, high = (0, top) if low >= -0.05 * top else (low, high)
        array = np.interp(array, (low, high), (0, 255)).round().astype(np.uint8)
    return Image.fromarray(array)


def _rgb(image):
    """Return `image` in RGB: deep grey scaled to 8 bits, transparency laid on white."""
    if image.mode.startswith("I") or image.mode == "F":
        transparent, array = image.info.get("transparency"), np.asarray(image)
        image = _from_array(array)
        if transparent is not None:
            image.putalpha(Image.fromarray(array != transparent))
    image = image.convert("LA") if image.mode == "La" else image  # it converts to nothing else
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.asarray(image)[..., 3:]
        if alpha.any():  # some write 0 everywhere, and mean nothing by it
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            # A white garment is made to differ from the white around it.
            white = (alpha > 127) & (np.asarray(image).min(axis=2, keepdims=True) > 250)
            image = Image.fromarray(np.where(white, np.uint8(250), image))
    return image.convert("RGB")
