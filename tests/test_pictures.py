import io
import random
import struct
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from fmnist_utils import photos
from fmnist_utils.pictures import PhotoError, read
from tests.conftest import run_python


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
FORMATS = ["JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "JPEG2000", "HEIF"]


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_read_and_damaged_it_is_read_or_refused(format):
    if format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    content, rng, refused = encoded(SHIRT, format), random.Random(0), 0
    image = read(content)
    assert (image.mode, image.size) == ("RGB", SHIRT.size)
    assert difference(image, SHIRT) < 5
    for _ in range(210):
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
    for source in (path, str(path), content, view, file, file, image, SHIRT, np.asarray(SHIRT)):
        assert difference(read(source), SHIRT) == 0
    assert difference(read(encoded(stored, "TIFF", exif=exif)), SHIRT) == 0


def odd_metadata():
    """Yield names and files: all have SHIRT's pixels, and damaged metadata."""
    png, jpeg = encoded(SHIRT), encoded(SHIRT, "JPEG", quality=95)
    for kind in b"gAMA cHRM pHYs sRGB tIME iCCP acTL fcTL tEXt zTXt iTXt eXIf".split():
        for payload in (b"", b"ab\0\0odd", b"a\0\0" + zlib.compress(bytes(2_000_000))):
            for checksum in (zlib.crc32(kind + payload), 0):
                chunk = struct.pack(">I", len(payload)) + kind + payload
                yield kind, png[:33] + chunk + struct.pack(">I", checksum) + png[33:]
    for marker in range(0xE0, 0xF0):
        for start in b" Adobe JFIF\0 Exif\0\0II*\0 ICC_PROFILE\0 MPF\0II*\0\x08".split(b" "):
            segment = bytes([0xFF, marker]) + struct.pack(">H", len(start) + 2) + start
            yield (marker, start), jpeg[:2] + segment + jpeg[2:]
    for format in ("PNG", "WEBP", "JPEG"):
        yield format, encoded(SHIRT, format, quality=95, exif=b"Exif\0\0no TIFF header")
    turned = SHIRT.transpose(Image.Transpose.ROTATE_90)
    for format in ("JPEG", "PNG", "WEBP"):
        for tag, kind, count, value in (
            (0x9201, 10, 1, struct.pack("<ii", -1, 0)),  # a rational number
            (0x9202, 12, 1, struct.pack("<d", float("nan"))),
            (0x927C, 99, 1, b"no such type"),
            (0x010F, 2, 10**8, b""),  # a text longer than the file
        ):
            entries = struct.pack("<HHIIHHII", 0x0112, 3, 1, 6, tag, kind, count, 38) + bytes(4)
            exif = b"Exif\0\0II*\0\x08\0\0\0\2\0" + entries + value
            yield (format, tag), encoded(turned, format, quality=95, exif=exif)
    yield "JPEG without an end", jpeg[:-2]


def test_odd_metadata_refuse_no_pixels():
    for what, content in odd_metadata():
        assert difference(read(content), SHIRT) < 5, what


def test_every_mode_is_read_and_arrays_are_scaled_by_what_they_hold():
    grey, colours = SHIRT.convert("L"), ("P", "RGBA", "CMYK", "YCbCr")
    images = {mode: SHIRT.convert(mode) for mode in ("1", "L", "LA", "I", "F", *colours)}
    images["I;16"] = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    for mode, image in images.items():
        found, expected = read(image), SHIRT if mode in colours else grey.convert("RGB")
        assert found.mode == "RGB"
        assert mode == "1" or difference(found, expected) < 5, mode
    grey = np.interp(grey, grey.getextrema(), (0, 255)).astype(np.uint8)
    shares, deep = grey / 255, grey.astype(np.uint16)
    over, spiked = shares * 1.0005, shares.copy()
    spiked[0, 0] = 1e9
    scaled = shares.astype(np.float32), 2 * shares - 1, deep, deep * 257, deep * 16, deep * 4
    for array in (grey, grey[..., None], shares, over, spiked, *scaled):
        found = np.asarray(read(array))[..., 0].astype(int)
        assert np.abs(found - grey)[1:].max() <= 1
    mask = (grey > 100).astype(np.uint8)
    assert (np.asarray(read(mask))[..., 0] == 255 * mask).all()


def test_transparency_is_laid_on_white():
    transparent = Image.new("RGBA", SHIRT.size, (200, 200, 200, 0))
    transparent.paste(SHIRT.crop((30, 20, 90, 140)), (30, 20))
    found = read(encoded(transparent))
    assert found.getpixel((2, 2)) == (255, 255, 255)
    assert found.getpixel((60, 100)) == (255, 0, 0)
    deep = np.asarray(transparent.convert("L")).astype(np.uint16) * 200
    found = read(encoded(Image.fromarray(deep), transparency=int(deep[2, 2])))
    assert found.getpixel((2, 2)) == (255, 255, 255)
    transparent.putalpha(0)  # as some programs write it
    assert read(transparent).getpixel((60, 100)) == (255, 0, 0)


TRUNCATED = encoded(NOISE, "JPEG")[:2000]
BOMB = encoded(Image.new("1", (20_000, 20_000)))
BAD = {
    "is empty": lambda: b"",
    "is not a picture": lambda: b"hello, this is a text" * 100,
    "SVG": lambda: b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"></svg>',
    "is damaged": lambda: TRUNCATED,
    "is damaged.": lambda: Image.open(io.BytesIO(TRUNCATED)),
    "larger than 50 MB": lambda: bytes(50_000_001),
    "than 50, or as a JPEG 110 megapixels": lambda: BOMB,
    "is (damaged or|not a picture)": lambda: BOMB[:33] + b"\0\0\0\1gAMA" + bytes(5) + BOMB[33:],
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
    "or a device": lambda: "/dev/zero",
    "https://.*is an address": lambda: "https://example.org/a.jpg?size=2",
    "data:.*is an address": lambda: "data:image/png;base64," + "A" * 160_000,
    "''": lambda: "",
    "a�b�.jpg": lambda: "a\nb\udcff.jpg",
}


@pytest.mark.parametrize("sentence", BAD)
def test_a_bad_picture_is_refused_in_one_sentence(sentence):
    with pytest.raises(PhotoError, match=sentence) as caught:
        read(BAD[sentence]())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_without_its_reader_heic_is_refused_with_advice(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PhotoError, match="pip install pillow-heif, or save it as JPEG"):
        read(b"\0\0\0\x18ftypheic" + bytes(100))


LARGE = {  # bytes of picture and of copies that decoders make
    "I;16": ("PNG", {}),
    "RGBA": ("PNG", {"compress_level": 1}),
    "RGB": ("WEBP", {"lossless": True, "quality": 0, "method": 0}),
    "CMYK": ("JPEG", {"progressive": True}),
    "L": ("JPEG2000", {}),
}


@pytest.mark.parametrize("mode", LARGE)
def test_a_large_picture_takes_less_than_a_gigabyte(mode, tmp_path):
    format, options = LARGE[mode]
    image = Image.linear_gradient("L").resize((7050, 7050)).convert(mode.replace("I;16", "I"))
    (tmp_path / "large").write_bytes(encoded(image.convert(mode), format, **options))
    code = "import sys; from fmnist_utils.pictures import read; print(max(read(sys.argv[1]).size), "
    code += "open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    side, kilobytes = map(int, run_python(code, tmp_path / "large").stdout.split())
    assert 800 < side <= 1008
    assert kilobytes < 1e6


def test_threads_disturb_neither_one_another_nor_the_libraries():
    globals_before, content = ([*warnings.filters], Image.MAX_IMAGE_PIXELS), encoded(NOISE)
    drawn, again = np.zeros((2, 5), np.int32)
    cv2.setRNGSeed(1)
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda _: photos.prepare(read(content)).views, range(200))
    assert all(np.array_equal(first, other) for other in others)
    assert np.array_equal(first, photos.prepare(read(content)).views)
    cv2.randu(drawn, 0, 1000)
    cv2.setRNGSeed(1)
    assert (drawn == cv2.randu(again, 0, 1000)).all()
    assert globals_before == ([*warnings.filters], Image.MAX_IMAGE_PIXELS)
