"""What stops a training: Ctrl-C, and a loss that is not finite."""

import signal
from contextlib import contextmanager, suppress

import keras
import numpy as np

from fmnist_utils.errors import Stopped, UserError


class StopInTime(keras.callbacks.Callback):
    """Stops a training between two steps: at a noted Ctrl-C, or where the loss is not finite."""

    def __init__(self, interrupts, learning_rate):
        super().__init__()
        self.interrupts = interrupts
        self.learning_rate = learning_rate

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self._stop(logs["loss"])

    def on_test_batch_end(self, batch, logs=None):
        self._stop(logs["loss"])

    def _stop(self, loss):
        if self.interrupts:
            raise KeyboardInterrupt
        if not np.isfinite(loss):
            advice = f"choose a learning_rate below {self.learning_rate:g}"
            raise UserError(f"The loss is not finite in epoch {self.epoch + 1}; {advice}.")


@contextmanager
def noted_interrupts(run_dir):
    """Yield a list in which each Ctrl-C is noted, and raise Stopped at the end if there was one.

    A KeyboardInterrupt that is raised at once, inside TensorFlow, can get lost or turn into another
    error.
    """
    noted = []
    before = signal.getsignal(signal.SIGINT)

    def note(number, frame):
        noted.append(number)

    with suppress(ValueError):  # only the main thread gets signals
        signal.signal(signal.SIGINT, note)
    try:
        yield noted
    except KeyboardInterrupt:
        noted.append(signal.SIGINT)
    finally:
        with suppress(ValueError):
            signal.signal(signal.SIGINT, before)
    if noted:
        raise Stopped(f"All finished epochs are in {run_dir}; run this again to continue.")
