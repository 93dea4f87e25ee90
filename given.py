"""The values given to `make` and `run.py`: a mistake in one is told before anything runs.

    python3 given.py infer

needs no packages, so that `make` can call it before it sets up any.
"""

import ast
import difflib
import json
import os
import sys
from pathlib import Path

FROM_MAKE = "GIVEN_"  # how the names of the values begin in the environment
NOTEBOOKS = {"train": "train.ipynb", "infer": "inference.ipynb", "inference": "inference.ipynb"}
OTHERS = {
    "app": {"MODEL": "photos", "SHARE": 0},
    "seeds": {"RECIPE": "baseline", "SEEDS": "0 1 2"},
}


def known_values(command):
    """Return the values that `command` takes, with their defaults, as its notebook has them."""
    if command not in NOTEBOOKS:
        return OTHERS.get(command, {})
    notebook = json.loads(Path(NOTEBOOKS[command]).read_text(encoding="utf-8"))
    assignments = ast.parse("".join(parameters(notebook)["source"])).body
    return {each.targets[0].id: each.value.value for each in assignments}


def parameters(notebook):
    """Return the one cell with the values that a reader may change."""
    for cell in notebook["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            return cell
    raise ValueError("The notebook has no cell that is tagged 'parameters'.")


def from_make():
    """Return the values that `make` was given, as text."""
    variables = [name for name in os.environ if name.startswith(FROM_MAKE)]
    return {name.removeprefix(FROM_MAKE): os.environ[name] for name in variables}


def checked(command, given):
    """Return the values `given`, of their types; exit with a sentence if one is wrong."""
    known = known_values(command)
    values = {}
    for name, text in given.items():
        if name not in known:
            nearest = difflib.get_close_matches(name.upper(), known, n=1)
            if nearest:
                sys.exit(f"{command} has no {name}; did you mean {nearest[0]}?")
            sys.exit(f"{command} has no {name}; it has {', '.join(known) or 'no values at all'}.")
        if not text:
            sys.exit(f"{name} has no value; give {name}=VALUE.")
        values[name] = of_type(known[name], name, text)
    return values


def of_type(default, name, text):
    """Return the value in `text`, of the type that `default` has."""
    if isinstance(default, bool):
        sys.exit(f"{name} is for the notebook in a browser alone; `make app` serves the page.")
    is_pattern = "*" in text or "?" in text
    if name == "PHOTOS" and not is_pattern and not os.path.exists(os.path.expanduser(text)):
        sys.exit(f"PHOTOS is {text}, which does not exist; check the path.")
    try:
        return type(default)(text)
    except ValueError:
        sys.exit(f"{name} cannot be {text!r}; give a whole number.")


if __name__ == "__main__":
    for goal in sys.argv[1:]:
        checked(goal, from_make())
