"""The first cell finds the package wherever people put it on Colab; a stand-in plays its part."""

import json
import os

import nbformat
import pytest
from nbclient import execute
from nbclient.exceptions import CellExecutionError

from docs.execute import ROOT, code_cells, outputs, read
from fmnist_utils import model, store
from run import parameters
from tests.conftest import copy_project, run_python

ON_COLAB = ["drive-files/clothes", "drive-files", "content/clothes", "content"]
ELSEWHERE = [".", "content/fmnist_utils", "kaggle/input/somebody/clothes"]  # VS Code's folder, too


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """An empty /content and an empty Drive that isn't mounted yet."""
    (tmp_path / "content").mkdir()
    (tmp_path / "drive-files").mkdir()
    monkeypatch.setenv("STAND_IN_DRIVE", str(tmp_path / "drive-files"))
    monkeypatch.setenv("STAND_IN_UPLOAD", str(ROOT / "sample_photos/trousers-on-wood.jpg"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests/colab"))
    return tmp_path


def run_on_colab(name, machine, cells, added="", first="import google.colab"):
    """Execute the first code `cells` of a notebook in /content; return their outputs as JSON."""
    notebook = read(name)
    parameters(notebook).source += "\n" + added
    notebook.cells = [nbformat.v4.new_code_cell(first), *code_cells(notebook)[:cells]]
    for cell in notebook.cells:
        for place in ("content", "kaggle"):
            cell.source = cell.source.replace(f'"/{place}', f'"{machine}/{place}')
    execute(notebook, machine / "content", kernel_name="python3")
    return json.dumps(outputs(notebook.cells))


@pytest.mark.parametrize("where", [*ON_COLAB, *ELSEWHERE])
def test_the_package_is_found(where, machine):
    copy_project(machine / where)
    first = "import google.colab" if where in ON_COLAB else ""  # which Colab itself does
    printed = run_on_colab("train.ipynb", machine, cells=2, first=first)
    place = where.replace("drive-files", "content/drive/MyDrive")
    assert where == "content" or f"Working in {os.path.realpath(machine / place)}" in printed
    assert ("Mounted" in printed) == ("MyDrive" in place)


def test_without_the_package_one_sentence_says_what_to_do(machine):
    with pytest.raises(CellExecutionError, match="fmnist_utils is not here, nor in Drive"):
        run_on_colab("train.ipynb", machine, cells=1)
    train = code_cells(read("train.ipynb"))
    inference = code_cells(read("inference.ipynb"))
    assert [cell.source for cell in train[:2]] == [cell.source for cell in inference[:2]]


def test_two_copies_are_told_apart_in_one_sentence(machine):
    for name in ("clothes", "copy of clothes"):
        copy_project(machine / "drive-files" / name)
    with pytest.raises(CellExecutionError, match=r"keep one of \['.*/copy of clothes/fmn"):
        run_on_colab("train.ipynb", machine, cells=1)


def test_an_uploaded_photo_is_classified(machine):
    copy_project(machine / "content/clothes")
    shown = run_on_colab("inference.ipynb", machine, cells=8, added="UPLOAD = True")
    assert "trousers-on-wood.jpg" in shown
    assert "boot-on-a-plain-wall.jpg" not in shown


def test_a_network_that_another_process_saved_opens(few, tmp_path):
    code = "import sys; from fmnist_utils import recipes, store; "
    code += "network = store.load('compact').model; "
    code += "store.save(sys.argv[1], 'mine', recipes.COMPACT, network, {})"
    assert run_python(code, tmp_path).returncode == 0
    mine = store.load("mine", tmp_path).model
    shipped = store.load("compact", ROOT / "saved_model").model
    ours = model.probabilities(mine, few.test.images)
    assert (ours == model.probabilities(shipped, few.test.images)).all()
