"""Every number that says how good a network is."""

from dataclasses import dataclass

import keras
import numpy as np
from sklearn import metrics

from fmnist_utils.data import CLASS_NAMES, check
from fmnist_utils.model import probabilities


@dataclass(frozen=True)
class Report:
    """How a network does on one split; shares are between 0 and 1, the loss is in nats."""

    loss: float
    accuracy: float
    precision: float  # this, recall and F1 are means over the ten classes (macro)
    recall: float
    f1: float
    thresholded_precision: float  # of the probabilities above 0.5, the share that is right
    calibration_error: float  # expected, over 15 bins (arXiv 1706.04599)
    mirrored_accuracy: float  # of the mean of the answers to an image and its mirror image
    per_class: dict
    confusion: list  # [t][p]: how many images of class t are classified as p
    probabilities: np.ndarray  # float32 (N, 10)

    def as_dict(self):
        """Return what goes into JSON: everything but the probabilities."""
        return {name: value for name, value in vars(self).items() if name != "probabilities"}


def evaluate(model, split) -> Report:
    """Measure `model` on `split`; raise UserError where that cannot be done."""
    check(split)
    answers = probabilities(model, split.images)
    mirrored = probabilities(model, split.images[:, :, ::-1])
    labels, predicted = split.labels, answers.argmax(axis=1)
    classes = {"labels": range(10), "target_names": CLASS_NAMES, "zero_division": 0}
    per_class = metrics.classification_report(labels, predicted, output_dict=True, **classes)
    mean = per_class["macro avg"]
    of_label = answers[np.arange(len(labels)), labels]
    confidence, right = answers.max(axis=1), predicted == labels
    bins = np.minimum((confidence * 15).astype(int), 14)
    return Report(
        loss=float(-np.log(np.maximum(of_label, np.finfo(np.float32).tiny)).mean()),
        accuracy=float(right.mean()),
        precision=float(mean["precision"]),
        recall=float(mean["recall"]),
        f1=float(mean["f1-score"]),
        thresholded_precision=float(keras.metrics.Precision()(np.eye(10)[labels], answers)),
        calibration_error=float(np.abs(np.bincount(bins, right - confidence)).sum() / len(right)),
        mirrored_accuracy=float(((answers + mirrored).argmax(axis=1) == labels).mean()),
        per_class={name: per_class[name] for name in CLASS_NAMES},
        confusion=metrics.confusion_matrix(labels, predicted, labels=range(10)).tolist(),
        probabilities=answers,
    )
