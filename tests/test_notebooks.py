"""The notebooks run from a clean kernel, and the committed ones show what they would show."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from docs.execute import code_cells, executed_hash, outputs, pictures, read
from fmnist_utils import data, plots, store
from tests.conftest import copy_project, edit

EXERCISE = re.compile(r"`(?:python\n)?((?:recipe|RECIPE|EPOCHS) = [^`\n]+)\n?`")
RECIPE_LINE = "recipe = replace(recipe, epochs=EPOCHS)"
ALL_IMAGES = "    return Splits(train, validation, test)"
THOUSAND_IMAGES = """
    few = [Split(each.images[:1000], each.labels[:1000]) for each in (train, validation, test)]
    return Splits(few[0], few[1], few[2])
"""


@pytest.fixture
def project(tmp_path):
    """A copy of the project whose data set has only 1,000 images of each split."""
    copy_project(tmp_path)
    edit(tmp_path / "fmnist_utils/data.py", ALL_IMAGES, THOUSAND_IMAGES)
    return tmp_path


def expect_no_errors(notebook):
    """Check that a notebook shows no errors, warnings or logs."""
    for output in outputs(notebook.cells):
        assert output.output_type != "error"
        assert output.get("name") != "stderr"


def start(name, folder, **values):
    """Start a notebook in `folder` as make does; return the process."""
    given = os.environ.copy()
    for key, value in values.items():
        given[f"GIVEN_{key}"] = str(value)
    command = [sys.executable, "run.py", name]
    return subprocess.Popen(command, cwd=folder, env=given, stdout=subprocess.PIPE, text=True)


def execute(name, folder, **values):
    """Execute a notebook; return what is printed, and the notebook."""
    process = start(name, folder, **values)
    printed, _ = process.communicate()
    assert process.returncode == 0, printed
    notebook = read(folder / f"runs/{name}.ipynb")
    expect_no_errors(notebook)
    return printed, notebook


def test_train_stores_what_inference_opens(project, splits):
    printed, notebook = execute("train", project, RECIPE="compact", EPOCHS=1, RUN_DIR="runs/mine")
    assert len(re.findall(r"^epoch  1/1", printed, re.M)) == 1
    results = store.load(f"{project}/runs/mine/compact").results
    assert results["recipe"]["epochs"] == 1
    [cell] = [cell for cell in notebook.cells if "training.train(" in cell.source]
    bar, line = cell.outputs
    assert re.match(r"100% \|█+\| 0 s left, loss \d", bar.data["text/plain"])
    assert line.text.count("\n") == 1

    (project / "mine").mkdir()
    for number, image in enumerate(splits.test.images[:14]):
        Image.fromarray(255 - image.squeeze()).save(project / f"mine/{number:02d}.png")
    (project / "mine/bad.jpg").write_bytes(b"nothing")
    printed, notebook = execute("inference", project, MODEL="runs/mine/compact", PHOTOS="mine")
    assert "mine/13.png" in printed
    assert "No description" not in (project / "runs/inference.html").read_text()
    shown = json.dumps(notebook)
    assert "bad.jpg is not a picture" in shown
    recorded = results["test"]["accuracy"]
    assert f"Here {recorded:.2%} of the test images" in shown

    lines = printed.splitlines()
    assert re.match(r"mine/13.png +\w.+ \d+\.\d%", lines[13])
    assert lines[14].startswith("mine/bad.jpg is not a picture")
    assert "%" not in lines[14]
    assert lines[15:] == ["The page for a browser is runs/inference.html.", "runs/answers.csv"]
    answers = pd.read_csv(project / "runs/answers.csv")
    assert list(answers["photo"][12:]) == ["mine/12.png", "mine/13.png", "mine/bad.jpg"]
    assert list(answers.columns[4:]) == list(data.CLASS_NAMES)


def test_the_page_of_photos_is_for_looking_and_goes_when_a_run_fails(project):
    execute("inference", project)
    page = project / "runs/inference.html"
    html = page.read_text()
    body = html[html.index("<body") :]
    assert "No description" not in html
    assert "import" not in body
    assert "PHOTOS" not in body
    assert not re.findall(r"<(?:script|link|img)[^>]+https?://", html)
    assert body.index("coat-on-a-sheet.jpg") < body.index("<img") < 2500
    assert body.count("sample_photos/trousers-on-wood.jpg</b>") == 1
    failing = start("inference", project, MODEL="nowhere")
    failing.communicate()
    assert failing.returncode == 1
    assert not page.exists()
    assert not (project / "runs/answers.csv").exists()


def test_values_are_given_on_the_command_line_as_well(project):
    command = [sys.executable, "run.py", "train", "EPOCHS=abc"]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert ended.stderr == "EPOCHS cannot be 'abc'; give a whole number.\n"
    command[2:] = []
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert ended.stderr == "Give the name of a notebook: python run.py train or inference.\n"
    command[2:] = ["inference", "PAGE=1"]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert ended.stderr.startswith("PAGE is for the notebook in a browser alone;")
    command[2:] = ["inference", "PHOTOS", "folder"]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert ended.stderr == "PHOTOS has no value; give PHOTOS=VALUE.\n"


def test_a_mistake_is_one_sentence(project):
    process = start("train", project, EPOCHS=0)
    printed, _ = process.communicate()
    assert process.returncode == 1
    assert printed.splitlines()[-1].startswith("The recipe's epochs cannot be 0; give")
    assert "UserError" in (project / "runs/train.log").read_text()
    assert not (project / "runs/train.ipynb").exists()


def test_settings_of_a_machine_change_nothing(project, monkeypatch):
    settings = project / "settings"
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    long = settings / ("x" * 150)
    long.mkdir(parents=True)
    (settings / "datasets").symlink_to(f"{home}/datasets")
    (settings / "keras.json").write_text('{"backend": "none"}')
    (settings / "matplotlibrc").write_text("text.usetex: True\nfont.size: 30\n")
    shutil.copy(project / "sample_photos/trousers-on-wood.jpg", settings / "брюки.jpg")
    monkeypatch.setenv("KERAS_HOME", str(settings))
    monkeypatch.setenv("MATPLOTLIBRC", str(settings / "matplotlibrc"))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.setenv("TMPDIR", str(long))
    printed, notebook = execute("inference", project, PHOTOS=settings / "брюки.jpg")
    assert "/?????.jpg  Trouser" in printed
    assert len(pictures(notebook.cells)) == len(pictures(read("inference.ipynb").cells)) == 2


def test_what_ends_a_kernel_is_named(project, monkeypatch):
    edit(
        project / "inference.ipynb",
        "network, results = store.load(MODEL)",
        "os.kill(os.getpid(), 9)",
    )
    monkeypatch.setenv("KERAS_BACKEND", "none")
    printed, _ = start("inference", project).communicate()
    assert printed.splitlines()[-1] == "KERAS_BACKEND is none, which is not installed; unset it"
    monkeypatch.delenv("KERAS_BACKEND")
    printed, _ = start("inference", project).communicate()
    assert printed.splitlines()[-1].startswith("The kernel was killed, most likely for memory")


def test_each_cell_of_a_confusion_matrix_has_its_number(monkeypatch):
    drawn = []
    monkeypatch.setattr(plt, "show", lambda: drawn.extend(plt.gca().texts))
    plots.confusion(np.arange(100).reshape(10, 10))
    assert sorted(int(text.get_text()) for text in drawn) == list(range(100))


def test_ctrl_c_stops_a_training_and_says_how_it_continues(project):
    process = start("train", project, RECIPE="compact", EPOCHS=900, RUN_DIR="runs/mine")
    line = ""
    while not line.startswith("epoch  1/900"):
        line = process.stdout.readline()
        assert line
    process.send_signal(signal.SIGINT)
    *_, last = process.stdout
    assert last == "All finished epochs are in runs/mine; run this again to continue.\n"
    assert process.wait() == 1


def exercises():
    """Return what the notebook tells its reader to write, as it is written there."""
    found = []
    for cell in read("train.ipynb").cells:
        if "Your turn" in cell.source:
            found += EXERCISE.findall(cell.source)
    return [exercise for exercise in found if exercise != RECIPE_LINE]


def with_exercise(exercise):
    """Return the code of the notebook but the first cell's, with an exercise done in 2 epochs."""
    sources = []
    for cell in code_cells(read("train.ipynb"))[1:]:
        source = cell.source
        if source.startswith("RECIPE ="):
            source += "\nEPOCHS = 2"
            if not exercise.startswith("recipe"):
                source += f"\n{exercise}"
        elif exercise.startswith("recipe"):
            source = source.replace(RECIPE_LINE, f"{RECIPE_LINE}\n{exercise}")
        sources.append(source)
    return sources


@pytest.fixture
def execute_here(few, tmp_path, monkeypatch):
    """A function that executes cells in this process, on few images, without drawing."""

    def nothing(*arguments, **options):
        pass

    def execute_cells(sources):
        names = {"sys": sys, "place": ".", "found": ["./fmnist_utils/data.py"]}  # of the first cell
        for source in sources:
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


def until_built(sources):
    """Return the cells up to the one that builds the network."""
    [built] = [source for source in sources if "network = model.build(" in source]
    return sources[: sources.index(built) + 1]


def test_each_exercise_makes_a_network_in_a_folder_of_its_own(execute_here):
    folders = set()
    for exercise in exercises():
        names = execute_here(until_built(with_exercise(exercise)))
        folders.add(names["run_dir"])
    assert len(folders) == len(exercises()) == 7


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_exercise_works_to_the_end(number, execute_here, tmp_path):
    names = execute_here(with_exercise(exercises()[number]))
    assert (tmp_path / names["run_dir"] / f"{names['recipe'].name}.keras").exists()


@pytest.mark.parametrize("name", ["train.ipynb", "inference.ipynb"])
def test_the_committed_notebook_is_what_its_code_showed(name):
    notebook = read(name)
    expect_no_errors(notebook)
    assert notebook.metadata["executed"] == executed_hash(notebook)
