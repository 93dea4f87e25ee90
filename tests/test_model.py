"""Recipes, the network, and the numbers that say how good it is."""

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from fmnist_utils import data, evaluation, model
from fmnist_utils.errors import UserError
from fmnist_utils.recipes import BASELINE, RECIPES, Recipe, recipe_named

BAD_VALUES = {
    "name": ["a/b", "", "..", None, 5, "-x"],
    "filters": [(), (1, 2, 3, 4, 5), 5, "ab", None],
    "pooling": [(2,), (2, 2, 2), 5, None],
    "pool_first": [1, None, "yes"],
    "batch_size": [0, 1.5, 32.0, True, "3", 1_000_000],
    "epochs": [0, 1.5, True, "3", None, 1000],
    "learning_rate": [0, -1, "1e-3", float("inf"), float("nan"), None],
    "schedule": ["Cosine", None, np.array(["cosine", "constant"])],
    "weight_decay": [2, -1, float("nan"), None],
    "label_smoothing": [50, 1, -0.1, float("nan"), "0.5"],
    "augmentations": ["flip", None],
}
REFUSED_BY_KERAS = {
    "filters": [(0, 2), (1.5, 2), (2, "2")],
    "pooling": [(0, 1), (1.5, 2)],
    "units": [0, 1.5, "3", None],
    "dropout": [50, -0.1, float("nan"), "0.5"],
}


@pytest.mark.parametrize("field", BAD_VALUES)
def test_a_bad_value_names_its_field(field):
    for value in BAD_VALUES[field]:
        with pytest.raises(UserError, match=f"^The recipe's {field} cannot be .*; give "):
            replace(BASELINE, **{field: value})


@pytest.mark.parametrize("field", REFUSED_BY_KERAS)
def test_what_keras_refuses_is_one_sentence_too(field):
    for value in REFUSED_BY_KERAS[field]:
        with pytest.raises(UserError, match=r"^Keras cannot build the recipe 'baseline' \(.*; "):
            model.build(replace(BASELINE, **{field: value}))


def test_numbers_of_numpy_and_lists_of_json_are_taken_and_unknown_names_are_not():
    recipe = replace(
        BASELINE,
        epochs=np.int64(1),
        dropout=np.float16(0.5),
        filters=np.array([32, 64]),
        pooling=[np.int32(2), 2],
        augmentations=["flip"],
    )
    assert recipe == replace(BASELINE, epochs=1)
    assert Recipe(**json.loads(json.dumps(asdict(recipe)))) == recipe
    with pytest.raises(UserError, match=r"'basline'.*baseline"):
        recipe_named("basline")


def test_a_third_convolution_is_one_line(few):
    network = model.build(replace(BASELINE, filters=(32, 64, 128), pooling=(2, 2, 2)))
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds.count("Conv2D") == kinds.count("MaxPooling2D") == 3
    assert model.probabilities(network, few.test.images).shape == (320, 10)


@pytest.fixture
def channels_first():
    """What a user's keras.json may say."""
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_the_original_s_shape_and_scales_inside(name, few, channels_first):
    recipe = RECIPES[name]
    network = model.build(recipe)
    kinds = [type(layer).__name__ for layer in network.layers]
    assert (kinds.count("Conv2D"), kinds.count("Dense")) == (2, 2)
    assert network.layers[1].output.shape == (None, 28, 28, recipe.filters[0])
    assert recipe.epochs <= 30
    scaled = few.test.images[:8].astype(np.float32) / 255
    for layer in network.layers[1:]:
        scaled = layer(scaled)
    raw = network.predict(few.test.images[:8], verbose=0)
    np.testing.assert_allclose(raw, scaled, atol=1e-6)


def test_the_baseline_is_the_original_to_the_letter():
    network = model.build(BASELINE)
    kinds = [type(layer).__name__ for layer in network.layers]
    block = ["Conv2D", "BatchNormalization", "MaxPooling2D"]
    assert kinds == ["Rescaling", *block, *block, "Flatten", "Dense", "Dropout", "Dense"]
    assert network.count_params() == 1_630_474
    assert (BASELINE.batch_size, BASELINE.epochs, BASELINE.learning_rate) == (32, 30, 1e-3)
    assert (BASELINE.dropout, BASELINE.augmentations) == (0.5, ("flip",))
    assert model.build(RECIPES["improved"]).count_params() <= 1_630_474
    assert model.build(RECIPES["compact"]).count_params() <= 100_000


def stand_in(answers):
    """Return what answers as a network does, always the same."""

    def answer(images):
        assert len(images) <= len(answers)
        found = answers[stand_in.start : stand_in.start + len(images)]
        stand_in.start += len(images)
        return found

    stand_in.start = 0
    shapes = {"input_shape": (None, 28, 28, 1), "output_shape": (None, 10)}
    return SimpleNamespace(predict_on_batch=answer, **shapes)


def test_figures_against_those_worked_out_by_hand_and_nan_is_named(few):
    """Right with probability 0.7, but the first 80 images get 0.4 for the next class."""
    labels = few.test.labels
    answers = np.full((320, 10), 0.3 / 9)
    answers[np.arange(320), labels] = 0.7
    answers[:80] = 0.6 / 9
    answers[np.arange(80), (labels[:80] + 1) % 10] = 0.4
    report = evaluation.evaluate(stand_in(answers), few.test)
    assert report.accuracy == 0.75
    assert report.thresholded_precision == 1.0  # nothing wrong is above 0.5
    assert report.calibration_error == pytest.approx(0.75 * 0.3 + 0.25 * 0.4, abs=1e-6)
    assert report.loss == pytest.approx(-0.75 * np.log(0.7) - 0.25 * np.log(0.6 / 9), abs=1e-4)
    assert "probabilities" not in report.as_dict()

    confusion = np.array(report.confusion)
    counts = np.bincount(labels, minlength=10)
    wrong = np.bincount(labels[:80], minlength=10)
    assert (confusion.sum(axis=1) == counts).all()  # a row is a true class, a column an answer
    assert [confusion[label, (label + 1) % 10] for label in range(10)] == wrong.tolist()
    recalls = [report.per_class[name]["recall"] for name in data.CLASS_NAMES]
    assert recalls == pytest.approx(1 - wrong / counts)
    assert report.recall == pytest.approx(np.mean(recalls))
    answers[0, 0] = np.nan
    with pytest.raises(UserError, match="NaN"):
        evaluation.evaluate(stand_in(answers), few.test)
