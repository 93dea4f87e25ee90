"""The first cell finds the package wherever people put it on Colab; a stand-in plays its part."""

import json
import os

import nbformat
import pytest
from nbclient import execute
from nbclient.exceptions import CellExecutionError

from docs.execute import ROOT, code_cells, outputs, read
from tests.conftest import copy_project

ON_COLAB = ["drive-files/clothes", "drive-files", "content/clothes", "content"]
ELSEWHERE = ["content/fmnist_utils", "kaggle/input/somebody/clothes"]  # VS Code's folder, too


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """An empty /content and an empty Drive that isn't mounted yet."""
    (tmp_path / "content").mkdir()
    (tmp_path / "drive-files").mkdir()
    monkeypatch.setenv("STAND_IN_DRIVE", str(tmp_path / "drive-files"))
    monkeypatch.setenv("STAND_IN_UPLOAD", str(ROOT / "sample_photos/trousers-on-wood.jpg"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests/colab"))
    return tmp_path


def run_first_cells(name, machine, count, on_colab=True):
    """Execute the first code cells of a notebook in /content; return their outputs as JSON."""
    notebook = read(name)
    notebook.cells = code_cells(notebook)[:count]
    if on_colab:
        loaded = nbformat.v4.new_code_cell("import google.colab")  # as Colab itself does
        notebook.cells.insert(0, loaded)
    for cell in notebook.cells:
        cell.source = cell.source.replace('"/content', f'"{machine}/content')
        cell.source = cell.source.replace('"/kaggle', f'"{machine}/kaggle')
        cell.source = cell.source.replace("UPLOAD = False", "UPLOAD = True")
    execute(notebook, machine / "content", kernel_name="python3")
    return json.dumps(outputs(notebook.cells))


@pytest.mark.parametrize("where", ON_COLAB + ELSEWHERE)
def test_the_package_is_found(where, machine):
    copy_project(machine / where)
    printed = run_first_cells("train.ipynb", machine, 2, where in ON_COLAB)
    place = where.replace("drive-files", "content/drive/MyDrive")
    assert where == "content" or f"Working in {os.path.realpath(machine / place)}" in printed
    assert ("Mounted" in printed) == ("MyDrive" in place)


def test_without_the_package_one_sentence_says_what_to_do(machine):
    with pytest.raises(CellExecutionError, match="fmnist_utils is not here, nor in Drive"):
        run_first_cells("train.ipynb", machine, 1)


def test_two_copies_are_told_apart_in_one_sentence(machine):
    copy_project(machine / "drive-files/clothes")
    copy_project(machine / "drive-files/copy of clothes")
    with pytest.raises(CellExecutionError, match=r"keep one of \['.*/copy of clothes/fmn"):
        run_first_cells("train.ipynb", machine, 1)


def test_an_uploaded_photo_is_classified(machine):
    copy_project(machine / "content/clothes")
    shown = run_first_cells("inference.ipynb", machine, 8)
    assert "trousers-on-wood.jpg" in shown
    assert "dress-on-parquet.jpg" not in shown


def test_elsewhere_an_upload_is_one_sentence_that_names_the_page(machine):
    copy_project(machine / "content/clothes")
    with pytest.raises(CellExecutionError, match=r"UPLOAD works on Colab alone; set PAGE = True"):
        run_first_cells("inference.ipynb", machine, 8, on_colab=False)
