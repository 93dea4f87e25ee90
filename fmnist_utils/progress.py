"""How far a training, or any other work, is: a bar for all of it, and a line for each epoch."""

import sys
from time import monotonic

import keras
import numpy as np

BAR_WIDTH = 20  # characters


class Bar:
    """A line that is replaced as work goes on: in a notebook or a terminal, but not in a log.

    It appears after a second, so that there is none for what is quick.
    """

    def __init__(self, total, done=0):
        self.total = total
        self.done_before = done
        self.begun = monotonic()
        self.last_shown = self.begun
        self.is_shown = False
        encoding = str(getattr(sys.stdout, "encoding", ""))
        self.block = "█" if encoding.lower().startswith("utf") else "#"
        self.clear = "\r\033[K" if sys.stdout.isatty() else ""  # the line of a terminal

    def show(self, done, note=""):
        """Show that `done` of the total are done, at most once a second."""
        now = monotonic()
        at_end = self.is_shown and done == self.total
        if now - self.last_shown < 1 and not at_end:
            return
        share = done / self.total
        left = (now - self.begun) / (done - self.done_before) * (self.total - done)
        bar = self.block * int(BAR_WIDTH * share)
        self._draw(f"{share:4.0%} |{bar:{BAR_WIDTH}}| {left:.0f} s left{note}")
        self.last_shown = now

    def remove(self):
        if self.is_shown:
            self._draw("")

    def _draw(self, text):
        if _in_notebook():
            from IPython.display import display  # installed wherever there are notebooks

            update = self.is_shown
            display({"text/plain": text}, raw=True, display_id=f"bar {id(self)}", update=update)
        elif self.clear:
            print(self.clear + text, end="", flush=True)
        self.is_shown = True


class Progress(keras.callbacks.Callback):
    """Shows a bar for the whole training, and prints a line for each epoch."""

    def __init__(self, history):
        super().__init__()
        self.history = history  # the curves, which the training fills

    def on_train_begin(self, logs=None):
        steps = self.params["steps"]
        self.bar = Bar(self.params["epochs"] * steps, len(self.history["loss"]) * steps)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.epoch_begun = monotonic()

    def on_train_batch_end(self, batch, logs=None):
        done = self.epoch * self.params["steps"] + batch + 1
        self.bar.show(done, f", loss {logs['loss']:.4f}")

    def on_epoch_end(self, epoch, logs=None):
        seconds = monotonic() - self.epoch_begun
        line = f"epoch {epoch + 1:2}/{self.params['epochs']} {seconds:4.0f} s"
        line += f"  loss {logs['loss']:.4f}, accuracy {logs['accuracy']:.2%}"
        line += f"  validation {logs['val_loss']:.4f}, {logs['val_accuracy']:.2%}"
        if np.argmin(self.history["val_loss"]) == epoch:
            line += "  best"
        print(self.bar.clear + line, flush=True)


def _in_notebook():
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")
