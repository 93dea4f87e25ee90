"""Whatever `train`, `evaluate`, `save` and `load` are given: one sentence, or what was meant."""

import re
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from fmnist_utils import evaluation, photos, store, training
from fmnist_utils.errors import UserError
from fmnist_utils.model import COMPACT
from tests.conftest import SHORT
from tests.execute import ROOT

VALUES = {
    "None": None,
    "a text": "text",
    "an empty text": "",
    "a text with a zero byte": "a\0b",
    "a text of 5,000 letters": "x" * 5000,
    "somebody's home": "~nobody/x",
    "bytes": b"text",
    "True": True,
    "a number": 3,
    "a negative number": -1,
    "a fraction": 1.5,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "a huge number": 10**30,
    "an empty list": [],
    "a nested list": [[[None]]],
    "an empty dict": {},
    "a dict with NaN": {"a": float("nan")},
    "a dict of odd things": {("a", 1): print},
    "an array of one dimension": np.zeros(3),
    "an array of NaN": np.full((5, 28, 28, 1), np.nan),
    "an empty array": np.zeros((0, 28, 28, 1), np.uint8),
    "a table": pd.DataFrame({"a": [1, 2]}),
    "a function": print,
    "a class": dict,
    "an object": object(),
}
PARAMETERS = {
    "train": "recipe splits run_dir seed splits.train splits.train.images splits.validation.labels",
    "evaluate": "model split split.images split.labels",
    "save": "directory name recipe model results",
    "load": "name directory",
}
MEANT = {  # what is not refused
    "train run_dir": ["a text", "somebody's home"],
    "train seed": ["a number"],
    "save directory": ["a text", "somebody's home"],
    "save name": ["a text"],
    "save results": ["an empty dict"],
}
EACH = [f"{name} {each}" for name, several in PARAMETERS.items() for each in several.split()]


@pytest.fixture
def functions(few, tmp_path, monkeypatch):
    """Each function with its arguments, which are good."""
    monkeypatch.chdir(tmp_path)
    network = store.load("compact", ROOT / "saved_model").model
    train = {"recipe": replace(SHORT, epochs=1), "splits": few, "run_dir": "run", "seed": 0}
    save = {"directory": "saved", "name": "a", "recipe": COMPACT, "model": network, "results": {}}
    return {
        "train": (training.train, train),
        "evaluate": (evaluation.evaluate, {"model": network, "split": few.test}),
        "save": (store.save, save),
        "load": (store.load, {"name": "compact", "directory": ROOT / "saved_model"}),
    }


def replaced(arguments, path, value):
    """Return a copy of dicts and named tuples in one another, with `value` where `path` leads."""
    first, *rest = path
    named = not isinstance(arguments, dict)
    inner = getattr(arguments, first) if named else arguments[first]
    change = {first: replaced(inner, rest, value) if rest else value}
    return arguments._replace(**change) if named else arguments | change


def told(function, arguments):
    try:
        function(**arguments)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("parameter", EACH)
def test_what_cannot_be_meant_is_refused_in_one_sentence(functions, parameter):
    name, path = parameter.split()
    function, good = functions[name]
    bad = {kind: replaced(good, path.split("."), value) for kind, value in VALUES.items()}
    sentences = {kind: told(function, arguments) for kind, arguments in bad.items()}
    assert [kind for kind in VALUES if not sentences[kind]] == MEANT.get(parameter, [])
    assert all(re.fullmatch(r"(\S.*[^.]\.)?", sentence) for sentence in sentences.values())


def network_of(pixels=(28, 28, 1), classes=10, activation="softmax", value=0.0):
    layers = [keras.Input(pixels), keras.layers.Flatten()]
    constant = keras.initializers.Constant(value)
    layers.append(keras.layers.Dense(classes, activation, kernel_initializer=constant))
    return keras.Sequential(layers)


NETWORKS = {
    "not built": keras.Sequential([keras.layers.Dense(10)]),
    "of other pixels": network_of(pixels=(32, 32, 3)),
    "of five classes": network_of(classes=5),
    "without probabilities": network_of(activation=None),
    "of NaN": network_of(value=float("nan")),
    "of infinity": network_of(value=float("inf")),
    "of a class": keras.Sequential,
    "of one layer": keras.layers.Dense(10),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_that_gives_no_answers_is_named(few, tmp_path, kind):
    with pytest.raises(UserError, match=r"^The (model cannot be|network's answers are) .*; .*\.$"):
        evaluation.evaluate(NETWORKS[kind], few.test)
    with pytest.raises(UserError, match=r"^The (model cannot be|network's answers are) .*; .*\.$"):
        photos.classify(NETWORKS[kind], few.test.images[0])
    with pytest.raises(UserError, match=r"^The model cannot be .*; give "):
        store.save(tmp_path, "a", COMPACT, NETWORKS[kind], {})
    assert not list(tmp_path.iterdir())
