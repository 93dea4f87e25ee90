import numpy as np
import pytest

from fmnist_utils import data, evaluation
from fmnist_utils.errors import UserError


class Fixed:
    """A network that answers with given probabilities, whatever it is shown."""

    def __init__(self, probabilities):
        self.probabilities = np.asarray(probabilities, np.float32)

    def predict(self, images, batch_size, verbose):
        return self.probabilities


@pytest.fixture(scope="module")
def report(few):
    """Right with probability 0.7 but for the first 80 images, called the next class with 0.4."""
    labels = few.test.labels
    probabilities = np.full((320, 10), 0.3 / 9)
    probabilities[np.arange(320), labels] = 0.7
    probabilities[:80] = 0.6 / 9
    probabilities[np.arange(80), (labels[:80] + 1) % 10] = 0.4
    return evaluation.evaluate(Fixed(probabilities), few.test)


def test_figures_against_those_worked_out_by_hand(report):
    assert report.accuracy == 0.75
    assert report.mirrored_accuracy == 0.75
    assert report.thresholded_precision == 1.0  # nothing wrong is above 0.5
    assert report.calibration_error == pytest.approx(0.75 * 0.3 + 0.25 * 0.4, abs=1e-6)
    assert report.loss == pytest.approx(-0.75 * np.log(0.7) - 0.25 * np.log(0.6 / 9), abs=1e-4)


def test_confusion_counts_true_rows_and_predicted_columns(report, few):
    confusion = np.array(report.confusion)
    wrong = np.bincount(few.test.labels[:80], minlength=10)
    assert (confusion.sum(axis=1) == np.bincount(few.test.labels, minlength=10)).all()
    assert [confusion[label, (label + 1) % 10] for label in range(10)] == wrong.tolist()
    true, predicted, count = evaluation.most_confused(confusion)[0]
    assert count == wrong.max()
    assert predicted == data.CLASS_NAMES[(data.CLASS_NAMES.index(true) + 1) % 10]


def test_json_leaves_out_the_probabilities_alone(report):
    assert set(report.as_dict()) == set(vars(report)) - {"probabilities"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda images: images / 255, "float64"),
        (lambda images: images[..., 0], r"\(320, 28, 28\)"),
        (lambda images: np.full(images.shape, np.nan), "NaN"),
        (lambda images: images[:5], r"5 images and labels of shape \(320,\)"),
    ],
)
def test_bad_images_are_named(few, change, sentence):
    with pytest.raises(UserError, match=sentence):
        evaluation.evaluate(Fixed([]), data.Split(change(few.test.images), few.test.labels))


@pytest.mark.parametrize("change", [lambda y: y - 9, lambda y: y + 9, lambda y: y / 2])
def test_bad_labels_are_named(few, change):
    with pytest.raises(UserError, match="whole numbers from 0 to 9"):
        evaluation.evaluate(Fixed([]), data.Split(few.test.images, change(few.test.labels)))


def test_improvements_are_what_is_gained_with_each():
    accuracies = {
        "the recipe": 0.93,
        "without shift": 0.92,
        "with gaussian_noise": 0.925,
        "with salt_and_pepper": 0.931,
        "with tone": 0.93,
        "constant learning rate": 0.90,
    }
    in_full = {"the recipe": 0.94, "without shift": 0.92}
    ablation = {
        f"compact, {epochs} epochs": {
            "rows": [{"change": c, "accuracy": a} for c, a in run.items()]
        }
        for epochs, run in ((10, accuracies), (30, in_full))
    }
    rates = [(1e-2, 0.2), (1e-3, 0.91), (3e-4, 0.92)]
    rates = [{"learning_rate": rate, "validation_accuracy": share} for rate, share in rates]
    tests = {"baseline": 0.92, "improved": 0.94, "compact": 0.93}
    results = [{"name": n, "test": {"accuracy": {"mean": a}}} for n, a in tests.items()]
    rows = evaluation.improvements(ablation, rates, results)
    brought = {row["improvement"]: row["brought"] for row in rows}
    assert list(brought.values()) == [
        *("+1.00%", "+2.00%", "-0.50%", "+0.10%", "+0.00%"),
        *("+3.00%", "+1.00%", "+1.00%", "+2.00%"),
    ]
    assert "the best constant one, 0.0003, for 0.001" in brought
