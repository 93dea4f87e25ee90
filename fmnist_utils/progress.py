"""How far a training is: a bar for all of it, and a line for each epoch."""

import sys
from time import monotonic

import keras
import numpy as np

BAR_WIDTH = 20  # characters
CLEAR_LINE = "\r\033[K"  # in a terminal


class Progress(keras.callbacks.Callback):
    """Shows a bar in a notebook or a terminal, but not in a log; prints a line for each epoch."""

    def __init__(self, history):
        super().__init__()
        self.history = history  # each curve's values, filled by the training

    def on_train_begin(self, logs=None):
        self.total = self.params["epochs"] * self.params["steps"]
        self.first = len(self.history["loss"]) * self.params["steps"]
        self.begun = monotonic()
        self.shown = 0.0
        self.in_terminal = sys.stdout.isatty() and not _in_notebook()
        self.notebook_line = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.epoch_begun = monotonic()

    def on_train_batch_end(self, batch, logs=None):
        done = self.epoch * self.params["steps"] + batch + 1
        now = monotonic()
        if now - self.shown < 1 and done < self.total:
            return
        self.shown = now
        gone = now - self.begun
        left = gone / (done - self.first) * (self.total - done)
        bar = "█" * (BAR_WIDTH * done // self.total)
        share = f"{done / self.total:4.0%} |{bar:{BAR_WIDTH}}|"
        self._show(f"{share} {_clock(gone)} gone, {_clock(left)} left, loss {logs['loss']:.4f}")

    def on_epoch_end(self, epoch, logs=None):
        seconds = monotonic() - self.epoch_begun
        line = f"epoch {epoch + 1:2}/{self.params['epochs']} {seconds:4.0f} s"
        line += f"  loss {logs['loss']:.4f}, accuracy {logs['accuracy']:.2%}"
        line += f"  validation {logs['val_loss']:.4f}, {logs['val_accuracy']:.2%}"
        if np.argmin(self.history["val_loss"]) == epoch:
            line += "  best"
        if self.in_terminal:
            print(CLEAR_LINE, end="")
        print(line, flush=True)

    def _show(self, text):
        if self.in_terminal:
            print(CLEAR_LINE + text, end="", flush=True)
        elif self.notebook_line:
            self.notebook_line.update({"text/plain": text}, raw=True)
        elif _in_notebook():
            from IPython.display import display  # which is there in a notebook alone

            self.notebook_line = display({"text/plain": text}, raw=True, display_id=True)


def _in_notebook():
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def _clock(seconds):
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02}:{rest:02}"
