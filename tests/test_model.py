import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from fmnist_utils import model
from fmnist_utils.errors import UserError
from tests.conftest import run_python


def test_the_recipes_have_the_original_s_shape_and_no_more_parameters():
    """Baseline is the original to the letter."""
    networks = {name: model.build(recipe) for name, recipe in model.RECIPES.items()}
    assert networks["baseline"].count_params() == 1_630_474
    assert [type(layer).__name__ for layer in networks["baseline"].layers] == [
        "Rescaling",
        *("Conv2D", "BatchNormalization", "MaxPooling2D") * 2,
        *("Flatten", "Dense", "Dropout", "Dense"),
    ]
    recipe = model.BASELINE
    assert (recipe.batch_size, recipe.epochs, recipe.learning_rate) == (32, 30, 1e-3)
    assert (recipe.dropout, recipe.augmentations) == (0.5, ("flip",))
    for name, most in (("improved", 1_630_474), ("compact", 100_000)):
        kinds = [type(layer).__name__ for layer in networks[name].layers]
        assert (kinds.count("Conv2D"), kinds.count("Dense")) == (2, 2)
        convolutions = [layer for layer in networks[name].layers if hasattr(layer, "filters")]
        assert all(layer.kernel_size == (3, 3) for layer in convolutions)
        assert networks[name].count_params() <= most
        assert model.RECIPES[name].epochs <= 30


def test_the_scaling_is_inside(few):
    """Raw pixels and the same ones, scaled before and not inside, give the same answer."""
    network = model.build(model.COMPACT)
    scaled = few.test.images[:8].astype(np.float32) / 255
    for layer in network.layers[1:]:
        scaled = layer(scaled)
    raw = network.predict(few.test.images[:8], verbose=0)
    np.testing.assert_allclose(raw, scaled, atol=1e-6)


def test_the_layout_is_the_same_whatever_keras_json_says(tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps({"image_data_format": "channels_first"}))
    code = "import keras; from fmnist_utils import store; model = store.load('compact').model; "
    code += "print(keras.config.image_data_format(), model.layers[1].output.shape)"
    printed = run_python(code, KERAS_HOME=str(tmp_path)).stdout
    assert printed.split("\n")[0] == "channels_first (None, 28, 28, 32)"


BAD_VALUES = {
    "name": ["a/b", "", "..", None, 5, "-x", "a b"],
    "filters": [(1, 2, 3), 5, (0, 1), (1.5, 2), "ab", None],
    "pooling": [(2,), (2, "2")],
    "pool_first": [1, None, "yes"],
    "units": [0, 1e3, True],
    "dropout": [50, 1, -0.1, float("nan"), "0.5"],
    "batch_size": [0, 32.0, True, "32"],
    "epochs": [0, -1, 1.5, "3", 1000, None],
    "learning_rate": [0, -1, "1e-3", float("inf"), float("nan")],
    "schedule": ["Cosine", None, ["cosine"]],
    "weight_decay": [-1, None],
    "label_smoothing": [1, "0.1"],
    "augmentations": ["flip", ("flop",), None, (["flip"],)],
}


@pytest.mark.parametrize("field", BAD_VALUES)
def test_a_bad_value_names_its_field(field):
    for value in BAD_VALUES[field]:
        with pytest.raises(UserError, match=f"^The recipe's {field} is .*; give "):
            replace(model.BASELINE, **{field: value})


def test_numbers_of_numpy_and_lists_of_json_are_taken_and_unknown_names_are_not():
    values = {"epochs": np.int64(1), "dropout": np.float64(0.5), "filters": [np.int32(32), 64]}
    recipe = replace(model.BASELINE, **values)
    assert recipe == replace(model.BASELINE, epochs=1)
    assert model.Recipe(**json.loads(json.dumps(asdict(recipe)))) == recipe
    with pytest.raises(UserError, match=r"'basline'.*baseline"):
        model.recipe_named("basline")
