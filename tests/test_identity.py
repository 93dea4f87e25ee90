"""A run is also its code: whoever edits it gets a new training, never an old result."""

from dataclasses import replace

import numpy as np
import pytest

from fmnist_utils import identity, training
from fmnist_utils.augment import AUGMENTATIONS
from fmnist_utils.errors import UserError
from fmnist_utils.recipes import BASELINE
from tests.conftest import SHORT, copy_project, edit, run_python

PRINT_FOLDER = """
from fmnist_utils import identity, recipes
print(identity.run_directory(recipes.BASELINE, 0))
"""
TRAIN = """
import sys
from dataclasses import replace
from pathlib import Path
from fmnist_utils import data, recipes, training
splits = data.load()
few = data.Splits(*(data.Split(split.images[:320], split.labels[:320]) for split in splits))
recipe = replace(recipes.COMPACT, epochs=2)
run = training.train(recipe, few, "runs/mine")
"""
DECIDING_EDITS = [
    ("augment.py", "flipped = images.copy()", "flipped = 255 - images"),
    ("augment.py", "SHIFT = 2", "SHIFT = 3"),
    ("batches.py", "default_rng((seed, epoch))", "default_rng((seed, epoch + 1))"),
    ("model.py", 'activation="relu"', 'activation="gelu"'),
    ("training.py", "max(1, all_steps // 10)", "max(1, all_steps // 20)"),
]
NEUTRAL_EDITS = [
    ("errors.py", "cannot be", "is"),
    ("progress.py", "best", "the best so far"),
    ("checkpoint.py", "already", "by now"),
    ("recipes.py", "There is no recipe", "Nobody knows the recipe"),
]


@pytest.fixture
def project(tmp_path):
    copy_project(tmp_path / "copy")
    return tmp_path / "copy"


def folder_of_run(project):
    return run_python(PRINT_FOLDER, folder=project).stdout


def test_an_edit_that_decides_a_result_is_a_new_run_and_another_edit_is_not(project):
    package = project / "fmnist_utils"
    found = [folder_of_run(project)]
    for name, old, new in DECIDING_EDITS:
        edit(package / name, old, new)
        found.append(folder_of_run(project))
    (package / "blocks.py").write_text("# A file that the network could import.\n")
    found.append(folder_of_run(project))
    assert len(set(found)) == len(found)
    for name, old, new in NEUTRAL_EDITS:
        edit(package / name, old, new)
        assert folder_of_run(project) == found[-1]


def test_another_code_never_continues_a_run(project):
    ended = run_python(TRAIN, folder=project)
    assert "epoch  2/2" in ended.stdout, ended.stderr
    state = project / "runs/mine/epoch-002.npz"
    before = state.read_bytes()
    state.rename(project / "kept")  # as if the training had been stopped after an epoch
    for name, old, new in (DECIDING_EDITS[0], DECIDING_EDITS[3]):
        edit(project / "fmnist_utils" / name, old, new)
        ended = run_python(TRAIN, folder=project)
        assert "was trained by other code" in ended.stderr.splitlines()[-1]
        assert not state.exists()
        edit(project / "fmnist_utils" / name, new, old)
    assert run_python(TRAIN, folder=project).returncode == 0
    assert state.read_bytes() == before


def test_an_edit_without_a_restart_is_one_sentence(project):
    code = TRAIN.replace("run =", "edited = Path('fmnist_utils/augment.py')\n" + "run =", 1)
    code = code.replace("run =", "edited.write_text(edited.read_text() + '# more')\nrun =", 1)
    ended = run_python(code, folder=project)
    sentence = "augment.py was edited since it was imported; restart the kernel, and run all cells."
    assert ended.stderr.splitlines()[-1].endswith(sentence)
    assert not (project / "runs").exists()


STRENGTH = 2


def half(images):
    return images // STRENGTH


def darken(images, generator):
    return np.array([half(image) for image in images])


def stronger(images, generator):
    return np.array([half(image) // 2 for image in images])


@pytest.fixture
def mine(monkeypatch):
    """A recipe with an augmentation of one's own, registered before it is made."""
    monkeypatch.setitem(AUGMENTATIONS, "mine", darken)
    return replace(SHORT, epochs=1, augmentations=("flip", "mine"))


def test_an_augmentation_of_one_s_own_trains_and_counts_with_what_it_calls(
    mine, few, tmp_path, monkeypatch
):
    run = training.train(mine, few, tmp_path / "run")
    plain = training.train(replace(mine, augmentations=("flip",)), few, tmp_path / "plain")
    assert run.history["loss"] != plain.history["loss"]
    found = [identity.run_directory(mine, 0)]
    assert identity.run_directory(mine, 0) == found[0]
    monkeypatch.setitem(globals(), "STRENGTH", 3)
    found.append(identity.run_directory(mine, 0))
    monkeypatch.setitem(globals(), "half", np.copy)
    found.append(identity.run_directory(mine, 0))
    monkeypatch.setitem(AUGMENTATIONS, "mine", stronger)
    found.append(identity.run_directory(mine, 0))
    assert len(set(found)) == 4
    with pytest.raises(UserError, match="was trained by other code"):
        training.train(mine, few, tmp_path / "run")


def test_only_training_needs_an_augmentation_to_be_registered(few, tmp_path):
    recipe = replace(SHORT, augmentations=("flip", "flop"))
    with pytest.raises(UserError, match=r"no augmentation 'flop'; .*AUGMENTATIONS.*flip, shift"):
        training.train(recipe, few, tmp_path)


def test_a_registered_augmentation_has_to_be_a_function(few, tmp_path, monkeypatch):
    monkeypatch.setitem(AUGMENTATIONS, "mine", "darken")
    with pytest.raises(UserError, match="'mine' is 'darken'; give a function"):
        training.train(replace(SHORT, augmentations=("mine",)), few, tmp_path)


def test_runs_go_where_they_stay_when_the_machine_goes(tmp_path, monkeypatch):
    drive = tmp_path / "MyDrive"
    monkeypatch.setattr(identity, "PERSISTENT_FOLDERS", (drive,))
    monkeypatch.chdir(tmp_path)
    run = identity.run_directory(BASELINE, 0)
    assert str(run).startswith("runs/baseline-30-seed0-")
    drive.mkdir()
    assert identity.run_directory(BASELINE, 0) == drive / "fmnist_runs" / run.name
    monkeypatch.chdir(drive)
    assert identity.run_directory(BASELINE, 0) == run
    others = [replace(BASELINE, augmentations=()), replace(BASELINE, units=64)]
    others += [replace(BASELINE, learning_rate=2e-3), replace(BASELINE, pool_first=True)]
    folders = [identity.run_directory(other, 0) for other in others]
    assert len(set(folders) | {run}) == 5
