import io
import random
import warnings

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fmnist_utils.pictures import PhotoError, read


def encoded(image, format="PNG", **options):
    content = io.BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


def difference(image, expected):
    return np.abs(np.asarray(image).astype(int) - np.asarray(expected)).mean()


# A red garment on grey, darker at the top: it shows which way is up.
SHIRT = Image.new("RGB", (120, 160), (200, 200, 200))
ImageDraw.Draw(SHIRT).polygon([30, 20, 90, 20, 110, 60, 90, 60, 90, 140, 30, 140, 30, 60], "red")
ImageDraw.Draw(SHIRT).rectangle([30, 20, 90, 40], "darkred")
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (100, 100), np.uint8))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_every_format_is_read_and_damaged_it_is_read_or_refused(format):
    content, rng, refused = encoded(SHIRT, format), random.Random(0), 0
    image = read(content)
    assert (image.mode, image.size) == ("RGB", SHIRT.size)
    assert difference(image, SHIRT) < 5
    for _ in range(420):
        damaged = bytearray(content)
        for _ in range(rng.randrange(1, 5)):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        if rng.random() < 0.3:
            del damaged[rng.randrange(len(damaged)) :]
        try:
            assert read(bytes(damaged)).mode == "RGB"
        except PhotoError:
            refused += 1
    assert refused


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_put_upright_from_every_kind_of_source(orientation, tmp_path):
    """What Pillow's own names of these turns undo, by their number in EXIF."""
    turns = "FLIP_LEFT_RIGHT ROTATE_180 FLIP_TOP_BOTTOM TRANSPOSE ROTATE_90 TRANSVERSE ROTATE_270"
    turn, exif = [None, *turns.split()][orientation - 1], Image.Exif()
    exif[0x0112] = orientation
    stored = SHIRT.transpose(Image.Transpose[turn]) if turn else SHIRT
    path, content = tmp_path / "shirt.png", encoded(stored, exif=exif)
    path.write_bytes(content)
    view, file, image = memoryview(content), io.BytesIO(content), Image.open(path)
    for source in (path, str(path), content, view, file, image, SHIRT, np.asarray(SHIRT)):
        assert difference(read(source), SHIRT) == 0


def test_every_mode_is_read_and_arrays_are_scaled_by_what_they_hold():
    grey, colours = SHIRT.convert("L"), ("P", "RGBA", "CMYK", "YCbCr")
    images = {mode: SHIRT.convert(mode) for mode in ("1", "L", "LA", "I", "F", *colours)}
    images["I;16"] = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    for mode, image in images.items():
        found, expected = read(image), SHIRT if mode in colours else grey.convert("RGB")
        assert found.mode == "RGB"
        assert mode == "1" or difference(found, expected) < 5, mode
    grey = np.interp(grey, grey.getextrema(), (0, 255)).astype(np.uint8)
    shares, deep = grey / 255, grey.astype(np.uint16) * 257
    for array in (grey, grey[..., None], shares, grey.astype(np.float32), deep, 2 * shares - 1):
        found = np.asarray(read(array))[..., 0]
        assert np.abs(found.astype(int) - grey).max() <= 1


def test_transparency_is_laid_on_white():
    transparent = Image.new("RGBA", SHIRT.size, (200, 200, 200, 0))
    transparent.paste(SHIRT.crop((30, 20, 90, 140)), (30, 20))
    found = read(encoded(transparent))
    assert found.getpixel((2, 2)) == (255, 255, 255)
    assert found.getpixel((60, 100)) == (255, 0, 0)
    deep = np.asarray(transparent.convert("L")).astype(np.uint16) * 200
    found = read(encoded(Image.fromarray(deep), transparency=int(deep[2, 2])))
    assert found.getpixel((2, 2)) == (255, 255, 255)


TRUNCATED = encoded(NOISE, "JPEG")[:2000]
BAD = {
    "is empty": lambda: b"",
    "is not a picture": lambda: b"hello, this is a text" * 100,
    "SVG": lambda: b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"></svg>',
    "HEIC file; save it as JPEG": lambda: b"\0\0\0\x18ftypheic" + bytes(100),
    "is damaged": lambda: TRUNCATED,
    "is damaged.": lambda: Image.open(io.BytesIO(TRUNCATED)),
    "larger than 50 MB": lambda: bytes(50_000_001),
    "megapixels": lambda: encoded(Image.new("1", (20_000, 5_501))),
    "megapixels; give": lambda: Image.new("1", (11_000, 11_000)),
    "110 megapixels": lambda: np.zeros((11_000, 11_000), np.uint8),
    "one colour": lambda: encoded(Image.new("RGB", (50, 50), "blue")),
    "7 × 50 pixels": lambda: encoded(NOISE.crop((0, 0, 7, 50))),
    "NaN": lambda: np.full((50, 50), np.nan),
    "give a path, bytes": lambda: 5,
    "opened with 'rb'": lambda: io.StringIO("text"),
    "null": lambda: "a\0b",
    r"\(50, 50, 7\)": lambda: np.zeros((50, 50, 7)),
    "does not exist": lambda: "nothing.jpg",
    "is a folder": lambda: "tests",
}


@pytest.mark.parametrize("sentence", BAD)
def test_a_bad_picture_is_refused_in_one_sentence(sentence):
    with pytest.raises(PhotoError, match=sentence) as caught:
        read(BAD[sentence]())
    assert "\n" not in str(caught.value)


def test_a_hundred_megapixels_are_still_read():
    image = Image.new("1", (10_000, 10_000))
    image.paste(1, (2000, 2000, 8000, 8000))
    with warnings.catch_warnings(action="error"):
        assert max(read(encoded(image)).size) <= 1024
