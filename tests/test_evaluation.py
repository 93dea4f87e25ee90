from types import SimpleNamespace

import numpy as np
import pytest

from fmnist_utils import data, evaluation
from fmnist_utils.errors import UserError


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

    def predict(given, **_):
        return np.float32(probabilities if np.array_equal(given, images) else mirrored)

    report = evaluation.evaluate(SimpleNamespace(predict=predict), few.test)
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
        evaluation.evaluate(SimpleNamespace(predict=predict), few.test)
