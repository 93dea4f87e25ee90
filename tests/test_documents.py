"""README and model card say what the runs' own files say, and their examples run."""

import base64
import re

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from benchmarks import report
from fmnist_utils import data
from tests.execute import ROOT, SHOWN, pictures, read

README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", report.documents())
def test_what_the_report_writes_is_there(path):
    assert (ROOT / path).read_text() == report.documents()[path]


def test_the_readme_s_pictures_are_the_notebooks():
    cells = read("train.ipynb").cells + read("inference.ipynb").cells
    shown = [base64.b64decode(data["image/png"]) for data in pictures(cells)]
    named = re.findall(r"!\[.+\]\(docs/(.+).png\)", README)
    assert set(named) == set(SHOWN)
    assert all((ROOT / f"docs/{name}.png").read_bytes() in shown for name in named)


def test_the_readme_s_examples_run(few, tmp_path, monkeypatch, capsys):
    """Its exports give the same probabilities as the network."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(data, "load", lambda: few)
    names, (training, exporting) = {}, re.findall(r"```python\n(.+?)```", README, re.S)
    exec(training.replace("runs/small", f"{tmp_path}/run"), {})
    assert "epoch  5/5" in capsys.readouterr().out
    exec(exporting.replace('"exported', f'"{tmp_path}/exported'), names)
    images = few.test.images[:8]
    saved = tf.saved_model.load(str(tmp_path / "exported"))
    lite = Interpreter(str(tmp_path / "exported.tflite")).get_signature_runner()(pixels=images)
    for probabilities in (saved.serve(images), lite["output_0"]):
        expected = names["model"].predict(images, verbose=0)
        np.testing.assert_allclose(probabilities, expected, atol=1e-6)
