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
    assert np.abs(np.asarray(image).astype(int) - np.asarray(shirt)).mean() < 5


def test_every_kind_of_source_gives_the_same_image(shirt, tmp_path):
    (tmp_path / "shirt.png").write_bytes(encoded(shirt))
    content = encoded(shirt)
    path = tmp_path / "shirt.png"
    for source in (path, str(path), content, io.BytesIO(content), np.asarray(shirt), shirt):
        assert (np.asarray(read(source)) == np.asarray(shirt)).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16"])
def test_every_mode_is_read(shirt, mode):
    grey = shirt.convert("L")
    wide = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    image = read(wide if mode == "I;16" else shirt.convert(mode))
    assert image.mode == "RGB"
    expected = shirt if mode in ("P", "RGBA", "CMYK", "YCbCr") else grey.convert("RGB")
    if mode != "1":
        assert np.abs(np.asarray(image).astype(int) - np.asarray(expected)).mean() < 5


@pytest.mark.parametrize(
    "scaled",
    [
        lambda grey: grey,
        lambda grey: grey[..., None],
        lambda grey: grey / 255,
        lambda grey: grey.astype(np.float32),
        lambda grey: grey.astype(np.uint16) * 257,
        lambda grey: grey / 127.5 - 1,
    ],
)
def test_arrays_are_scaled_by_what_they_hold(shirt, scaled):
    grey = np.asarray(shirt.convert("L"))
    grey = np.where(grey == grey.max(), 255, np.where(grey == grey.min(), 0, grey))
    grey = grey.astype(np.uint8)
    found = np.asarray(read(scaled(grey)))[..., 0]
    assert np.abs(found.astype(int) - grey).max() <= 1


def test_transparency_is_laid_on_white(shirt):
    transparent = shirt.convert("RGBA")
    transparent.putalpha(Image.new("L", shirt.size, 0).point(lambda _: 0))
    transparent.paste(shirt.crop((30, 20, 90, 140)), (30, 20))
    image = read(encoded(transparent))
    assert image.getpixel((2, 2)) == (255, 255, 255)
    assert image.getpixel((60, 100)) == (255, 0, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_put_upright(shirt, orientation):
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = shirt.transpose(turn[orientation]) if orientation > 1 else shirt
    image = read(encoded(stored, "PNG", exif=exif))
    assert (np.asarray(image) == np.asarray(shirt)).all()


def svg():
    return b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"></svg>'


def heic():
    return b"\0\0\0\x18ftypheic" + bytes(100)


def noise(size):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, size, np.uint8))


BAD = {
    "is empty": lambda: b"",
    "is not a picture": lambda: b"hello, this is a text" * 100,
    "SVG": svg,
    "HEIC file; save it as JPEG": heic,
    "is damaged": lambda: encoded(noise((100, 100)), "JPEG")[:2000],
    "larger than 50 MB": lambda: bytes(50_000_001),
    "megapixels": lambda: encoded(Image.new("1", (20_000, 5_501))),
    "one colour": lambda: encoded(Image.new("RGB", (50, 50), "blue")),
    "7 × 50 pixels": lambda: encoded(noise((50, 7))),
    "NaN": lambda: np.full((50, 50), np.nan),
    "give a path, bytes": lambda: 5,
    "opened with 'rb'": lambda: io.StringIO("text"),
    "null": lambda: "a\0b",
    r"\(50, 50, 7\)": lambda: np.zeros((50, 50, 7)),
}


@pytest.mark.parametrize("sentence", BAD)
def test_a_bad_picture_is_refused_in_one_sentence(sentence):
    with pytest.raises(PhotoError, match=sentence) as caught:
        read(BAD[sentence]())
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(PhotoError, match="does not exist"):
        read(tmp_path / "nothing.jpg")
    with pytest.raises(PhotoError, match="is a folder"):
        read(tmp_path)


def test_pil_images_and_arrays_are_checked_like_files(shirt):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(shirt.transpose(Image.Transpose.ROTATE_90), exif=exif)
    assert read(Image.open(io.BytesIO(turned))).size == shirt.size
    truncated = Image.open(io.BytesIO(encoded(noise((100, 100)), "JPEG")[:2000]))
    with pytest.raises(PhotoError, match="damaged"):
        read(truncated)
    for large in (np.zeros((11_000, 11_000), bool), Image.new("1", (11_000, 11_000))):
        with pytest.raises(PhotoError, match="megapixels"):
            read(large)


def test_a_hundred_megapixels_are_still_read():
    image = Image.new("1", (10_000, 10_000))
    image.paste(1, (2000, 2000, 8000, 8000))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
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
            image = read(bytes(damaged))
        except PhotoError:
            refused += 1
        else:
            assert image.mode == "RGB"
    assert refused
