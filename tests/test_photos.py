"""Photos: what is classified, how a garment is cut out, and which files are pictures."""

import io
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from docs.execute import ROOT
from fmnist_utils import data, photos, progress, store
from fmnist_utils.errors import UserError
from fmnist_utils.photos.reading import read

NOISE = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)


@pytest.fixture(scope="module")
def network():
    return store.load("compact", ROOT / "saved_model").model


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


def right_share(items, splits):
    """Return the share of items, of the first test images, that are labelled as these are."""
    labels = splits.test.labels[: len(items)]
    right = [data.CLASS_NAMES[label] for label in labels]
    found = [item.label for item in items]
    return np.mean(np.array(found) == right)


def test_photos_of_the_dataset_are_labelled_as_well_as_the_dataset(network, garments, splits):
    images = splits.test.images[:200]
    enlarged = [image.repeat(3, axis=0).repeat(3, axis=1) for image in images]
    before = photos.classify(network, images)
    expected = network.predict(images, verbose=0).max(axis=1)
    assert [item.probability for item in before] == pytest.approx(expected, abs=1e-5)
    assert photos.classify(network, images[:9] / 255)[8].ranking == before[8].ranking
    assert photos.classify(network, enlarged[:9])[8].ranking == before[8].ranking
    assert before[8].ranking[0] == (before[8].label, before[8].probability)
    items = photos.classify(network, garments)
    assert right_share(items, splits) >= right_share(before, splits) - 0.01
    assert not any(item.prepared.warning for item in items)


def test_on_transparency_a_garment_is_what_is_opaque(splits):
    network = store.load("improved", ROOT / "saved_model").model
    pictures = []
    for image in splits.test.images[:100, ..., 0]:
        alpha = np.where(image > 8, 255, 0)
        grey = 255 - image // 10  # pale
        picture = np.dstack([grey, grey, grey, alpha]).astype(np.uint8)
        pictures.append(picture.repeat(10, axis=0).repeat(10, axis=1))
    assert right_share(photos.classify(network, pictures), splits) > 0.8
    pictures[0][..., :3] = 255
    assert photos.classify(network, pictures[0])[0].label == "Ankle boot"


def lay(garment, background, place):
    """Lay a garment on a background."""
    outline = Image.fromarray(np.asarray(garment.convert("L")) < 250)
    background.paste(garment.convert("RGB"), place, outline)
    return background


def wood(width):
    """Return a background that is not plain: planks with a grain."""
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 8, (500, 1)) + rng.normal(0, 4, (500, width))
    planks = 20 * ((np.arange(500) // 40) % 2)[:, np.newaxis]
    pixels = np.array([170, 120, 70]) + (grain + planks)[..., np.newaxis]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def test_threads_and_what_came_before_change_no_result(garments):
    images = [lay(garment, wood(400), (60, 110)) for garment in garments[4:12]]
    expected = [photos.prepare(image).views for image in images]
    cv2.setRNGSeed(1)
    with ThreadPoolExecutor(4) as pool:
        prepared = list(pool.map(photos.prepare, images))
    for item, views in zip(prepared, expected, strict=True):
        assert np.array_equal(item.views, views)


def test_the_prepared_picture_hardly_changes_with_size_padding_and_background(garments):
    trouser = garments[2].convert("RGB")
    padded = lay(trouser, Image.new("RGB", (500, 400), "white"), (150, 50))
    blue = lay(trouser, Image.new("RGB", (500, 400), (60, 90, 250)), (150, 50))
    photo = lay(trouser, wood(400), (60, 110))
    for picture, changed, most in (
        (trouser, padded, 3),
        (trouser, blue, 6),
        (trouser, photo, 12),
        (photo, ImageOps.expand(photo, (50, 100), "white"), 6),
        (photo, photo.resize((800, 1000)), 6),
    ):
        before = photos.prepare(read(picture)).views[0].astype(int)
        after = photos.prepare(read(changed)).views[0]
        assert np.abs(after - before).mean() < most


@pytest.mark.parametrize("size", [(8, 1008), (1008, 8), (8, 8), (9, 40)])
def test_strips_and_tiny_pictures_are_prepared(size):
    picture = Image.fromarray(NOISE).resize(size)
    assert photos.prepare(read(picture)).views.shape == (2, 28, 28, 1)


def test_doubts_are_named(garments):
    boot = garments[0].convert("RGB")
    pale = Image.fromarray(235 + np.asarray(boot) // 13)
    assert "contrast" in photos.prepare(pale).warning
    assert photos.prepare(read(NOISE)).warning
    trouser = garments[2].convert("RGB")
    for background in (wood(700), Image.new("RGB", (700, 500), "white")):
        both = lay(trouser, lay(trouser, background, (40, 110)), (380, 110))
        prepared = photos.prepare(both)
        assert prepared.warning == "two garments? the larger one was taken"
        columns = np.flatnonzero(prepared.views[0].any(axis=(0, 2)))
        assert len(columns) < 20  # one pair, not two


@pytest.fixture
def shoot(garments, tmp_path, monkeypatch):
    """A folder with six pictures, of which two have odd names, other things, and loops of links."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "shoot [2024]"
    for name in ("a.png", "b.jfif", "c", "sub/d.png", "sub/e.apng", "._x.png", ".hidden/y.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        garments[0].save(folder / name, "PNG")
    for name in ("notes.txt", ".DS_Store", "film.mp4"):
        (folder / name).write_bytes(b"nothing")
    os.mkfifo(folder / "cam.jpg")
    (folder / "sub/up").symlink_to(folder)
    (folder / "here").symlink_to(folder)
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
    monkeypatch.setenv("HOME", str(Path.cwd()))
    assert found(f"{shoot}/**") == EVERYTHING
    assert found(f"{shoot}/**/*.png") == ["a.png", "d.png", "f.png"]
    assert found(f"{shoot}/**/sub/*g") == ["d.png", "e.apng"]
    assert found(f"{shoot}/*.png") == ["a.png"]
    assert found("*/?.png") == ["a.png", "f.png"]
    assert found("~/else*/*") == ["f.png"]


def test_sources_are_anything_that_can_be_gone_through(shoot, found):
    names = ["a.png", "b.jfif"]
    paths = [f"{shoot}/{name}" for name in names]
    for sources in (iter(paths), pd.Series(paths), np.array(paths), [paths[:1], [paths[1]]]):
        assert found(sources) == names


def test_each_image_in_an_array_gets_its_answer(network, few):
    images = few.test.images[:20]
    flat = images.reshape(20, 784)
    expected = [item.label for item in photos.classify(network, list(images))]

    def labels(source):
        return [item.label for item in photos.classify(network, source)]

    channel_first = np.moveaxis(images, 3, 1)
    for several in (images, images[..., 0], channel_first, tf.constant(images), list(flat)):
        assert labels(several) == expected
    row = pd.DataFrame(flat).iloc[0]
    for one in (flat[0], flat[0].tolist(), row, tf.constant(flat[0]), images[0, ..., 0].tolist()):
        assert labels(one) == expected[:1]
    in_colour = NOISE[np.newaxis].repeat(3, axis=0)
    assert labels(np.moveaxis(in_colour, 3, 1)) == labels(in_colour)


@pytest.mark.parametrize("draw", [plt.plot, plt.scatter, plt.step])
def test_a_chart_is_no_garment(draw, network):
    content = io.BytesIO()
    draw(range(20), np.random.default_rng(0).normal(size=20).cumsum())
    plt.savefig(content)
    plt.close()
    [item] = photos.classify(network, content)
    assert item.warning == "a drawing? its outline is mostly empty"


class Unreadable:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("it is on a GPU")


def test_what_may_be_one_picture_or_several_is_refused_in_one_sentence(network, few):
    flat = few.test.images[:20].reshape(20, 784)
    labelled = np.column_stack([few.test.labels[:20], flat])  # as in Kaggle's file
    for unclear in (flat, labelled, pd.DataFrame(flat), flat.tolist()):
        [item] = photos.classify(network, unclear)
        assert "reshape flat images to (N, 28, 28), without labels" in item.error
    for unclear in (labelled[0], np.moveaxis(NOISE, 2, 0), pd.Series(["Coat", 0, 0])):
        [item] = photos.classify(network, unclear)
        assert "; give numbers (H, W), (H, W, 3 or 4)." in item.error
    [item] = photos.classify(network, Unreadable())
    assert "cannot be read (it is on a GPU);" in item.error


def test_a_bad_file_is_an_item_and_no_picture_at_all_one_sentence(shoot, indifferent):
    Path("elsewhere/bad.jpg").write_bytes(b"nothing")
    items = photos.classify(indifferent, "elsewhere")
    assert "bad.jpg is not a picture" in items[0].error
    assert items[1].label == "T-shirt/top"
    for nothing in ([], f"{shoot}/*.bmp"):
        with pytest.raises(UserError, match="no picture"):
            photos.classify(indifferent, nothing)


def test_a_table_has_all_probabilities_and_no_figure_for_what_cannot_be_read(shoot, network):
    table = photos.table(photos.classify(network, [f"{shoot}/a.png", "notes.txt"]))
    good, bad = table.to_dict("records")
    assert good["photo"] == f"{shoot}/a.png"
    assert good["answer"] == "Ankle boot"
    assert good["probability"] == good["Ankle boot"]
    assert sum(good[name] for name in data.CLASS_NAMES) == pytest.approx(1, abs=1e-5)
    assert bad["answer"] == ""
    assert bad["note"] == "notes.txt does not exist; check the path."
    assert np.isnan(bad["probability"])


def test_answers_are_saved_or_one_sentence_says_why_not(tmp_path):
    items = [photos.Classified("mine.png", error="mine.png is empty; save the picture again.")]
    photos.save(items, tmp_path / "new/answers.csv")
    saved = pd.read_csv(tmp_path / "new/answers.csv")
    assert list(saved["photo"]) == ["mine.png"]
    with pytest.raises(UserError, match="cannot be written"):
        photos.save(items, tmp_path / "new")


def test_occlusion_finds_where_a_network_looks():
    weights = np.zeros((28, 28, 10))
    weights[4:12, 14:22, 9] = 0.0002  # class 9 is likely where this part is white
    network = keras.Sequential(
        [keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    )
    network.set_weights([weights.reshape(784, 10), np.zeros(10)])
    white = np.full((1, 28, 28, 1), 255, np.uint8)
    prepared = photos.Prepared(white, stages={}, warning="")
    item = photos.Classified("mine.png", label="Ankle boot", prepared=prepared)
    looked = photos.occlusion(network, item)
    assert looked[4:12, 14:22].min() > 0.05
    assert looked[:, :7] == pytest.approx(0, abs=1e-5)
    assert looked[19:] == pytest.approx(0, abs=1e-5)


def test_cards_show_names_and_answers_and_load_nothing(network, garments, tmp_path):
    file = tmp_path / "<script>.png"
    garments[0].save(file)
    html = photos.cards(network, photos.classify(network, [file, "<b>.png"]))
    assert html.count("<img") == html.count('src="data:image/webp;base64,') == 4
    assert f"{tmp_path}/&lt;script&gt;.png" in html
    assert "Ankle boot" in html
    assert "&lt;b&gt;.png does not exist; check the path." in html
    assert "<script" not in html
    assert "http" not in html


@pytest.mark.parametrize(("encoding", "block"), [("utf-8", "█"), ("latin-1", "#")])
def test_the_bar_is_drawn_with_what_a_terminal_has(encoding, block, monkeypatch):
    written = io.BytesIO()
    terminal = io.TextIOWrapper(written, encoding)
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(progress, "monotonic", iter([0, 2, 4]).__next__)
    bar = progress.Bar(2)
    bar.show(1)
    terminal.flush()
    assert f" 50% |{block * 10} " in written.getvalue().decode(encoding)


def test_the_bar_appears_where_work_takes_more_than_a_second(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    bar = progress.Bar(4)
    bar.show(1)
    assert capsys.readouterr().out == ""
    now[0] = 1.5
    bar.show(2)
    assert " 50% |" in capsys.readouterr().out
    bar.show(3)  # at the same moment
    assert capsys.readouterr().out == ""
    bar.show(4)
    bar.remove()
    assert capsys.readouterr().out.endswith("\r\033[K")
