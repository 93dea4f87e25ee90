"""The exception for mistakes that a user can put right."""


class UserError(ValueError):
    """One sentence that says what is wrong, where, and what to do about it.

    IPython asks an exception for `_render_traceback_` before it prints it: in a notebook the
    sentence stands alone, without the traceback through code that is not at fault.
    """

    def _render_traceback_(self):
        return [f"{type(self).__name__}: {self}"]
