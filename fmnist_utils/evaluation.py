"""Every number that says how good a network is."""

from dataclasses import asdict, dataclass

import keras
import numpy as np
from sklearn import metrics

from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError
from fmnist_utils.training import cross_entropy

# What the original project reported, and the confusions that its author read off the matrix.
ORIGINAL = {
    "parameters": 1_630_474,
    "best_epoch": 10,
    "accuracy": 0.9161,
    "thresholded_precision": 0.9273,
}
# Parameters and accuracy of others' networks with two convolutions, as the table in the dataset's
# own README (github.com/zalandoresearch/fashion-mnist) gives them; of the first, no size.
PUBLISHED = {
    "2 conv + 2 fully connected, flips: 93.9% claimed, 93.3 to 93.4% reproduced": (None, 0.939),
    "2 conv, < 100K parameters": (100_000, 0.925),
    "2 conv + 3 fully connected, ~500K": (500_000, 0.934),
}
ORIGINAL_CONFUSIONS = {
    "T-shirt/top": ("Shirt",),
    "Coat": ("Pullover", "Shirt"),
    "Shirt": ("Pullover", "Coat"),
}


@dataclass(frozen=True)
class Report:
    """How a network does on one split; shares are between 0 and 1.

    `precision`, `recall` and `f1` are means over the ten classes (macro). `thresholded_precision`
    is Keras' `Precision` metric: of all probabilities above 0.5, the share that is right.
    `calibration_error` is the expected difference between confidence and accuracy over 15 bins
    (Guo and others, 2017, arXiv 1706.04599). `mirrored_accuracy` is had from the mean of the
    probabilities for an image and for its mirror image. `confusion[t][p]` counts the images of
    class `t` called `p`. `probabilities` is `float32 (N, 10)`.
    """

    loss: float
    accuracy: float
    precision: float
    recall: float
    f1: float
    thresholded_precision: float
    calibration_error: float
    mirrored_accuracy: float
    per_class: dict
    confusion: list
    probabilities: np.ndarray

    def as_dict(self):
        """Return what goes into JSON: everything but the probabilities."""
        fields = asdict(self)
        del fields["probabilities"]
        return fields


def evaluate(model, split) -> Report:
    """Measure `model` on `split`; raise UserError unless its images are what `load` gives."""
    _check(split)
    probabilities = model.predict(split.images, batch_size=1000, verbose=0)
    mirrored = model.predict(split.images[:, :, ::-1], batch_size=1000, verbose=0)
    labels, predicted = split.labels, probabilities.argmax(axis=1)
    classes = np.arange(len(CLASS_NAMES))
    per_class = metrics.classification_report(
        labels,
        predicted,
        labels=classes,
        target_names=CLASS_NAMES,
        output_dict=True,
        zero_division=0,
    )
    mean = per_class["macro avg"]
    thresholded = keras.metrics.Precision()
    thresholded.update_state(np.eye(len(classes))[labels], probabilities)
    return Report(
        loss=cross_entropy(probabilities, labels),
        accuracy=float((predicted == labels).mean()),
        precision=float(mean["precision"]),
        recall=float(mean["recall"]),
        f1=float(mean["f1-score"]),
        thresholded_precision=float(thresholded.result()),
        calibration_error=calibration_error(probabilities, labels),
        mirrored_accuracy=float(((probabilities + mirrored).argmax(axis=1) == labels).mean()),
        per_class={name: per_class[name] for name in CLASS_NAMES},
        confusion=metrics.confusion_matrix(labels, predicted, labels=classes).tolist(),
        probabilities=probabilities,
    )


def most_confused(confusion, count=5):
    """Return the `count` largest mistakes of a confusion matrix as (true, predicted, images)."""
    mistakes = np.array(confusion)
    np.fill_diagonal(mistakes, 0)
    largest = np.argsort(-mistakes, axis=None, kind="stable")[:count]
    pairs = np.stack(np.unravel_index(largest, mistakes.shape), axis=1)
    return [(CLASS_NAMES[t], CLASS_NAMES[p], int(mistakes[t, p])) for t, p in pairs]


def reliability(probabilities, labels, bins=15):
    """Return mean confidence, accuracy and share of the images in each of `bins` equal bins.

    Three arrays `float64 (bins,)`; confidence and accuracy are NaN where a bin is empty.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(bin_of, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_confidence = np.bincount(bin_of, confidence, minlength=bins) / counts
        accuracy = np.bincount(bin_of, right, minlength=bins) / counts
    return mean_confidence, accuracy, counts / len(labels)


def calibration_error(probabilities, labels):
    """Return the expected calibration error over 15 bins, between 0 and 1."""
    confidence, accuracy, share = reliability(probabilities, labels)
    return float(np.nansum(share * np.abs(confidence - accuracy)))


def _check(split):
    images, labels = map(np.asarray, split)
    if np.issubdtype(images.dtype, np.floating) and np.isnan(images).any():
        raise UserError("The images hold NaN; give raw pixels as `data.load()` returns them.")
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (28, 28, 1):
        raise UserError(
            f"The images are {images.dtype} {images.shape}; "
            "give raw pixels, uint8 (N, 28, 28, 1), as `data.load()` returns them."
        )
    if labels.shape != (len(images),) or not len(images):
        raise UserError(
            f"There are {len(images)} images and labels of shape {labels.shape}; give one each."
        )
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= len(CLASS_NAMES):
        raise UserError(
            "The labels are not all whole numbers from 0 to 9; check where they come from."
        )


def findings(confusion):
    """Return the original's three findings beside the counts of `confusion`, a row each.

    A finding holds where the classes that it names are the ones most often predicted by mistake.
    """
    rows = []
    for true, named in ORIGINAL_CONFUSIONS.items():
        mistakes = dict(zip(CLASS_NAMES, confusion[CLASS_NAMES.index(true)], strict=True))
        del mistakes[true]
        most = sorted(mistakes, key=mistakes.get, reverse=True)[: len(named)]
        counts = ", ".join(f"{name} {mistakes[name]}" for name in most)
        rows.append(
            {
                "true class": true,
                "the original: mostly called": " or ".join(named),
                "here": counts,
                "all mistakes": sum(mistakes.values()),
                "holds": "yes" if set(most) == set(named) else "no",
            }
        )
    return rows


def claims(run, report):
    """Return each claim of the original beside the figure of a `Run` and its test `Report`."""
    worse = run.history["val_loss"][-1] > min(run.history["val_loss"])
    parameters = run.model.count_params()
    original = ORIGINAL["parameters"], ORIGINAL["best_epoch"]
    rows = [
        ("parameters", f"{original[0]:,}", f"{parameters:,}", parameters == original[0]),
        ("best epoch", original[1], run.best_epoch, run.best_epoch == original[1]),
        ("overfitting after it", "yes", "yes" if worse else "no", worse),
    ]
    for figure in ("accuracy", "thresholded_precision"):
        claimed, ours = ORIGINAL[figure], getattr(report, figure)
        rows.append((figure.replace("_", " "), f"{claimed:.2%}", f"{ours:.2%}", ours >= claimed))
    return [
        {"claim": claim, "original": claimed, "here": ours, "holds": "yes" if holds else "no"}
        for claim, claimed, ours, holds in rows
    ]


def improvements(ablation, learning_rates, results):
    """Return each item of the original's list of improvements with what it brought, a row each.

    `ablation` and `learning_rates` are what the benchmarks of these names wrote, in validation
    accuracy; `results` are those of `store.load` for all three recipes, in test accuracy.
    """
    accuracy, in_full = (
        {row["change"]: row["accuracy"] for row in ablation[f"compact, {epochs} epochs"]["rows"]}
        for epochs in (10, 30)
    )
    recipe = accuracy["the recipe"]
    rate = {row["learning_rate"]: row["validation_accuracy"] for row in learning_rates}
    best = max(rate, key=rate.get)
    test = {result["name"]: result["test"]["accuracy"]["mean"] for result in results}
    rows = [
        ("random crop", accuracy["without shift"], recipe),
        ("random crop, over 30 epochs", in_full["without shift"], in_full["the recipe"]),
        ("Gaussian noise", recipe, accuracy["with gaussian_noise"]),
        ("salt and pepper", recipe, accuracy["with salt_and_pepper"]),
        ("histogram changes", recipe, accuracy["with tone"]),
        ("a learning rate that rises and falls", accuracy["constant learning rate"], recipe),
        (f"the best constant one, {best:g}, for 0.001", rate[1e-3], rate[best]),
        ("far fewer parameters, and what helps", test["baseline"], test["compact"]),
        ("as many as the original, and what helps", test["baseline"], test["improved"]),
    ]
    return [
        {
            "improvement": name,
            "without": f"{without:.2%}",
            "with": f"{with_it:.2%}",
            "brought": f"{with_it - without:+.2%}",
        }
        for name, without, with_it in rows
    ]
