"""What makes two runs the same run: recipe, data, seed, numbers, and the code that trains.

Whoever edits `flip`, or adds a layer, gets a new run, and never an old result under new code. All
files of this package count, except those named below. A helper of the network belongs in a file of
its own here: what `model.py` imports from elsewhere does not count.
"""

import dis
import hashlib
import inspect
import json
import sys
from dataclasses import asdict
from pathlib import Path
from types import CodeType

import numpy as np

from fmnist_utils import augment
from fmnist_utils.errors import UserError

PERSISTENT_FOLDERS = (Path("/content/drive/MyDrive"), Path("/kaggle/working"))  # Colab, Kaggle
PACKAGE = Path(__file__).parent
CONSTANTS = (type(None), int, float, complex, str, bytes, range, slice, type(...), np.generic)
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
    "photos",
    "plots",
    "progress",
    "recipes",
    "store",
)


def file_hashes():
    """Return the SHA-256 of each file of the package that decides a result, by its name."""
    hashes = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE)
        is_hidden = "/." in f"/{name.as_posix()}"  # an editor's, or a notebook's copy
        if not is_hidden and name.parts[0].removesuffix(".py") not in NEUTRAL:
            hashes[name.as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return hashes


IMPORTED = file_hashes()  # as the files are when the package is imported
AUGMENT_IMPORTED = dict(vars(augment))  # its functions and constants, likewise


def expect_unedited():
    """Raise UserError if a file that decides a result was edited since it was imported."""
    now = file_hashes()
    for name in sorted(IMPORTED.keys() | now.keys()):
        if IMPORTED.get(name) != now.get(name):
            edited = f"fmnist_utils/{name} was edited since it was imported"
            raise UserError(f"{edited}; restart the kernel, and run all cells.")
    for name in sorted(AUGMENT_IMPORTED):
        if vars(augment).get(name) is not AUGMENT_IMPORTED[name]:
            _refuse_replaced(f"augment.{name}")
    for module in ("batches", "model", "training"):
        for name, value in vars(sys.modules[f"fmnist_utils.{module}"]).items():
            if inspect.isfunction(value) and not _is_installed(value):
                _refuse_replaced(f"{module}.{name}")


def _refuse_replaced(name):
    file = name.split(".")[0]
    advice = f"edit fmnist_utils/{file}.py instead, and restart the kernel"
    raise UserError(f"{name} was replaced while the code runs; {advice}.")


def code_hash(recipe):
    """Return a hash of all code that decides what `recipe` is trained to, as it was imported.

    Raises UserError where an augmentation is not registered, or is no function.
    """
    parts = [json.dumps(IMPORTED)]
    for name in recipe.augmentations:
        if name not in augment.AUGMENTATIONS:
            known = ", ".join(augment.AUGMENTATIONS)
            advice = f'write `AUGMENTATIONS["{name}"] = ...` first, or choose among: {known}'
            raise UserError(f"There is no augmentation {name!r}; {advice}.")
        function = augment.AUGMENTATIONS[name]
        if not inspect.isfunction(function):
            raise UserError(f"The augmentation {name!r} is {function!r}; give a function.")
        if function is not AUGMENT_IMPORTED.get(name):
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


def _content(value, seen):
    """Return texts that differ where two values do, and are the same in every session.

    A function of one's own is its code, and all that this refers to. The source would not do: once
    a file is edited, what Python reads there isn't what runs. Raises UserError for a value whose
    change could not be noticed.
    """
    if inspect.isfunction(value) and not _is_installed(value):
        return [] if value in seen else _content_of_function(value, seen)
    if hasattr(value, "__qualname__") or inspect.ismodule(value):
        if _is_installed(value):
            return [getattr(value, "__qualname__", value.__name__)]
    elif isinstance(value, np.ndarray):
        return [str(value.dtype), str(value.shape), hashlib.sha256(value.tobytes()).hexdigest()]
    elif isinstance(value, dict):
        return _content(list(value.items()), seen)
    elif isinstance(value, (set, frozenset)):
        return _content(sorted(value, key=repr), seen)
    elif isinstance(value, (list, tuple)):
        content = [f"{len(value)} values"]
        for each in value:
            content += _content(each, seen)
        return content
    elif isinstance(value, CONSTANTS):
        return [repr(value)]
    kind = type(value).__name__
    advice = "use numbers, texts, arrays and functions, or make it inside the function"
    raise UserError(f"An augmentation uses {value!r:.80}, a {kind}, which may change; {advice}.")


def _content_of_function(function, seen):
    seen.append(function)
    values = [function.__defaults__, function.__kwdefaults__]
    values += [cell.cell_contents for cell in function.__closure__ or ()]
    content = []
    for code in _codes(function.__code__):
        content.append(code.co_code.hex())
        content += code.co_names + code.co_varnames
        values += [each for each in code.co_consts if not isinstance(each, CodeType)]
        for instruction in dis.get_instructions(code):
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                values.append(function.__globals__.get(instruction.argval))
    return content + _content(values, seen)


def _is_installed(value):
    """Return whether a module, a function or a class is Python's, a library's or the package's."""
    name = getattr(value, "__module__", None)
    if inspect.isfunction(value):
        name = value.__globals__.get("__name__")  # where it was written, whatever it wraps
    if inspect.ismodule(value):
        name = value.__name__
    package = str(name).split(".")[0]
    if package == "fmnist_utils" or package in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(package), "__file__", None)
    return "site-packages" in str(file) or "dist-packages" in str(file)


def _codes(code):
    """Return a code object and those inside it, such as lambdas and comprehensions."""
    codes = [code]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            codes += _codes(constant)
    return codes
