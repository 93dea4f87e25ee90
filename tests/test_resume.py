"""A training that was stopped ends as one that was not."""

import itertools
import os
import random
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from benchmarks import kill
from fmnist_utils import store, training
from fmnist_utils.errors import UserError

RECIPE = replace(kill.RECIPES["everything"], epochs=3)


def test_killed_before_every_call_that_changes_the_folder(tmp_path):
    """More calls than an epoch has, so that some of the processes end before their kill."""
    moments = itertools.cycle(range(1, 14))
    assert not kill.survive("everything", tmp_path, moments, kills=13)


def test_killed_at_random_moments(tmp_path):
    draw = random.Random(0).uniform
    moments = iter(lambda: draw(0, 1), None)
    assert not kill.survive("everything", tmp_path, moments, kills=5)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_or_terminated(tmp_path, stop):
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    process = kill.start("everything", stopped)
    while not (stopped / "epoch-001.npz").exists():
        time.sleep(0.01)
    os.kill(process.pid, stop)
    process.join()
    assert process.exitcode
    for folder in (stopped, whole):
        kill.finish("everything", folder)
    assert not kill.differences(whole, stopped)


@pytest.fixture
def run_dir(few, tmp_path):
    training.train(RECIPE, few, tmp_path)
    return tmp_path


def test_the_folder_holds_the_last_two_states(run_dir):
    assert sorted(path.name for path in run_dir.iterdir()) == ["epoch-002.npz", "epoch-003.npz"]


HOW = {
    "truncated": lambda content: content[:-50],
    "a bit flipped": lambda content: content[:9000] + bytes([content[9000] ^ 1]) + content[9001:],
    "empty": lambda content: b"",
    "not ours": lambda content: b"PK" + content[:9000],
}


@pytest.mark.parametrize("how", HOW)
def test_a_damaged_state_is_named_and_the_one_before_it_used(run_dir, few, how, capsys):
    before = training.train(RECIPE, few, run_dir)
    newest = run_dir / "epoch-003.npz"
    newest.write_bytes(HOW[how](newest.read_bytes()))
    after = training.train(RECIPE, few, run_dir)
    printed = capsys.readouterr().out
    assert "epoch-003.npz is not whole" in printed
    assert "holds 2 epochs of 3" in printed
    assert after.history == before.history


def test_where_no_state_is_whole_it_says_so(run_dir, few):
    for file in run_dir.glob("epoch-*.npz"):
        file.write_bytes(b"")
    with pytest.raises(UserError, match=r"No state in .* is whole"):
        training.train(RECIPE, few, run_dir)


def test_only_exact_names_are_read_counted_or_removed(few, tmp_path):
    (tmp_path / "epoch-001 backup").mkdir()
    names = ("epoch-009 (1).npz", "epoch-0010.npz", "epoch-001.png", "epoch-002.npz.bak", "notes")
    for name in ("epoch-001 backup/notes.txt", *names):
        (tmp_path / name).write_text("mine")
    assert len(training.train(RECIPE, few, tmp_path).history["loss"]) == 3
    for name in ("epoch-001 backup/notes.txt", *names):
        assert (tmp_path / name).read_text() == "mine"


def test_a_full_disk_is_a_clear_error_and_loses_nothing(run_dir, few):
    """A limit on the size of files stands in for the disk: the write fails in the same way."""
    before = training.train(RECIPE, few, run_dir).history
    (run_dir / "epoch-003.npz").unlink()
    kept = store.file_hash(run_dir / "epoch-002.npz")
    code = f"""
from fmnist_utils import data, training
from tests import test_resume
training.train(test_resume.RECIPE, test_resume.kill.few(data.load()), {str(run_dir)!r})
"""
    ended = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        capture_output=True,
        text=True,
    )
    assert f"UserError: RUN_DIR {run_dir} cannot be written" in ended.stderr
    assert ended.returncode == 1
    assert store.file_hash(run_dir / "epoch-002.npz") == kept
    assert training.train(RECIPE, few, run_dir).history == before


def test_jax_trains_and_resumes(tmp_path):
    """What is removed is the newest state, so the training goes on from the one before."""
    code = f"""
import keras, pathlib
from fmnist_utils import data, training
from tests import test_resume
few, folder = test_resume.kill.few(data.load()), pathlib.Path({str(tmp_path)!r})
whole = training.train(test_resume.RECIPE, few, folder)
(folder / "epoch-003.npz").unlink()
resumed = training.train(test_resume.RECIPE, few, folder)
assert resumed.history == whole.history
for one, other in zip(resumed.model.get_weights(), whole.model.get_weights()):
    assert (one == other).all()
print(keras.backend.backend(), whole.history["loss"][-1] < whole.history["loss"][0])
"""
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert ended.stdout.splitlines()[-1] == "jax True", ended.stderr


def test_another_backend_or_number_format_is_another_run(run_dir, few):
    code = f"""
import keras
from fmnist_utils import data, training
from tests import test_resume
keras.config.set_dtype_policy("mixed_bfloat16")
training.train(test_resume.RECIPE, test_resume.kill.few(data.load()), {str(run_dir)!r})
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "holds another run {'dtype': 'float32'}" in ended.stderr
