import io
import re
import signal
import sys
from dataclasses import replace

import numpy as np
import pytest

from fmnist_utils import evaluation, training
from fmnist_utils.errors import Stopped, UserError
from fmnist_utils.model import BASELINE
from tests.conftest import SHORT


def test_it_learns_and_returns_the_network_of_the_best_epoch(few, tmp_path):
    """On wrong labels the last is not the best. Its loss is plain, though the recipe smooths."""
    wrong = few.validation._replace(labels=(few.validation.labels + 1) % 10)
    run = training.train(SHORT, few._replace(validation=wrong), tmp_path)
    assert run.history["loss"][-1] < run.history["loss"][0]
    assert run.best_epoch == np.argmin(run.history["val_loss"]) + 1 < 3
    report = evaluation.evaluate(run.model, wrong)
    assert report.loss == pytest.approx(run.history["val_loss"][run.best_epoch - 1], rel=1e-5)
    assert report.accuracy == pytest.approx(run.history["val_accuracy"][run.best_epoch - 1])


def test_a_finished_run_is_returned_at_once_and_another_never_continued(few, finished, capsys):
    folder, run = finished
    again = training.train(SHORT, few, folder)
    assert "holds 3 of 3 epochs" in capsys.readouterr().out
    assert again.history == run.history
    assert all(map(np.array_equal, again.model.get_weights(), run.model.get_weights()))
    same = {"recipe": SHORT, "splits": few, "run_dir": folder, "seed": 0}
    others = {"recipe": replace(SHORT, epochs=4), "splits": few._replace(train=few.test), "seed": 1}
    for name, differs in (("recipe", "epochs"), ("splits", "data"), ("seed", "seed")):
        with pytest.raises(UserError, match=f"holds another run.*{differs}"):
            training.train(**{**same, name: others[name]})
    assert sorted(path.name for path in folder.iterdir()) == ["epoch-002.npz", "epoch-003.npz"]


def test_what_cannot_be_trained_is_named_at_once(few, tmp_path, capsys):
    for seed in (-1, 1.5, "0", None, True, 2**32):
        with pytest.raises(UserError, match="seed is"):
            training.train(SHORT, few, tmp_path, seed)
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "run", "/proc/self"):
        with pytest.raises(UserError, match=f"RUN_DIR {folder} cannot be written"):
            training.train(SHORT, few, folder)
    assert "epoch" not in capsys.readouterr().out
    wild = replace(SHORT, learning_rate=1e8, schedule="constant")
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
    values = {"augmentations": (), "units": 64, "learning_rate": 2e-3, "pool_first": True}
    others = (replace(BASELINE, **{field: value}) for field, value in values.items())
    assert len({run, *(training.run_directory(other, 0) for other in others)}) == 5


def test_a_terminal_shows_a_bar_and_a_log_does_not(few, tmp_path, monkeypatch, capsys):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    training.train(SHORT, few, tmp_path / "logged")
    monkeypatch.setattr(sys, "stderr", terminal)
    training.train(SHORT, few, tmp_path / "shown")
    assert re.search(r"100% \|█+\| \d\d:\d\d gone, 00:00 left, loss \d", terminal.getvalue())
    printed = capsys.readouterr()
    assert "█" not in printed.out + printed.err
    assert len(re.findall(r"^epoch  \d/3 .* validation ", printed.out, re.M)) == 6


@pytest.mark.parametrize("event", ["Ctrl-C", "another training", "a state was removed"])
def test_what_happens_between_two_epochs_is_told(few, tmp_path, monkeypatch, event):
    actions = {
        "Ctrl-C": lambda: signal.raise_signal(signal.SIGINT),
        "another training": lambda: training.train(SHORT, few, tmp_path),
        "a state was removed": (tmp_path / "epoch-001.npz").unlink,
    }
    once = iter([actions[event]])  # when the first epoch was written and its line is printed
    monkeypatch.setattr(training.tqdm, "write", lambda line: [action() for action in once])
    kind, sentence = UserError, f"{tmp_path} was changed by .*{event}"
    if event == "Ctrl-C":
        kind, sentence = Stopped, f"Every epoch saved is in {tmp_path}"
    with pytest.raises(kind, match=sentence) as told:
        training.train(SHORT, few, tmp_path)
    assert told.value._render_traceback_() == [f"{kind.__name__}: {told.value}"]
    assert len(training.train(SHORT, few, tmp_path).history["loss"]) == 3
