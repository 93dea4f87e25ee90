"""Every number that says how good a network is."""

from dataclasses import dataclass

import keras
import numpy as np
from sklearn import metrics

from fmnist_utils.batches import one_hot
from fmnist_utils.data import CLASS_NAMES, NONE, check
from fmnist_utils.errors import UserError
from fmnist_utils.model import probabilities

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Report:
    """How a network does on one split; shares are between 0 and 1, the loss is in nats."""

    loss: float
    accuracy: float
    precision: float  # this, recall and F1 are means over the ten classes (macro)
    recall: float
    f1: float
    thresholded_precision: float  # of the predictions above 0.5, the share that is right
    calibration_error: float  # see `calibration_error`
    per_class: dict  # for each class its precision, recall, F1 score and number of images
    confusion: list  # confusion[t][p]: how many images of class t are classified as p
    probabilities: np.ndarray  # float32 (N, 10)

    def as_dict(self):
        """Return what goes into JSON: everything but the probabilities."""
        values = vars(self).copy()
        del values["probabilities"]
        return values


def evaluate(model, split) -> Report:
    """Measure `model` on `split`; raise UserError where that cannot be done."""
    check(split)
    labels = split.labels
    if NONE in labels:
        raise UserError("The split has images of none of the classes; give `data.known(split)`.")
    answers = probabilities(model, split.images)
    predicted = answers.argmax(axis=1)
    classes = range(len(CLASS_NAMES))
    per_class = metrics.classification_report(
        labels,
        predicted,
        labels=classes,
        target_names=CLASS_NAMES,
        output_dict=True,
        zero_division=0,
    )
    mean = per_class["macro avg"]
    smallest = np.finfo(np.float32).tiny  # as the logarithm of 0 is not finite
    of_label = np.maximum(answers[np.arange(len(labels)), labels], smallest)
    return Report(
        loss=float(-np.log(of_label).mean()),
        accuracy=float((predicted == labels).mean()),
        precision=float(mean["precision"]),
        recall=float(mean["recall"]),
        f1=float(mean["f1-score"]),
        thresholded_precision=float(keras.metrics.Precision()(one_hot(labels), answers)),
        calibration_error=calibration_error(answers.max(axis=1), predicted == labels),
        per_class={name: per_class[name] for name in CLASS_NAMES},
        confusion=metrics.confusion_matrix(labels, predicted, labels=classes).tolist(),
        probabilities=answers,
    )


def calibration_error(confidence, right):
    """Return the expected calibration error, over 15 bins of equal width (arXiv 1706.04599).

    It is the mean distance between `confidence` (N,), the largest probability of each answer, and
    the share of answers that are `right`, bool (N,), weighted by the number of answers in a bin.
    """
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    error = 0.0
    for number in range(CALIBRATION_BINS):
        inside = bins == number
        if inside.any():
            distance = abs(right[inside].mean() - confidence[inside].mean())
            error += distance * inside.mean()
    return float(error)
