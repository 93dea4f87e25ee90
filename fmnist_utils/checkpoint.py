"""The state of a training, in one file: a training that was stopped continues exactly."""

import io
import json
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from fmnist_utils.errors import Stopped, UserError, as_path

STATE_FILES = "epoch-[0-9][0-9][0-9].npz"  # no other name is ever read or removed
CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")


class State(NamedTuple):
    """Everything that a training needs to continue after an epoch."""

    history: dict  # the values of each curve, one an epoch
    best: list  # arrays: the weights of the best epoch
    last: list  # arrays: the weights and the optimizer's variables after the last epoch


class Checkpoint:
    """The states of one training, in `run_dir`: `epoch-017.npz`, and the one before it."""

    def __init__(self, run_dir, settings):
        self.run_dir = as_path(run_dir, "RUN_DIR")
        self.partial = self.run_dir / "epoch.partial"
        self.settings = json.loads(json.dumps(settings))  # as they are read back
        self.newest = ""  # the name of the newest state, as this training left the folder

    def read(self, weights, variables) -> State:
        """Return the newest whole state, or an empty one if there is none.

        It has to fit a network's `weights`, and `variables`: these and the optimizer's. Raises
        UserError if the states are another run's, or if none of them is whole.
        """
        paths = self._paths()
        self.newest = max((path.name for path in paths), default="")
        for path in reversed(paths):
            try:
                state = self._whole(path, weights, variables)
            except UserError:
                raise
            except Exception as error:  # zipfile, numpy and json raise many kinds
                print(f"{path} is not whole ({error}); looking for the state before it.")
                continue
            done = len(state.history["loss"])
            print(f"{self.run_dir} holds {done} of {self.settings['epochs']} epochs already.")
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
        text = json.dumps({"settings": self.settings, "history": state.history})
        np.savez(content, text, *state.best, *state.last)
        path = self.run_dir / f"epoch-{len(state.history['loss']):03d}.npz"
        try:
            file = self.partial.open("xb")  # fails while another training writes
        except (FileExistsError, FileNotFoundError):
            raise self._was_changed() from None
        try:
            with file:
                file.write(content.getbuffer())
            self._expect_unchanged()
            self.partial.replace(path)
        except FileNotFoundError:
            raise self._was_changed() from None
        except (OSError, UserError):
            empty_and_remove(self.partial)
            raise
        self.newest = max(self.newest, path.name)
        earlier = [each for each in self._paths() if each < path]
        for each in earlier[:-1]:
            empty_and_remove(each)

    def _paths(self):
        return sorted(self.run_dir.glob(STATE_FILES))

    def _whole(self, path, weights, variables):
        """Return the state in `path`; raise whatever shows that it is not whole."""
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
        return State(history, best, last)

    def _expect_same_run(self, found):
        """Raise UserError if the settings `found` in a state are not this training's."""
        if not isinstance(found, dict):
            raise ValueError("its settings are no settings")
        another = f"choose another RUN_DIR than {self.run_dir}, or leave it empty"
        if "code" not in found:
            earlier = "The run there was trained by an earlier version of this project"
            raise UserError(f"{earlier}, and cannot continue; {another}.")
        differing = {}
        for name in sorted(found.keys() | self.settings.keys()):
            if found.get(name) != self.settings.get(name):
                differing[name] = found.get(name)
        if list(differing) == ["code"]:
            other_code = "The run there was trained by other code: the package, or an augmentation"
            raise UserError(f"{other_code}, was edited since; {another}.")
        if differing:
            raise UserError(f"{self.run_dir} holds another run {differing}; {another}.")

    def _expect_unchanged(self):
        names = [path.name for path in self._paths()]
        if max(names, default="") != self.newest:
            raise self._was_changed()

    def _was_changed(self):
        wrong = f"{self.run_dir} was changed by another training, or a state was removed"
        return UserError(f"{wrong}; choose another RUN_DIR, or run this again.")


def empty_and_remove(path):
    """Remove a file, but empty it first: Drive's bin keeps what is removed, at its full size."""
    try:
        if not path.is_symlink() and path.stat().st_nlink == 1:  # else it has another name
            path.write_bytes(b"")
        path.unlink()
    except FileNotFoundError:
        pass  # another training removed it first


@contextmanager
def told_in_a_sentence(run_dir):
    """Turn what can happen to any training, a full disk or Ctrl-C, into one sentence."""
    try:
        yield
    except OSError as error:
        advice = "see that it exists and has room, or choose another"
        raise UserError(f"RUN_DIR {run_dir} cannot be written ({error}); {advice}.") from None
    except KeyboardInterrupt:
        raise Stopped(f"Every epoch saved is in {run_dir}; run this again to continue.") from None


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
