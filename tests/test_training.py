"""A training learns, keeps its best weights, and continues exactly, whatever happened to it."""

import gc
import io
import json
import os
import re
import signal
import sys
import time
from dataclasses import replace
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import numpy as np
import pytest

from benchmarks import kill
from fmnist_utils import evaluation, training
from fmnist_utils.checkpoint import Checkpoint, State
from fmnist_utils.errors import Stopped, UserError
from tests.conftest import SHORT, run_python


def test_it_learns_and_returns_the_network_of_the_best_epoch(few, tmp_path):
    """On wrong labels the last is not the best. Its loss is plain, though the recipe smooths."""
    wrong = few.validation._replace(labels=(few.validation.labels + 1) % 10)
    run = training.train(SHORT, few._replace(validation=wrong), tmp_path)
    assert run.history["loss"][-1] < run.history["loss"][0]
    assert run.best_epoch == np.argmin(run.history["val_loss"]) + 1 < 3
    report = evaluation.evaluate(run.model, wrong)
    assert report.loss == pytest.approx(run.history["val_loss"][run.best_epoch - 1], rel=1e-5)


def test_a_finished_run_is_returned_at_once_and_another_never_continued(few, finished, capsys):
    folder, run = finished
    again = training.train(SHORT, few, folder)
    assert "holds 3 of 3 epochs" in capsys.readouterr().out
    assert again.history == run.history
    assert all(map(np.array_equal, again.model.get_weights(), run.model.get_weights()))
    with pytest.raises(UserError, match=r"holds another run.*epochs"):
        training.train(replace(SHORT, epochs=4), few, folder)
    with pytest.raises(UserError, match=r"holds another run.*data"):
        training.train(SHORT, few._replace(train=few.test), folder)
    with pytest.raises(UserError, match=r"holds another run.*seed"):
        training.train(SHORT, few, folder, seed=1)


def test_what_cannot_be_trained_is_named_at_once(few, tmp_path):
    with pytest.raises(UserError, match="RUN_DIR /proc/self cannot be written"):
        training.train(SHORT, few, "/proc/self")
    wild = replace(SHORT, learning_rate=1e8, schedule="constant")
    with pytest.raises(UserError, match=r"not finite in epoch 1.*learning_rate below 1e\+08"):
        training.train(wild, few, tmp_path)
    assert not list(tmp_path.iterdir())


class Listener(io.StringIO):
    """Does something once, when the line of the first epoch is printed: its state is written."""

    def __init__(self, action):
        super().__init__()
        self.action = action

    def write(self, text):
        if text.startswith("epoch  1/3") and self.action:
            action = self.action
            self.action = None
            action()
        return super().write(text)


def interrupt_and_lose_it():
    """Press Ctrl-C where Python ignores all exceptions: while it collects garbage."""

    def press(phase, about):
        gc.callbacks.remove(press)
        signal.raise_signal(signal.SIGINT)

    gc.callbacks.append(press)
    gc.collect()


def test_after_ctrl_c_one_sentence_says_how_to_continue(few, finished, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Listener(interrupt_and_lose_it))
    with pytest.raises(Stopped, match=f"All finished epochs are in {tmp_path}") as told:
        training.train(SHORT, few, tmp_path)
    assert told.value._render_traceback_() == [f"Stopped: {told.value}"]
    assert training.train(SHORT, few, tmp_path).history == finished[1].history


def test_another_training_in_the_folder_is_told(few, finished, tmp_path, monkeypatch):
    def train_too():
        training.train(SHORT, few, tmp_path)

    monkeypatch.setattr(sys, "stdout", Listener(train_too))
    with pytest.raises(UserError, match=f"{tmp_path} was changed by another training") as told:
        training.train(SHORT, few, tmp_path)
    assert told.value._render_traceback_() == [f"UserError: {told.value}"]
    assert training.train(SHORT, few, tmp_path).history == finished[1].history


def test_a_training_that_has_lost_its_folder_does_not_hold_the_other_up(tmp_path, monkeypatch):
    lost = Checkpoint(tmp_path, {})
    other = Checkpoint(tmp_path, {})
    state = State({"loss": [1.0]}, [], [])
    other.write(state)
    monkeypatch.setattr(lost, "partial", None)  # the file that only one training can hold
    with pytest.raises(UserError, match="was changed by another training"):
        lost.write(state)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    kill.finish("everything", folder)
    return folder


def test_killed_again_and_again_it_ends_in_the_same_state(uninterrupted, tmp_path):
    """Killed before a state is renamed, and before an older one is emptied and removed."""
    for call in (6, 8, 9, 12, 9):
        process = kill.start("everything", tmp_path, call)
        process.join()
        assert process.exitcode == -signal.SIGKILL
    kill.finish("everything", tmp_path)
    assert not kill.differences(uninterrupted, tmp_path)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_or_terminated_it_ends_in_the_same_state(uninterrupted, tmp_path, stop):
    process = kill.start("everything", tmp_path)
    while not (tmp_path / "epoch-001.npz").exists():
        time.sleep(0.01)
    os.kill(process.pid, stop)
    process.join()
    assert process.exitcode
    kill.finish("everything", tmp_path)
    assert not kill.differences(uninterrupted, tmp_path)


@pytest.mark.parametrize("delay", [0, 0.1, 0.3])
def test_of_two_trainings_in_one_folder_one_goes_on(uninterrupted, tmp_path, delay):
    first = kill.start("everything", tmp_path)
    time.sleep(delay)
    second = kill.start("everything", tmp_path)
    first.join()
    second.join()
    assert {first.exitcode, second.exitcode} == {0, 1}
    assert not kill.differences(uninterrupted, tmp_path)


def damaged(content, how):
    """Return the content of a state, damaged."""
    if how == "a bit flipped":
        return content[:9000] + bytes([content[9000] ^ 1]) + content[9001:]
    if how == "empty":
        return b""
    arrays = list(np.load(io.BytesIO(content)).values())
    state = json.loads(arrays.pop(0).item())
    if how == "settings in a list":
        state["settings"] = [state["settings"]]
    elif how == "a short history":
        state["history"]["loss"].pop()
    elif how == "an array of another shape":
        arrays[0] = arrays[0][1:]
    elif how == "weights of NaN":
        arrays[0] = arrays[0] * np.nan
    file = io.BytesIO()
    np.savez(file, json.dumps(state), *arrays)
    return file.getvalue()


DAMAGES = ["a bit flipped", "empty", "settings in a list", "a short history"]
DAMAGES += ["an array of another shape", "weights of NaN"]


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_state_is_named_and_the_one_before_it_used(run_dir, finished, few, how, capsys):
    newest = run_dir / "epoch-003.npz"
    newest.write_bytes(damaged(newest.read_bytes(), how))
    assert training.train(SHORT, few, run_dir).history == finished[1].history
    assert re.search(r"-003\.npz is not whole(?s:.*) holds 2 of 3 epochs", capsys.readouterr().out)
    for path in run_dir.iterdir():
        path.write_bytes(b"")
    with pytest.raises(UserError, match=r"No state in .* is whole"):
        training.train(SHORT, few, run_dir)


def test_going_on_with_another_number_of_cores_is_told(run_dir, few, monkeypatch, capsys):
    last = run_dir / "epoch-003.npz"

    def told():
        last.unlink()
        training.train(SHORT, few, run_dir)
        return capsys.readouterr().out

    assert "to the bit" not in told()
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(77), raising=False)
    assert "the others will be on 77, so the weights will not be the same to the bit." in told()
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "88")
    assert "the others will be on 88, so" in told()


def test_a_state_from_before_code_counted_is_refused(run_dir, few):
    for path in run_dir.iterdir():
        arrays = list(np.load(path).values())
        state = json.loads(arrays.pop(0).item())
        del state["settings"]["code"]
        np.savez(path, json.dumps(state), *arrays)
    with pytest.raises(UserError, match=r"holds a run of other code.* leave RUN_DIR empty"):
        training.train(SHORT, few, run_dir)


def test_other_names_are_never_touched(few, run_dir, tmp_path):
    """Nor is what a link in a state's place leads to."""
    own = [run_dir / "epoch-009 1.npz", run_dir / "epoch-0010.npz", tmp_path / "linked.npz"]
    for path in own:
        path.write_text("own")
    (run_dir / "epoch-001.npz").symlink_to(tmp_path / "linked.npz")
    (run_dir / "epoch-003.npz").unlink()
    training.train(SHORT, few, run_dir)
    assert not (run_dir / "epoch-001.npz").is_symlink()
    for path in own:
        assert path.read_text() == "own"


def test_what_is_removed_is_empty_and_a_finished_run_writes_nothing(tmp_path):
    """Drive's bin keeps what is removed; the disk of a finished run may be read-only."""
    code = """
import os, sys
from fmnist_utils import data, training
from tests.conftest import SHORT, first_images
few = first_images(data.load())
folder = sys.argv[1]
removed = []
def note(event, arguments):
    if event == "os.remove" and folder in str(arguments[0]):
        removed.append(os.path.getsize(arguments[0]))
sys.addaudithook(note)
training.train(SHORT, few, folder)
os.chmod(folder, 0o500)
training.train(SHORT, few, folder)
print(removed)
"""
    (tmp_path / "epoch.partial").write_bytes(bytes(1000))  # a kill left it
    ended = run_python(code, tmp_path)
    assert ended.stdout.splitlines()[-1:] == ["[0, 0]"], ended.stderr


def test_a_full_disk_is_a_clear_error_and_loses_nothing(run_dir, finished, few):
    """A limit on the size of files stands in for the disk: the write fails in the same way."""
    (run_dir / "epoch-003.npz").unlink()
    unlimited = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (100_000, unlimited[1]))
    try:
        with pytest.raises(UserError, match=f"RUN_DIR {run_dir} cannot be written"):
            training.train(SHORT, few, run_dir)
    finally:
        setrlimit(RLIMIT_FSIZE, unlimited)
    assert [path.name for path in run_dir.iterdir()] == ["epoch-002.npz"]
    assert training.train(SHORT, few, run_dir).history == finished[1].history


def test_jax_trains_and_resumes_but_not_what_had_other_numbers(run_dir, tmp_path):
    code = """
import keras, numpy, pathlib, sys
from fmnist_utils import data, training
from tests.conftest import SHORT, first_images
few = first_images(data.load())
folder = pathlib.Path(sys.argv[1])
whole = training.train(SHORT, few, folder)
(folder / "epoch-003.npz").unlink()
resumed = training.train(SHORT, few, folder)
same = map(numpy.array_equal, resumed.model.get_weights(), whole.model.get_weights())
print(keras.backend.backend(), resumed.history == whole.history, all(same))
keras.config.set_dtype_policy("mixed_bfloat16")
training.train(SHORT, few, sys.argv[2])
"""
    ended = run_python(code, tmp_path / "jax", run_dir, KERAS_BACKEND="jax")
    assert ended.stdout.splitlines()[-1:] == ["jax True True"], ended.stderr
    assert "holds another run {'backend': 'tensorflow', 'dtype': 'float32'}" in ended.stderr
