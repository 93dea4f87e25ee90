"""The notebooks run from a clean kernel, and the committed ones show what they would show."""

import json
import re
import shutil

import nbformat
import papermill
import pytest
from PIL import Image

from fmnist_utils import store
from tests.execute import ROOT, copy_project, executed_hash, outputs

NOTEBOOKS = ("train.ipynb", "inference.ipynb")


# What TensorFlow 2.21 logs when it is imported, and lets nobody silence.
TENSORFLOW_LOG = re.compile(r"absl::InitializeLog|^[IW]\d{4} .*(port|cudart_stub)\.cc")


def errors(notebook):
    """Return the errors and the warnings that a notebook shows."""
    return [
        output
        for output in outputs(notebook)
        if output.output_type == "error"
        or (
            output.get("name") == "stderr"
            and not all(TENSORFLOW_LOG.search(line) for line in output.text.splitlines())
        )
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of what a user has: package, models and notebooks, without any output."""
    folder = tmp_path_factory.mktemp("project")
    copy_project(folder)
    for name in NOTEBOOKS:
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def execute(folder):
    def run(name, **parameters):
        return papermill.execute_notebook(
            folder / name,
            folder / f"executed-{name}",
            parameters=parameters,
            cwd=folder,
            progress_bar=False,
        )

    return run


@pytest.fixture(scope="module")
def trained(execute):
    return execute("train.ipynb", EPOCHS=1, RUN_DIR="runs/mine")


def test_train_runs_and_stores_a_network(trained, folder):
    assert not errors(trained)
    _, results = store.load("baseline", folder / "runs/mine")
    assert results["recipe"]["epochs"] == 1
    assert results["seeds"][0]["test"]["accuracy"] > 0.8


@pytest.mark.parametrize("recipe", ["improved", "compact"])
def test_train_runs_with_the_other_recipes(execute, folder, recipe):
    assert not errors(execute("train.ipynb", RECIPE=recipe, EPOCHS=1, RUN_DIR=f"runs/{recipe}"))
    _, results = store.load(recipe, folder / f"runs/{recipe}")
    assert results["seeds"][0]["test"]["accuracy"] > 0.7


def test_the_bar_leaves_one_line(trained):
    [shown] = [cell.outputs for cell in trained.cells if "training.train(" in cell.source]
    bar, *printed = shown
    assert re.match(r"epoch 1/1, step 1563/1563, loss 0\.\d{4} \|█+\|", bar.data["text/plain"])
    assert "".join(output.text for output in printed).count("\n") == 1


@pytest.mark.parametrize("name", ["improved", "compact", "runs/mine/baseline"])
def test_inference_opens_what_ships_and_what_was_trained(trained, execute, name):
    notebook = execute("inference.ipynb", MODEL=name)
    assert not errors(notebook)
    assert "the same within 0.0003: True" in json.dumps(notebook)


def test_inference_takes_a_folder_of_photos(execute, folder, splits):
    (folder / "mine").mkdir()
    for number, image in enumerate(splits.test.images[:14]):
        Image.fromarray(255 - image.squeeze()).save(folder / f"mine/{number:02d}.png")
    (folder / "mine/bad.jpg").write_bytes(b"nothing")
    notebook = execute("inference.ipynb", PHOTOS="mine")
    assert not errors(notebook)
    shown = json.dumps(notebook)
    assert "13.png" in shown
    assert "bad.jpg is not a picture" in shown


def test_a_user_s_mistake_shows_one_sentence(execute, folder):
    with pytest.raises(papermill.PapermillExecutionError, match="EPOCHS is 0"):
        execute("train.ipynb", EPOCHS=0)
    [shown] = errors(nbformat.read(folder / "executed-train.ipynb", as_version=4))
    assert len(shown.traceback) == 1
    assert shown.traceback[0].startswith("UserError: EPOCHS is 0")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_committed_notebooks_are_executed_as_they_stand(name):
    path = ROOT / name
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not any(output.get("name") == "stderr" for output in outputs(notebook))
    assert not errors(notebook)
    assert notebook.metadata["executed"] == executed_hash(notebook)
    assert notebook.metadata["accelerator"] == "GPU"
    assert notebook.metadata["colab"]["gpuType"] == "T4"
    assert path.stat().st_size < 1_000_000
    shown = [output.data for output in outputs(notebook) if "data" in output]
    assert {kind for data in shown for kind in data} <= {"text/plain", "text/html", "image/png"}
    stripped = re.compile(r"<(script|iframe|object|svg)\b")  # by a git host's preview
    assert not any(stripped.search(data.get("text/html", "")) for data in shown)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_read_like_an_essay(name):
    notebook = nbformat.read(ROOT / name, as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(re.search(r"^\s*(def|class|!?pip|%pip)\b", source, re.M) for source in code)
    parameters = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(parameters) == 1
    assert all("# @param" in line for line in parameters[0].source.splitlines())


def test_the_committed_training_is_seed_0_of_the_shipped_results():
    results = json.loads((ROOT / "saved_model/baseline.json").read_text())
    [record] = [seed for seed in results["seeds"] if seed["seed"] == 0]
    shown = (ROOT / "train.ipynb").read_text()
    assert f"best epoch: {record['best_epoch']} of 30" in shown
    assert f"{record['test']['accuracy']:.2%}" in shown
    assert len(re.findall(r'"epoch +\d+/30 ', shown)) == 30
