import json

import keras
import numpy as np
import pytest

from fmnist_utils import evaluation, model, store
from fmnist_utils.errors import UserError
from tests.execute import ROOT


@pytest.fixture
def saved(few, tmp_path):
    """An untrained network stored with its real figures."""
    network = model.build(model.COMPACT)
    results = {"seed": 0, "test": evaluation.evaluate(network, few.test).as_dict()}
    store.save(tmp_path, "mine", model.COMPACT, network, results)
    return tmp_path, network, results


def test_what_was_saved_is_loaded(saved, few):
    folder, network, results = saved
    loaded = store.load("mine", folder)
    ours, theirs = (each.predict(few.test.images, verbose=0) for each in (loaded.model, network))
    assert (ours == theirs).all()
    assert {name: loaded.results[name] for name in results} == results
    assert loaded.results["parameters"] == network.count_params()
    assert model.Recipe(**loaded.results["recipe"]) == model.COMPACT
    assert sorted(path.name for path in folder.iterdir()) == ["mine.json", "mine.keras"]


@pytest.mark.parametrize("how", ["missing", "truncated", "altered", "another's"])
def test_a_bad_file_is_named(saved, how):
    folder, network, _ = saved
    path = folder / "mine.keras"
    content = path.read_bytes()
    if how == "missing":
        path.unlink()
    if how == "truncated":
        path.write_bytes(content[:-100])
    if how == "altered":
        path.write_bytes(content[:1000] + b"x" + content[1001:])
    if how == "another's":
        network.set_weights([np.zeros_like(array) for array in network.get_weights()])
        network.save(path)
    with pytest.raises(UserError, match=r"mine\.keras"):
        store.load("mine", folder)


@pytest.mark.parametrize("content", ["", "[]", json.dumps({"recipe": {"nonsense": 1}})])
def test_a_bad_description_is_named(saved, content):
    folder, *_ = saved
    (folder / "mine.json").write_text(content)
    with pytest.raises(UserError, match=r"mine\.json"):
        store.load("mine", folder)


@pytest.mark.parametrize("change", [{"filters": [8, 16]}, {"units": "many"}, {"filters": 5}])
def test_a_description_of_another_network_is_named(saved, change):
    folder, *_ = saved
    path = folder / "mine.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "recipe": {"name": "a", **change}}))
    with pytest.raises(UserError, match=r"mine\.json"):
        store.load("mine", folder)


@pytest.mark.parametrize("name", model.RECIPES)
def test_what_ships_is_what_the_recipes_say_and_as_good_as_recorded(name, splits):
    network, results = store.load(name, ROOT / "saved_model")
    assert model.Recipe(**results["recipe"]) == model.RECIPES[name]
    report = evaluation.evaluate(network, splits.test)
    assert report.accuracy == pytest.approx(results["test"]["accuracy"], abs=3e-4)
    [record] = [seed for seed in results["seeds"] if seed["seed"] == results["seed"]]
    assert record["test"]["confusion"] == results["test"]["confusion"]
    losses = [seed["validation"]["loss"] for seed in results["seeds"]]
    assert record["validation"]["loss"] == min(losses)
    assert all(len(seed["history"]["loss"]) == 30 for seed in results["seeds"])


@pytest.mark.parametrize("name", model.RECIPES)
def test_plain_keras_opens_the_shipped_files(name, few):
    plain = keras.models.load_model(ROOT / f"saved_model/{name}.keras")
    shipped = store.load(name, ROOT / "saved_model").model
    images = few.test.images
    assert (plain.predict(images, verbose=0) == shipped.predict(images, verbose=0)).all()
