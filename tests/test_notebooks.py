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

from benchmarks import report
from fmnist_utils import data, plots, store
from run import parameters
from tests.execute import ROOT, code_cells, copy_project, executed_hash, outputs, read
from tests.execute import pictures as pictures_of


def errors(notebook):
    """Return the errors, warnings and logs that a notebook shows."""
    shown = outputs(notebook.cells)
    return [each for each in shown if "error" in each.output_type or each.get("name") == "stderr"]


def execute(name, folder, **values):
    """Execute a notebook in `folder` as make does; return what is printed, and the notebook."""
    given = os.environ | {f"GIVEN_{key}": str(value) for key, value in values.items()}
    command = [sys.executable, "run.py", name]
    ended = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True)
    executed = folder / f"runs/{name}.ipynb"
    assert ended.returncode == 0 or not executed.exists()
    return ended.stdout + ended.stderr, read(executed) if executed.exists() else None


def test_train_tells_a_mistake_in_one_sentence_or_stores_what_inference_opens(tmp_path, splits):
    copy_project(tmp_path)
    printed, _ = execute("train", tmp_path, EPOCHS=0)
    assert printed.splitlines()[-1].startswith("The recipe's epochs cannot be 0; give")
    assert "UserError" in (tmp_path / "runs/train.log").read_text()

    printed, notebook = execute("train", tmp_path, RECIPE="compact", EPOCHS=1, RUN_DIR="runs/mine")
    assert len(printed.splitlines()) < 30
    assert not errors(notebook)
    results = store.load("compact", tmp_path / "runs/mine").results
    assert results["recipe"]["epochs"] == 1
    assert results["test"]["accuracy"] > 0.7
    [(bar, *printed)] = [c.outputs for c in notebook.cells if "training.train(" in c.source]
    assert re.match(r"100% \|█+\| \d\d:\d\d gone, 00:00 left, loss \d", bar.data["text/plain"])
    assert "".join(output.text for output in printed).count("\n") == 1

    (tmp_path / "mine").mkdir()
    for number, image in enumerate(splits.test.images[:14]):
        Image.fromarray(255 - image.squeeze()).save(tmp_path / f"mine/{number:02d}.png")
    (tmp_path / "mine/bad.jpg").write_bytes(b"nothing")
    printed, notebook = execute("inference", tmp_path, MODEL="runs/mine/compact", PHOTOS="mine")
    assert not errors(notebook)
    assert "mine/13.png" in printed
    html = (tmp_path / "runs/inference.html").read_text()
    assert "<title>Which garment is this?</title>" in html
    assert "No description" not in html
    for text in ("13.png", "bad.jpg is not a picture", "the same within 0.0003: True"):
        assert text in json.dumps(notebook)


def test_ctrl_c_stops_a_training_and_says_how_it_goes_on(tmp_path):
    copy_project(tmp_path)
    given = os.environ | {"GIVEN_RECIPE": "compact", "GIVEN_RUN_DIR": "runs/mine"}
    command, options = [sys.executable, "run.py", "train"], {"cwd": tmp_path, "env": given}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    printed = iter(process.stdout.readline, "")
    assert any(line.startswith("epoch  1/30") for line in printed)
    process.send_signal(signal.SIGINT)
    assert [*printed][-1] == "Every epoch saved is in runs/mine; run this again to go on.\n"
    assert process.wait() == 1


def test_the_exercises_work_as_written_each_in_a_folder_of_its_own(few, tmp_path, monkeypatch):
    """On a few images, in one process; a `recipe = ...` goes below the line that makes `recipe`."""
    monkeypatch.setattr(data, "load", lambda: few)
    monkeypatch.setattr(plots, "grid", lambda *_, **__: None)  # slow, and drawn by another test
    monkeypatch.setattr(plt, "show", lambda: None)
    copy_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    notebook = read("train.ipynb")
    exercises = re.findall(r"^- `(.+?)`", notebook.cells[-1].source, re.M)
    for exercise in ("", *exercises):
        names = {"os": os, "sys": sys, "found": ["./fmnist_utils/data.py"]}  # of the first cell
        for cell in code_cells(notebook)[1:]:
            exec(cell.source, names)
            if cell.source.startswith("RECIPE ="):
                exec("EPOCHS = 2\n" + exercise * exercise[:1].isupper(), names)
            if cell.source.startswith("recipe = replace(") and exercise.startswith("recipe"):
                exec(exercise, names)
        assert (names["run_dir"] / f"{names['recipe'].name}.keras").exists()
        plt.close("all")
    runs = [path.name for path in (tmp_path / "runs").iterdir()]
    assert len(runs) == 1 + len(exercises) == 6
    assert sum(name.startswith("small-2-") for name in runs) == 1


@pytest.mark.parametrize("name", ["train.ipynb", "inference.ipynb"])
def test_committed_notebooks_are_executed_as_they_stand_and_read_like_an_essay(name):
    notebook, stripped = read(name), re.compile(r"<(script|iframe|object|svg)\b")  # by a git host
    code, shown, about = code_cells(notebook), outputs(notebook.cells), notebook.metadata
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not errors(notebook)
    assert about["executed"] == executed_hash(notebook)
    assert (about["accelerator"], about["colab"]["gpuType"]) == ("GPU", "T4")
    assert (ROOT / name).stat().st_size < 1_000_000
    shown = [output.data for output in shown if "data" in output]
    kinds = {"text/plain", "text/html", "text/markdown", "image/png"}
    assert {kind for data in shown for kind in data} <= kinds
    assert not any(stripped.search(data.get("text/html", "")) for data in shown)
    assert not any(re.search(r"^\s*(def|class|!?pip|%pip)\b", cell.source, re.M) for cell in code)
    assert all(cell.metadata.get("alt") for cell in code if pictures_of([cell]))
    assert max(len(cell.source.splitlines()) for cell in code) <= 10
    assert all("# @param" in line for line in parameters(notebook).source.splitlines())


def test_the_committed_notebook_is_a_run_like_those_recorded_and_shows_the_report_s_table():
    """Seed 0 as well: but with another processor the same seed ends in other weights."""
    results = json.loads((ROOT / "saved_model/baseline.json").read_text())
    accuracies = [seed["test"]["accuracy"] for seed in results["seeds"]]
    shown = outputs(read("train.ipynb").cells)
    printed = "".join(output.get("text", "") for output in shown)
    losses = re.findall(r"^epoch +\d+/30 .* validation (\S+), \S+%", printed, re.M)
    assert len(losses) == 30
    best = min(range(30), key=lambda epoch: float(losses[epoch]))
    assert f"lowest loss:      epoch {best + 1:2} of 30, validation loss {losses[best]}" in printed
    tables = [output.get("data", {}).get("text/html", "") for output in shown]
    [accuracy] = re.findall(r"<th>accuracy</th>\s*<td>(0.\d+)</td>", "".join(tables))
    assert abs(float(accuracy) - np.mean(accuracies)) < 3 * np.std(accuracies, ddof=1)
    for row in report.improvements().itertuples(index=False):
        cells = r"\s*".join(f"<td>{re.escape(value)}</td>" for value in row)
        assert any(re.search(cells, table) for table in tables), row
