"""Train a network; a training that was stopped goes on, and ends in the same weights."""

import hashlib
import io
import json
import signal
import sys
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import keras
import numpy as np
from tqdm import tqdm

from fmnist_utils.batches import Batches
from fmnist_utils.data import Splits, check
from fmnist_utils.errors import Stopped, UserError, as_path, expect
from fmnist_utils.model import Recipe, build, is_whole

PERSISTENT_FOLDERS = (Path("/content/drive/MyDrive"), Path("/kaggle/working"))  # Colab, Kaggle
STATES = "epoch-[0-9][0-9][0-9].npz"  # no other name is ever read or removed


class Run(NamedTuple):
    """The best network, each curve's values by epoch, and the best epoch, counted from 1."""

    model: keras.Model
    history: dict
    best_epoch: int


def run_directory(recipe, seed) -> Path:
    """Return where a run is kept: `runs/NAME-EPOCHS-seedSEED-HASH`; the hash is the recipe's.

    On Kaggle, and on Colab with Drive mounted, it is in a `fmnist_runs` that outlives the machine.
    """
    recipe_hash = hashlib.sha256(json.dumps(asdict(recipe)).encode()).hexdigest()
    run = f"{recipe.name}-{recipe.epochs}-seed{seed}-{recipe_hash[:8]}"
    for folder in PERSISTENT_FOLDERS:
        if folder.is_dir() and not Path.cwd().is_relative_to(folder):
            return folder / "fmnist_runs" / run
    return Path("runs") / run


def train(recipe, splits, run_dir, seed=0) -> Run:
    """Train `recipe` on `splits.train` and return the network with the best validation loss.

    `history` holds loss, accuracy, val_loss and val_accuracy; losses are cross-entropies in nats,
    the training's with the labels as smoothed. The last two states are in `run_dir`: a call with
    the same arguments goes on. Raises UserError if it cannot; Stopped, a KeyboardInterrupt.
    """
    try:
        expect(isinstance(recipe, Recipe), "The recipe", recipe, "a `model.Recipe`")
        expect(isinstance(splits, Splits), "The splits", splits, "what `data.load()` returns")
        check(splits.train)
        check(splits.validation)
        expect(is_whole(seed, least=0, most=2**32 - 1), "The seed", seed, "0 to 2**32 - 1")
        with _interrupts() as interrupts:
            settings = _settings(recipe, splits, seed)
            checkpoint = Checkpoint(as_path(run_dir, "RUN_DIR"), settings, interrupts)
            _fit(recipe, splits, seed, checkpoint)
            model = build(recipe)
            _assign(model.weights, checkpoint.best)
    except OSError as error:
        advice = "see that it exists and has room, or choose another"
        raise UserError(f"RUN_DIR {run_dir} cannot be written ({error}); {advice}.") from None
    except KeyboardInterrupt:
        raise Stopped(f"Every epoch saved is in {run_dir}; run this again to go on.") from None
    return Run(model, checkpoint.history, int(np.argmin(checkpoint.history["val_loss"])) + 1)


def _fit(recipe, splits, seed, checkpoint):
    keras.utils.set_random_seed(int(seed))  # it takes no numpy number
    model, how = build(recipe), (recipe.batch_size, recipe.augmentations, seed)
    batches = Batches(splits.train, *how, smoothing=recipe.label_smoothing)
    steps = batches.steps_per_epoch
    # Several steps in one call save 1 to 3 ms of Keras' own work in each.
    fast = {"steps_per_execution": max(n for n in range(1, 51) if steps % n == 0)}
    fast["jit_compile"] = keras.backend.backend() == "jax"  # on a CPU, TensorFlow is faster without
    model.compile(_adam(recipe, steps), "categorical_crossentropy", metrics=["accuracy"], **fast)
    model.optimizer.build(model.trainable_variables)
    checkpoint.set_model(model)
    checkpoint.read()
    if (first := checkpoint.epoch) == recipe.epochs:
        return
    batches.first_epoch = first
    validation = splits.validation.images, np.eye(10, dtype=np.float32)[splits.validation.labels]
    options = {"validation_data": validation, "validation_batch_size": 1000, "shuffle": False}
    epochs = {"steps_per_epoch": steps, "initial_epoch": first, "epochs": recipe.epochs}
    with _bar(first * steps, recipe.epochs * steps) as checkpoint.bar:
        model.fit(batches, **epochs, **options, callbacks=[checkpoint], verbose=0)


def _adam(recipe, steps_per_epoch):
    """Return Adam; "cosine" warms up for one epoch, at most a tenth of the steps, then decays."""
    rate = recipe.learning_rate
    if recipe.schedule == "cosine":
        steps = recipe.epochs * steps_per_epoch
        warmup = min(steps_per_epoch, max(1, steps // 10))
        upwards = {"warmup_target": rate, "warmup_steps": warmup}
        rate = keras.optimizers.schedules.CosineDecay(0.0, max(1, steps - warmup), **upwards)
    return keras.optimizers.Adam(rate, weight_decay=recipe.weight_decay or None)


class Checkpoint(keras.callbacks.Callback):
    """The state of a training: read from `run_dir` at first, written there after every epoch.

    It is JSON and arrays. All randomness derives from (seed, epoch): what goes on draws the same.
    """

    def __init__(self, run_dir, settings, interrupts):
        super().__init__()
        self.run_dir, self.settings, self.interrupts = run_dir, settings, interrupts
        self.partial, self.epoch = run_dir / "epoch.partial", 0
        self.history = {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}

    def read(self):
        """Take over the newest whole state, if there is any."""
        states = sorted(self.run_dir.glob(STATES))
        self.newest = states[-1:]  # as this training left the folder
        if strange := [path for path in states if path.is_symlink() or not path.is_file()]:
            raise UserError(f"{strange[0]} is a link or a folder in a state's place; move it away.")
        for path in reversed(states):
            try:
                self._take_over(path)
            except UserError:
                raise
            except Exception as error:  # zipfile, numpy, json and Keras raise many kinds
                print(f"{path} is not whole ({error}); looking for the state before it.")
                continue
            print(f"{self.run_dir} holds {self.epoch} of {self.settings['epochs']} epochs already.")
            return
        if states:
            raise UserError(f"No state in {self.run_dir} is whole; delete it to start afresh.")

    def _take_over(self, path):
        """Assign the state in `path` to the model; raise whatever shows that it isn't whole."""
        with np.load(path) as file:  # the zip's checksums tell damage
            text, *arrays = file.values()
        here, state = json.loads(json.dumps(self.settings)), json.loads(text.item())
        there = state["settings"]
        if other := {k: there.get(k) for k in here | there if there.get(k) != here.get(k)}:
            raise UserError(f"{self.run_dir} holds another run {other}; use another RUN_DIR.")
        curves = np.array([state["history"][name] for name in self.history], dtype=float)
        if curves.shape != (4, int(path.stem[-3:])) or not np.isfinite(curves).all():
            raise ValueError("its history has gaps")
        count = len(self.model.weights)
        self.best = arrays[:count]
        _assign(self.model.weights, self.best)
        _assign([*self.model.weights, *self.model.optimizer.variables], arrays[count:])
        self.epoch = curves.shape[1]
        self.history = dict(zip(self.history, curves.tolist(), strict=True))

    def _write(self, last):
        """Write the state whole under another name, rename it, keep it and the one before."""
        content = io.BytesIO()
        state = {"settings": self.settings, "history": self.history}
        np.savez(content, json.dumps(state), *self.best, *last)
        path = self.run_dir / f"epoch-{self.epoch:03d}.npz"
        states = sorted(self.run_dir.glob(STATES))
        try:
            if states[-1:] != self.newest:
                raise FileExistsError
            with self.partial.open("xb") as file:  # a second training would find it in its way
                file.write(content.getbuffer())
            self.partial.replace(path)
        except (FileExistsError, FileNotFoundError):
            wrong = f"{self.run_dir} was changed by another training, or a state was removed"
            raise UserError(f"{wrong}; choose another RUN_DIR, or run this again.") from None
        except OSError:
            _remove(self.partial)
            raise
        self.newest = [max([path, *self.newest])]
        for older in [state for state in states if state < path][:-1]:
            _remove(older)

    def on_train_begin(self, logs=None):
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self.partial.touch()  # it fails now rather than after an epoch
        _remove(self.partial)

    def on_epoch_begin(self, epoch, logs=None):
        self.begun = monotonic()
        for index, layer in enumerate(self.model.layers):
            if hasattr(layer, "seed_generator"):
                source = np.random.SeedSequence((self.settings["seed"], epoch, index))
                layer.seed_generator.state.assign(source.generate_state(2) >> 1)  # fits into int32

    def on_train_batch_end(self, batch, logs=None):
        self._check(logs["loss"])
        self.bar.update(self.epoch * self.params["steps"] + batch + 1 - self.bar.n)
        self.bar.set_postfix_str(f"loss {logs['loss']:.4f}", refresh=False)

    def on_test_batch_end(self, batch, logs=None):
        self._check(logs["loss"])

    def on_epoch_end(self, epoch, logs=None):
        self.epoch = epoch + 1
        best = logs["val_loss"] < min(self.history["val_loss"], default=np.inf)
        for name, curve in self.history.items():
            curve.append(float(logs[name]))
        last = list(map(np.array, (*self.model.weights, *self.model.optimizer.variables)))
        self.best = last[: len(self.model.weights)] if best else self.best
        self._write(last)
        line = "epoch {:2}/{} {:4.0f} s  loss {loss:.4f}, accuracy {accuracy:.2%}"
        line += "  validation {val_loss:.4f}, {val_accuracy:.2%}" + ("  best" if best else "")
        tqdm.write(line.format(self.epoch, self.params["epochs"], monotonic() - self.begun, **logs))

    def _check(self, loss):
        if self.interrupts:
            raise KeyboardInterrupt
        if not np.isfinite(loss):
            advice = f"choose a learning_rate below {self.settings['learning_rate']:g}"
            raise UserError(f"The loss is not finite in epoch {self.epoch + 1}; {advice}.")


@contextmanager
def _interrupts():
    """Yield a list for Ctrl-C to be noted in: inside TensorFlow it gets lost, or another error."""
    noted, before = [], signal.getsignal(signal.SIGINT)
    with suppress(ValueError):  # only the main thread gets signals
        signal.signal(signal.SIGINT, lambda *_: noted.append(True))
    try:
        yield noted
    finally:
        with suppress(ValueError):
            signal.signal(signal.SIGINT, before)
    if noted:
        raise KeyboardInterrupt


def _assign(variables, arrays):
    for variable, array in zip(variables, arrays, strict=True):
        array = array.view(variable.dtype)  # numpy's files have no bfloat16
        if not np.isfinite(array).all():
            raise ValueError("it holds NaN or infinity")
        variable.assign(array)


def _remove(path):
    """Remove a file, emptied before: Drive's bin keeps what is removed, at its full size."""
    with suppress(FileNotFoundError):  # another training removed it first
        if not path.is_symlink() and path.stat().st_nlink == 1:  # else it has another name
            path.write_bytes(b"")
        path.unlink()


def _settings(recipe, splits, seed):
    """Return what makes two runs the same run."""
    data = hashlib.sha256(b"".join(map(np.ascontiguousarray, (*splits.train, *splits.validation))))
    numbers = {"backend": keras.backend.backend(), "dtype": keras.config.dtype_policy().name}
    return {**asdict(recipe), **numbers, "seed": int(seed), "data": data.hexdigest()}


def _bar(done, total):
    """Return one bar for all steps: in a notebook or a terminal, but not in a log."""
    line = "{percentage:3.0f}% |{bar:20}| {elapsed} gone, {remaining} left{postfix}"
    options = {"bar_format": line, "smoothing": 0, "mininterval": 1, "ascii": False}
    if "IPython" in sys.modules and hasattr(sys.modules["IPython"].get_ipython(), "kernel"):
        return tqdm(initial=done, total=total, **options, file=_NotebookLine())
    return tqdm(initial=done, total=total, **options, disable=None)  # shown in a terminal alone


class _NotebookLine(io.StringIO):
    """A file of one line: what is written last is all that a notebook shows, and keeps."""

    shown = None

    def write(self, text):
        from IPython.display import display

        self.shown = self.shown or display({"text/plain": ""}, raw=True, display_id=True)
        if text.strip():
            self.shown.update({"text/plain": text.strip()}, raw=True)
