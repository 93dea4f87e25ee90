import json
import shutil

import keras
import numpy as np
import pytest

from fmnist_utils import evaluation, model, store
from fmnist_utils.errors import UserError
from tests.execute import ROOT


@pytest.fixture(scope="module")
def saved(few, tmp_path_factory):
    """The folder of an untrained network with its real figures, and both."""
    folder, network = tmp_path_factory.mktemp("saved"), model.build(model.COMPACT)
    results = {"seed": 0, "test": evaluation.evaluate(network, few.test).as_dict()}
    store.save(folder, "mine", model.COMPACT, network, results)
    return folder, network, results


def test_what_was_saved_is_loaded(saved, few):
    folder, network, results = saved
    loaded = store.load("mine", folder)
    ours, theirs = (each.predict(few.test.images, verbose=0) for each in (loaded.model, network))
    assert (ours == theirs).all()
    assert {name: loaded.results[name] for name in results} == results
    assert loaded.results["parameters"] == network.count_params()
    assert model.Recipe(**loaded.results["recipe"]) == model.COMPACT
    assert sorted(path.name for path in folder.iterdir()) == ["mine.json", "mine.keras"]


def describe(path, **recipe):
    path.write_text(json.dumps({**json.loads(path.read_text()), "recipe": recipe}))


DAMAGES = {
    "missing.keras": lambda path: path.unlink(),
    "truncated.keras": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "altered.keras": lambda path: path.write_bytes(path.read_bytes().replace(b"config", b"konfig")),
    "another's.keras": lambda path: model.build(model.COMPACT).save(path),
    "empty.json": lambda path: path.write_text(""),
    "no recipe.json": lambda path: path.write_text("{}"),
    "a list.json": lambda path: path.write_text("[]"),
    "unknown field.json": lambda path: describe(path, name="a", nonsense=1),
    "another size.json": lambda path: describe(path, name="a", filters=[8, 16]),
    "a text.json": lambda path: describe(path, name="a", units="many"),
    "no list.json": lambda path: describe(path, name="a", filters=5),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_bad_file_is_named(saved, tmp_path, how):
    folder, file = shutil.copytree(saved[0], tmp_path / "copy"), f"mine.{how.split('.')[1]}"
    DAMAGES[how](folder / file)
    with pytest.raises(UserError, match=file.replace(".", r"\.")):
        store.load("mine", folder)


@pytest.mark.parametrize("name", model.RECIPES)
def test_what_ships_is_as_good_as_recorded_and_as_on_jax(name, splits, few):
    network, results = store.load(name, ROOT / "saved_model")
    assert model.Recipe(**results["recipe"]) == model.RECIPES[name]
    report = evaluation.evaluate(network, splits.test)
    assert report.accuracy == pytest.approx(results["test"]["accuracy"], abs=3e-4)
    [record] = [seed for seed in results["seeds"] if seed["seed"] == results["seed"]]
    assert record["test"]["confusion"] == results["test"]["confusion"]
    losses = [seed["validation"]["loss"] for seed in results["seeds"]]
    assert record["validation"]["loss"] == min(losses)
    assert all(len(seed["history"]["loss"]) == 30 for seed in results["seeds"])
    jax = json.loads((ROOT / f"benchmarks/jax/{name}.json").read_text())
    assert jax["versions"]["backend"] == "jax"
    assert model.Recipe(**jax["recipe"]) == model.RECIPES[name]
    shares = [seed["validation"]["accuracy"] for seed in results["seeds"]]
    assert abs(jax["validation"]["accuracy"] - np.mean(shares)) <= 2 * np.std(shares, ddof=1)
    plain = keras.models.load_model(ROOT / f"saved_model/{name}.keras")
    ours, theirs = (each.predict(few.test.images, verbose=0) for each in (network, plain))
    assert (ours == theirs).all()
