import io
import os
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

from fmnist_utils import data, photos, store
from fmnist_utils.model import RECIPES
from fmnist_utils.pictures import read

NOISE = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)


@pytest.fixture(scope="module")
def garments(splits):
    """Test images as photos: dark on white, ten times as large."""
    pictures = (Image.fromarray(255 - image.squeeze()) for image in splits.test.images[:1000])
    return [picture.resize((280, 280), Image.Resampling.NEAREST) for picture in pictures]


def test_what_is_like_the_dataset_is_labelled_as_well(garments, splits):
    images, labels = (each[:1000] for each in splits.test)
    prepared = [photos.prepare(read(garment)) for garment in garments]
    assert not any(each.warning for each in prepared)
    views = [each.views for each in prepared]
    starts = np.cumsum([0, *map(len, views[:-1])])
    for name in RECIPES:
        network = store.load(name).model
        before = (network.predict(images, verbose=0).argmax(axis=1) == labels).mean()
        logarithms = np.log(network.predict(np.concatenate(views), verbose=0) + 1e-7)
        answers = np.add.reduceat(logarithms, starts).argmax(axis=1)
        assert (answers == labels).mean() >= before - 0.01, name


def test_images_of_the_dataset_are_taken_as_they_are(splits):
    network, images = store.load("compact").model, splits.test.images[:200]
    enlarged = [Image.fromarray(image.squeeze()).resize((84, 84), 0) for image in images[:20]]
    expected = network.predict(images, verbose=0)
    for sources in (images, images / 255, enlarged):
        for item, answer in zip(photos.classify(network, sources), expected, strict=False):
            assert item.probability == pytest.approx(answer.max(), abs=1e-5)
            assert item.label == data.CLASS_NAMES[answer.argmax()]
            assert not item.prepared.warning


def test_on_transparency_a_garment_is_what_is_opaque(splits):
    network, images = store.load("improved").model, splits.test.images[:100, ..., 0]
    pale = [np.dstack([255 - image // 10] * 3 + [255 * (image > 8)]) for image in images]
    large = [each.repeat(10, axis=0).repeat(10, axis=1).astype(np.uint8) for each in pale]
    labels = [item.label for item in photos.classify(network, large)]
    right = np.array(data.CLASS_NAMES)[splits.test.labels[:100]]
    assert (np.array(labels) == right).mean() > 0.8
    white = np.where([[[True] * 3 + [False]]], np.uint8(255), large[0])
    assert photos.classify(network, white)[0].label == right[0]


def on(background, garment, place, colour=None):
    """Lay a garment, or its outline in one colour, on a background."""
    shape = garment.convert("L").point(lambda value: 255 * (value < 250))
    background.paste(colour or garment.convert("RGB"), place, shape)
    return background


def wood(size):
    """A background that is not plain: planks with a grain."""
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 8, (size[1], 1)) + rng.normal(0, 4, (size[1], size[0]))
    planks = 20 * ((np.arange(size[1]) // 40) % 2)[:, None]
    pixels = np.array([170, 120, 70]) + (grain + planks)[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def test_the_same_picture_gives_the_same_result_whatever_came_before(garments):
    """In the colours of the wood, so that GrabCut's own draws would make a difference."""
    images = [on(wood((400, 500)), each, (60, 110), (165, 118, 75)) for each in garments[4:12]]
    forward = [photos.prepare(image).views for image in images]
    backward = [photos.prepare(image).views for image in reversed(images)][::-1]
    assert all((one == other).all() for one, other in zip(forward, backward, strict=True))
    mirrored = {view[:, ::-1].tobytes() for view in forward[0]}
    assert mirrored == {view.tobytes() for view in forward[0]}


def test_the_prepared_picture_hardly_changes_with_size_padding_and_background(garments):
    trouser = garments[2].convert("RGB")
    padded = on(Image.new("RGB", (500, 400), "white"), trouser, (150, 50))
    photo = on(wood((400, 500)), trouser, (60, 110))
    for one, other, most in (
        (trouser, padded, 3),
        (trouser, padded.resize((1000, 800)), 6),
        (trouser, on(Image.new("RGB", (500, 400), (60, 90, 250)), trouser, (150, 50)), 6),
        (trouser, on(wood((450, 500)), trouser.resize((350, 280)), (60, 110)), 12),  # laid flat
        (photo, ImageOps.expand(photo, (50, 100), "white"), 6),
        (photo, photo.resize((800, 1000)), 6),
    ):
        first, second = (photos.prepare(read(each)).views[0].astype(int) for each in (one, other))
        assert np.abs(first - second).mean() < most


def test_doubts_are_named(garments):
    boot = garments[0].convert("RGB")
    assert not photos.prepare(boot).warning
    assert "contrast" in photos.prepare(boot.point(lambda value: 235 + value // 13)).warning
    assert photos.prepare(read(NOISE)).warning


def shapes():
    """Yield pictures of 1,000 lines, dots, crosses and letters, on white or on noise."""
    rng = np.random.default_rng(0)
    for number in range(1000):
        size = np.exp(rng.uniform(np.log(8), np.log(300), 2)).astype(int)
        noise = rng.integers(0, 250, size).astype(np.uint8)
        picture = noise[::-1] if number % 2 else np.full(size, 255, np.uint8)
        for _ in range(rng.integers(1, 4)):
            (top, left), (tall, wide) = rng.integers(0, size), rng.choice([1, 2, 5, 60, 300], 2)
            part = slice(top, top + tall, rng.choice([1, 3])), slice(left, left + wide)
            picture[part] = noise[part] // rng.choice([1, 250])
        yield picture


# A network that always gives the same answer, so that only the sources matter.
FIXED = [keras.Input((28, 28, 1)), keras.layers.Flatten()]
FIXED = keras.Sequential([*FIXED, keras.layers.Dense(10, "softmax", kernel_initializer="zeros")])


def test_whatever_the_shape_there_is_an_answer_or_a_sentence():
    items = photos.classify(FIXED, (*shapes(), NOISE[:8], NOISE[:, :8].repeat(9, axis=0)))
    assert all(item.error or item.prepared.views.shape[1:] == (28, 28, 1) for item in items)
    assert sum(bool(item.error) for item in items) < 20


def test_classify_takes_folders_and_survives_a_bad_file(garments, tmp_path, splits):
    for number, image in enumerate(garments[:5]):
        image.save(tmp_path / f"{number}.png")
    (tmp_path / "bad.jpg").write_bytes(b"nothing")
    network = store.load("baseline").model
    items = photos.classify(network, tmp_path)
    assert [item.source.name for item in items] == [*(f"{n}.png" for n in range(5)), "bad.jpg"]
    assert "bad.jpg is not a picture" in items[-1].error
    right = [data.CLASS_NAMES[label] for label in splits.test.labels[:5]]
    assert [item.label for item in items[:5]] == right
    assert items[3].ranking == photos.classify(network, tmp_path / "3.png")[0].ranking
    answers = np.exp(np.log(network.predict(items[0].prepared.views, verbose=0)).mean(axis=0))
    expected = dict(zip(data.CLASS_NAMES, answers / answers.sum(), strict=True))
    assert dict(items[0].ranking) == pytest.approx(expected, abs=1e-4)
    assert items[0].ranking[0] == (items[0].label, items[0].probability)


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


def found(sources):
    return sorted(Path(str(item.source)).name for item in photos.classify(FIXED, sources))


def test_a_folder_gives_every_picture_once_and_says_what_is_left_out(shoot, capsys, monkeypatch):
    everything = ["a.png", "b.jfif", "c", "d.png", "e.apng", "f.png"]
    assert found(shoot) == everything
    assert f"{shoot}: 5 files are left out" in capsys.readouterr().out
    assert found(f"{shoot}/**") == found(Path(shoot) / "**/*") == everything
    assert found(f"{shoot}/**/*.png") == ["a.png", "d.png", "f.png"]
    assert found("else*/**/*.png") == ["f.png"]
    monkeypatch.setenv("HOME", str(Path.cwd()))
    assert found("~/elsewhere") == found(Path("~/elsewhere/f.png")) == ["f.png"]
    assert found(f"{shoot}/*.png") == ["a.png"]
    assert found("*/?.png") == ["a.png", "f.png"]
    assert found("*[2024]/s?b/*") == found(f"{shoot}/**/sub/*g") == ["d.png", "e.apng"]
    os.symlink(shoot, b"not UTF-8: \xff")
    assert found(os.fsdecode(b"not UTF-8: \xff")) == everything
    assert "not UTF-8: �: 5 files" in capsys.readouterr().out


def test_sources_are_anything_that_can_be_gone_through(shoot, garments):
    names = ["a.png", "b.jfif"]
    paths = [f"{shoot}/{name}" for name in names]
    for kind in (iter, tuple, pd.Series, np.array, dict.fromkeys):
        assert found(kind(paths)) == names
    assert found(Path(shoot).glob("?.*")) == names
    file = io.BytesIO(Path(paths[0]).read_bytes())
    sources = file, file, file.getvalue(), garments[0], np.asarray(garments[0])
    assert [item.label for item in photos.classify(FIXED, sources)] == ["T-shirt/top"] * 5
    for nothing in ([], iter([]), f"{shoot}/*.bmp", "elsewhere/sub*"):
        with pytest.raises(ValueError, match="no picture"):
            photos.classify(FIXED, nothing)
    for wrong, sentence in (("", "does not exist"), ("https://example.org/?a.jpg", "an address")):
        assert sentence in photos.classify(FIXED, wrong)[0].error
