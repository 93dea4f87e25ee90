"""The state of a training, in one file: a training that was stopped continues exactly."""

import io
import json
import os
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from fmnist_utils.errors import UserError, as_path

STATE_FILES = "epoch-[0-9][0-9][0-9].npz"  # no other name is ever read or removed
CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")


class State(NamedTuple):
    """Everything that a training needs to continue after an epoch."""

    history: dict  # the values of each curve, one per epoch
    best: list  # arrays: the weights of the best epoch
    last: list  # arrays: the weights and the optimizer's variables after the last epoch


class Checkpoint:
    """The states of one training, in `run_dir`: `epoch-017.npz`, and the one before it."""

    def __init__(self, run_dir, settings):
        self.run_dir = as_path(run_dir, "RUN_DIR")
        self.partial = self.run_dir / "epoch.partial"
        self.settings = json.loads(json.dumps(settings))  # as they are read back
        self.last_seen = ""  # the name of the newest state, as this training left the folder

    def read(self, weights, variables) -> State:
        """Return the newest whole state, or an empty one if there is none.

        It has to fit a network's `weights`, and `variables`: these and the optimizer's. Raises
        UserError if the states are another run's, or if none of them is whole.
        """
        paths = self._paths()
        self.last_seen = self._newest()
        for path in reversed(paths):
            try:
                state, cores_before = self._whole(path, weights, variables)
            except UserError:
                raise
            except Exception as error:  # zipfile, numpy and json raise many kinds
                print(f"{path} is not whole ({error}); looking for the state before it.")
                continue
            done = len(state.history["loss"])
            line = f"{self.run_dir} holds {done} of {self.settings['epochs']} epochs already."
            if done < self.settings["epochs"] and cores_before not in (None, cores()):
                line += f" They were trained on {cores_before} cores and the others will be on"
                line += f" {cores()}, so the weights will not be the same to the bit."
            print(line)
            return state
        if paths:
            raise UserError(f"No state in {self.run_dir} is whole; delete it to start afresh.")
        return State({name: [] for name in CURVES}, [], [])

    def prepare_folder(self):
        """Make the folder, and see that it can be written: now rather than after an epoch."""
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self.partial.touch()
        empty_and_remove(self.partial)

    def write(self, state):
        """Write a state whole under another name, rename it; keep it and the one before."""
        content = io.BytesIO()
        about = {"settings": self.settings, "history": state.history, "cores": cores()}
        np.savez(content, json.dumps(about), *state.best, *state.last)
        path = self.run_dir / f"epoch-{len(state.history['loss']):03d}.npz"
        wrong = f"{self.run_dir} was changed by another training, or a state was removed"
        changed = UserError(f"{wrong}; choose another RUN_DIR, or run this again.")
        if self._newest() != self.last_seen:  # told here, so that the other can write meanwhile
            raise changed
        try:
            with self.partial.open("xb") as file:  # fails while another training writes
                file.write(content.getbuffer())
            if self._newest() != self.last_seen:  # the other wrote before the file was opened
                raise changed
            self.partial.replace(path)
        except (FileExistsError, FileNotFoundError):
            raise changed from None
        except (OSError, UserError):
            empty_and_remove(self.partial)
            raise
        self.last_seen = max(self.last_seen, path.name)
        earlier = [each for each in self._paths() if each < path]
        for each in earlier[:-1]:
            empty_and_remove(each)

    def _paths(self):
        return sorted(self.run_dir.glob(STATE_FILES))

    def _newest(self):
        return max((path.name for path in self._paths()), default="")

    def _whole(self, path, weights, variables):
        """Return the state in `path`, and the number of cores that it names, if any.

        Raises an error if it is damaged.
        """
        with np.load(path) as file:  # the zip's checksums tell damage
            arrays = list(file.values())
        content = json.loads(arrays.pop(0).item())
        self._expect_same_run(content["settings"])
        history = {name: content["history"][name] for name in CURVES}
        values = np.array(list(history.values()), dtype=float)
        epochs = int(path.stem.removeprefix("epoch-"))
        if values.shape != (len(CURVES), epochs) or not np.isfinite(values).all():
            raise ValueError("its history has gaps")
        best = _fitting(arrays[: len(weights)], weights)
        last = _fitting(arrays[len(weights) :], variables)
        return State(history, best, last), content.get("cores")

    def _expect_same_run(self, found):
        """Raise UserError if the settings `found` in a state are not this training's."""
        differing = {}
        for name in sorted(found.keys() | self.settings.keys()):
            if found.get(name) != self.settings.get(name):
                differing[name] = found.get(name)
        if list(differing) == ["code"]:
            edited = "the package, or an augmentation, was edited since"
            advice = "leave RUN_DIR empty, or choose another"
            raise UserError(f"{self.run_dir} holds a run of other code: {edited}; {advice}.")
        if differing:
            another = f"{self.run_dir} holds another run {differing}"
            raise UserError(f"{another}; choose another RUN_DIR.")


def cores() -> int:
    """Return how many cores compute: the last bits of a sum depend on it."""
    if "TF_NUM_INTRAOP_THREADS" in os.environ:
        return int(os.environ["TF_NUM_INTRAOP_THREADS"])
    if hasattr(os, "sched_getaffinity"):  # on Linux, where a process may have only some of them
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def empty_and_remove(path):
    """Remove a file, but empty it first: Drive's bin keeps what is removed, at its full size."""
    try:
        if not path.is_symlink() and path.stat().st_nlink == 1:  # else it has another name
            path.write_bytes(b"")
        path.unlink()
    except FileNotFoundError:
        pass  # another training removed it first


@contextmanager
def disk_errors_explained(run_dir):
    """Turn what can happen to any disk, such as no space left, into one sentence."""
    try:
        yield
    except OSError as error:
        place = str(error.filename or run_dir)
        if place not in str(run_dir) and str(as_path(run_dir, "RUN_DIR")) not in place:
            raise  # an augmentation's own
        advice = "see that it exists and has room, or choose another"
        raise UserError(f"RUN_DIR {run_dir} cannot be written ({error}); {advice}.") from None


def _fitting(arrays, variables):
    """Return `arrays` in the types of the `variables`; raise ValueError if they do not fit."""
    fitting = []
    for array, variable in zip(arrays, variables, strict=True):
        array = array.view(variable.dtype)  # numpy's files have no bfloat16
        if array.shape != tuple(variable.shape):
            raise ValueError("an array has another shape")
        if not np.isfinite(array).all():
            raise ValueError("it holds NaN or infinity")
        fitting.append(array)
    return fitting
