"""What is typed after `make` reaches the notebook as it is, and what is missing is set up."""

import os
import shutil
import subprocess

import pytest

from docs.execute import ROOT
from tests.conftest import copy_project

ODD_VALUES = [
    "my photos/it's me.jpg",
    "x'; touch F; `touch F` $(shell touch F) $(touch F) #",
    "a\ntouch F #",
]


@pytest.fixture
def project(tmp_path):
    """A copy of the project, in a folder with a space, with this one's packages."""
    folder = tmp_path / "my project"
    copy_project(folder)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def make(folder, *arguments):
    command = ["make"]
    command += arguments
    environment = os.environ | {"MAKEFLAGS": "", "MAKELEVEL": "0"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("value", ODD_VALUES)
def test_values_are_passed_as_they_are(project, value):
    ended = make(project, "infer", f"PHOTOS={value}")
    assert ended.returncode
    assert f"PHOTOS is {value}, which does not exist" in ended.stdout + ended.stderr
    make(project, "--dry-run", "train", f"RUN_DIR={value}")
    assert not (project / "F").exists()


def test_the_page_takes_its_values_as_they_are(project):
    ended = make(project, "app", f"MODEL={ODD_VALUES[1]}")
    assert f"{ODD_VALUES[1]}.keras does not exist" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (project / "F").exists()
    assert "--share" not in make(project, "--dry-run", "app", "SHARE=0").stdout
    assert "--share" in make(project, "--dry-run", "app", "SHARE=1").stdout


def test_a_photo_of_any_name_is_classified_whatever_the_environment_holds(project, monkeypatch):
    photo = project / "my photos" / "it's [1] $me.jpg"
    photo.parent.mkdir()
    shutil.copy(ROOT / "sample_photos/trousers-on-wood.jpg", photo)
    monkeypatch.setenv("MODEL", "nowhere")
    ended = make(project, "infer", f"PHOTOS={photo.relative_to(project)}")
    assert f"{photo.relative_to(project)}  Trouser" in ended.stdout
    assert not ended.stderr


def test_what_cannot_be_used_is_told_last_and_nothing_is_lost(project):
    executed = project / "runs/train.ipynb"
    executed.parent.mkdir()
    executed.write_text("as it was")
    for value, sentence in {"EPOCHS=abc": "a whole number", "PHOTOS=a": "no PHOTOS"}.items():
        told, of_make = make(project, "train", value).stderr.splitlines()
        assert sentence in told
        assert of_make.startswith("make: ***")
    assert executed.read_text() == "as it was"


def test_a_folder_without_the_data_is_told_and_nothing_is_fetched(project, monkeypatch):
    monkeypatch.setenv("FMNIST_DIR", "/nowhere")
    ended = make(project, "data")
    [sentence] = ended.stdout.splitlines()
    assert sentence.startswith("/nowhere/train-images-idx3-ubyte.gz cannot be read")
    assert ended.returncode


def test_a_python_that_has_gone_is_replaced(project):
    (project / ".venv").unlink()
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").symlink_to("nowhere")
    (project / ".venv/installed").write_text("")
    assert "python3 -m venv --clear .venv" in make(project, "--dry-run", "train").stdout
