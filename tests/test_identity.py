"""A run is also its code: whoever edits it gets a new training, never an old result."""

from dataclasses import replace
from functools import partial, wraps

import numpy as np
import pytest

from fmnist_utils import augment, identity, model, training
from fmnist_utils.augment import AUGMENTATIONS
from fmnist_utils.errors import UserError
from fmnist_utils.recipes import BASELINE, COMPACT
from tests.conftest import SHORT, copy_project, edit, run_python

PRINT_FOLDER = """
from fmnist_utils import identity, recipes
print(identity.run_directory(recipes.BASELINE, 0))
"""
LOAD = """
from dataclasses import replace
from pathlib import Path
from fmnist_utils import data, recipes, training
few = [data.Split(split.images[:320], split.labels[:320]) for split in data.load()]
splits = data.Splits(few[0], few[1], few[2])
"""
EDIT = """
edited = Path("fmnist_utils/augment.py")
edited.write_text(edited.read_text() + "# more")
"""
TRAIN = """
training.train(replace(recipes.COMPACT, epochs=1), splits, "runs/mine")
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
    assert found[0].strip() == str(identity.run_directory(BASELINE, 0))
    for name, old, new in DECIDING_EDITS:
        edit(package / name, old, new)
        found.append(folder_of_run(project))
    (package / "blocks.py").write_text("# A file that the network could import.\n")
    found.append(folder_of_run(project))
    assert len(set(found)) == len(found)
    for name, old, new in NEUTRAL_EDITS:
        edit(package / name, old, new)
    assert folder_of_run(project) == found[-1]


def test_another_code_never_continues_a_run(project, few):
    training.train(replace(COMPACT, epochs=1), few, project / "runs/mine")
    for name, old, new in (DECIDING_EDITS[0], DECIDING_EDITS[3]):
        edit(project / "fmnist_utils" / name, old, new)
        ended = run_python(LOAD + TRAIN, folder=project)
        assert "holds a run of other code" in ended.stderr.splitlines()[-1]
        edit(project / "fmnist_utils" / name, new, old)


def test_an_edit_without_a_restart_is_one_sentence(project):
    ended = run_python(LOAD + EDIT + TRAIN, folder=project)
    sentence = "augment.py was edited since it was imported; restart the kernel, and run all cells."
    assert ended.stderr.splitlines()[-1].endswith(sentence)
    assert not (project / "runs").exists()


def darken(images, generator):
    return images // 2


@pytest.fixture
def mine(monkeypatch):
    """A recipe with an augmentation of one's own, registered before it is made."""
    monkeypatch.setitem(AUGMENTATIONS, "mine", darken)
    return replace(SHORT, epochs=1, augmentations=("flip", "mine"))


def test_an_augmentation_of_one_s_own_trains_and_an_edited_one_does_not_continue(
    mine, few, tmp_path, monkeypatch
):
    run = training.train(mine, few, tmp_path / "run")
    plain = training.train(replace(mine, augmentations=("flip",)), few, tmp_path / "plain")
    assert run.history["loss"] != plain.history["loss"]
    monkeypatch.setitem(AUGMENTATIONS, "mine", without_a_result)
    with pytest.raises(UserError, match="holds a run of other code"):
        training.train(mine, few, tmp_path / "run")


# What may stand in a notebook's cell, and an edit of it that changes what is trained.
CELLS = [
    ("def mine(images, generator):\n    return images // 2", "// 2", "// 3"),
    ("K = 2\ndef mine(images, generator):\n    return images // K", "K = 2", "K = 3"),
    ("K = [[2]]\ndef mine(images, generator):\n    return images // K[0][0]", "[[2]]", "[[3]]"),
    ("K = np.eye(28)[:1]\ndef mine(images, generator):\n    return images * K", "[:1]", "[:1].T"),
    (
        "f = lambda i: i // 2\nF = [f]\ndef mine(images, generator):\n    return F[0](images)",
        "2",
        "3",
    ),
    ("def mine(images, generator, k=2):\n    return images // k", "k=2", "k=3"),
    ("def mine(images, generator, *, k=2):\n    return images // k", "k=2", "k=3"),
    (
        "def make(k):\n    return lambda images, generator: images // k\nmine = make(2)",
        "(2)",
        "(3)",
    ),
    ("mine = augment.shift", "shift", "erase"),
    ("@wraps(augment.shift)\ndef mine(images, generator):\n    return images // 2", "// 2", "// 3"),
]


@pytest.mark.parametrize(("cell", "old", "new"), CELLS)
def test_an_edit_of_a_cell_is_a_new_run(cell, old, new, mine, monkeypatch):
    folders = []
    for source in (cell, cell, cell.replace(old, new, 1)):
        names = {"augment": augment, "np": np, "wraps": wraps}
        exec(source, names)
        monkeypatch.setitem(AUGMENTATIONS, "mine", names["mine"])
        folders.append(identity.run_directory(mine, 0))
    assert folders[0] == folders[1] != folders[2]


REFUSED = [
    "r = np.random.default_rng(0)\ndef mine(images, generator):\n    return r.permutation(images)",
    "f = partial(max, 2)\ndef mine(images, generator):\n    return f(images)",
]


@pytest.mark.parametrize("cell", REFUSED)
def test_what_may_change_unnoticed_is_refused(cell, mine, monkeypatch):
    names = {"np": np, "partial": partial}
    exec(cell, names)
    monkeypatch.setitem(AUGMENTATIONS, "mine", names["mine"])
    with pytest.raises(UserError, match=r"An augmentation uses .* which may change; use numbers"):
        identity.run_directory(mine, 0)


@pytest.mark.parametrize(("module", "name"), [(model, "layers_of"), (augment, "SHIFT")])
def test_code_that_was_replaced_while_it_runs_is_told(module, name, few, tmp_path, monkeypatch):
    monkeypatch.setattr(module, name, darken)
    with pytest.raises(UserError, match=f"{name} was replaced while the code runs; edit fmnist"):
        training.train(SHORT, few, tmp_path)


SET_OF_TEXTS = """
from fmnist_utils import augment, identity, recipes
CHOSEN = {"a", "b", "c", "d"}
def mine(images, generator):
    return images if CHOSEN else generator
augment.AUGMENTATIONS["flip"] = mine
print(identity.run_directory(recipes.BASELINE, 0))
"""


def test_a_run_has_the_same_folder_in_every_session():
    folders = [run_python(SET_OF_TEXTS, PYTHONHASHSEED=seed).stdout for seed in "123"]
    assert folders[0].startswith("runs/")
    assert len(set(folders)) == 1


def without_a_result(images, generator):
    images // 2


def test_an_augmentation_that_cannot_be_used_is_named(mine, few, tmp_path, monkeypatch):
    """Only training needs it: the recipe itself can be made, and loaded."""
    unknown = replace(SHORT, augmentations=("flip", "flop"))
    with pytest.raises(UserError, match=r"no augmentation 'flop'; .*AUGMENTATIONS.*flip, shift"):
        training.train(unknown, few, tmp_path)
    monkeypatch.setitem(AUGMENTATIONS, "mine", "darken")
    with pytest.raises(UserError, match="'mine' is 'darken'; give a function"):
        training.train(mine, few, tmp_path)
    monkeypatch.setitem(AUGMENTATIONS, "mine", without_a_result)
    with pytest.raises(UserError, match="augmentation 'mine' cannot be None; give images"):
        training.train(mine, few, tmp_path)
    assert not list(tmp_path.iterdir())


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
    assert identity.run_directory(replace(BASELINE, units=64), 0) != run
