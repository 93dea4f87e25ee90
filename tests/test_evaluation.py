import numpy as np
import pytest

from fmnist_utils import data, evaluation
from fmnist_utils.errors import UserError


class Fixed:
    """A network that answers with the given probabilities of each image, mirrored or not."""

    def __init__(self, images, probabilities, mirrored):
        both = [*zip(images, probabilities, strict=True)]
        both += zip(images[:, :, ::-1], mirrored, strict=True)
        self.answers = {image.tobytes(): answer for image, answer in both}

    def predict(self, images, **_):
        return np.float32([self.answers[image.tobytes()] for image in images])


@pytest.fixture(scope="module")
def report(few):
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
    return evaluation.evaluate(Fixed(images, probabilities, mirrored), few.test)


def test_figures_against_those_worked_out_by_hand(report):
    assert report.accuracy == 0.75
    assert report.mirrored_accuracy == 280 / 320
    assert report.thresholded_precision == 1.0  # nothing wrong is above 0.5
    assert report.calibration_error == pytest.approx(0.75 * 0.3 + 0.25 * 0.4, abs=1e-6)
    assert report.loss == pytest.approx(-0.75 * np.log(0.7) - 0.25 * np.log(0.6 / 9), abs=1e-4)


def test_confusion_counts_true_rows_and_predicted_columns(report, few):
    confusion = np.array(report.confusion)
    wrong = np.bincount(few.test.labels[:80], minlength=10)
    assert (confusion.sum(axis=1) == np.bincount(few.test.labels, minlength=10)).all()
    assert [confusion[label, (label + 1) % 10] for label in range(10)] == wrong.tolist()
    recall = confusion.diagonal() / confusion.sum(axis=1)
    assert [report.per_class[name]["recall"] for name in data.CLASS_NAMES] == pytest.approx(recall)
    assert report.recall == pytest.approx(recall.mean())


def test_json_leaves_out_the_probabilities_alone(report):
    assert set(report.as_dict()) == set(vars(report)) - {"probabilities"}


def test_a_network_that_answers_nan_is_named(few):
    nothing = np.full((320, 10), np.nan)
    with pytest.raises(UserError, match="NaN"):
        evaluation.evaluate(Fixed(few.test.images, nothing, nothing), few.test)
