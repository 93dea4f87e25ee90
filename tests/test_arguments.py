"""Whatever `train`, `evaluate`, `save` and `load` are given: one sentence, or what was meant."""

import re
from dataclasses import replace

import keras
import numpy as np
import pytest

from docs.execute import ROOT
from fmnist_utils import evaluation, photos, store, training
from fmnist_utils.errors import UserError
from fmnist_utils.recipes import COMPACT
from tests.conftest import SHORT

VALUES = {
    "None": None,
    "a text": "text",
    "a negative number": -1,
    "NaN": float("nan"),
    "a list": [[None]],
    "an array": np.zeros((5, 28, 28, 1)),
}


def refused(function, arguments, parameter, kinds):
    """Check which kinds of values for one parameter are refused, each in one sentence."""
    sentences = {}
    for kind, value in VALUES.items():
        changed = dict(arguments)
        changed[parameter] = value
        try:
            function(**changed)
        except UserError as error:
            sentences[kind] = str(error)
    assert list(sentences) == kinds
    assert all(re.fullmatch(r"\S.*[^.]\.", sentence) for sentence in sentences.values())


@pytest.fixture(scope="module")
def network():
    return store.load("compact", ROOT / "saved_model").model


ALL = list(VALUES)
NO_TEXT = [kind for kind in ALL if kind != "a text"]


@pytest.mark.parametrize("parameter", ["recipe", "splits", "run_dir", "seed"])
def test_train_refuses_what_cannot_be_meant(parameter, few, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = replace(SHORT, epochs=1)
    good = {"recipe": recipe, "splits": few, "run_dir": "run", "seed": 0}
    refused(training.train, good, parameter, NO_TEXT if parameter == "run_dir" else ALL)


@pytest.mark.parametrize("parameter", ["model", "split"])
def test_evaluate_refuses_what_cannot_be_meant(parameter, network, few):
    refused(evaluation.evaluate, {"model": network, "split": few.test}, parameter, ALL)


@pytest.mark.parametrize("parameter", ["directory", "name", "recipe", "model", "results"])
def test_save_refuses_what_cannot_be_meant(parameter, network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good = {"directory": "saved", "name": "a", "recipe": COMPACT, "model": network, "results": {}}
    meant = parameter in ("directory", "name")
    refused(store.save, good, parameter, NO_TEXT if meant else ALL)


@pytest.mark.parametrize("parameter", ["name", "directory"])
def test_load_refuses_what_cannot_be_meant(parameter):
    refused(store.load, {"name": "compact", "directory": ROOT / "saved_model"}, parameter, ALL)


def network_of(pixels=(28, 28, 1), classes=10, activation="softmax", value=0.0):
    constant = keras.initializers.Constant(value)
    dense = keras.layers.Dense(classes, activation, kernel_initializer=constant)
    return keras.Sequential([keras.Input(pixels), keras.layers.Flatten(), dense])


NETWORKS = {
    "not built": keras.Sequential([keras.layers.Dense(10)]),
    "of other pixels": network_of(pixels=(32, 32, 3)),
    "of five classes": network_of(classes=5),
    "without probabilities": network_of(activation=None),
    "of NaN": network_of(value=float("nan")),
    "of a class": keras.Sequential,
    "of one layer": keras.layers.Dense(10),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_that_gives_no_answers_is_named(few, tmp_path, kind):
    sentence = r"^The (model cannot be|network's answers are) .*; .*\.$"
    with pytest.raises(UserError, match=sentence):
        evaluation.evaluate(NETWORKS[kind], few.test)
    with pytest.raises(UserError, match=sentence):
        photos.classify(NETWORKS[kind], few.test.images[0])
    with pytest.raises(UserError, match=r"^The model cannot be .*; give "):
        store.save(tmp_path, "a", COMPACT, NETWORKS[kind], {})
    assert not list(tmp_path.iterdir())
