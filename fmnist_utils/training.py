"""Train a network; stopped at any moment and called again, it ends in the same weights."""

import hashlib
import json
import shutil
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from tqdm import tqdm

from fmnist_utils.batches import Batches
from fmnist_utils.errors import Stopped, UserError
from fmnist_utils.model import build
from fmnist_utils.progress import Progress

STATE_FILES = ("last.npz", "best.npz")
FOLDERS = "epoch-[0-9][0-9][0-9]*"
# What Colab, if Drive is mounted, and Kaggle keep when the machine goes.
KEPT = (Path("/content/drive/MyDrive"), Path("/kaggle/working"))


class Run(NamedTuple):
    """What a training produced: the best network, a value per epoch and curve, the best epoch."""

    model: keras.Model
    history: dict
    best_epoch: int

    @property
    def best_validation(self):
        """The validation loss and accuracy of the best epoch."""
        return tuple(
            self.history[curve][self.best_epoch - 1] for curve in ("val_loss", "val_accuracy")
        )


def run_directory(recipe, seed) -> Path:
    """Return where a run is kept unless told otherwise: `runs/NAME-EPOCHS-seedSEED`.

    On Colab and Kaggle, where the working directory goes with the machine and another place stays,
    it is in `fmnist_runs` there.
    """
    run = f"{recipe.name}-{recipe.epochs}-seed{seed}"
    for kept in KEPT:
        if kept.is_dir() and not Path.cwd().is_relative_to(kept):
            return kept / "fmnist_runs" / run
    return Path("runs") / run


def train(recipe, splits, run_dir, seed=0, epochs=None) -> Run:
    """Train `recipe` on `splits.train` and return the network with the best validation loss.

    `epochs` replaces the recipe's own number; a learning-rate schedule spans it. The validation
    loss is the plain cross-entropy in nats, on the averaged weights where the recipe averages.
    `history` holds loss, accuracy, val_loss and val_accuracy; `best_epoch` counts from 1.

    After every epoch the whole state is in `run_dir`. Called again with the same arguments, it
    goes on after the last epoch there, or returns at once if none is left.

    Raises UserError where an argument is out of range, where `run_dir` cannot be written or holds
    another run, and where no state in it is whole; Stopped, a KeyboardInterrupt, on Ctrl-C.
    """
    recipe = replace(recipe, epochs=recipe.epochs if epochs is None else epochs)
    _check_whole_number("EPOCHS", recipe.epochs, at_least=1)
    _check_whole_number("SEED", seed, at_least=0)
    run_dir = Path(str(run_dir))
    identity = _identity(recipe, splits, seed)
    state = _latest_state(run_dir, identity)
    if state and state["epoch"] == recipe.epochs:
        print(f"This run was finished before: {recipe.epochs} epochs, in {run_dir}.")
    else:
        _fit(recipe, splits, run_dir, seed, identity, state)
        state = _latest_state(run_dir, identity)
    best = build(recipe)
    best.set_weights(_arrays(state["folder"] / "best.npz"))
    return Run(best, state["history"], _best_epoch(state["history"]))


def _fit(recipe, splits, run_dir, seed, identity, state):
    """Train from `state` (None: from the start) to the last epoch, a state on disk after each."""
    keras.utils.set_random_seed(seed)
    first_epoch = state["epoch"] if state else 0
    batches = Batches(splits.train, recipe.batch_size, recipe.augmentations, seed, first_epoch)
    steps = batches.steps_per_epoch
    model = build(recipe)
    model.compile(
        _optimizer(recipe, steps),
        keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
        # Several steps at a go spare 1 to 3 ms of Keras' own work in each.
        steps_per_execution=max(n for n in range(1, 51) if steps % n == 0),
        jit_compile=keras.backend.backend() == "jax",  # on a CPU, TensorFlow is faster without
    )
    model.optimizer.build(model.trainable_variables)
    checkpoint = Checkpoint(recipe, splits.validation, run_dir, identity)
    if state:
        print(f"Going on after epoch {first_epoch} of {recipe.epochs}, from {run_dir}.")
        checkpoint.restore(model, state)
    try:
        model.fit(
            batches,
            steps_per_epoch=steps,
            epochs=recipe.epochs,
            initial_epoch=first_epoch,
            shuffle=False,
            callbacks=[Progress(first_epoch), checkpoint],
            verbose=0,
        )
    except KeyboardInterrupt:
        raise Stopped(f"{run_dir} has every epoch that ended; run this again to go on.") from None


def _optimizer(recipe, steps_per_epoch):
    rate = recipe.learning_rate
    if recipe.schedule == "cosine":
        steps = recipe.epochs * steps_per_epoch
        warmup = min(steps_per_epoch, max(1, steps // 10))
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps - warmup, warmup_target=recipe.learning_rate, warmup_steps=warmup
        )
    return keras.optimizers.Adam(
        rate,
        weight_decay=recipe.weight_decay or None,
        use_ema=recipe.weight_averaging > 0,
        ema_momentum=recipe.weight_averaging,
    )


class Checkpoint(keras.callbacks.Callback):
    """At every epoch's end: validate, keep the best weights, write the whole state, print a line.

    Nothing random has a memory: when an epoch begins, the masks of its dropout are set from
    `(seed, epoch)` alone.
    """

    def __init__(self, recipe, validation, run_dir, identity):
        super().__init__()
        self.validation = validation
        self.run_dir = run_dir
        self.identity = identity
        self.history = {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}
        self.served = build(recipe)  # takes the weights that are validated: averaged, perhaps
        self.best_weights = None

    def restore(self, model, state):
        """Put `state` back into `model`, its optimizer and this callback."""
        last = _arrays(state["folder"] / "last.npz")
        for variable, array in zip(_variables(model), last, strict=True):
            variable.assign(array)
        self.best_weights = _arrays(state["folder"] / "best.npz")
        self.history = state["history"]

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()
        for index, layer in enumerate(self.model.layers):
            if hasattr(layer, "seed_generator"):
                source = np.random.SeedSequence((self.identity["seed"], epoch, index))
                layer.seed_generator.state.assign(source.generate_state(2) >> 1)

    def on_epoch_end(self, epoch, logs=None):
        weights = self._served_weights()
        self.served.set_weights(weights)  # anew: on JAX they were the optimizer's own arrays
        loss, accuracy = _validate(self.served, self.validation)
        values = {**logs, "val_loss": loss, "val_accuracy": accuracy}
        for name, curve in self.history.items():
            curve.append(float(values[name]))
        if _best_epoch(self.history) == epoch + 1:
            self.best_weights = weights
        self._write(epoch + 1)
        tqdm.write(self._line())  # above the bar, where there is one

    def _served_weights(self):
        """Return a copy of the weights to validate: the average where the recipe averages."""
        self.served.set_weights(self.model.get_weights())
        self.model.optimizer.finalize_variable_values(self.served.trainable_variables)
        return [np.copy(array) for array in self.served.get_weights()]

    def _write(self, epoch):
        """Write the state into `run_dir` under a temporary name, then rename it.

        The state before it stays. All is written on this machine first: a network's folder, such as
        Drive's, takes each file whole.
        """
        folder = self.run_dir / f"epoch-{epoch:03d}"
        temporary = folder.with_suffix(".tmp")
        try:
            for older in self.run_dir.glob(FOLDERS):
                if older.name != f"epoch-{epoch - 1:03d}":
                    shutil.rmtree(older)
            with tempfile.TemporaryDirectory() as local:
                self._write_files(Path(local), epoch)
                temporary.mkdir()
                for file in Path(local).iterdir():
                    shutil.copy(file, temporary)
            temporary.rename(folder)
        except OSError as error:
            raise UserError(
                f"The state after epoch {epoch} cannot be written to {self.run_dir} ({error}); "
                f"make room there and run this again: it goes on after epoch {epoch - 1}."
            ) from None

    def _write_files(self, folder, epoch):
        last = map(keras.ops.convert_to_numpy, _variables(self.model))
        np.savez(folder / "last.npz", *last)
        np.savez(folder / "best.npz", *self.best_weights)
        state = {
            "run": self.identity,
            "epoch": epoch,
            "history": self.history,
            "sha256": {name: file_hash(folder / name) for name in STATE_FILES},
        }
        state["sha256"]["state"] = _state_hash(state)
        (folder / "state.json").write_text(json.dumps(state, indent=1))

    def _line(self):
        loss, accuracy, val_loss, val_accuracy = (curve[-1] for curve in self.history.values())
        epoch, epochs = len(self.history["loss"]), self.identity["epochs"]
        best = "  best" if _best_epoch(self.history) == epoch else ""
        return (
            f"epoch {epoch:2d}/{epochs} {time.monotonic() - self.started:4.0f} s"
            f"  loss {loss:.4f}, accuracy {accuracy:.2%}"
            f"  validation {val_loss:.4f}, {val_accuracy:.2%}{best}"
        )


def _variables(model):
    """Return what a training changes: the weights and the optimizer's own variables."""
    return [*model.weights, *model.optimizer.variables]


def _arrays(path):
    with np.load(path) as file:
        return [file[name] for name in file.files]


def cross_entropy(probabilities, labels):
    """Return the mean of -log(probability of the right class), in nats."""
    right = np.take_along_axis(probabilities, labels[:, None], axis=1)
    return float(-np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean())


def _validate(model, split):
    """Return the cross-entropy and the accuracy of `model` on `split`."""
    probabilities = model.predict(split.images, batch_size=1000, verbose=0)
    accuracy = (probabilities.argmax(axis=1) == split.labels).mean()
    return cross_entropy(probabilities, split.labels), float(accuracy)


def _best_epoch(history):
    return int(np.argmin(np.nan_to_num(history["val_loss"], nan=np.inf))) + 1


def _check_whole_number(name, value, at_least):
    if not isinstance(value, int) or value < at_least:
        raise UserError(f"{name} is {value!r}; give a whole number of at least {at_least}.")


def _identity(recipe, splits, seed):
    """Return what makes two runs the same run, as JSON holds it."""
    data = hashlib.sha256()
    for split in (splits.train, splits.validation):
        for array in split:
            data.update(np.ascontiguousarray(array))
    identity = {**asdict(recipe), "seed": seed, "data": data.hexdigest()}
    return json.loads(json.dumps(identity))


def _latest_state(run_dir, identity):
    """Return the last whole state in `run_dir` with its folder, or None where there is none."""
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=run_dir).close()
    except OSError as error:
        raise UserError(
            f"RUN_DIR {run_dir} cannot be made or written ({error}); choose another folder."
        ) from None
    folders = [path for path in run_dir.glob(FOLDERS) if path.suffix != ".tmp"]
    for folder in sorted(folders, key=lambda path: (len(path.name), path.name), reverse=True):
        try:
            state = _read_state(folder)
        except (OSError, ValueError, KeyError, TypeError) as error:
            print(f"{folder} is not whole ({error}); looking for the state before it.")
            continue
        _check_same_run(run_dir, state["run"], identity)
        return state
    if folders:
        raise UserError(
            f"No state in {run_dir} is whole, so this run cannot go on; "
            "delete the folder to start afresh, or choose another RUN_DIR."
        )
    return None


def _read_state(folder):
    state = json.loads((folder / "state.json").read_text())
    found = {name: file_hash(folder / name) for name in STATE_FILES}
    for name, sha256 in {**found, "state": _state_hash(state)}.items():
        if state["sha256"][name] != sha256:
            raise ValueError(f"{name} was truncated or altered")
    return {**state, "folder": folder}


def _state_hash(state):
    """Return the SHA-256 of what `state.json` says beside its hashes."""
    said = json.dumps({key: state[key] for key in ("run", "epoch", "history")})
    return hashlib.sha256(said.encode()).hexdigest()


def _check_same_run(run_dir, found, wanted):
    differences = [
        f"{key} {found.get(key)!r} there, {value!r} asked for"
        for key, value in wanted.items()
        if found.get(key) != value
    ]
    if differences:
        raise UserError(
            f"{run_dir} holds another run ({'; '.join(differences)}); choose another RUN_DIR."
        )


def file_hash(path):
    """Return the SHA-256 of the file at `path`, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
