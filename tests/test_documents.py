"""README and model card say what the runs' own files say, and their examples run."""

import base64
import re
import statistics

import nbformat
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from benchmarks import report
from fmnist_utils import data, model
from tests.execute import ROOT, SHOWN, outputs, pictures

README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.+?)```", README, re.S)


@pytest.mark.parametrize("path", report.documents())
def test_what_the_report_writes_is_there(path):
    assert (ROOT / path).read_text() == report.documents()[path]


def test_the_notebook_shows_the_report_s_table():
    notebook = nbformat.read(ROOT / "train.ipynb", as_version=4)
    tables = [output.data.get("text/html", "") for output in outputs(notebook) if "data" in output]
    for row in report.improvements().itertuples(index=False):
        cells = r"\s*".join(f"<td>{re.escape(value)}</td>" for value in row)
        assert any(re.search(cells, table) for table in tables), row


def test_the_readme_s_pictures_are_the_notebooks():
    notebooks = (nbformat.read(ROOT / name, 4) for name in ("train.ipynb", "inference.ipynb"))
    shown = [data["image/png"] for each in notebooks for data in pictures(outputs(each))]
    named = re.findall(r"!\[.+\]\(docs/(.+).png\)", README)
    assert set(named) == set(SHOWN)
    for name in named:
        assert (ROOT / f"docs/{name}.png").read_bytes() in map(base64.b64decode, shown)


@pytest.mark.parametrize("name", model.RECIPES)
def test_on_jax_the_recipes_are_as_accurate(name):
    results = report.read(f"saved_model/{name}.json")
    jax = report.read(f"benchmarks/jax/{name}.json")
    assert jax["versions"]["backend"] == "jax"
    assert model.Recipe(**jax["recipe"]) == model.RECIPES[name]
    shares = [seed["validation"]["accuracy"] for seed in results["seeds"]]
    difference = abs(jax["validation"]["accuracy"] - statistics.mean(shares))
    assert difference <= 2 * statistics.stdev(shares)


def test_the_readme_s_exports_give_the_same_probabilities(few, tmp_path, monkeypatch):
    import tensorflow as tf

    monkeypatch.chdir(ROOT)
    [snippet] = [text for text in SNIPPETS if "export(" in text]
    names = {}
    exec(snippet.replace('"exported', f'"{tmp_path}/exported'), names)
    images = few.test.images[:8]
    exported = tf.saved_model.load(str(tmp_path / "exported")).serve(images).numpy()
    lite = Interpreter(str(tmp_path / "exported.tflite")).get_signature_runner()(pixels=images)
    for probabilities in (exported, lite["output_0"]):
        expected = names["model"].predict(images, verbose=0)
        np.testing.assert_allclose(probabilities, expected, atol=1e-6)


def test_the_readme_s_example_runs(few, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data, "load", lambda: few)
    [snippet] = [text for text in SNIPPETS if "small" in text and "train(" in text]
    exec(snippet.replace("runs/small", str(tmp_path)), {})
    assert "epoch  5/5" in capsys.readouterr().out
