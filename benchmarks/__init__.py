"""Scripts that measure, and what their command lines have in common."""

import difflib
import sys
from contextlib import contextmanager

from fmnist_utils.errors import UserError, expect_whole


def positive(text):
    """Return the whole number in `text`, which is at least 1."""
    expect_whole("The number", int(text), 1, sys.maxsize)
    return int(text)


def parsed(parser):
    """Return the values on the command line; exit with the nearest option if one is unknown."""
    chosen, unknown = parser.parse_known_args()
    if unknown:
        options = [f"--{name}" for name in vars(chosen)]
        nearest = difflib.get_close_matches(unknown[0], options, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else "leave it out."
        parser.error(f"there is no {unknown[0]}; {hint}")
    return chosen


@contextmanager
def mistakes_in_a_sentence():
    """Exit with one sentence where a user made an ordinary mistake."""
    try:
        yield
    except (UserError, OSError) as error:
        sys.exit(str(error))
