"""The notebooks run from a clean kernel, and the committed ones show what they would show."""

import json
import os
import re
import shutil

import matplotlib.pyplot as plt
import nbformat
import papermill
import pytest
from PIL import Image

from fmnist_utils import data, store
from tests.execute import ROOT, code_cells, copy_project, executed_hash, outputs

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
    return execute("train.ipynb", RECIPE="compact", EPOCHS=1, RUN_DIR="runs/mine")


def test_train_runs_and_stores_a_network(trained, folder):
    assert not errors(trained)
    _, results = store.load("compact", folder / "runs/mine")
    assert results["recipe"]["epochs"] == 1
    assert results["test"]["accuracy"] > 0.7


def test_the_bar_leaves_one_line(trained):
    [shown] = [cell.outputs for cell in trained.cells if "training.train(" in cell.source]
    bar, *printed = shown
    assert re.match(r"100% \|█+\| \d\d:\d\d gone, 00:00 left, loss \d", bar.data["text/plain"])
    assert "".join(output.text for output in printed).count("\n") == 1


def test_inference_opens_what_was_trained_and_takes_a_folder(trained, execute, folder, splits):
    (folder / "mine").mkdir()
    for number, image in enumerate(splits.test.images[:14]):
        Image.fromarray(255 - image.squeeze()).save(folder / f"mine/{number:02d}.png")
    (folder / "mine/bad.jpg").write_bytes(b"nothing")
    notebook = execute("inference.ipynb", MODEL="runs/mine/compact", PHOTOS="mine")
    assert not errors(notebook)
    shown = json.dumps(notebook)
    assert "13.png" in shown
    assert "bad.jpg is not a picture" in shown
    assert "the same within 0.0003: True" in shown


def test_a_user_s_mistake_shows_one_sentence(execute, folder):
    with pytest.raises(papermill.PapermillExecutionError, match="epochs is 0"):
        execute("train.ipynb", EPOCHS=0)
    [shown] = errors(nbformat.read(folder / "executed-train.ipynb", as_version=4))
    assert len(shown.traceback) == 1
    assert shown.traceback[0].startswith("UserError: The recipe's epochs is 0; give")


EXERCISES = re.findall(r"^- `(.+?)`", code_cells(ROOT / "train.ipynb", markdown=True)[-1], re.M)


def test_the_exercises_work_as_written_each_in_a_folder_of_its_own(few, tmp_path, monkeypatch):
    """On a few images, in one process; a `recipe = ...` goes below the line that makes `recipe`."""
    monkeypatch.setattr(data, "load", lambda: few)
    monkeypatch.setattr(plt, "show", lambda: None)
    copy_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    for exercise in ("", *EXERCISES):
        names = {"os": os, "found": ["./fmnist_utils"]}  # which the first cell makes
        for source in code_cells(ROOT / "train.ipynb")[1:]:
            exec(source, names)
            if source.startswith("RECIPE ="):
                exec("EPOCHS = 2\n" + exercise * exercise[:1].isupper(), names)
            if source.startswith("recipe = replace(") and exercise.startswith("recipe"):
                exec(exercise, names)
        assert (names["run_dir"] / f"{names['recipe'].name}.keras").exists()
        plt.close("all")
    runs = [path.name for path in (tmp_path / "runs").iterdir()]
    assert len(runs) == 1 + len(EXERCISES) == 6
    assert sum(name.startswith("small-2-") for name in runs) == 1


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
    kinds = {"text/plain", "text/html", "text/markdown", "image/png"}
    assert {kind for data in shown for kind in data} <= kinds
    stripped = re.compile(r"<(script|iframe|object|svg)\b")  # by a git host's preview
    assert not any(stripped.search(data.get("text/html", "")) for data in shown)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_read_like_an_essay(name):
    notebook = nbformat.read(ROOT / name, as_version=4)
    code = code_cells(ROOT / name)
    assert not any(re.search(r"^\s*(def|class|!?pip|%pip)\b", source, re.M) for source in code)
    assert max(len(source.splitlines()) for source in code) <= 10
    parameters = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(parameters) == 1
    assert all("# @param" in line for line in parameters[0].source.splitlines())


def test_the_committed_training_is_seed_0_of_the_shipped_results():
    results = json.loads((ROOT / "saved_model/baseline.json").read_text())
    [record] = [seed for seed in results["seeds"] if seed["seed"] == 0]
    notebook = nbformat.read(ROOT / "train.ipynb", as_version=4)
    printed = "".join(output.get("text", "") for output in outputs(notebook))
    lines = re.findall(
        r"^epoch +\d+/30 .* loss (\S+), accuracy (\S+)%  validation (\S+), (\S+)%", printed, re.M
    )
    columns = zip(*[map(float, line) for line in lines], strict=True)
    for shown, (name, curve) in zip(columns, record["history"].items(), strict=True):
        unit = 100 if "accuracy" in name else 1
        decimals = 2 if "accuracy" in name else 4
        assert list(shown) == [round(unit * value, decimals) for value in curve], name
    assert f"lowest loss:      epoch {record['best_epoch']:2} of 30" in printed
    assert f"{record['test']['accuracy']:.2%}" in json.dumps(outputs(notebook))
