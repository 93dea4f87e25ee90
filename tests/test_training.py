import io
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import kill
from fmnist_utils import evaluation, training
from fmnist_utils.errors import Stopped, UserError
from fmnist_utils.model import BASELINE

RECIPE = replace(kill.RECIPES["everything"], epochs=3)


@pytest.fixture(scope="module")
def finished(few, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, training.train(RECIPE, few, folder)


def test_it_learns_and_returns_the_network_of_the_best_epoch(few, finished):
    """The recipe smooths labels: the validation loss is the plain cross-entropy all the same."""
    _, run = finished
    assert run.history["loss"][-1] < run.history["loss"][0]
    assert run.best_epoch == np.argmin(run.history["val_loss"]) + 1
    report = evaluation.evaluate(run.model, few.validation)
    assert report.loss == pytest.approx(run.history["val_loss"][run.best_epoch - 1], rel=1e-5)
    assert report.accuracy == pytest.approx(run.history["val_accuracy"][run.best_epoch - 1])


def test_a_finished_run_is_returned_at_once(few, finished, capsys):
    folder, run = finished
    again = training.train(RECIPE, few, folder)
    assert "holds 3 epochs of 3" in capsys.readouterr().out
    assert again.history == run.history
    for ours, theirs in zip(again.model.get_weights(), run.model.get_weights(), strict=True):
        assert (ours == theirs).all()


def test_another_run_is_never_continued(few, finished):
    folder, _ = finished
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(UserError, match=r"holds another run.*seed"):
        training.train(RECIPE, few, folder, seed=1)
    with pytest.raises(UserError, match=r"holds another run.*epochs"):
        training.train(replace(RECIPE, epochs=4), few, folder)
    fewer = few._replace(train=type(few.train)(few.train.images[1:], few.train.labels[1:]))
    with pytest.raises(UserError, match=r"holds another run.*data"):
        training.train(RECIPE, fewer, folder)
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize("seed", [-1, 1.5, "0", None, True, 2**32])
def test_a_bad_seed_is_named(few, tmp_path, seed):
    with pytest.raises(UserError, match="seed is"):
        training.train(RECIPE, few, tmp_path, seed)


def test_an_unwritable_folder_is_named_before_training(few, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "run", "/proc/self"):
        with pytest.raises(UserError, match=f"RUN_DIR {folder} cannot be written"):
            training.train(RECIPE, few, folder)
    assert "epoch" not in capsys.readouterr().out


def test_a_loss_that_is_not_finite_stops_at_once(few, tmp_path):
    wild = replace(RECIPE, learning_rate=1e8, schedule="constant")
    with pytest.raises(UserError, match=r"not finite in epoch 1.*learning_rate below 1e\+08"):
        training.train(wild, few, tmp_path)
    assert not list(tmp_path.glob("*.npz"))


def test_runs_go_where_they_stay_when_the_machine_goes(tmp_path, monkeypatch):
    drive = tmp_path / "MyDrive"
    monkeypatch.setattr(training, "PERSISTENT_FOLDERS", (drive,))
    monkeypatch.chdir(tmp_path)
    run = training.run_directory(BASELINE, 0)
    assert re.fullmatch(r"runs/baseline-30-seed0-[0-9a-f]{8}", str(run))
    drive.mkdir()
    assert training.run_directory(BASELINE, 0) == drive / "fmnist_runs" / run.name
    monkeypatch.chdir(drive)
    assert training.run_directory(BASELINE, 0) == run


def test_recipes_that_differ_have_folders_that_differ():
    values = {"augmentations": (), "units": 64, "learning_rate": 2e-3, "pool_first": True}
    recipes = [BASELINE, *(replace(BASELINE, **{field: values[field]}) for field in values)]
    assert len({training.run_directory(recipe, 0) for recipe in recipes}) == len(recipes)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_a_bar_and_a_log_does_not(few, tmp_path, monkeypatch, capsys):
    terminal = Terminal()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)
        training.train(RECIPE, few, tmp_path / "shown")
    assert re.search(r"100% \|█+\| \d\d:\d\d gone, 00:00 left, loss \d", terminal.getvalue())
    training.train(RECIPE, few, tmp_path / "logged")
    printed = capsys.readouterr()
    assert "█" not in printed.out + printed.err
    assert len(re.findall(r"^epoch  \d/3 .* validation ", printed.out, re.M)) == 6


def after_epoch(number, action, monkeypatch):
    """Let `action` happen once, after epoch `number` was written and its line printed."""

    def write(line):
        if f"epoch  {number}/" in line and not done:
            done.append(line)
            action()

    done = []
    monkeypatch.setattr(training.tqdm, "write", write)


def interrupt():
    raise KeyboardInterrupt


def test_a_stop_by_hand_says_how_to_go_on(few, tmp_path, monkeypatch):
    after_epoch(1, interrupt, monkeypatch)
    with pytest.raises(Stopped, match=f"Every epoch that ended is in {tmp_path}") as stopped:
        training.train(RECIPE, few, tmp_path)
    assert stopped.value._render_traceback_() == [f"Stopped: {stopped.value}"]


def test_two_trainings_in_one_folder_notice_each_other(few, tmp_path, monkeypatch):
    after_epoch(1, lambda: training.train(RECIPE, few, tmp_path), monkeypatch)
    with pytest.raises(UserError, match="changed by another training"):
        training.train(RECIPE, few, tmp_path)
    assert training.train(RECIPE, few, tmp_path).history["loss"]


def test_a_folder_that_is_removed_meanwhile_is_noticed(few, tmp_path, monkeypatch):
    folder = Path(tmp_path / "run")
    after_epoch(2, lambda: [path.unlink() for path in folder.iterdir()], monkeypatch)
    with pytest.raises(UserError, match="a state was removed"):
        training.train(RECIPE, few, folder)
