"""A training learns, keeps its best weights, and continues exactly, whatever happened to it."""

import gc
import io
import itertools
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
from fmnist_utils import data, evaluation, store, training
from fmnist_utils.errors import Stopped, UserError
from tests.conftest import SHORT, first_images, run_python


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
    with pytest.raises(UserError, match=r"holds another run.*epochs"):
        training.train(replace(SHORT, epochs=4), few, folder)
    with pytest.raises(UserError, match=r"holds another run.*data"):
        training.train(SHORT, few._replace(train=few.test), folder)
    with pytest.raises(UserError, match=r"holds another run.*seed"):
        training.train(SHORT, few, folder, seed=1)
    assert sorted(path.name for path in folder.iterdir()) == ["epoch-002.npz", "epoch-003.npz"]


def test_what_cannot_be_trained_is_named_at_once(few, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "run", "/proc/self"):
        with pytest.raises(UserError, match=f"RUN_DIR {folder} cannot be written"):
            training.train(SHORT, few, folder)
    assert "epoch" not in capsys.readouterr().out
    wild = replace(SHORT, learning_rate=1e8, schedule="constant")
    with pytest.raises(UserError, match=r"not finite in epoch 1.*learning_rate below 1e\+08"):
        training.train(wild, few, tmp_path)
    assert not list(tmp_path.glob("*.npz"))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_a_bar_and_a_log_does_not(few, tmp_path, monkeypatch):
    printed = []
    for number, output in enumerate((io.StringIO(), Terminal())):
        monkeypatch.setattr(sys, "stdout", output)
        training.train(SHORT, few, tmp_path / str(number))
        printed.append(output.getvalue())
        assert len(re.findall(r"epoch  \d/3 .* validation ", printed[-1])) == 3
    assert "█" not in printed[0]
    assert re.search(r"100% \|█+\| 0 s left, loss \d", printed[1])


def interrupt():
    signal.raise_signal(signal.SIGINT)


def interrupt_and_lose_it():
    """Press Ctrl-C where Python ignores all exceptions: while it collects garbage."""

    def press(phase, about):
        gc.callbacks.remove(press)
        interrupt()

    gc.callbacks.append(press)
    gc.collect()


class Listener(io.StringIO):
    """Does something once, when the line of the first epoch is printed."""

    def __init__(self, action):
        super().__init__()
        self.action = action

    def write(self, text):
        if text.startswith("epoch  1/3") and self.action:
            action = self.action
            self.action = None
            action()
        return super().write(text)


@pytest.mark.parametrize("event", ["Ctrl-C", "Ctrl-C, lost", "another training", "a state removed"])
def test_what_happens_between_two_epochs_is_told(few, tmp_path, monkeypatch, event):
    def train_too():
        training.train(SHORT, few, tmp_path)

    actions = {
        "Ctrl-C": interrupt,
        "Ctrl-C, lost": interrupt_and_lose_it,
        "another training": train_too,
        "a state removed": (tmp_path / "epoch-001.npz").unlink,
    }
    kind = UserError
    sentence = f"{tmp_path} was changed by another training, or a state was removed"
    if event.startswith("Ctrl-C"):
        kind = Stopped
        sentence = f"Every epoch saved is in {tmp_path}"
    monkeypatch.setattr(sys, "stdout", Listener(actions[event]))
    with pytest.raises(kind, match=sentence) as told:
        training.train(SHORT, few, tmp_path)
    assert told.value._render_traceback_() == [f"{kind.__name__}: {told.value}"]
    assert len(training.train(SHORT, few, tmp_path).history["loss"]) == 3


def test_killed_interrupted_or_terminated_it_ends_in_the_same_state(tmp_path):
    """Killed before some of the calls that change the folder, and in the middle of an epoch."""
    moments = itertools.cycle([3, 6, 8, 9, 0.5])
    assert not kill.survive("everything", tmp_path, moments, kills=5)
    for stop in (signal.SIGINT, signal.SIGTERM):
        folder = tmp_path / stop.name
        process = kill.start("everything", folder)
        while not (folder / "epoch-001.npz").exists():
            time.sleep(0.01)
        os.kill(process.pid, stop)
        process.join()
        assert process.exitcode
        kill.finish("everything", folder)
        assert not kill.differences(tmp_path / "uninterrupted", folder)


DAMAGES = [
    "truncated",
    "a bit flipped",
    "empty",
    "not ours",
    "without settings",
    "settings in a list",
    "a history of NaN",
    "a short history",
    "an array missing",
    "an array of another shape",
    "weights of NaN",
]


def damaged(content, how):
    """Return the content of a state, damaged."""
    if how == "truncated":
        return content[:-50]
    if how == "a bit flipped":
        return content[:9000] + bytes([content[9000] ^ 1]) + content[9001:]
    if how == "empty":
        return b""
    if how == "not ours":
        return b"PK" + content[:9000]
    arrays = list(np.load(io.BytesIO(content)).values())
    state = json.loads(arrays.pop(0).item())
    if how == "without settings":
        del state["settings"]
    elif how == "settings in a list":
        state["settings"] = [state["settings"]]
    elif how == "a history of NaN":
        state["history"]["loss"] = [float("nan")] * 3
    elif how == "a short history":
        for values in state["history"].values():
            values.pop()
    elif how == "an array missing":
        arrays.pop()
    elif how == "an array of another shape":
        arrays[0] = arrays[0][1:]
    elif how == "weights of NaN":
        arrays[0] = arrays[0] * np.nan
    file = io.BytesIO()
    np.savez(file, json.dumps(state), *arrays)
    return file.getvalue()


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_state_is_named_and_the_one_before_it_used(run_dir, finished, few, how, capsys):
    newest = run_dir / "epoch-003.npz"
    newest.write_bytes(damaged(newest.read_bytes(), how))
    assert training.train(SHORT, few, run_dir).history == finished[1].history
    assert re.search(r"-003\.npz is not whole(?s:.*) holds 2 of 3 epochs", capsys.readouterr().out)
    for file in run_dir.iterdir():
        file.write_bytes(damaged(file.read_bytes(), how))
    with pytest.raises(UserError, match=r"No state in .* is whole"):
        training.train(SHORT, few, run_dir)


def test_a_state_from_before_code_counted_is_refused_in_one_sentence(run_dir, few):
    for path in run_dir.iterdir():
        arrays = list(np.load(path).values())
        state = json.loads(arrays.pop(0).item())
        del state["settings"]["code"]
        np.savez(path, json.dumps(state), *arrays)
    with pytest.raises(UserError, match=f"by an earlier version .* another RUN_DIR than {run_dir}"):
        training.train(SHORT, few, run_dir)


def test_other_names_are_never_touched(few, tmp_path):
    own = ["epoch-009 1.npz", "epoch-0010.npz", "epoch-001.png", "epoch-002.npz.bak", "epoch-001/a"]
    (tmp_path / "epoch-001").mkdir()
    for name in own:
        (tmp_path / name).write_text("own")
    assert len(training.train(SHORT, few, tmp_path).history["loss"]) == 3
    assert all((tmp_path / name).read_text() == "own" for name in own)


def test_a_link_in_a_state_s_place_leaves_what_it_leads_to_as_it_is(few, run_dir, tmp_path):
    state = run_dir / "epoch-003.npz"
    own = state.rename(tmp_path / "own.npz")
    content = own.read_bytes()
    (run_dir / "epoch-002.npz").rename(run_dir / "epoch-001.npz")
    (run_dir / "epoch-002.npz").symlink_to(own)
    with pytest.raises(UserError, match="No state"):
        training.train(SHORT, few, run_dir)
    (run_dir / "epoch-001.npz").unlink()
    assert own.read_bytes() == content


def test_what_is_removed_is_empty_and_a_finished_run_writes_nothing(tmp_path):
    """Drive's bin keeps what is removed; the disk of a finished run may be read-only."""
    code = """
import os, sys
from fmnist_utils import data, training
from tests.conftest import SHORT, first_images
few, folder, removed = first_images(data.load()), sys.argv[1], []
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
    before = store.file_hash(run_dir / "epoch-002.npz")
    unlimited = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (100_000, unlimited[1]))
    try:
        with pytest.raises(UserError, match=f"RUN_DIR {run_dir} cannot be written"):
            training.train(SHORT, few, run_dir)
    finally:
        setrlimit(RLIMIT_FSIZE, unlimited)
    assert store.file_hash(run_dir / "epoch-002.npz") == before
    assert training.train(SHORT, few, run_dir).history == finished[1].history


def rival(folder, seed, delay):
    """Train after `delay` seconds; return the history and all weights, or the sentence."""
    time.sleep(delay)
    try:
        run = training.train(SHORT, first_images(data.load()), folder, seed)
    except UserError as error:
        return str(error)
    return run.history, [array.tobytes() for array in run.model.get_weights()]


def test_of_two_trainings_in_one_folder_one_goes_on_and_the_other_says_so(tmp_path):
    with kill.processes.Pool(2) as pool:
        alone = pool.starmap(rival, [(tmp_path / "0", 0, 0), (tmp_path / "1", 1, 0)])
        for number in range(4):
            folder = tmp_path / f"both-{number}"
            seeds = (0, number % 2)
            ended = pool.starmap(rival, [(folder, 0, 0), (folder, seeds[1], number / 20)])
            [lost] = [each for each in ended if isinstance(each, str)]
            [won] = [each for each in ended if not isinstance(each, str)]
            seed = seeds[ended.index(won)]
            assert won == alone[seed] == pool.apply(rival, (folder, seed, 0))
            assert re.match(f"{folder} (was changed by another|holds another run)", lost)


def test_jax_trains_and_resumes_but_not_what_had_other_numbers(run_dir, tmp_path):
    code = """
import keras, numpy, pathlib, sys
from fmnist_utils import data, training
from tests.conftest import SHORT, first_images
few, folder = first_images(data.load()), pathlib.Path(sys.argv[1])
whole = training.train(SHORT, few, folder)
(folder / "epoch-003.npz").unlink()
resumed = training.train(SHORT, few, folder)
same = map(numpy.array_equal, resumed.model.get_weights(), whole.model.get_weights())
first, *_, last = whole.history["loss"]
print(keras.backend.backend(), last < first, resumed.history == whole.history, all(same))
keras.config.set_dtype_policy("mixed_bfloat16")
training.train(SHORT, few, sys.argv[2])
"""
    ended = run_python(code, tmp_path / "jax", run_dir, KERAS_BACKEND="jax")
    assert ended.stdout.splitlines()[-1:] == ["jax True True True"], ended.stderr
    assert "holds another run {'backend': 'tensorflow', 'dtype': 'float32'}" in ended.stderr
