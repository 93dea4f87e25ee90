"""Recipes, the network, and the numbers that say how good it is."""

import json
from dataclasses import asdict, replace

import keras
import numpy as np
import pytest

from fmnist_utils import data, evaluation, model
from fmnist_utils.errors import UserError
from fmnist_utils.recipes import BASELINE, RECIPES, Recipe, recipe_named

BAD_VALUES = {
    "name": ["a/b", "", "..", None],
    "filters": [(), (1, 2, 3, 4, 5), 5],
    "pooling": [(2,), 5],
    "pool_first": [1, None],
    "batch_size": [0, 1.5, True, "3", 1_000_000],
    "epochs": [0, 1000, None],
    "learning_rate": [0, "1e-3", float("inf"), float("nan"), None],
    "schedule": ["Cosine", None],
    "weight_decay": [2, -1, float("nan")],
    "label_smoothing": [50, 1, -0.1],
    "augmentations": ["flip", None],
}
REFUSED_BY_KERAS = {"filters": (0, 2), "pooling": (1.5, 2), "units": 0, "dropout": 50}


@pytest.mark.parametrize("field", BAD_VALUES)
def test_a_bad_value_names_its_field(field):
    for value in BAD_VALUES[field]:
        recipe = asdict(BASELINE)
        recipe[field] = value
        with pytest.raises(UserError, match=f"^The recipe's {field} cannot be .*; give "):
            Recipe(**recipe)


@pytest.mark.parametrize("field", REFUSED_BY_KERAS)
def test_what_keras_refuses_is_one_sentence_too(field):
    recipe = asdict(BASELINE)
    recipe[field] = REFUSED_BY_KERAS[field]
    with pytest.raises(UserError, match=r"^Keras cannot build the recipe 'baseline' \(.*; "):
        model.build(Recipe(**recipe))


def test_numbers_of_numpy_and_lists_of_json_are_taken_and_unknown_names_are_not():
    numbers = replace(BASELINE, epochs=np.int64(30), filters=np.array([32, 64]))
    assert Recipe(**json.loads(json.dumps(asdict(numbers)))) == BASELINE
    with pytest.raises(UserError, match=r"'basline'.*baseline"):
        recipe_named("basline")


@pytest.fixture
def channels_first():
    """What a user's keras.json may say."""
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


def kinds_of_layers(network):
    return [type(layer).__name__ for layer in network.layers]


@pytest.mark.parametrize("name", RECIPES)
def test_a_network_scales_inside_whatever_keras_json_says(name, few, channels_first):
    network = model.build(RECIPES[name])
    assert network.layers[1].output.shape == (None, 28, 28, RECIPES[name].filters[0])
    scaled = few.test.images[:8].astype(np.float32) / 255
    for layer in network.layers[1:]:
        scaled = layer(scaled)
    raw = model.probabilities(network, few.test.images[:8])
    np.testing.assert_allclose(raw, scaled, atol=1e-6)


def test_the_baseline_is_the_original_to_the_letter():
    network = model.build(BASELINE)
    block = ["Conv2D", "BatchNormalization", "MaxPooling2D"]
    end = ["Flatten", "Dense", "Dropout", "Dense"]
    assert kinds_of_layers(network) == ["Rescaling"] + 2 * block + end
    assert network.count_params() == 1_630_474
    assert (BASELINE.batch_size, BASELINE.epochs, BASELINE.learning_rate) == (32, 30, 1e-3)
    assert (BASELINE.dropout, BASELINE.augmentations) == (0.5, ("flip",))


def test_pool_first_pools_before_normalising():
    kinds = kinds_of_layers(model.build(replace(BASELINE, pool_first=True)))
    assert kinds[1:4] == ["Conv2D", "MaxPooling2D", "BatchNormalization"]


class StandIn:
    """Answers as a network does, always the same."""

    input_shape = (None, 28, 28, 1)
    output_shape = (None, 10)

    def __init__(self, answers):
        self.remaining = answers

    def predict_on_batch(self, images):
        found = self.remaining[: len(images)]
        self.remaining = self.remaining[len(images) :]
        return found


def test_figures_against_those_worked_out_by_hand(few):
    """Right with probability 0.7, but the first 80 images get 0.4 for the next class."""
    labels = few.test.labels
    answers = np.full((320, 10), 0.3 / 9)
    answers[np.arange(320), labels] = 0.7
    answers[:80] = 0.6 / 9
    answers[np.arange(80), (labels[:80] + 1) % 10] = 0.4
    report = evaluation.evaluate(StandIn(answers), few.test)
    assert report.accuracy == 0.75
    assert report.thresholded_precision == 1.0  # nothing wrong is above 0.5
    assert report.calibration_error == pytest.approx(0.75 * 0.3 + 0.25 * 0.4, abs=1e-6)
    assert report.loss == pytest.approx(-0.75 * np.log(0.7) - 0.25 * np.log(0.6 / 9), abs=1e-4)
    confusion = np.array(report.confusion)
    counts = np.bincount(labels, minlength=10)
    wrong = np.bincount(labels[:80], minlength=10)
    assert (confusion.sum(axis=1) == counts).all()  # a row is a true class, a column an answer
    assert [confusion[label, (label + 1) % 10] for label in range(10)] == wrong.tolist()
    recalls = [report.per_class[name]["recall"] for name in data.CLASS_NAMES]
    assert recalls == pytest.approx(1 - wrong / counts)
    assert report.recall == pytest.approx(np.mean(recalls))
