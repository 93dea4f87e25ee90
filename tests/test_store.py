"""A network in its files: saved, loaded, damaged, and compared with what it answered."""

import json
import shutil
import zipfile
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
    assert loaded.results["seed"] == 0
    assert loaded.results["test"] == results["test"]
    assert loaded.results["parameters"] == network.count_params()
    assert Recipe(**loaded.results["recipe"]) == recipe
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.json", "mine.keras"]


def test_a_name_is_one_in_saved_model_and_a_path_is_a_path(tmp_path, monkeypatch):
    for kind in ("keras", "json"):
        shutil.copy(ROOT / f"saved_model/compact.{kind}", tmp_path / f"mine.{kind}")
    monkeypatch.chdir(ROOT)
    assert store.load("compact.keras").results["name"] == "compact"
    assert store.load(f"{tmp_path}/mine").results["name"] == "compact"
    monkeypatch.chdir(tmp_path)
    assert store.load("./mine.json").results["name"] == "compact"
    with pytest.raises(UserError, match=r"^saved_model/mine.keras does not exist; "):
        store.load("mine")


def contents(folder):
    return {path: path.read_bytes() for path in folder.iterdir()}


def test_where_a_network_cannot_be_saved_what_was_there_stays(tmp_path):
    """A limit on the size of files stands in for a full disk: the write fails in the same way."""
    network = model.build(COMPACT)
    store.save(tmp_path, "mine", COMPACT, network, {"seed": 1})
    before = contents(tmp_path)
    unlimited = getrlimit(RLIMIT_FSIZE)
    for results, limit in (({}, 100_000), ({}, 0), ({"a": float("nan")}, unlimited[0])):
        setrlimit(RLIMIT_FSIZE, (limit, unlimited[1]))
        try:
            with pytest.raises(UserError, match=r"^.*/mine cannot be saved \(.*\); use .*\.$"):
                store.save(tmp_path, "mine", COMPACT, network, results)
        finally:
            setrlimit(RLIMIT_FSIZE, unlimited)
        assert contents(tmp_path) == before


@pytest.fixture
def compact(tmp_path):
    """A copy of the shipped network `compact`, to be damaged."""
    for kind in ("keras", "json"):
        shutil.copy(ROOT / f"saved_model/compact.{kind}", tmp_path)
    return tmp_path / "compact"


def damage(stem, how):
    weights = stem.with_suffix(".keras")
    description = stem.with_suffix(".json")
    if how == "weights missing":
        weights.unlink()
    elif how == "weights truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif how == "weights of another network":
        model.build(COMPACT).save(weights)
    elif how == "an empty description":
        description.write_text("")
    elif how == "a description without a recipe":
        description.write_text("{}")
    elif how == "a list for a description":
        description.write_text("[]")


DAMAGES = ["weights missing", "weights truncated", "weights of another network"]
DAMAGES += ["an empty description", "a description without a recipe", "a list for a description"]


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_file_is_named(compact, how):
    damage(compact, how)
    sentence = r"^.*compact\.keras (does not exist; |is not what .*; ).*\.$"
    with pytest.raises(UserError, match=sentence):
        store.load("compact", compact.parent)


def describe(stem, **changes):
    """Change a description, and have it vouch for the weights as they are."""
    description = stem.with_suffix(".json")
    about = json.loads(description.read_text())
    about.update(changes, sha256=store.file_hash(stem.with_suffix(".keras")))
    description.write_text(json.dumps(about))


@pytest.mark.parametrize(
    "kind", ["no zip file", "no weights", "another network", "NaN", "a bit off"]
)
def test_weights_that_answer_otherwise_are_named(compact, kind):
    weights = compact.with_suffix(".keras")
    network = store.load("compact", compact.parent).model
    if kind == "no zip file":
        weights.write_bytes(b"no zip file" * 1000)
    elif kind == "no weights":
        with zipfile.ZipFile(weights, "w") as file:
            file.writestr("config.json", "{}")
    elif kind == "another network":
        model.build(IMPROVED).save(weights)
    else:
        network.weights[0].assign(network.weights[0] * {"NaN": np.nan, "a bit off": 1.1}[kind])
        network.save(weights)
    describe(compact)
    with pytest.raises(UserError, match=r"^.*compact\.keras .*was `model.build` changed\?$"):
        store.load("compact", compact.parent)


@pytest.mark.parametrize("recipe", [{"name": "a", "nonsense": 1}, {"name": "a", "units": "many"}])
def test_a_recipe_that_does_not_fit_is_named(compact, recipe):
    describe(compact, recipe=recipe)
    with pytest.raises(UserError, match="does not fit the network of its recipe"):
        store.load("compact", compact.parent)


EDITS = {
    "another activation": ('units, activation="relu"', 'units, activation="gelu"'),
    "one layer more": ("layers.Dropout(recipe.dropout)", "layers.Dense(48)"),
    "another scale": ("1 / 255", "1 / 128"),
}


@pytest.mark.parametrize("what", EDITS)
def test_a_network_whose_code_was_changed_since_is_named(what, tmp_path):
    copy_project(tmp_path / "copy")
    old, new = EDITS[what]
    edit(tmp_path / "copy/fmnist_utils/model.py", old, new)
    code = "from fmnist_utils import store; store.load('compact')"
    ended = run_python(code, folder=tmp_path / "copy")
    assert ended.stderr.splitlines()[-1].endswith("was `model.build` changed?")


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float16"])
def test_a_network_opens_with_numbers_of_16_bits(policy, monkeypatch):
    monkeypatch.chdir(ROOT)
    keras.config.set_dtype_policy(policy)
    try:
        for name in RECIPES:
            assert store.load(name).model.compute_dtype == policy.removeprefix("mixed_")
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("name", RECIPES)
def test_what_ships_is_as_good_as_recorded_and_as_on_jax(name, splits, few):
    network, results = store.load(name, ROOT / "saved_model")
    assert Recipe(**results["recipe"]) == RECIPES[name]
    report = evaluation.evaluate(network, splits.test)
    assert report.accuracy == pytest.approx(results["test"]["accuracy"], abs=3e-4)
    losses = {seed["seed"]: seed["validation"]["loss"] for seed in results["seeds"]}
    assert min(losses, key=losses.get) == results["seed"]
    jax = json.loads((ROOT / f"benchmarks/jax/{name}.json").read_text())
    assert jax["versions"]["backend"] == "jax"
    assert Recipe(**jax["recipe"]) == RECIPES[name]
    shares = [seed["validation"]["accuracy"] for seed in results["seeds"]]
    assert abs(jax["validation"]["accuracy"] - np.mean(shares)) <= 2 * np.std(shares, ddof=1)
    plain = keras.models.load_model(ROOT / f"saved_model/{name}.keras")
    answers = plain.predict(few.test.images, verbose=0)
    np.testing.assert_allclose(answers, report.probabilities[:320], atol=1e-6)
