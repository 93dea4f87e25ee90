"""A training that was stopped ends as one that was not."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest

from benchmarks import kill
from fmnist_utils import training
from fmnist_utils.errors import UserError


def test_killed_at_every_step_of_writing(tmp_path):
    """Steps 1 and 2 make the folder; then an epoch's writing is eight calls, of two steps each.

    The first kill comes as the third epoch begins to write, which removes an old state too. Each
    run goes on there, from step 3: what was left half written is a ninth thing to remove.
    """
    third_epoch = 2 + 16 + 16 + 1
    moments = iter([third_epoch, *range(3, 3 + 18)])
    assert not kill.survive("everything", tmp_path, moments, kills=19)


def test_killed_at_random_moments(tmp_path):
    draw = random.Random(0).uniform
    moments = iter(lambda: draw(0, 0.7), None)
    assert not kill.survive("everything", tmp_path, moments, kills=10)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_or_terminated(tmp_path, stop):
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    process = kill.start("everything", stopped)
    while not (stopped / "epoch-001").exists():
        time.sleep(0.01)
    process.send_signal(stop)
    assert process.wait() != 0
    for folder in (stopped, whole):
        kill.finish("everything", folder)
    assert not kill.differences(whole, stopped)


@pytest.fixture
def run_dir(few, tmp_path):
    training.train(kill.EVERYTHING, few, tmp_path, epochs=3)
    return tmp_path


FILES = (*training.STATE_FILES, "state.json")
HOW = {
    "truncated": lambda content: content[:-50],
    "altered": lambda content: content[:300] + bytes([content[300] ^ 1]) + content[301:],
    "not ours": lambda content: b"[]",
    "not yet there": lambda content: None,
}


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_state_is_named_and_the_one_before_it_used(run_dir, few, file, how, capsys):
    before = training.train(kill.EVERYTHING, few, run_dir, epochs=3)
    damaged = run_dir / "epoch-003" / file
    content = how(damaged.read_bytes())
    damaged.unlink()
    if content is not None:
        damaged.write_bytes(content)
    after = training.train(kill.EVERYTHING, few, run_dir, epochs=3)
    printed = capsys.readouterr().out
    assert "epoch-003 is not whole" in printed
    assert "Going on after epoch 2 of 3" in printed
    assert after.history == before.history


def test_an_altered_history_is_noticed(run_dir, few, capsys):
    path = run_dir / "epoch-003/state.json"
    state = json.loads(path.read_text())
    state["history"]["val_loss"][0] = 0.0
    path.write_text(json.dumps(state, indent=1))
    run = training.train(kill.EVERYTHING, few, run_dir, epochs=3)
    assert "epoch-003 is not whole" in capsys.readouterr().out
    assert run.history["val_loss"][0] > 0


def test_where_no_state_is_whole_it_says_so(run_dir, few):
    for file in run_dir.glob("epoch-*/best.npz"):
        file.write_bytes(b"")
    with pytest.raises(UserError, match=r"No state in .* is whole"):
        training.train(kill.EVERYTHING, few, run_dir, epochs=3)


def test_a_full_disk_is_a_clear_error_and_loses_nothing(run_dir, few):
    """A limit on the size of files stands in for the disk: the write fails in the same way."""
    shutil.rmtree(run_dir / "epoch-003")
    before = {path: training.file_hash(path) for path in run_dir.glob("*/*")}
    code = f"from benchmarks import kill; kill.child('everything', {str(run_dir)!r}, 0, epochs=3)"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        capture_output=True,
        text=True,
    )
    assert "UserError: The state after epoch 3 cannot be written" in ended.stderr
    assert ended.returncode == 1
    assert {path: training.file_hash(path) for path in run_dir.glob("epoch-002/*")} == {
        path: sha256 for path, sha256 in before.items() if path.parent.name == "epoch-002"
    }
    assert len(training.train(kill.EVERYTHING, few, run_dir, epochs=3).history["loss"]) == 3


def test_the_folder_holds_at_most_two_epochs(run_dir):
    assert sorted(path.name for path in run_dir.iterdir()) == ["epoch-002", "epoch-003"]


def test_jax_trains_and_resumes(tmp_path):
    code = """
from benchmarks import kill
from fmnist_utils import data, training
splits = kill.few(data.load())
write = training.Checkpoint._write
def stop(checkpoint, epoch):
    write(checkpoint, epoch)
    if epoch == 1:
        raise KeyboardInterrupt
whole = training.train(kill.EVERYTHING, splits, {folder!r} + "/whole", epochs=2)
training.Checkpoint._write = stop
try:
    training.train(kill.EVERYTHING, splits, {folder!r} + "/stopped", epochs=2)
except KeyboardInterrupt:
    training.Checkpoint._write = write
stopped = training.train(kill.EVERYTHING, splits, {folder!r} + "/stopped", epochs=2)
assert stopped.history == whole.history
for one, other in zip(stopped.model.get_weights(), whole.model.get_weights()):
    assert (one == other).all()
import keras
print(keras.backend.backend(), whole.history["loss"][-1] < whole.history["loss"][0])
""".format(folder=str(tmp_path))
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert ended.stdout.splitlines()[-1] == "jax True", ended.stderr
