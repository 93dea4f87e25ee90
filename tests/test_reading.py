"""Any source becomes an upright picture in RGB, or one sentence says why not."""

import io
import random
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw
from PIL.Image import Transpose

from fmnist_utils.photos.reading import PhotoError, read
from tests.conftest import run_python

# A red garment on grey, darker at the top: it shows which way is up.
SHIRT = Image.new("RGB", (120, 160), (200, 200, 200))
ImageDraw.Draw(SHIRT).polygon([30, 20, 90, 20, 110, 60, 90, 60, 90, 140, 30, 140, 30, 60], "red")
ImageDraw.Draw(SHIRT).rectangle([30, 20, 90, 40], "darkred")
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (100, 100), np.uint8))
FORMATS = ["JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "JPEG2000", "HEIF"]


def encoded(image, format="PNG", **options):
    content = io.BytesIO()
    image.save(content, format, quality=95, **options)
    return content.getvalue()


def difference(image, expected):
    """Return how much the pixels differ, on average, of 255."""
    return np.abs(np.asarray(image).astype(int) - np.asarray(expected)).mean()


def damaged(content, rng):
    """Return the bytes of a file with one of them inverted, and half of the times cut."""
    content = bytearray(content)
    content[rng.randrange(len(content))] ^= 255
    end = rng.randrange(2 * len(content))
    return bytes(content[:end])


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_read_and_damaged_it_is_read_or_refused(format):
    if format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    content = encoded(SHIRT, format)
    image = read(content)
    assert (image.mode, image.size) == ("RGB", SHIRT.size)
    assert difference(image, SHIRT) < 5
    rng = random.Random(0)
    refused = 0
    for _ in range(40):
        try:
            assert read(damaged(content, rng)).mode == "RGB"
        except PhotoError:
            refused += 1
    assert refused


# How a picture is stored that EXIF's orientation 2 to 8 put upright.
STORED = [Transpose.FLIP_LEFT_RIGHT, Transpose.ROTATE_180, Transpose.FLIP_TOP_BOTTOM]
STORED += [Transpose.TRANSPOSE, Transpose.ROTATE_90, Transpose.TRANSVERSE, Transpose.ROTATE_270]


def turned(orientation, format):
    """Return a file whose EXIF data say that it is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(SHIRT.transpose(STORED[orientation - 2]), format, exif=exif)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_every_orientation_is_put_upright_from_every_kind_of_source(orientation, tmp_path):
    content = turned(orientation, "PNG")
    path = tmp_path / "shirt.png"
    path.write_bytes(content)
    file = io.BytesIO(content)
    opened = Image.open(path)
    for source in (path, str(path), content, memoryview(content), file, file, opened, opened):
        assert difference(read(source), SHIRT) == 0
    assert difference(read(turned(orientation, "TIFF")), SHIRT) == 0


def png_with_odd_chunks():
    content = encoded(SHIRT)
    for kind in (b"gAMA", b"pHYs", b"iCCP", b"acTL", b"tEXt", b"iTXt", b"eXIf"):
        for payload in (b"", b"ab\0\0odd", b"a\0\0" + zlib.compress(bytes(2_000_000))):
            for checksum in (zlib.crc32(kind + payload), 0):
                chunk = struct.pack(">I", len(payload)) + kind + payload
                yield content[:33] + chunk + struct.pack(">I", checksum) + content[33:]


def turned_jpeg_with_odd_segments():
    content = turned(6, "JPEG")
    for marker in (0xE0, 0xE2, 0xED, 0xEF):
        for start in (b"", b"JFIF\0", b"ICC_PROFILE\0", b"MPF\0II*\0\x08"):
            segment = bytes([0xFF, marker]) + struct.pack(">H", len(start) + 2) + start
            yield content[:2] + segment + content[2:]


def turned_with_odd_exif():
    # Orientation 6, and a text that is longer than the file.
    entries = struct.pack("<HHIIHHII", 0x0112, 3, 1, 6, 0x010F, 2, 10**8, 38)
    exif = b"Exif\0\0II*\0\x08\0\0\0\2\0" + entries + bytes(4)
    for format in ("JPEG", "PNG", "WEBP"):
        yield encoded(SHIRT.transpose(STORED[6 - 2]), format, exif=exif)
        yield encoded(SHIRT, format, exif=b"Exif\0\0no TIFF header")


ODD = [png_with_odd_chunks, turned_jpeg_with_odd_segments, turned_with_odd_exif]


@pytest.mark.parametrize("files", ODD)
def test_odd_metadata_refuse_no_pixels(files):
    for number, content in enumerate(files()):
        assert difference(read(content), SHIRT) < 5, number


def test_every_mode_is_read():
    grey = SHIRT.convert("L").convert("RGB")
    for mode in ("P", "CMYK"):
        assert difference(read(SHIRT.convert(mode)), SHIRT) < 5, mode
    for mode in ("LA", "I", "F"):
        assert difference(read(SHIRT.convert(mode)), grey) < 5, mode
        assert read(SHIRT.convert(mode).resize((784, 100))).size == (784, 100)


def test_arrays_are_scaled_by_what_they_hold():
    grey = np.asarray(SHIRT.convert("L"))
    grey = np.interp(grey, (grey.min(), grey.max()), (0, 255)).astype(np.uint8)
    shares = grey / 255
    spiked = shares.copy()
    spiked[0, 0] = 1e9
    deep = grey.astype(np.uint16)
    arrays = [grey, grey[..., np.newaxis], shares, 2 * shares - 1, shares * 1.0005, spiked]
    arrays += [deep * 4, deep * 16, deep * 257]
    for number, array in enumerate(arrays):
        found = np.asarray(read(array))[..., 0].astype(int)
        assert np.abs(found - grey)[1:].max() <= 1, number
    mask = (grey > 100).astype(np.uint8)
    assert (np.asarray(read(mask))[..., 0] == 255 * mask).all()


def test_transparency_is_laid_on_white():
    transparent = Image.new("RGBA", SHIRT.size, (200, 200, 200, 0))
    transparent.paste(SHIRT.crop((30, 20, 90, 140)), (30, 20))
    found = read(encoded(transparent))
    assert found.getpixel((2, 2)) == (255, 255, 255)
    assert found.getpixel((60, 100)) == (255, 0, 0)
    transparent.putalpha(0)  # as some programs write it
    assert read(transparent).getpixel((60, 100)) == (255, 0, 0)


class Locked:
    name = "locked.jpg"

    def read(self, size):
        raise PermissionError(13, "Permission denied")


def bad_sources():
    """Yield what cannot be used, each with a part of the sentence that says so."""
    yield b"", "is empty"
    yield b"hello, this is a text" * 100, "is not a picture"
    yield encoded(NOISE, "JPEG")[:2000], "is damaged"
    yield bytes(50_000_001), "larger than 50 MB"
    yield encoded(Image.new("1", (20_000, 20_000))), "more than 50 megapixels"
    yield encoded(Image.new("RGB", (50, 50), "blue")), "one colour"
    yield encoded(NOISE.crop((0, 0, 7, 50))), "7 × 50 pixels"
    yield np.full((50, 50), np.nan), "NaN"
    yield np.zeros((50, 50, 7)), "(50, 50, 7)"
    yield 5, "int; give a path, bytes"
    yield io.StringIO("text"), "opened with 'rb'"
    yield Locked(), "locked.jpg may not be read; change its permissions"
    yield "nothing.jpg", "nothing.jpg does not exist"
    yield "tests", "tests is a folder"
    yield "https://example.org/a.jpg?size=2", "https://example.org/a.jpg?size=2 is an address"
    yield "a\0b", "a�b is not a path"
    yield "a\nb\udcff.jpg", "a�b�.jpg does not exist"


def test_a_bad_picture_is_refused_in_one_sentence():
    for source, part in bad_sources():
        with pytest.raises(PhotoError) as caught:
            read(source)
        sentence = str(caught.value)
        assert part in sentence
        assert "\n" not in sentence


def test_without_its_reader_heic_is_refused_with_advice(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PhotoError, match="pip install pillow-heif, or save it as JPEG"):
        read(b"\0\0\0\x18ftypheic" + bytes(100))


MEASURE = """
import sys
from fmnist_utils.photos.reading import read

def kilobytes(kind):
    return int(open("/proc/self/status").read().split(kind + ":")[1].split()[0])

before = kilobytes("VmRSS")
side = max(read(sys.argv[1]).size)
print(side, kilobytes("VmHWM") - before)
"""


@pytest.mark.parametrize(("mode", "format"), [("RGBA", "PNG"), ("CMYK", "JPEG")])
def test_a_picture_of_50_megapixels_takes_less_than_a_gigabyte(mode, format, tmp_path):
    image = Image.linear_gradient("L").resize((7050, 7050)).convert(mode)
    image.save(tmp_path / "large", format, compress_level=1, progressive=True)
    side, kilobytes = run_python(MEASURE, tmp_path / "large").stdout.split()
    assert 800 < int(side) <= 1008
    assert int(kilobytes) < 1e6
