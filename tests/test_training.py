import io
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.kill import EVERYTHING
from fmnist_utils import training
from fmnist_utils.errors import Stopped, UserError
from fmnist_utils.model import BASELINE


@pytest.fixture(scope="module")
def finished(few, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, training.train(EVERYTHING, few, folder, epochs=3)


def test_it_learns_and_returns_the_best_epoch(few, finished):
    _, run = finished
    assert run.history["loss"][-1] < run.history["loss"][0]
    assert run.best_epoch == np.argmin(run.history["val_loss"]) + 1
    loss, accuracy = training._validate(run.model, few.validation)
    assert loss == pytest.approx(run.history["val_loss"][run.best_epoch - 1], rel=1e-5)
    assert accuracy == run.history["val_accuracy"][run.best_epoch - 1]


def test_a_finished_run_is_returned_at_once(few, finished, capsys):
    folder, run = finished
    again = training.train(EVERYTHING, few, folder, epochs=3)
    assert "finished before" in capsys.readouterr().out
    assert again.history == run.history
    for ours, theirs in zip(again.model.get_weights(), run.model.get_weights(), strict=True):
        assert (ours == theirs).all()


@pytest.mark.parametrize("change", [{"seed": 1}, {"epochs": 4}])
def test_another_run_is_never_continued(few, finished, change):
    folder, _ = finished
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(UserError, match=f"holds another run.*{next(iter(change))}"):
        training.train(EVERYTHING, few, folder, **{"epochs": 3, **change})
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize("epochs", [0, -1, 1.5, "3"])
def test_a_bad_number_of_epochs_is_named(few, tmp_path, epochs):
    with pytest.raises(UserError, match="EPOCHS"):
        training.train(EVERYTHING, few, tmp_path, epochs=epochs)


def test_an_unwritable_folder_is_named(few, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="RUN_DIR"):
        training.train(EVERYTHING, few, tmp_path / "file" / "run", epochs=1)


def test_a_folder_that_takes_no_file_is_named_before_training(few):
    with pytest.raises(UserError, match="RUN_DIR /proc/self cannot be"):
        training.train(EVERYTHING, few, "/proc/self", epochs=1)


def test_other_folders_in_the_run_s_are_left_alone(few, tmp_path):
    (tmp_path / "epoch-notes-2024").mkdir()
    training.train(EVERYTHING, few, tmp_path, epochs=3)
    assert (tmp_path / "epoch-notes-2024").exists()


def test_a_loss_that_is_not_a_number_is_never_the_best():
    assert training._best_epoch({"val_loss": [0.5, 0.3, float("nan")]}) == 2


def test_runs_go_where_they_stay_when_the_machine_goes(tmp_path, monkeypatch):
    drive = tmp_path / "MyDrive"
    monkeypatch.setattr(training, "KEPT", (drive,))
    monkeypatch.chdir(tmp_path)
    run = Path("runs/baseline-30-seed0")
    assert training.run_directory(BASELINE, 0) == run
    drive.mkdir()
    assert training.run_directory(BASELINE, 0) == drive / "fmnist_runs/baseline-30-seed0"
    monkeypatch.chdir(drive)
    assert training.run_directory(BASELINE, 0) == run


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_a_bar_and_a_log_does_not(few, tmp_path, monkeypatch, capsys):
    terminal = Terminal()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)
        training.train(EVERYTHING, few, tmp_path / "shown", epochs=2)
    assert "epoch 2/2, step 10/10, loss" in terminal.getvalue()
    training.train(EVERYTHING, few, tmp_path / "logged", epochs=2)
    printed = capsys.readouterr()
    assert "step" not in printed.out + printed.err


def test_a_stop_by_hand_says_how_to_go_on(few, tmp_path, monkeypatch):
    def stop(checkpoint, epoch, logs=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(training.Checkpoint, "on_epoch_begin", stop)
    with pytest.raises(Stopped, match=f"{tmp_path} has every epoch that ended") as stopped:
        training.train(EVERYTHING, few, tmp_path, epochs=2)
    assert stopped.value._render_traceback_() == [f"Stopped: {stopped.value}"]
