import json

import numpy as np
import pytest

from fmnist_utils import evaluation, model, store, training
from fmnist_utils.errors import UserError


@pytest.fixture
def saved(few, tmp_path):
    """An untrained network stored with its real figures."""
    network = model.build(model.BASELINE)
    report = evaluation.evaluate(network, few.test)
    run = training.Run(network, {"val_loss": [1.0]}, 1)
    seeds = [store.seed_results(seed, run, report, report) for seed in (0, 1)]
    store.save(tmp_path, "mine", model.BASELINE, network, seeds, shipped_seed=1)
    return tmp_path, network, report


def test_what_was_saved_is_loaded(saved, few):
    folder, network, report = saved
    loaded, results = store.load("mine", folder)
    ours, theirs = (each.predict(few.test.images, verbose=0) for each in (loaded, network))
    assert (ours == theirs).all()
    assert results["parameters"] == 1_630_474
    assert results["test"]["accuracy"] == {"mean": report.accuracy, "standard_deviation": 0.0}
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


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": {"name": "mine", "filters": [8, 16]}},
        {"recipe": {"name": "mine", "units": "many"}},
        {"recipe": {"name": "mine", "filters": 5}},
        {"seeds": []},
        {"shipped_seed": 7},
    ],
)
def test_a_description_of_another_network_is_named(saved, change):
    folder, *_ = saved
    path = folder / "mine.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=r"mine\.json"):
        store.load("mine", folder)
