"""What makes two runs the same run: recipe, data, seed, numbers, and the code that trains.

Whoever edits `flip`, or adds a layer, gets a new run, and never an old result under new code.
"""

import dis
import hashlib
import inspect
import json
from dataclasses import asdict
from pathlib import Path
from types import CodeType

import numpy as np

from fmnist_utils.augment import AUGMENTATIONS
from fmnist_utils.errors import UserError

PERSISTENT_FOLDERS = (Path("/content/drive/MyDrive"), Path("/kaggle/working"))  # Colab, Kaggle
PACKAGE = Path(__file__).parent
# An edit of these starts no new run: they decide no weights, or their values are compared (data,
# recipes). All other files of the package decide a result, new ones too.
NEUTRAL = (
    "__init__",
    "checkpoint",
    "data",
    "errors",
    "evaluation",
    "identity",
    "interrupts",
    "plots",
    "progress",
    "recipes",
    "store",
)


def file_hashes():
    """Return the SHA-256 of each file of the package that decides a result, by its name."""
    hashes = {}
    for path in sorted(PACKAGE.glob("*.py")):
        if path.stem not in NEUTRAL:
            hashes[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return hashes


IMPORTED = file_hashes()  # as the files are when the package is imported


def expect_unedited():
    """Raise UserError if a file that decides a result was edited since it was imported."""
    now = file_hashes()
    for name in sorted(IMPORTED.keys() | now.keys()):
        if IMPORTED.get(name) != now.get(name):
            edited = f"fmnist_utils/{name} was edited since it was imported"
            raise UserError(f"{edited}; restart the kernel, and run all cells.")


def code_hash(recipe):
    """Return a hash of all code that decides what `recipe` is trained to, as it was imported.

    Raises UserError where an augmentation is not registered, or is no function.
    """
    parts = [json.dumps(IMPORTED)]
    for name in recipe.augmentations:
        if name not in AUGMENTATIONS:
            known = ", ".join(AUGMENTATIONS)
            advice = f'write `AUGMENTATIONS["{name}"] = ...` first, or choose among: {known}'
            raise UserError(f"There is no augmentation {name!r}; {advice}.")
        function = AUGMENTATIONS[name]
        if not inspect.isfunction(function):
            raise UserError(f"The augmentation {name!r} is {function!r}; give a function.")
        if function.__module__ != "fmnist_utils.augment":
            parts += _content(function, [])
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def settings(recipe, splits, seed, backend, dtype):
    """Return everything that a run's result depends on, as a dict for JSON."""
    data_hash = hashlib.sha256()
    for split in (splits.train, splits.validation):
        data_hash.update(split.images.tobytes())
        data_hash.update(split.labels.tobytes())
    found = asdict(recipe)
    found.update(
        seed=int(seed),
        data=data_hash.hexdigest(),
        code=code_hash(recipe),
        backend=backend,
        dtype=dtype,
    )
    return found


def run_directory(recipe, seed) -> Path:
    """Return where a run is kept: `runs/NAME-EPOCHS-seedSEED-HASH`, by the hash of recipe and code.

    On Kaggle, and on Colab with Drive mounted, it is in a folder `fmnist_runs` that stays when the
    machine goes.
    """
    text = json.dumps(asdict(recipe)) + code_hash(recipe)
    short_hash = hashlib.sha256(text.encode()).hexdigest()[:8]
    name = f"{recipe.name}-{recipe.epochs}-seed{seed}-{short_hash}"
    for folder in PERSISTENT_FOLDERS:
        if folder.is_dir() and not Path.cwd().is_relative_to(folder):
            return folder / "fmnist_runs" / name
    return Path("runs") / name


def _content(function, seen):
    """Return what a function written elsewhere consists of: its code, and what this refers to.

    Helpers and constants count if they come from the same notebook or file. The source would not
    do: once a file is edited, what Python reads there isn't what runs.
    """
    seen.append(function)
    content = []
    values = [function.__defaults__, function.__kwdefaults__]
    values += [cell.cell_contents for cell in function.__closure__ or ()]
    for code in _codes(function.__code__):
        content.append(code.co_code.hex())
        content += code.co_names
        values += [each for each in code.co_consts if not isinstance(each, CodeType)]
        for instruction in dis.get_instructions(code):
            if instruction.opname == "LOAD_GLOBAL":
                values.append(function.__globals__.get(instruction.argval))
    for value in values:
        if inspect.isfunction(value) and value.__module__ == function.__module__:
            if value not in seen:
                content += _content(value, seen)
        elif not inspect.ismodule(value):
            content.append(_text(value))
    return content


def _text(value):
    """Return a text that is the same in every session, as long as the value is the same."""
    if isinstance(value, np.ndarray):
        return value.tobytes().hex()
    if isinstance(value, (set, frozenset)):
        return repr(sorted(value, key=repr))
    text = repr(value)
    if " at 0x" in text:  # the address of an object, or of a library's function
        return getattr(value, "__qualname__", type(value).__qualname__)
    return text


def _codes(code):
    """Return a code object and those inside it, such as lambdas and comprehensions."""
    codes = [code]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            codes += _codes(constant)
    return codes
