"""Train a network, and keep the weights with the best validation loss."""

from typing import NamedTuple

import keras
import numpy as np

from fmnist_utils.batches import Batches, one_hot, steps_per_epoch
from fmnist_utils.checkpoint import Checkpoint, State, disk_errors_explained
from fmnist_utils.data import Splits, check
from fmnist_utils.errors import expect, expect_whole
from fmnist_utils.identity import expect_unedited, settings
from fmnist_utils.interrupts import StopInTime, noted_interrupts
from fmnist_utils.model import build
from fmnist_utils.progress import Progress
from fmnist_utils.recipes import Recipe

LARGEST_SEED = 2**32 - 1
MOST_STEPS_PER_EXECUTION = 50


class Run(NamedTuple):
    """What a training produced."""

    model: keras.Model  # with the weights of the best epoch
    history: dict  # loss, accuracy, val_loss and val_accuracy: lists with one value per epoch
    best_epoch: int  # counted from 1


def train(recipe, splits, run_dir, seed=0) -> Run:
    """Train `recipe` on `splits.train`; return the network with the best validation loss.

    The last two states are kept in `run_dir`: a call with the same arguments continues there, and
    ends in the same weights as a training that was never stopped. Losses are cross-entropies in
    nats; the training loss uses the smoothed labels. Raises UserError for what cannot be trained,
    and Stopped, which is a KeyboardInterrupt, after Ctrl-C.
    """
    expect(isinstance(recipe, Recipe), "The recipe", recipe, "a `recipes.Recipe`")
    expect(isinstance(splits, Splits), "The splits", splits, "what `data.load()` returns")
    check(splits.train)
    check(splits.validation)
    expect_whole("The seed", seed, 0, LARGEST_SEED)
    expect_unedited()
    backend = keras.backend.backend()
    dtype = keras.config.dtype_policy().name
    checkpoint = Checkpoint(run_dir, settings(recipe, splits, seed, backend, dtype))
    with disk_errors_explained(run_dir), noted_interrupts(run_dir) as interrupts:
        state = fit(recipe, splits, int(seed), checkpoint, interrupts)
    best = build(recipe)
    best.set_weights(state.best)
    best_epoch = int(np.argmin(state.history["val_loss"])) + 1
    return Run(best, state.history, best_epoch)


def fit(recipe, splits, seed, checkpoint, interrupts) -> State:
    """Train from the state in `checkpoint` to the recipe's last epoch; return the last state."""
    keras.utils.set_random_seed(seed)
    steps = steps_per_epoch(splits.train, recipe.batch_size)
    network = build(recipe)
    network.compile(
        optimizer=adam(recipe, steps),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution(steps),
        jit_compile=jit_compile(),
    )
    network.optimizer.build(network.trainable_variables)  # a state has its variables, too

    variables = network.weights + network.optimizer.variables
    state = checkpoint.read(network.weights, variables)
    epochs_done = len(state.history["loss"])
    if epochs_done == recipe.epochs:
        return state
    if epochs_done > 0:
        for variable, array in zip(variables, state.last, strict=True):
            variable.assign(array)

    batches = Batches(
        splits.train,
        batch_size=recipe.batch_size,
        augmentations=recipe.augmentations,
        seed=seed,
        first_epoch=epochs_done,
        label_smoothing=recipe.label_smoothing,
    )
    batches[0]  # a mistake in an augmentation is told here, and not from inside Keras
    checkpoint.prepare_folder()
    keep_best = KeepBest(state, checkpoint)
    network.fit(
        batches,
        steps_per_epoch=steps,
        shuffle=False,  # the batches are shuffled already
        initial_epoch=epochs_done,
        epochs=recipe.epochs,
        validation_data=(splits.validation.images, one_hot(splits.validation.labels)),
        validation_batch_size=1000,  # larger batches are faster, and change nothing here
        callbacks=[
            SeedDropout(seed),
            StopInTime(interrupts, recipe.learning_rate),
            keep_best,
            Progress(state.history),  # the last: it shows what `keep_best` has added
        ],
        verbose=0,
    )
    return keep_best.state


def adam(recipe, steps):
    """Return the optimizer: Adam, with a learning rate that is constant or follows a cosine.

    The cosine warms up for one epoch of `steps`, at most a tenth of the training, then decays to 0.
    """
    rate = recipe.learning_rate
    if recipe.schedule == "cosine":
        all_steps = recipe.epochs * steps
        warmup_steps = min(steps, max(1, all_steps // 10))
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0,
            decay_steps=max(1, all_steps - warmup_steps),
            warmup_target=recipe.learning_rate,
            warmup_steps=warmup_steps,
        )
    return keras.optimizers.Adam(rate, weight_decay=recipe.weight_decay or None)  # None: no decay


def steps_per_execution(steps):
    """Return how many steps one call makes: a divisor of `steps`, as large as possible up to 50.

    Each call costs Keras 1 to 3 ms of its own work.
    """
    for count in range(MOST_STEPS_PER_EXECUTION, 1, -1):
        if steps % count == 0:
            return count
    return 1


def jit_compile():
    """Return False for TensorFlow on a CPU, where XLA was measured to be slower; else "auto"."""
    on_tensorflow = keras.backend.backend() == "tensorflow"
    if on_tensorflow and not keras.distribution.list_devices("gpu"):
        return False
    return "auto"


class SeedDropout(keras.callbacks.Callback):
    """Seeds each dropout layer anew for every epoch, so that an epoch can be repeated exactly."""

    def __init__(self, seed):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):
        for index, layer in enumerate(self.model.layers):
            if hasattr(layer, "seed_generator"):
                source = np.random.SeedSequence((self.seed, epoch, index))
                numbers = source.generate_state(2) >> 1  # so that they fit into int32
                layer.seed_generator.state.assign(numbers)


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights with the best validation loss, and saves the state after each epoch."""

    def __init__(self, state, checkpoint):
        super().__init__()
        self.state = state
        self.checkpoint = checkpoint

    def on_epoch_end(self, epoch, logs=None):
        history = self.state.history
        for name, values in history.items():
            values.append(float(logs[name]))
        variables = self.model.weights + self.model.optimizer.variables
        last = [np.array(variable) for variable in variables]
        best = self.state.best
        if np.argmin(history["val_loss"]) == epoch:
            best = last[: len(self.model.weights)]
        self.state = State(history, best, last)
        self.checkpoint.write(self.state)
