"""Errors that a user can put right, or interrupts: each is told in one sentence."""

import os
import reprlib
from pathlib import Path

import numpy as np


class OneSentence:
    """Stands alone in a notebook, without the traceback: IPython asks for `_render_traceback_`."""

    def _render_traceback_(self):
        return [f"{type(self).__name__}: {self}"]


class UserError(OneSentence, ValueError):
    """One sentence that says what is wrong, where, and what to do about it."""

    def __init__(self, sentence):
        super().__init__(" ".join(sentence.splitlines()))  # what it quotes may have several lines


class Stopped(OneSentence, KeyboardInterrupt):
    """A training was stopped by its user; the sentence says how to go on."""


def expect(fits, what, value, wanted):
    """Raise UserError unless it `fits`: say what the `value` of `what` is, and what is `wanted`."""
    if not fits:
        array = isinstance(value, np.ndarray)
        found = f"{value.dtype} {value.shape}" if array else reprlib.repr(value)
        raise UserError(f"{what} cannot be {found}; give {wanted}.")


def as_path(value, what) -> Path:
    """Return the path `value`, `~` being the home folder; raise UserError if it is none."""
    fits = isinstance(value, (str, os.PathLike)) and str(value) and "\0" not in str(value)
    expect(fits, what, value, "a path")
    return Path(os.path.expanduser(value))
