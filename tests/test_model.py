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


@pytest.mark.parametrize(
    ("recipe", "most"), [(model.IMPROVED, 1_630_474), (model.COMPACT, 100_000)]
)
def test_the_better_ones_have_the_same_shape_and_no_more_parameters(recipe, most):
    network = model.build(recipe)
    kinds = [type(layer).__name__ for layer in network.layers]
    assert (kinds.count("Conv2D"), kinds.count("Dense")) == (2, 2)
    assert all(layer.kernel_size == (3, 3) for layer in network.layers if hasattr(layer, "filters"))
    assert network.count_params() <= most
    assert recipe.epochs <= 30


def test_raw_pixels_in_probabilities_out(few):
    probabilities = model.build(model.BASELINE).predict(few.test.images, verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_an_unknown_recipe_is_named_with_the_known_ones():
    with pytest.raises(UserError, match=r"'basline'.*baseline"):
        model.recipe_named("basline")
