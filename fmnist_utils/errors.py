"""Errors that a user can put right, or interrupts: each is told in one sentence."""


class OneSentence:
    """Stands alone in a notebook, without the traceback: IPython asks for `_render_traceback_`."""

    def _render_traceback_(self):
        return [f"{type(self).__name__}: {self}"]


class UserError(OneSentence, ValueError):
    """One sentence that says what is wrong, where, and what to do about it."""


class Stopped(OneSentence, KeyboardInterrupt):
    """A training was stopped by its user; the sentence says how to go on."""
