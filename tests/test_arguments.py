"""Whatever `train`, `evaluate`, `save` and `load` are given: one sentence, or what was meant."""

import keras
import numpy as np
import pytest

from docs.execute import ROOT
from fmnist_utils import evaluation, photos, store, training
from fmnist_utils.errors import UserError
from fmnist_utils.recipes import BASELINE, COMPACT
from tests.conftest import SHORT

BAD_VALUES = [None, -1, float("nan"), [[None]], np.zeros((5, 28, 28, 1))]


def expect_refusals(function, good):
    """Check that each bad value, in place of each good one, is refused in one sentence."""
    for place in range(len(good)):
        for value in BAD_VALUES:
            arguments = list(good)
            arguments[place] = value
            with pytest.raises(UserError, match=r"^\S.*[^.]\.$"):
                function(*arguments)


def test_each_argument_of_each_function_is_checked(few, tmp_path):
    network = store.load("compact", ROOT / "saved_model").model
    expect_refusals(training.train, [SHORT, few, tmp_path, 0])
    expect_refusals(evaluation.evaluate, [network, few.test])
    expect_refusals(store.save, [tmp_path, "mine", COMPACT, network, {}])
    expect_refusals(store.load, ["compact", ROOT / "saved_model"])
    with pytest.raises(UserError, match=r"^The model cannot be .*; give "):
        store.save(tmp_path, "mine", BASELINE, network, {})
    assert not list(tmp_path.iterdir())


def network_of(classes, activation, value):
    constant = keras.initializers.Constant(value)
    dense = keras.layers.Dense(classes, activation, kernel_initializer=constant)
    return keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), dense])


NETWORKS = {
    "not built": keras.Sequential([keras.layers.Dense(10)]),
    "of five classes": network_of(5, "softmax", 0.0),
    "without probabilities": network_of(10, None, 0.0),
    "of NaN": network_of(10, "softmax", float("nan")),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_that_gives_no_answers_is_named(few, kind):
    sentence = r"^The (model cannot be|network's answers are) .*; .*\.$"
    with pytest.raises(UserError, match=sentence):
        evaluation.evaluate(NETWORKS[kind], few.test)
    with pytest.raises(UserError, match=sentence):
        photos.classify(NETWORKS[kind], few.test.images[0])
