"""What a user is told in one sentence, and the checks of what a user gives."""

import os
import reprlib
from pathlib import Path

import numpy as np


class OneSentence:
    """Shown in a notebook without a traceback: IPython asks for `_render_traceback_`."""

    def _render_traceback_(self):
        return [f"{type(self).__name__}: {self}"]


class UserError(OneSentence, ValueError):
    """One sentence that says what is wrong, where, and what to do about it."""

    def __init__(self, sentence):
        lines = sentence.splitlines()  # what the sentence quotes may have several lines
        super().__init__(" ".join(lines))


class Stopped(OneSentence, KeyboardInterrupt):
    """A training was stopped by its user; the sentence says how to continue it."""


def expect(fits, what, value, wanted):
    """Raise UserError unless it `fits`: say what the `value` of `what` is, and what is `wanted`."""
    if fits:
        return
    if isinstance(value, np.ndarray):
        found = f"{value.dtype} {value.shape}"
    else:
        found = reprlib.repr(value)
    raise UserError(f"{what} cannot be {found}; give {wanted}.")


def expect_whole(what, value, least, most):
    """Raise UserError unless `value` is a whole number from `least` to `most`."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    wanted = f"a whole number from {least} to {most}"
    expect(whole and least <= value <= most, what, value, wanted)


def expect_number(what, value, least, most):
    """Raise UserError unless `value` is a number from `least` to `most`; NaN is none."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    wanted = f"a number from {least:g} to {most:g}"
    expect(number and least <= value <= most, what, value, wanted)


def as_path(value, what) -> Path:
    """Return the path `value`, `~` being the home folder; raise UserError if it is no path."""
    text = isinstance(value, (str, os.PathLike))
    expect(text and str(value) and "\0" not in str(value), what, value, "a path")
    return Path(os.path.expanduser(value))
