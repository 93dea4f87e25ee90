"""What is typed after `make` reaches the notebook as it is, and what is missing is set up."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.execute import ROOT
from tests.conftest import copy_project, edit

ODD_VALUES = [
    "my photos/it's me.jpg",
    "x'; touch F; `touch F` $(shell touch F) $(touch F) #",
    "a\ntouch F #",
]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the project, in a folder with a space, with this one's Python and packages."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
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


@pytest.mark.parametrize(
    ("command", "given", "sentence"),
    [
        ("infer", "PHOTO=mine.jpg", "infer has no PHOTO; did you mean PHOTOS?"),
        ("train", "epochs=3", "train has no epochs; did you mean EPOCHS?"),
        ("app", "PHOTOS=mine.jpg", "app has no PHOTOS; it has MODEL, SHARE."),
        ("test", "SEED=1", "test has no SEED; it has no values at all."),
        ("train", "SEED=1.5", "SEED cannot be '1.5'; give a whole number."),
        ("app", "SHARE=yes", "SHARE cannot be 'yes'; give a whole number."),
        ("infer", "PHOTOS=", "PHOTOS has no value; give PHOTOS=VALUE."),
        ("infer", "run.py", "run.py is no command; a value has a name, as in PHOTOS=photo.jpg."),
    ],
)
def test_a_value_that_nobody_reads_is_told_before_anything_is_set_up(
    project, command, given, sentence
):
    (project / ".venv").unlink()
    ended = make(project, command, given)
    assert sentence in ended.stderr
    assert not ended.stdout
    assert ended.returncode
    assert not (project / ".venv").exists()


def write_program(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(0o755)


def old_python(path, version="3.10.13"):
    """Write a program that says what an old Python says, and can do nothing."""
    write_program(path, f"echo Python {version}", "exit 1")


@pytest.fixture
def bare(project, monkeypatch):
    """The project, without an environment; what is written to `bin` is found first."""
    (project / ".venv").unlink()
    monkeypatch.setenv("PATH", f"{project}/bin", prepend=os.pathsep)
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # nothing is installed here
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    return project


@pytest.mark.parametrize("version", ["3.10.13", "3.12.99"])
def test_an_environment_of_another_python_is_made_anew(bare, version):
    old_python(bare / ".venv/bin/python", version)
    (bare / ".venv/installed").write_text("")
    old_python(bare / "bin/python3")  # the first on the path, and one that is not supported
    make(bare, "infer")
    made = subprocess.run([bare / ".venv/bin/python", "-c", "import sys"])
    assert made.returncode == 0


def test_without_a_supported_python_one_sentence_says_which_are(bare):
    for name in ("python3", "python3.13", "python3.12", "python3.11"):
        old_python(bare / "bin" / name)
    [sentence, *_] = make(bare, "infer").stdout.splitlines()
    assert sentence.startswith("Python 3.11 to 3.13 is needed, and python3 is Python 3.10.13;")


CAUSES = {
    "SSLError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] self-signed'": "set PIP_CERT to a file that",
    "Retrying (from versions: none) No matching distribution": "look at the network",
    "(from versions: 2.16.2)\nERROR: No matching distribution found for tensorflow<2.21": (
        "tensorflow<2.21 does not exist for this machine"
    ),
    "ERROR: OSError: [Errno 28] No space left on device": "No space left on device",
}


@pytest.mark.parametrize("cause", CAUSES)
def test_what_keeps_packages_from_being_installed_is_named(bare, cause, monkeypatch):
    monkeypatch.setenv("SAID", cause)
    monkeypatch.setenv("PIP_USER", "1")
    write_program(
        bare / ".venv/bin/python",
        'case "$*" in',
        '*install*) echo "$SAID"; echo "user $PIP_USER"; exit 1;;',
        "*--version*) exec python3 --version;;",
        "esac",
    )
    ended = make(bare, "infer")
    assert CAUSES[cause] in ended.stdout
    assert "user 0" in (bare / ".venv/log").read_text()


def test_where_there_is_no_apt_get_it_is_not_called(project, tmp_path, monkeypatch):
    edit(project / "fmnist_utils/data.py", '"/usr/share/', '"/nowhere/')
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "sh", "flock", "python3", "test", "tail", "sed", "rm", "make"):
        (programs / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody answers there
    monkeypatch.delenv("FMNIST_DIR", raising=False)
    ended = make(project, "data")
    assert "cannot be downloaded" in ended.stdout
    assert "apt-get" not in ended.stdout + ended.stderr


def test_a_python_that_has_gone_is_replaced(project):
    (project / ".venv").unlink()
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").symlink_to("nowhere")
    (project / ".venv/installed").write_text("")
    assert "python3 -m venv --clear .venv" in make(project, "--dry-run", "train").stdout
