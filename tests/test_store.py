"""A network in its files: saved, loaded, damaged, and compared with what it answered."""

import json
import shutil
from dataclasses import replace
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import keras
import numpy as np
import pytest

from docs.execute import ROOT
from fmnist_utils import evaluation, model, store
from fmnist_utils.errors import UserError
from fmnist_utils.recipes import COMPACT, IMPROVED, RECIPES, Recipe
from tests.conftest import copy_project, edit, run_python


def test_what_was_saved_is_loaded(few, tmp_path):
    """Also with an augmentation that only another notebook registered."""
    network = model.build(COMPACT)
    results = {"seed": 0, "test": evaluation.evaluate(network, few.test).as_dict()}
    recipe = replace(COMPACT, augmentations=("of another notebook",))
    store.save(tmp_path, "mine", recipe, network, results)
    loaded = store.load("mine", tmp_path)
    ours = model.probabilities(loaded.model, few.test.images)
    assert (ours == model.probabilities(network, few.test.images)).all()
    assert loaded.results["test"] == results["test"]
    assert loaded.results["parameters"] == network.count_params()
    assert Recipe(**loaded.results["recipe"]) == recipe
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.json", "mine.keras"]


@pytest.fixture
def compact(tmp_path):
    """A copy of the shipped network `compact`, to be damaged."""
    for kind in ("keras", "json"):
        shutil.copy(ROOT / f"saved_model/compact.{kind}", tmp_path)
    return tmp_path / "compact"


def test_a_name_is_one_in_saved_model_and_a_path_is_a_path(compact, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert store.load("compact.keras").results["name"] == "compact"
    assert store.load(str(compact)).results["name"] == "compact"
    monkeypatch.chdir(compact.parent)
    assert store.load("./compact.json").results["name"] == "compact"
    with pytest.raises(UserError, match=r"^saved_model/compact.keras does not exist; "):
        store.load("compact")


def contents(folder):
    return {path: path.read_bytes() for path in folder.iterdir()}


def test_where_a_network_cannot_be_saved_what_was_there_stays(tmp_path):
    """A limit on the size of files stands in for a full disk: the write fails in the same way."""
    network = model.build(COMPACT)
    store.save(tmp_path, "mine", COMPACT, network, {})
    before = contents(tmp_path)
    unlimited = getrlimit(RLIMIT_FSIZE)
    for results, limit in (({}, 100_000), ({"a": float("nan")}, unlimited[0])):
        setrlimit(RLIMIT_FSIZE, (limit, unlimited[1]))
        try:
            with pytest.raises(UserError, match=r"^.*/mine cannot be saved \(.*\); use .*\.$"):
                store.save(tmp_path, "mine", COMPACT, network, results)
        finally:
            setrlimit(RLIMIT_FSIZE, unlimited)
        assert contents(tmp_path) == before


@pytest.mark.parametrize("kind", ["keras", "json"])
def test_a_damaged_or_missing_file_is_named(compact, kind):
    file = compact.with_suffix(f".{kind}")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"compact\.keras is not what .*\.$"):
        store.load("compact", compact.parent)
    file.unlink()
    with pytest.raises(UserError, match=rf"compact\.{kind} does not exist; .*\.$"):
        store.load("compact", compact.parent)


def replace_weights(weights, kind):
    network = store.load("compact", weights.parent).model
    first = network.weights[0]
    if kind == "no zip file":
        weights.write_bytes(b"no zip file" * 1000)
        return
    if kind == "another network":
        network = model.build(IMPROVED)
    elif kind == "NaN":
        first.assign(first * np.nan)
    elif kind == "a bit off":
        first.assign(first * 1.1)
    network.save(weights)


@pytest.mark.parametrize("kind", ["no zip file", "another network", "NaN", "a bit off"])
def test_weights_that_answer_otherwise_are_named(compact, kind):
    """Even where the description vouches for them."""
    weights = compact.with_suffix(".keras")
    description = compact.with_suffix(".json")
    replace_weights(weights, kind)
    about = json.loads(description.read_text())
    about["sha256"] = store.file_hash(weights)
    description.write_text(json.dumps(about))
    with pytest.raises(UserError, match=r"^.*compact\.keras .*was `model.build` changed\?$"):
        store.load("compact", compact.parent)


EDITS = {
    "another activation": ('units, activation="relu"', 'units, activation="gelu"'),
    "one layer more": ("layers.Dropout(recipe.dropout)", "layers.Dense(48)"),
}


@pytest.mark.parametrize("what", EDITS)
def test_a_network_whose_code_was_changed_since_is_named(what, tmp_path):
    copy_project(tmp_path / "copy")
    old, new = EDITS[what]
    edit(tmp_path / "copy/fmnist_utils/model.py", old, new)
    code = "from fmnist_utils import store; store.load('compact')"
    ended = run_python(code, folder=tmp_path / "copy")
    assert ended.stderr.splitlines()[-1].endswith("was `model.build` changed?")


@pytest.mark.parametrize("name", RECIPES)
def test_a_network_opens_with_numbers_of_16_bits_and_one_saved_so_with_32(name, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = store.load(name, ROOT / "saved_model").model
        assert network.compute_dtype == "bfloat16"
        store.save(tmp_path, "mine", RECIPES[name], network, {})
    finally:
        keras.config.set_dtype_policy("float32")
    assert store.load("mine", tmp_path).model.compute_dtype == "float32"


@pytest.mark.parametrize("name", RECIPES)
def test_what_ships_is_as_good_as_recorded_and_opens_in_plain_keras(name, splits, few):
    network, results = store.load(name, ROOT / "saved_model")
    assert Recipe(**results["recipe"]) == RECIPES[name]
    report = evaluation.evaluate(network, splits.test)
    assert report.accuracy == pytest.approx(results["test"]["accuracy"], abs=3e-4)
    plain = keras.models.load_model(ROOT / f"saved_model/{name}.keras")
    answers = plain.predict(few.test.images, verbose=0)
    np.testing.assert_allclose(answers, report.probabilities[:320], atol=1e-6)
