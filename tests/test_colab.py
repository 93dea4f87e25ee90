"""The first cell finds the package wherever people put it on Colab.

A stand-in for `google.colab` plays Colab's part, and a folder of the test's own that of /content.
"""

import json
import os
import subprocess

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from fmnist_utils import store
from tests.execute import ROOT, code_cells, copy_project, outputs

STAND_IN = ROOT / "tests/colab"
WHERE = {
    "folder in MyDrive": "drive-files/clothes",
    "package in MyDrive": "drive-files",
    "folder in /content": "content/clothes",
    "package in /content": "content",
    "folder above": ".",
    "folder in Kaggle's input": "kaggle/input/somebody/clothes",
}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """An empty /content and an empty Drive that isn't mounted yet."""
    (tmp_path / "content").mkdir()
    (tmp_path / "drive-files").mkdir()
    monkeypatch.setenv("STAND_IN_DRIVE", str(tmp_path / "drive-files"))
    monkeypatch.setenv("STAND_IN_UPLOAD", str(ROOT / "sample_photos/trousers-on-wood.jpg"))
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    return tmp_path


def run_on_colab(name, machine, cells, parameters="", first="import google.colab"):
    """Execute the first code `cells` of a notebook as Colab would, in /content (None: all cells).

    Return its outputs as JSON. Elsewhere than on Colab, nothing has imported its package `first`.
    """
    notebook = nbformat.read(ROOT / name, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"][:cells]
    for cell in code:
        for place in ("content", "kaggle"):
            cell.source = cell.source.replace(f'"/{place}', f'"{machine}/{place}')
        if "parameters" in cell.metadata.get("tags", []):
            cell.source += "\n" + parameters
    notebook.cells = [nbformat.v4.new_code_cell(first), *code]
    resources = {"metadata": {"path": str(machine / "content")}}
    NotebookClient(notebook, kernel_name="python3", resources=resources).execute()
    return json.dumps(outputs(notebook))


@pytest.mark.parametrize("where", WHERE)
def test_the_package_is_found(where, machine):
    copy_project(machine / WHERE[where])
    on_colab = "content" in where or "Drive" in where
    first = "import google.colab" if on_colab else ""
    printed = run_on_colab("train.ipynb", machine, cells=2, first=first)
    place = WHERE[where].replace("drive-files", "content/drive/MyDrive")
    if where != "package in /content":
        assert f"Working in {os.path.realpath(machine / place)}" in printed
    assert ("Mounted" in printed) == ("MyDrive" in place)


def test_both_notebooks_find_it_in_the_same_way():
    train, inference = (code_cells(ROOT / f"{name}.ipynb") for name in ("train", "inference"))
    assert train[:2] == inference[:2]


def test_without_the_package_one_sentence_says_what_to_do(machine):
    with pytest.raises(CellExecutionError, match="fmnist_utils is not here, nor in Drive"):
        run_on_colab("train.ipynb", machine, cells=1)


def test_an_uploaded_photo_is_classified(machine):
    copy_project(machine / "content/clothes")
    shown = run_on_colab("inference.ipynb", machine, cells=None, parameters="UPLOAD = True")
    assert "trousers-on-wood.jpg" in shown
    assert "boot-on-a-plain-wall.jpg" not in shown


def test_a_run_of_the_newest_keras_opens(few, tmp_path):
    code = """
import sys
from fmnist_utils import model, store
network, _ = store.load("compact")
store.save(sys.argv[1], "mine", model.COMPACT, network, {})
"""
    newest = ROOT / ".venv/bin/python"
    subprocess.run([newest, "-c", code, str(tmp_path)], cwd=ROOT, check=True)
    mine, shipped = store.load("mine", tmp_path), store.load("compact", ROOT / "saved_model")
    images = few.test.images
    assert mine.results["versions"]["keras"] >= shipped.results["versions"]["keras"]
    assert (mine.model.predict(images) == shipped.model.predict(images)).all()
