import numpy as np
import pytest

from fmnist_utils import model
from fmnist_utils.errors import UserError


def test_baseline_is_the_original_to_the_letter():
    network = model.build(model.BASELINE)
    assert network.count_params() == 1_630_474
    assert [type(layer).__name__ for layer in network.layers] == [
        "Rescaling",
        *("Conv2D", "BatchNormalization", "MaxPooling2D") * 2,
        *("Flatten", "Dense", "Dropout", "Dense"),
    ]
    recipe = model.BASELINE
    assert (recipe.batch_size, recipe.epochs, recipe.learning_rate) == (32, 30, 1e-3)
    assert (recipe.dropout, recipe.augmentations) == (0.5, ("flip",))


def test_raw_pixels_in_probabilities_out(few):
    probabilities = model.build(model.BASELINE).predict(few.test.images, verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_an_unknown_recipe_is_named_with_the_known_ones():
    with pytest.raises(UserError, match=r"'basline'.*baseline"):
        model.recipe_named("basline")
