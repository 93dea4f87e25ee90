import gc
import io
import itertools
import json
import os
import re
import shutil
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
from fmnist_utils.model import BASELINE
from tests.conftest import SHORT, run_python


def edited(edit):
    """Return a function that applies `edit` to the text and the arrays of a state's content."""

    def change(content):
        text, *arrays = np.load(io.BytesIO(content)).values()
        file, state = io.BytesIO(), json.loads(text.item())
        edit(state, arrays)
        np.savez(file, json.dumps(state), *arrays)
        return file.getvalue()

    return change


HOW = {
    "truncated": lambda content: content[:-50],
    "a bit flipped": lambda content: content[:9000] + bytes([content[9000] ^ 1]) + content[9001:],
    "empty": lambda content: b"",
    "not ours": lambda content: b"PK" + content[:9000],
    "without settings": edited(lambda state, _: state.pop("settings")),
    "settings in a list": edited(lambda state, _: state.update(settings=[state["settings"]])),
    "a nested history": edited(lambda state, _: state["history"].update(loss=[[[0.5]]])),
    "a history of NaN": edited(lambda state, _: state["history"].update(loss=[float("nan")] * 3)),
    "a short history": edited(lambda state, _: [each.pop() for each in state["history"].values()]),
    "an array missing": edited(lambda _, arrays: arrays.pop()),
    "an array of another shape": edited(lambda _, arrays: arrays.insert(0, arrays.pop(0)[1:])),
    "weights of NaN": edited(lambda _, arrays: arrays.insert(0, arrays.pop(0) * np.nan)),
}


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
        with pytest.raises(UserError, match="seed cannot be"):
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


def interrupt_and_lose_it():
    """Press Ctrl-C where Python ignores all exceptions: while it collects garbage."""
    gc.callbacks.append(lambda *_: gc.callbacks.pop() and signal.raise_signal(signal.SIGINT))
    gc.collect()


EVENTS = ["Ctrl-C", "Ctrl-C, lost", "another training", "a state was removed", "the folder, too"]


@pytest.mark.parametrize("event", EVENTS)
def test_what_happens_between_two_epochs_is_told(few, tmp_path, monkeypatch, event):
    saved = f"Every epoch saved is in {tmp_path}"
    changed = f"{tmp_path} was changed by another training, or a state was removed"
    kind, sentence, action = {
        "Ctrl-C": (Stopped, saved, lambda: signal.raise_signal(signal.SIGINT)),
        "Ctrl-C, lost": (Stopped, saved, interrupt_and_lose_it),
        "another training": (UserError, changed, lambda: training.train(SHORT, few, tmp_path)),
        "a state was removed": (UserError, changed, (tmp_path / "epoch-001.npz").unlink),
        "the folder, too": (UserError, changed, lambda: shutil.rmtree(tmp_path)),
    }[event]
    once = iter([action])  # when the first epoch was written and its line is printed
    monkeypatch.setattr(training.tqdm, "write", lambda line: [action() for action in once])
    with pytest.raises(kind, match=sentence) as told:
        training.train(SHORT, few, tmp_path)
    assert told.value._render_traceback_() == [f"{kind.__name__}: {told.value}"]
    assert len(training.train(SHORT, few, tmp_path).history["loss"]) == 3


def test_killed_interrupted_or_terminated_it_ends_in_the_same_state(tmp_path):
    """Killed before each of more calls than an epoch has, and at shares of the whole time."""
    moments = itertools.cycle([*range(1, 14), 0.84, 0.42, 0.26])
    assert not kill.survive("everything", tmp_path, moments, kills=16)
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


@pytest.fixture
def run_dir(finished, tmp_path):
    return shutil.copytree(finished[0], tmp_path / "run")


@pytest.mark.parametrize("how", HOW)
def test_a_damaged_state_is_named_and_the_one_before_it_used(run_dir, finished, few, how, capsys):
    newest = run_dir / "epoch-003.npz"
    newest.write_bytes(HOW[how](newest.read_bytes()))
    assert training.train(SHORT, few, run_dir).history == finished[1].history
    assert re.search(r"-003\.npz is not whole(?s:.*) holds 2 of 3 epochs", capsys.readouterr().out)
    for file in run_dir.iterdir():
        file.write_bytes(HOW[how](file.read_bytes()))
    with pytest.raises(UserError, match=r"No state in .* is whole"):
        training.train(SHORT, few, run_dir)


def test_other_names_are_never_touched(few, tmp_path):
    own = ["epoch-009 1.npz", "epoch-0010.npz", "epoch-001.png", "epoch-002.npz.bak", "epoch-001/a"]
    (tmp_path / "epoch-001").mkdir()
    for name in own:
        (tmp_path / name).write_text("own")
    assert len(training.train(SHORT, few, tmp_path).history["loss"]) == 3
    assert all((tmp_path / name).read_text() == "own" for name in own)


def test_what_stands_in_a_state_s_place_is_named(few, run_dir, tmp_path):
    state, own = run_dir / "epoch-002.npz", tmp_path / "own.npz"
    state.rename(own)
    content = own.read_bytes()
    for put in (state.mkdir, lambda: state.symlink_to(own), lambda: state.symlink_to("nowhere")):
        put()
        with pytest.raises(UserError, match=f"^{state} is a link or a folder"):
            training.train(SHORT, few, run_dir)
        state.rename(tmp_path / f"moved away {time.monotonic()}")
    assert own.read_bytes() == content


def test_what_is_removed_is_empty_and_a_finished_run_writes_nothing(tmp_path):
    """Drive's bin keeps what is removed; the disk of a finished run may be read-only."""
    code = """
import os, sys
from tests.conftest import SHORT, data, kill, training
few, folder, events = kill.few(data.load()), sys.argv[1], []
def note(event, arguments):
    if event in kill.CALLS and folder in str(arguments[0]):
        how = os.path.getsize(arguments[0]) if event == "os.remove" else arguments[1]
        events.append((event, how))
sys.addaudithook(note)
training.train(SHORT, few, folder)
print([size for event, size in events if event == "os.remove"])
events.clear()
training.train(SHORT, few, folder)
print(events)
"""
    (tmp_path / "epoch.partial").write_bytes(bytes(1000))  # a kill left it
    printed = run_python(code, tmp_path).stdout.splitlines()
    assert [line for line in printed if line[0] == "["] == ["[0, 0]", "[('open', 'r')]"]


def test_a_full_disk_is_a_clear_error_and_loses_nothing(run_dir, finished, few):
    """A limit on the size of files stands in for the disk: the write fails in the same way."""
    (run_dir / "epoch-003.npz").unlink()
    kept, limits = store.file_hash(run_dir / "epoch-002.npz"), getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(UserError, match=f"RUN_DIR {run_dir} cannot be written"):
            training.train(SHORT, few, run_dir)
    finally:
        setrlimit(RLIMIT_FSIZE, limits)
    assert store.file_hash(run_dir / "epoch-002.npz") == kept
    assert training.train(SHORT, few, run_dir).history == finished[1].history


def rival(folder, seed, delay):
    """Train after `delay` seconds; return the history and all weights, or the sentence."""
    time.sleep(delay)
    try:
        run = training.train(SHORT, kill.few(data.load()), folder, seed)
    except UserError as error:
        return str(error)
    return run.history, [array.tobytes() for array in run.model.get_weights()]


def test_of_two_trainings_in_one_folder_one_goes_on_and_the_other_says_so(tmp_path):
    with kill.processes.Pool(2) as pool:
        alone = pool.starmap(rival, [(tmp_path / "0", 0, 0), (tmp_path / "1", 1, 0)])
        for number in range(20):
            folder, seeds = tmp_path / f"both-{number}", (0, number % 2)
            ways = [(folder, seeds[0], 0), (folder, seeds[1], number % 5 / 20)]
            ended = pool.starmap(rival, ways)
            won, lost = sorted(ended, key=lambda each: isinstance(each, str))
            seed = seeds[ended.index(won)]
            assert won == alone[seed] == pool.apply(rival, (folder, seed, 0))
            assert re.match(f"{folder} (was changed by another|holds another run)", lost)


def test_jax_trains_and_resumes_but_not_what_had_other_numbers(run_dir, tmp_path):
    code = """
import keras, numpy, pathlib, sys
from tests.conftest import SHORT, data, kill, training
few, folder = kill.few(data.load()), pathlib.Path(sys.argv[1])
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
