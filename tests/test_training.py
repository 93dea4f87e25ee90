from dataclasses import replace

import numpy as np
import pytest

from fmnist_utils import model, training
from fmnist_utils.errors import UserError

EVERYTHING = replace(
    model.BASELINE,
    name="everything",
    filters=(8, 16),
    units=32,
    schedule="cosine",
    weight_decay=0.01,
    label_smoothing=0.1,
    weight_averaging=0.9,
)


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


def test_a_stopped_run_ends_in_the_same_weights(few, finished, tmp_path, monkeypatch, capsys):
    def stop(checkpoint, epoch):
        write(checkpoint, epoch)
        if epoch == 2:
            raise KeyboardInterrupt

    write = training.Checkpoint._write
    monkeypatch.setattr(training.Checkpoint, "_write", stop)
    with pytest.raises(KeyboardInterrupt):
        training.train(EVERYTHING, few, tmp_path, epochs=3)
    monkeypatch.undo()
    resumed = training.train(EVERYTHING, few, tmp_path, epochs=3)
    assert "Going on after epoch 2 of 3" in capsys.readouterr().out
    folder, run = finished
    assert resumed.history == run.history
    for name in training.STATE_FILES:
        with (
            np.load(tmp_path / "epoch-003" / name) as ours,
            np.load(folder / "epoch-003" / name) as theirs,
        ):
            assert all((ours[array] == theirs[array]).all() for array in theirs.files)


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
