import itertools
import os
import shutil
import signal
import time
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import pytest

from benchmarks import kill
from fmnist_utils import store, training
from fmnist_utils.errors import UserError
from tests.conftest import SHORT, run_python


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


HOW = {
    "truncated": lambda content: content[:-50],
    "a bit flipped": lambda content: content[:9000] + bytes([content[9000] ^ 1]) + content[9001:],
    "empty": lambda content: b"",
    "not ours": lambda content: b"PK" + content[:9000],
}


@pytest.mark.parametrize("how", HOW)
def test_a_damaged_state_is_named_and_the_one_before_it_used(run_dir, finished, few, how, capsys):
    newest = run_dir / "epoch-003.npz"
    newest.write_bytes(HOW[how](newest.read_bytes()))
    after = training.train(SHORT, few, run_dir)
    printed = capsys.readouterr().out
    assert "epoch-003.npz is not whole" in printed
    assert "holds 2 of 3 epochs" in printed
    assert after.history == finished[1].history
    for file in run_dir.iterdir():
        file.write_bytes(HOW[how](file.read_bytes()))
    with pytest.raises(UserError, match=r"No state in .* is whole"):
        training.train(SHORT, few, run_dir)


def test_only_the_last_two_states_are_kept_and_other_names_never_touched(few, tmp_path):
    mine = ["epoch-009 (1).npz", "epoch-0010.npz", "epoch-001.png", "epoch-002.npz.bak", "notes"]
    mine += ["epoch-001 backup/notes.txt"]
    (tmp_path / "epoch-001 backup").mkdir()
    for name in mine:
        (tmp_path / name).write_text("mine")
    assert len(training.train(SHORT, few, tmp_path).history["loss"]) == 3
    assert all((tmp_path / name).read_text() == "mine" for name in mine)
    ours = {path.name for path in tmp_path.iterdir()} - {*mine, "epoch-001 backup"}
    assert ours == {"epoch-002.npz", "epoch-003.npz"}


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


def test_jax_trains_and_resumes_but_not_what_had_other_numbers(run_dir, tmp_path):
    """What is removed is the newest state, so the training goes on from the one before."""
    code = """
import keras, numpy, pathlib, sys
from tests.conftest import SHORT, data, kill, training
few, folder = kill.few(data.load()), pathlib.Path(sys.argv[1])
whole = training.train(SHORT, few, folder)
(folder / "epoch-003.npz").unlink()
resumed = training.train(SHORT, few, folder)
same = map(numpy.array_equal, resumed.model.get_weights(), whole.model.get_weights())
losses = whole.history["loss"]
print(keras.backend.backend(), losses[-1] < losses[0], resumed.history == whole.history, all(same))
keras.config.set_dtype_policy("mixed_bfloat16")
training.train(SHORT, few, sys.argv[2])
"""
    ended = run_python(code, tmp_path / "jax", run_dir, KERAS_BACKEND="jax")
    assert ended.stdout.splitlines()[-1:] == ["jax True True True"], ended.stderr
    assert "holds another run {'backend': 'tensorflow', 'dtype': 'float32'}" in ended.stderr
