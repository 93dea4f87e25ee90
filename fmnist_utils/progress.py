"""How far a training is: a bar for all of it, and a line for each epoch."""

import sys
from time import monotonic

import keras
import numpy as np

BAR_WIDTH = 20  # characters


class Progress(keras.callbacks.Callback):
    """Shows a bar in a notebook or a terminal, but not in a log; prints a line for each epoch."""

    def __init__(self, history):
        super().__init__()
        self.history = history  # the curves, which the training fills
        self.clear = "\r\033[K" if sys.stdout.isatty() else ""  # the line of a terminal
        self.last_shown = None  # when the bar was

    def on_train_begin(self, logs=None):
        self.begun = monotonic()
        self.first = len(self.history["loss"]) * self.params["steps"]

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.epoch_begun = monotonic()

    def on_train_batch_end(self, batch, logs=None):
        now = monotonic()
        total = self.params["epochs"] * self.params["steps"]
        done = self.epoch * self.params["steps"] + batch + 1
        if self.last_shown and now - self.last_shown < 1 and done < total:
            return
        left = (now - self.begun) / (done - self.first) * (total - done)
        bar = "█" * (BAR_WIDTH * done // total)
        text = f"{done / total:4.0%} |{bar:{BAR_WIDTH}}| {left:.0f} s left, loss {logs['loss']:.4f}"
        if _in_notebook():
            from IPython.display import display  # installed wherever there are notebooks

            update = self.last_shown is not None
            display({"text/plain": text}, raw=True, display_id=f"bar {id(self)}", update=update)
        elif self.clear:
            print(self.clear + text, end="", flush=True)
        self.last_shown = now

    def on_epoch_end(self, epoch, logs=None):
        seconds = monotonic() - self.epoch_begun
        line = f"epoch {epoch + 1:2}/{self.params['epochs']} {seconds:4.0f} s"
        line += f"  loss {logs['loss']:.4f}, accuracy {logs['accuracy']:.2%}"
        line += f"  validation {logs['val_loss']:.4f}, {logs['val_accuracy']:.2%}"
        if np.argmin(self.history["val_loss"]) == epoch:
            line += "  best"
        print(self.clear + line, flush=True)


def _in_notebook():
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")
