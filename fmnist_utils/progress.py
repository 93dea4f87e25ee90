"""The bar while a network trains: epoch, step, loss, and the time that is left."""

import sys

import keras
from tqdm import tqdm


class Progress(keras.callbacks.Callback):
    """Shows one bar for all epochs, in a notebook or a terminal; in a log there is none."""

    def __init__(self, first_epoch):
        super().__init__()
        self.first_epoch = first_epoch

    def on_train_begin(self, logs=None):
        in_notebook = _in_notebook()
        self.bar = tqdm(
            total=self.params["epochs"] * self.params["steps"],
            initial=self.first_epoch * self.params["steps"],
            file=NotebookLine() if in_notebook else sys.stderr,
            disable=not (in_notebook or sys.stderr.isatty()),
            ascii=False,
            bar_format="{desc} |{bar:10}| {elapsed} gone, {remaining} left",
            mininterval=1,
            smoothing=0,
        )

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        done = self.epoch * self.params["steps"] + batch + 1
        if self.bar.update(done - self.bar.n):  # drawn, as it is once a second
            self._describe(batch, logs)

    def on_train_end(self, logs=None):
        self._describe(self.params["steps"] - 1, logs)
        self.bar.close()

    def _describe(self, batch, logs):
        epochs, steps = self.params["epochs"], self.params["steps"]
        self.bar.set_description_str(
            f"epoch {self.epoch + 1}/{epochs}, step {batch + 1}/{steps}, loss {logs['loss']:.4f}"
        )


def _in_notebook():
    """Return whether a notebook's kernel runs this: its shell, unlike a terminal's, has one."""
    return "IPython" in sys.modules and hasattr(sys.modules["IPython"].get_ipython(), "kernel")


class NotebookLine:
    """A file of one line: what is written last is all that a notebook shows, and keeps."""

    def __init__(self):
        from IPython.display import display

        self.shown = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text):
        if text.strip():
            self.shown.update({"text/plain": text.strip()}, raw=True)

    def flush(self):
        """Do nothing: what was written is shown already."""
