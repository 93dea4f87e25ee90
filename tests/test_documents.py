"""README and model card say what the measurements say, and the README's examples run."""

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from benchmarks import report
from docs.execute import ROOT, SHOWN, pictures, read
from fmnist_utils import augment, data, photos, store

README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.+?)```", README, re.DOTALL)


@pytest.mark.parametrize("path", report.documents())
def test_what_the_report_writes_is_there(path):
    assert (ROOT / path).read_text() == report.documents()[path]


def test_the_readme_shows_pictures_of_the_notebooks():
    cells = read("train.ipynb").cells + read("inference.ipynb").cells
    drawn = [base64.b64decode(picture["image/png"]) for picture in pictures(cells)]
    named = re.findall(r"!\[.+\]\(docs/(.+).png\)", README)
    assert set(named) == {"page", *SHOWN}
    for name in SHOWN:
        assert (ROOT / f"docs/{name}.png").read_bytes() in drawn


def test_the_picture_of_the_page_shows_what_the_network_says():
    shown = pd.read_csv(io.StringIO(Image.open(ROOT / "docs/page.png").text["answers"]))
    sources = [ROOT / "sample_photos" / name for name in shown["photo"]]
    now = photos.table(photos.classify(store.load().model, sources))
    assert list(shown["answer"]) == list(now["answer"])
    assert list(shown["probability"]) == pytest.approx(list(now["probability"]), abs=0.01)


@pytest.fixture
def example(few, tmp_path, monkeypatch):
    """A function that runs the README's examples of these numbers on a few images, in order."""

    def load_few():
        return few

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data, "load", load_few)
    (tmp_path / "saved_model").symlink_to(ROOT / "saved_model")

    def run(*numbers):
        names = {}
        for number in numbers:
            exec(EXAMPLES[number], names)
        return names

    return run


def test_the_readme_trains_a_small_network(example, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(augment.AUGMENTATIONS, "darken", None)  # so that it is gone afterwards
    assert example(0, 1)["darkened"].augmentations == ("flip", "darken")
    assert 0 < float(capsys.readouterr().out.splitlines()[-1]) < 1
    assert (tmp_path / "runs/small/epoch-005.npz").exists()


def test_the_readme_exports_networks_that_give_the_same_probabilities(example, few):
    network = example(2)["model"]
    images = few.test.images[:8]
    expected = network.predict(images, verbose=0)
    saved = tf.saved_model.load("exported")
    np.testing.assert_allclose(saved.serve(images), expected, atol=1e-6)
    lite = Interpreter("exported.tflite").get_signature_runner()
    np.testing.assert_allclose(lite(pixels=images)["output_0"], expected, atol=1e-6)
