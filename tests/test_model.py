"""The network: its recipe, its figures, and the files that it is kept in."""

import json
import shutil
import zipfile
from dataclasses import asdict, replace
from itertools import product
from resource import RLIMIT_FSIZE, getrlimit, setrlimit
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from fmnist_utils import data, evaluation, model, store
from fmnist_utils.errors import UserError
from tests.execute import ROOT

BAD_VALUES = {
    "name": ["a/b", "", "..", None, 5, "-x", "a b"],
    "filters pooling": [(1, 2, 3), (2,), 5, (0, 1), (1.5, 2), (2, "2"), "ab", None, (2, 30_000)],
    "pool_first": [1, None, "yes"],
    "units batch_size epochs": [0, -1, 1.5, 1e3, 32.0, True, "3", None],
    "units batch_size": [1_000_000],
    "epochs": [1000],
    "dropout label_smoothing": [50, 1, -0.1, float("nan"), "0.5"],
    "learning_rate weight_decay": [-1, "1e-3", float("inf"), float("nan"), None],
    "learning_rate": [0],
    "weight_decay": [2],
    "schedule": ["Cosine", None, ["cosine"], np.array(["cosine", "constant"])],
    "augmentations": ["flip", ("flop",), None, (["flip"],)],
}
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
    "huge.json": lambda path: describe(path, name="a", units=1_000_000),
}


def test_the_recipes_have_the_original_s_shape_and_size_and_scale_inside(few, request):
    """And the same layout, whatever a user's keras.json says."""
    request.addfinalizer(lambda: keras.config.set_image_data_format("channels_last"))
    keras.config.set_image_data_format("channels_first")
    for name, most in (("improved", 1_630_474), ("compact", 100_000), ("baseline", 1_630_474)):
        recipe, network = model.RECIPES[name], model.build(model.RECIPES[name])
        kinds = [type(layer).__name__ for layer in network.layers]
        assert (kinds.count("Conv2D"), kinds.count("Dense")) == (2, 2)
        assert {getattr(layer, "kernel_size", (3, 3)) for layer in network.layers} == {(3, 3)}
        assert network.layers[1].output.shape == (None, 28, 28, recipe.filters[0])
        assert network.count_params() <= most
        assert recipe.epochs <= 30
        scaled = few.test.images[:8].astype(np.float32) / 255
        for layer in network.layers[1:]:
            scaled = layer(scaled)
        raw = network.predict(few.test.images[:8], verbose=0)
        np.testing.assert_allclose(raw, scaled, atol=1e-6)
    # The last, the baseline, is the original to the letter.
    assert network.count_params() == most
    block = ["Conv2D", "BatchNormalization", "MaxPooling2D"]
    assert kinds == ["Rescaling", *block, *block, "Flatten", "Dense", "Dropout", "Dense"]
    assert (recipe.batch_size, recipe.epochs, recipe.learning_rate) == (32, 30, 1e-3)
    assert (recipe.dropout, recipe.augmentations) == (0.5, ("flip",))


@pytest.mark.parametrize("fields", BAD_VALUES)
def test_a_bad_value_names_its_field(fields):
    for field, value in product(fields.split(), BAD_VALUES[fields]):
        with pytest.raises(UserError, match=f"^The recipe's {field} cannot be .*; give "):
            replace(model.BASELINE, **{field: value})


def test_numbers_of_numpy_and_lists_of_json_are_taken_and_unknown_names_are_not():
    values = {"epochs": np.int64(1), "dropout": np.float16(0.5), "filters": np.array([32, 64])}
    values |= {"pooling": [np.int32(2), 2], "augmentations": ["flip"]}
    recipe = replace(model.BASELINE, **values)
    assert recipe == replace(model.BASELINE, epochs=1)
    assert model.Recipe(**json.loads(json.dumps(asdict(recipe)))) == recipe
    with pytest.raises(UserError, match=r"'basline'.*baseline"):
        model.recipe_named("basline")


def test_figures_against_those_worked_out_by_hand_and_nan_is_named(few):
    """Right with probability 0.7 but for the first 80 images, classified as the next class at 0.4.

    The mirror image of the first 40 of those is right, so sure that the mean is right too.
    """
    images, labels = few.test
    probabilities = np.full((320, 10), 0.3 / 9)
    probabilities[np.arange(320), labels] = 0.7
    mirrored = probabilities.copy()
    probabilities[:80] = mirrored[40:80] = 0.6 / 9
    probabilities[np.arange(80), (labels[:80] + 1) % 10] = 0.4
    mirrored[np.arange(40, 80), (labels[40:80] + 1) % 10] = 0.4

    seen = [image.tobytes() for image in (*images, *images[:, :, ::-1])]
    answers = dict(zip(seen, [*probabilities, *mirrored], strict=True))

    def answer(given):
        return np.float32([answers[image.tobytes()] for image in given])

    shapes = {"input_shape": (None, 28, 28, 1), "output_shape": (None, 10)}
    network = SimpleNamespace(predict_on_batch=answer, **shapes)
    report = evaluation.evaluate(network, few.test)
    assert report.accuracy == 0.75
    assert report.mirrored_accuracy == 280 / 320
    assert report.thresholded_precision == 1.0  # nothing wrong is above 0.5
    assert report.calibration_error == pytest.approx(0.75 * 0.3 + 0.25 * 0.4, abs=1e-6)
    assert report.loss == pytest.approx(-0.75 * np.log(0.7) - 0.25 * np.log(0.6 / 9), abs=1e-4)
    assert set(report.as_dict()) == set(vars(report)) - {"probabilities"}

    confusion = np.array(report.confusion)
    counts, wrong = (np.bincount(each, minlength=10) for each in (labels, labels[:80]))
    assert (confusion.sum(axis=1) == counts).all()  # a row is a true class, a column an answer
    assert [confusion[label, (label + 1) % 10] for label in range(10)] == wrong.tolist()
    recall = 1 - wrong / counts
    assert [report.per_class[name]["recall"] for name in data.CLASS_NAMES] == pytest.approx(recall)
    assert report.recall == pytest.approx(recall.mean())
    probabilities[0, 0] = np.nan
    with pytest.raises(UserError, match="NaN"):
        evaluation.evaluate(network, few.test)


def test_what_was_saved_is_loaded(few, tmp_path):
    network = model.build(model.COMPACT)
    results = {"seed": 0, "test": evaluation.evaluate(network, few.test).as_dict()}
    store.save(tmp_path, "mine", model.COMPACT, network, results)
    loaded = store.load("mine", tmp_path)
    ours, theirs = (each.predict(few.test.images, verbose=0) for each in (loaded.model, network))
    assert (ours == theirs).all()
    assert {name: loaded.results[name] for name in results} == results
    assert loaded.results["parameters"] == network.count_params()
    assert model.Recipe(**loaded.results["recipe"]) == model.COMPACT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.json", "mine.keras"]


def test_a_model_is_found_by_its_file_s_name_too():
    assert store.load("compact.keras", ROOT / "saved_model").results["name"] == "compact"


def test_where_a_network_cannot_be_saved_what_was_there_stays(tmp_path):
    """A limit on the size of files stands in for a full disk: the write fails in the same way."""
    network = model.build(model.COMPACT)
    store.save(tmp_path, "mine", model.COMPACT, network, {"seed": 1})
    kept, limits = {path: path.read_bytes() for path in tmp_path.iterdir()}, getrlimit(RLIMIT_FSIZE)
    for results, limit in (({}, 100_000), ({}, 0), ({"a": float("nan")}, limits[0])):
        setrlimit(RLIMIT_FSIZE, (limit, limits[1]))
        try:
            with pytest.raises(UserError, match=r"^.*/mine cannot be saved \(.*\); use .*\.$"):
                store.save(tmp_path, "mine", model.COMPACT, network, results)
        finally:
            setrlimit(RLIMIT_FSIZE, limits)
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == kept


def describe(path, **recipe):
    path.write_text(json.dumps({**json.loads(path.read_text()), "recipe": recipe}))


@pytest.mark.parametrize("how", DAMAGES)
def test_a_bad_file_is_named(tmp_path, how):
    for kind in ("keras", "json"):
        shutil.copy(ROOT / f"saved_model/compact.{kind}", tmp_path)
    file = f"compact.{how.split('.')[1]}"
    DAMAGES[how](tmp_path / file)
    with pytest.raises(UserError, match=file.replace(".", r"\.")):
        store.load("compact", tmp_path)


def zipped(path, weights):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", "{}")
        if weights is not None:
            file.writestr("model.weights.h5", weights)


def with_a_weight(path, value):
    network = model.build(model.COMPACT)
    network.weights[0].assign(network.weights[0] * value)
    network.save(path)


CONTENTS = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "no zip file": lambda path: path.write_bytes(b"no zip file" * 1000),
    "without weights": lambda path: zipped(path, None),
    "with empty weights": lambda path: zipped(path, b""),
    "with other weights": lambda path: zipped(path, b"other weights" * 1000),
    "another network": lambda path: model.build(model.IMPROVED).save(path),
    "with NaN": lambda path: with_a_weight(path, np.nan),
    "with infinity": lambda path: with_a_weight(path, np.inf),
}


@pytest.mark.parametrize("how", CONTENTS)
def test_a_file_that_is_described_but_no_network_is_named(tmp_path, how):
    path = tmp_path / "compact.keras"
    for kind in ("keras", "json"):
        shutil.copy(ROOT / f"saved_model/compact.{kind}", tmp_path)
    CONTENTS[how](path)
    about = json.loads(path.with_suffix(".json").read_text()) | {"sha256": store.file_hash(path)}
    path.with_suffix(".json").write_text(json.dumps(about))
    with pytest.raises(UserError, match=r"^.*compact.keras is not what .* describes \(.*\); .*\.$"):
        store.load("compact", tmp_path)


@pytest.mark.parametrize("name", model.RECIPES)
def test_what_ships_is_as_good_as_recorded_and_as_on_jax(name, splits, few):
    network, results = store.load(name, ROOT / "saved_model")
    assert model.Recipe(**results["recipe"]) == model.RECIPES[name]
    report = evaluation.evaluate(network, splits.test)
    assert report.accuracy == pytest.approx(results["test"]["accuracy"], abs=3e-4)
    best = min(results["seeds"], key=lambda seed: seed["validation"]["loss"])
    assert best["seed"] == results["seed"]
    assert best["test"]["confusion"] == results["test"]["confusion"]
    assert all(len(seed["history"]["loss"]) == 30 for seed in results["seeds"])
    jax = json.loads((ROOT / f"benchmarks/jax/{name}.json").read_text())
    assert jax["versions"]["backend"] == "jax"
    assert model.Recipe(**jax["recipe"]) == model.RECIPES[name]
    shares = [seed["validation"]["accuracy"] for seed in results["seeds"]]
    assert abs(jax["validation"]["accuracy"] - np.mean(shares)) <= 2 * np.std(shares, ddof=1)
    plain = keras.models.load_model(ROOT / f"saved_model/{name}.keras")
    ours, theirs = (each.predict(few.test.images, verbose=0) for each in (network, plain))
    assert (ours == theirs).all()
