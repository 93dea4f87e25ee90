"""Any picture is read, or refused in one sentence."""

import io
import random
import warnings

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fmnist_utils.pictures import PhotoError, read

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")


def encoded(image, format="PNG", **options):
    content = io.BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


def difference(image, expected):
    return np.abs(np.asarray(image).astype(int) - np.asarray(expected)).mean()


@pytest.fixture(scope="module")
def shirt():
    """A red garment on grey, darker at the top: it shows which way is up."""
    image = Image.new("RGB", (120, 160), (200, 200, 200))
    draw = ImageDraw.Draw(image)
    draw.polygon([(30, 20), (90, 20), (110, 60), (90, 60), (90, 140), (30, 140), (30, 60)], "red")
    draw.rectangle([30, 20, 90, 40], "darkred")
    return image


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_read(shirt, format):
    image = read(encoded(shirt, format))
    assert (image.mode, image.size) == ("RGB", shirt.size)
    assert difference(image, shirt) < 5


def test_every_kind_of_source_gives_the_same_image(shirt, tmp_path):
    path, content = tmp_path / "shirt.png", encoded(shirt)
    path.write_bytes(content)
    view, file = memoryview(content), io.BytesIO(content)
    for source in (path, str(path), content, view, file, np.asarray(shirt), shirt):
        assert difference(read(source), shirt) == 0


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16"])
def test_every_mode_is_read(shirt, mode):
    grey = shirt.convert("L")
    wide = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    image = read(wide if mode == "I;16" else shirt.convert(mode))
    expected = shirt if mode in ("P", "RGBA", "CMYK", "YCbCr") else grey.convert("RGB")
    assert image.mode == "RGB"
    assert mode == "1" or difference(image, expected) < 5


SCALES = {
    "8 bits": lambda grey: grey,
    "a channel": lambda grey: grey[..., None],
    "0 to 1": lambda grey: grey / 255,
    "floats": lambda grey: grey.astype(np.float32),
    "16 bits": lambda grey: grey.astype(np.uint16) * 257,
    "-1 to 1": lambda grey: grey / 127.5 - 1,
}


@pytest.mark.parametrize("scale", SCALES)
def test_arrays_are_scaled_by_what_they_hold(shirt, scale):
    grey = np.asarray(shirt.convert("L"))
    grey = np.interp(grey, (grey.min(), grey.max()), (0, 255)).astype(np.uint8)
    found = np.asarray(read(SCALES[scale](grey)))[..., 0]
    assert np.abs(found.astype(int) - grey).max() <= 1


def test_transparency_is_laid_on_white(shirt):
    transparent = Image.new("RGBA", shirt.size, (200, 200, 200, 0))
    transparent.paste(shirt.crop((30, 20, 90, 140)), (30, 20))
    deep = np.asarray(transparent.convert("L")).astype(np.uint16) * 200
    for image, red in ((transparent, (255, 0, 0)), (Image.fromarray(deep), None)):
        options = {} if red else {"transparency": int(deep[2, 2])}
        found = read(encoded(image, "PNG", **options))
        assert found.getpixel((2, 2)) == (255, 255, 255)
        assert not red or found.getpixel((60, 100)) == red


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_put_upright(shirt, orientation):
    """What Pillow's own names of these turns undo, by their number in EXIF."""
    turns = "FLIP_LEFT_RIGHT ROTATE_180 FLIP_TOP_BOTTOM TRANSPOSE ROTATE_90 TRANSVERSE ROTATE_270"
    turns = [Image.Transpose[turn] for turn in turns.split()]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = shirt.transpose(turns[orientation - 2]) if orientation > 1 else shirt
    assert difference(read(encoded(stored, exif=exif)), shirt) == 0
    assert difference(read(Image.open(io.BytesIO(encoded(stored, exif=exif)))), shirt) == 0


def noise(size):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, size, np.uint8))


TRUNCATED = encoded(noise((100, 100)), "JPEG")[:2000]
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
    "110 megapixels": lambda: np.zeros((11_000, 11_000), bool),
    "one colour": lambda: encoded(Image.new("RGB", (50, 50), "blue")),
    "7 × 50 pixels": lambda: encoded(noise((50, 7))),
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


@pytest.mark.parametrize("format", FORMATS)
def test_damaged_files_are_read_or_refused(shirt, format):
    content, rng, refused = encoded(shirt, format), random.Random(0), 0
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
