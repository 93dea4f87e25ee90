"""The notebooks run from a clean kernel, and the committed ones show what they would show."""

import json
import os
import re
import signal
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from docs.execute import ROOT, code_cells, executed_hash, outputs, pictures, read
from fmnist_utils import data, plots, store
from run import parameters
from tests.conftest import copy_project, edit

EXERCISE = re.compile(r"`(?:python\n)?((?:recipe|RECIPE|EPOCHS) = [^`\n]+)\n?`")
RECIPE_LINE = "recipe = replace(recipe, epochs=EPOCHS)"


@pytest.fixture
def project(tmp_path):
    """A copy of the project whose data set has only 1,000 images of each split."""
    copy_project(tmp_path)
    edit(
        tmp_path / "fmnist_utils/data.py",
        "    return Splits(train, validation, test)",
        "    few = [Split(each.images[:1000], each.labels[:1000])"
        " for each in (train, validation, test)]\n    return Splits(*few)",
    )
    return tmp_path


def errors(notebook):
    """Return the errors, warnings and logs that a notebook shows."""
    shown = outputs(notebook.cells)
    return [each for each in shown if "error" in each.output_type or each.get("name") == "stderr"]


def started(name, folder, **values):
    """Start a notebook in `folder` as make does; return the process."""
    given = os.environ.copy()
    for key, value in values.items():
        given[f"GIVEN_{key}"] = str(value)
    command = [sys.executable, "run.py", name]
    return subprocess.Popen(command, cwd=folder, env=given, stdout=subprocess.PIPE, text=True)


def execute(name, folder, **values):
    """Execute a notebook; return what is printed, and the notebook."""
    process = started(name, folder, **values)
    printed, _ = process.communicate()
    assert process.returncode == 0, printed
    return printed, read(folder / f"runs/{name}.ipynb")


def test_train_stores_what_inference_opens(project, splits):
    printed, notebook = execute("train", project, RECIPE="compact", EPOCHS=1, RUN_DIR="runs/mine")
    assert not errors(notebook)
    assert len(re.findall(r"^epoch  1/1", printed, re.M)) == 1
    results = store.load(f"{project}/runs/mine/compact").results
    assert results["recipe"]["epochs"] == 1
    assert sum(sum(row) for row in results["test"]["confusion"]) == 1000
    [cell] = [cell for cell in notebook.cells if "training.train(" in cell.source]
    bar, line = cell.outputs
    assert re.match(r"100% \|█+\| 0 s left, loss \d", bar.data["text/plain"])
    assert line.text.count("\n") == 1

    (project / "mine").mkdir()
    for number, image in enumerate(splits.test.images[:14]):
        Image.fromarray(255 - image.squeeze()).save(project / f"mine/{number:02d}.png")
    (project / "mine/bad.jpg").write_bytes(b"nothing")
    printed, notebook = execute("inference", project, MODEL="runs/mine/compact", PHOTOS="mine")
    assert not errors(notebook)
    assert "mine/13.png" in printed
    html = (project / "runs/inference.html").read_text()
    assert "<title>Which garment is this?</title>" in html
    assert "No description" not in html
    shown = json.dumps(notebook)
    assert "bad.jpg is not a picture" in shown
    recorded = results["test"]["accuracy"]
    assert f"Here {recorded:.2%} of the test images" in shown
    assert f"and {recorded:.2%} were" in shown


def test_a_mistake_is_one_sentence(project):
    process = started("train", project, EPOCHS=0)
    printed, _ = process.communicate()
    assert process.returncode == 1
    assert printed.splitlines()[-1].startswith("The recipe's epochs cannot be 0; give")
    assert "UserError" in (project / "runs/train.log").read_text()
    assert not (project / "runs/train.ipynb").exists()


def test_ctrl_c_stops_a_training_and_says_how_it_continues(project):
    process = started("train", project, RECIPE="compact", EPOCHS=900, RUN_DIR="runs/mine")
    printed = iter(process.stdout.readline, "")
    assert any(line.startswith("epoch  1/900") for line in printed)
    process.send_signal(signal.SIGINT)
    assert list(printed)[-1] == "Every epoch saved is in runs/mine; run this again to continue.\n"
    assert process.wait() == 1


def exercises():
    """Return what the notebook tells its reader to write, as it is written there."""
    found = []
    for cell in read("train.ipynb").cells:
        if "Your turn" in cell.source:
            found += EXERCISE.findall(cell.source)
    return found


def with_exercise(exercise):
    """Return the notebook's cells, but the first, with an exercise done in 2 epochs."""
    cells = []
    for cell in code_cells(read("train.ipynb"))[1:]:
        source = cell.source
        if source.startswith("RECIPE ="):
            source += "\nEPOCHS = 2"
            if not exercise.startswith("recipe"):
                source += "\n" + exercise
        elif exercise.startswith("recipe"):
            source = source.replace(RECIPE_LINE, f"{RECIPE_LINE}\n{exercise}")
        cells.append(source)
    return cells


@pytest.fixture
def in_process(few, tmp_path, monkeypatch):
    """A function that executes cells in this process, on few images, without drawing."""

    def nothing(*arguments, **options):
        pass

    def execute_cells(cells):
        names = {"sys": sys, "place": ".", "found": ["./fmnist_utils/data.py"]}  # of the first cell
        for source in cells:
            exec(source, names)
        plt.close("all")
        return names

    copy_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data, "load", lambda: few)
    monkeypatch.setattr(plt, "show", nothing)
    monkeypatch.setattr(plots, "grid", nothing)  # slow, and drawn by another test
    monkeypatch.setattr(plots, "named_rows", nothing)
    return execute_cells


def test_the_exercises_make_networks_each_in_a_folder_of_its_own(in_process):
    folders = {in_process(with_exercise(RECIPE_LINE)[:-14])["run_dir"]}
    written = exercises()
    assert len(written) == 8
    for exercise in written:
        names = in_process(with_exercise(exercise)[:-14])
        assert names["network"].count_params() > 10_000
        folders.add(names["run_dir"])
    assert len(folders) == 8  # one exercise names the line as it stands


@pytest.mark.parametrize("number", [1, 2])
def test_an_exercise_works_to_the_end(number, in_process, tmp_path):
    names = in_process(with_exercise(exercises()[number]))
    assert (tmp_path / names["run_dir"] / f"{names['recipe'].name}.keras").exists()


@pytest.mark.parametrize("name", ["train.ipynb", "inference.ipynb"])
def test_committed_notebooks_are_executed_as_they_stand(name):
    notebook = read(name)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not errors(notebook)
    about = notebook.metadata
    assert about["executed"] == executed_hash(notebook)
    assert (about["accelerator"], about["colab"]["gpuType"]) == ("GPU", "T4")
    assert (ROOT / name).stat().st_size < 1_000_000
    kinds = set()
    for output in outputs(cells):
        kinds.update(output.get("data", {}))
        html = output.get("data", {}).get("text/html", "")
        assert not re.search(r"<(script|iframe|object|svg)\b", html)  # a git host strips these
    assert kinds <= {"text/plain", "text/html", "text/markdown", "image/png"}
    assert all(cell.metadata.get("alt") for cell in cells if pictures([cell]))
    assert all("# @param" in line for line in parameters(notebook).source.splitlines())


def test_the_committed_training_is_a_run_like_those_recorded():
    """Seed 0 as well: but with another processor the same seed ends in other weights."""
    results = json.loads((ROOT / "saved_model/baseline.json").read_text())
    accuracies = [seed["test"]["accuracy"] for seed in results["seeds"]]
    shown = outputs(read("train.ipynb").cells)
    printed = "".join(output.get("text", "") for output in shown)
    losses = re.findall(r"^epoch +\d+/30 .* validation (\S+), \S+%", printed, re.M)
    assert len(losses) == 30
    best = int(np.argmin([float(loss) for loss in losses]))
    assert f"lowest loss:      epoch {best + 1:2}, validation loss {losses[best]}" in printed
    [accuracy] = re.findall(r"^accuracy +(0.\d+)$", printed, re.M)
    assert abs(float(accuracy) - np.mean(accuracies)) < 3 * np.std(accuracies, ddof=1)
    table = (ROOT / "benchmarks/improvements.csv").read_text().splitlines()
    tables = "".join(output.get("data", {}).get("text/html", "") for output in shown)
    for line in table[1:]:
        assert f"<td>{line.split(',')[-1]}</td>" in tables
