import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

from fmnist_utils import data, photos, store
from fmnist_utils.photos.reading import read

NOISE = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)


@pytest.fixture(scope="module")
def network():
    return store.load("compact").model


@pytest.fixture(scope="module")
def garments(splits):
    """Test images as photos: dark on white, ten times as large."""
    pictures = []
    for image in splits.test.images[:200]:
        picture = Image.fromarray(255 - image.squeeze())
        pictures.append(picture.resize((280, 280), Image.Resampling.NEAREST))
    return pictures


@pytest.fixture(scope="module")
def indifferent():
    """A network that always gives the same answer, so that only the sources matter."""
    layers = [
        keras.Input((28, 28, 1)),
        keras.layers.Flatten(),
        keras.layers.Dense(10, "softmax", kernel_initializer="zeros"),
    ]
    return keras.Sequential(layers)


def names_of(labels):
    return [data.CLASS_NAMES[label] for label in labels]


def test_what_is_like_the_dataset_is_labelled_as_well(network, garments, splits):
    labels = splits.test.labels[:200]
    before = network.predict(splits.test.images[:200], verbose=0).argmax(axis=1)
    items = photos.classify(network, garments)
    assert not any(item.prepared.warning for item in items)
    found = [item.label for item in items]
    right = np.array(names_of(labels))
    assert (right == found).mean() >= (before == labels).mean() - 0.01


def test_images_of_the_dataset_are_taken_as_they_are(network, splits):
    images = splits.test.images[:100]
    expected = network.predict(images, verbose=0)
    enlarged = [image.repeat(3, axis=0).repeat(3, axis=1) for image in images]
    for sources in (images, images / 255, enlarged):
        items = photos.classify(network, sources)
        assert [item.label for item in items] == names_of(expected.argmax(axis=1))
        probabilities = [item.probability for item in items]
        assert probabilities == pytest.approx(expected.max(axis=1), abs=1e-5)
        assert not any(item.prepared.warning for item in items)


def test_on_transparency_a_garment_is_what_is_opaque(splits):
    network = store.load("improved").model
    pictures = []
    for image in splits.test.images[:100, ..., 0]:
        grey = 255 - image // 10  # pale
        alpha = np.where(image > 8, 255, 0)
        picture = np.dstack([grey, grey, grey, alpha]).astype(np.uint8)
        pictures.append(picture.repeat(10, axis=0).repeat(10, axis=1))
    labels = [item.label for item in photos.classify(network, pictures)]
    right = names_of(splits.test.labels[:100])
    assert (np.array(labels) == right).mean() > 0.8
    white = pictures[0].copy()
    white[..., :3] = 255
    assert photos.classify(network, white)[0].label == right[0]


def lay(garment, background, place, colour=None):
    """Lay a garment on a background: itself, or its outline in one colour."""
    outline = Image.fromarray(np.asarray(garment.convert("L")) < 250)
    background.paste(colour or garment.convert("RGB"), place, outline)
    return background


def wood(size):
    """Return a background that is not plain: planks with a grain."""
    width, height = size
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 8, (height, 1)) + rng.normal(0, 4, (height, width))
    planks = 20 * ((np.arange(height) // 40) % 2)[:, np.newaxis]
    pixels = np.array([170, 120, 70]) + (grain + planks)[..., np.newaxis]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def test_threads_and_what_came_before_change_no_result(garments):
    """In the colours of the wood, so that GrabCut's own random numbers would make a difference."""
    images = []
    for garment in garments[4:12]:
        images.append(lay(garment, wood((400, 500)), (60, 110), (165, 118, 75)))
    cv2.setRNGSeed(1)
    expected = [photos.prepare(image).views for image in images]
    drawn = cv2.randu(np.zeros(5, np.int32), 0, 1000)
    cv2.setRNGSeed(1)
    assert np.array_equal(drawn, cv2.randu(np.zeros(5, np.int32), 0, 1000))
    with ThreadPoolExecutor(4) as pool:
        prepared = list(pool.map(photos.prepare, reversed(images)))
    for item, views in zip(reversed(prepared), expected, strict=True):
        assert np.array_equal(item.views, views)


def test_the_prepared_picture_hardly_changes_with_size_padding_and_background(garments):
    trouser = garments[2].convert("RGB")
    padded = lay(trouser, Image.new("RGB", (500, 400), "white"), (150, 50))
    blue = lay(trouser, Image.new("RGB", (500, 400), (60, 90, 250)), (150, 50))
    laid_flat = lay(trouser.resize((350, 280)), wood((450, 500)), (60, 110))
    photo = lay(trouser, wood((400, 500)), (60, 110))
    for picture, changed, most in (
        (trouser, padded, 3),
        (trouser, blue, 6),
        (trouser, laid_flat, 12),
        (photo, ImageOps.expand(photo, (50, 100), "white"), 6),
        (photo, photo.resize((800, 1000)), 6),
    ):
        before = photos.prepare(read(picture)).views[0].astype(int)
        after = photos.prepare(read(changed)).views[0]
        assert np.abs(after - before).mean() < most


def test_doubts_are_named(garments):
    boot = garments[0].convert("RGB")
    assert not photos.prepare(boot).warning
    pale = Image.fromarray(235 + np.asarray(boot) // 13)
    assert "contrast" in photos.prepare(pale).warning
    assert photos.prepare(read(NOISE)).warning


def test_whatever_the_shape_there_is_an_answer_or_a_sentence(indifferent):
    """Lines, dots and rectangles, on white or on noise."""
    rng = np.random.default_rng(0)
    pictures = [NOISE[:8], NOISE[:, :8].repeat(9, axis=0)]
    for number in range(200):
        size = np.exp(rng.uniform(np.log(8), np.log(300), 2)).astype(int)
        picture = np.full(size, 255, np.uint8)
        if number % 2:
            picture = rng.integers(0, 250, size).astype(np.uint8)
        top, left = rng.integers(0, size)
        height, width = rng.choice([1, 2, 5, 60, 300], 2)
        picture[top : top + height, left : left + width] = rng.integers(0, 250)
        pictures.append(picture)
    items = photos.classify(indifferent, pictures)
    for item in items:
        assert item.error or item.prepared.views.shape[1:] == (28, 28, 1)
    assert sum(bool(item.error) for item in items) < 5


def test_classify_takes_folders_and_survives_a_bad_file(network, garments, tmp_path, splits):
    for number in range(5):
        garments[number].save(tmp_path / f"{number}.png")
    (tmp_path / "bad.jpg").write_bytes(b"nothing")
    items = photos.classify(network, tmp_path)
    assert [item.source.stem for item in items] == ["0", "1", "2", "3", "4", "bad"]
    assert "bad.jpg is not a picture" in items[5].error
    assert [item.label for item in items[:5]] == names_of(splits.test.labels[:5])
    assert items[3].ranking == photos.classify(network, tmp_path / "3.png")[0].ranking
    for item in items[:5]:
        mean = np.exp(np.log(network.predict(item.prepared.views, verbose=0)).mean(axis=0))
        assert item.probability == pytest.approx((mean / mean.sum()).max(), abs=1e-4)
        assert item.ranking[0] == (item.label, item.probability)


@pytest.fixture
def shoot(garments, tmp_path, monkeypatch):
    """A folder with six pictures, of which two have odd names, other things, and loops of links."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "shoot [2024]"
    for name in ("a.png", "b.jfif", "c", "sub/d.png", "sub/e.apng", "._x.png", ".hidden/y.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        garments[0].save(folder / name, "JPEG" if name == "b.jfif" else "PNG")
    for name in ("notes.txt", ".DS_Store", "film.mp4"):
        (folder / name).write_bytes(b"nothing")
    os.mkfifo(folder / "cam.jpg")
    for name in ("sub/up", "here", "again"):
        (folder / name).symlink_to(folder)
    (tmp_path / "elsewhere").mkdir()
    garments[1].save(tmp_path / "elsewhere/f.png")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    return "shoot [2024]"


@pytest.fixture
def found(indifferent):
    """A function that returns the names of the files that are classified."""

    def names(sources):
        items = photos.classify(indifferent, sources)
        return sorted(Path(str(item.source)).name for item in items)

    return names


EVERYTHING = ["a.png", "b.jfif", "c", "d.png", "e.apng", "f.png"]


def test_a_folder_gives_every_picture_once_and_says_what_is_left_out(shoot, found, capsys):
    assert found(shoot) == EVERYTHING
    assert "not pictures: 5" in capsys.readouterr().out
    os.symlink(shoot, b"not UTF-8: \xff")
    assert found(os.fsdecode(b"not UTF-8: \xff")) == EVERYTHING
    assert "not UTF-8: �" in capsys.readouterr().out


def test_a_pattern_gives_the_pictures_that_fit_it(shoot, found, monkeypatch):
    assert found(f"{shoot}/**") == EVERYTHING
    assert found(Path(shoot) / "**/*") == EVERYTHING
    assert found(f"{shoot}/**/*.png") == ["a.png", "d.png", "f.png"]
    assert found(f"{shoot}/**/sub/*g") == ["d.png", "e.apng"]
    assert found("else*/**/*.png") == ["f.png"]
    assert found(f"{shoot}/*.png") == ["a.png"]
    assert found("*/?.png") == ["a.png", "f.png"]
    assert found("*[2024]/s?b/*") == ["d.png", "e.apng"]
    monkeypatch.setenv("HOME", str(Path.cwd()))
    assert found("~/elsewhere") == ["f.png"]
    assert found("~/else*/*") == ["f.png"]
    assert found(Path("~/elsewhere/f.png")) == ["f.png"]


def test_sources_are_anything_that_can_be_gone_through(shoot, found, garments, indifferent):
    names = ["a.png", "b.jfif"]
    paths = [f"{shoot}/{name}" for name in names]
    for kind in (iter, tuple, pd.Series, np.array, dict.fromkeys):
        assert found(kind(paths)) == names
    assert found([paths[:1], [paths[1:]]]) == names
    file = io.BytesIO(Path(paths[0]).read_bytes())
    pictures = [file, file, file.getvalue(), garments[0], np.asarray(garments[0])]
    items = photos.classify(indifferent, pictures)
    assert [item.label for item in items] == ["T-shirt/top"] * 5


def test_where_there_is_no_picture_one_sentence_says_so(shoot, indifferent):
    for nothing in ([], iter([]), f"{shoot}/*.bmp", "elsewhere/sub*"):
        with pytest.raises(ValueError, match="no picture"):
            photos.classify(indifferent, nothing)
    for wrong in ("", "nothing.jpg", "https://example.org/?a.jpg", np.array(7.5)):
        assert photos.classify(indifferent, wrong)[0].error
