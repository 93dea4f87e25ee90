"""Every picture. Each function draws one figure from plain data, shows it and returns None."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import PercentFormatter

from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.evaluation import ORIGINAL, PUBLISHED, reliability

WIDTH = 9.0  # inches: fits the output column of Colab and of JupyterLab
# Okabe and Ito's palette, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#999999"


def classes(split, per_class=10):
    """Show the first `per_class` images of each class, a class a row."""
    figure, axes = _grid(len(CLASS_NAMES), per_class, (WIDTH, 8.4))
    for label, row in enumerate(axes):
        for axis, image in zip(row, split.images[split.labels == label], strict=False):
            _garment(axis, image)
        _label(row[0], CLASS_NAMES[label])
    figure.suptitle("The ten classes, ten training images each")
    _show(figure)


def augmentations(image, draws):
    """Show what augmentations make of one `image`: `draws` maps a name to several results."""
    columns = 1 + max(map(len, draws.values()))
    figure, axes = _grid(len(draws), columns, (WIDTH, 0.95 * len(draws) + 0.5))
    for row, (name, results) in zip(axes, draws.items(), strict=True):
        for axis, picture in zip(row, [image, *results], strict=True):
            _garment(axis, picture)
        _label(row[0], name.replace("_", " "))
    axes[0, 0].set_title("original", fontsize=10)
    figure.suptitle("One garment, and random draws of each augmentation")
    _show(figure)


def network(model):
    """Draw `model` as a row of blocks: what each layer is, its output's shape, its parameters."""
    layers = [layer for layer in model.layers if type(layer).__name__ != "Flatten"]
    figure, axis = plt.subplots(figsize=(WIDTH, 3.4))
    colours = {"Conv2D": BLUE, "Dense": ORANGE, "MaxPooling2D": GREEN}
    for place, layer in enumerate(layers):
        kind = type(layer).__name__
        shape = tuple(layer.output.shape[1:])
        height = 0.35 + 0.65 * (shape[0] / 28 if len(shape) == 3 else shape[0] / 512)
        axis.bar(place, height, width=0.62, color=colours.get(kind, GREY))
        axis.text(place, height + 0.04, " × ".join(map(str, shape)), ha="center", fontsize=8)
        parameters = f"\n{layer.count_params():,}" if layer.count_params() else ""
        axis.text(place, -0.05, _layer_name(layer) + parameters, ha="center", va="top", fontsize=8)
    axis.set(ylim=(-0.4, 1.2), xlim=(-0.6, len(layers) - 0.4))
    axis.axis("off")
    axis.set_title(f"The network: shapes above, {model.count_params():,} parameters below")
    _show(figure)


def _layer_name(layer):
    kind = type(layer).__name__
    names = {
        "Rescaling": "pixels\nto 0..1",
        "Conv2D": "convolution\n3 × 3, ReLU",
        "BatchNormalization": "batch\nnormalisation",
        "Dense": "fully\nconnected",
    }
    if kind == "Dropout":
        return f"dropout\n{layer.rate}"
    if kind == "MaxPooling2D":
        return "max-pool\n{} × {}".format(*layer.pool_size)
    return names[kind]


def history(curves, best_epoch, original_epoch=ORIGINAL["best_epoch"]):
    """Draw loss and accuracy over the epochs, with the best epoch and the original's marked."""
    epochs = np.arange(1, len(curves["loss"]) + 1)
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.6))
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        axis.plot(epochs, curves[name], ".-", color=BLUE, label="training")
        axis.plot(epochs, curves[f"val_{name}"], ".-", color=ORANGE, label="validation")
        axis.axvline(best_epoch, color=GREEN, label=f"best: epoch {best_epoch}")
        axis.axvline(
            original_epoch, color=GREY, linestyle=":", label=f"original's: {original_epoch}"
        )
        axis.set(title=f"{name.capitalize()} by epoch", xlabel="epoch", ylabel=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend(fontsize=9)
    _show(figure)


def confusion(matrix):
    """Draw the confusion matrix as a heat map: true classes down, predicted ones across."""
    table = pd.DataFrame(matrix, index=CLASS_NAMES, columns=CLASS_NAMES)
    figure, axis = plt.subplots(figsize=(WIDTH, 7))
    sns.heatmap(
        table, annot=True, fmt="d", cmap="Blues", vmax=200, cbar=False, ax=axis, linewidths=0.5
    )
    axis.set(
        xlabel="predicted", ylabel="true", title="Images of each true class, by predicted class"
    )
    axis.tick_params(axis="x", rotation=40)
    plt.setp(axis.get_xticklabels(), ha="right")
    _show(figure)


def confused(split, probabilities, pairs, per_pair=8):
    """Show images behind the most confused `pairs`: (true, predicted, count), a pair a row."""
    predicted = probabilities.argmax(axis=1)
    figure, axes = _grid(len(pairs), per_pair, (WIDTH, 1.15 * len(pairs) + 0.4))
    for row, (true, called, count) in zip(axes, pairs, strict=True):
        chosen = (split.labels == CLASS_NAMES.index(true)) & (
            predicted == CLASS_NAMES.index(called)
        )
        for axis, image in zip(row, split.images[chosen], strict=False):
            _garment(axis, image)
        _label(row[0], f"{true}\ncalled {called}\n{count} times", fontsize=9)
    figure.suptitle("The most confused pairs")
    _show(figure)


def confident_mistakes(split, probabilities, count=10):
    """Show the mistakes that the network was surest of."""
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != split.labels)
    chosen = wrong[np.argsort(-confidence[wrong], kind="stable")[:count]]
    rows = -(-count // 5)
    figure, axes = _grid(rows, 5, (WIDTH, 2.5 * rows))
    for axis, index in zip(axes.flat, chosen, strict=False):
        _garment(axis, split.images[index])
        true, called = CLASS_NAMES[split.labels[index]], CLASS_NAMES[predicted[index]]
        axis.set_title(f"{called}, {confidence[index]:.1%}\nlabelled {true}", fontsize=9)
    figure.suptitle("The most confident mistakes")
    _show(figure)


def calibration(probabilities, labels):
    """Draw the reliability diagram: accuracy against confidence, in 15 bins."""
    confidence, accuracy, share = reliability(probabilities, labels)
    filled = share > 0
    figure, axis = plt.subplots(figsize=(5, 4.4))
    axis.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="perfectly calibrated")
    axis.scatter(confidence[filled], accuracy[filled], 20 + 400 * share[filled], color=BLUE)
    axis.plot(confidence[filled], accuracy[filled], color=BLUE, label="the network")
    axis.set(xlabel="confidence", ylabel="accuracy", title="Is it right as often as it claims?")
    axis.set(xlim=(0.1, 1.03), ylim=(0, 1.05))
    axis.legend()
    _show(figure)


def recipes(results):
    """Draw each recipe's test accuracy (mean and spread of its seeds) against its parameters.

    `results` are those of `store.load`. Beside them: what others report for such networks.
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 4.2))
    others = {"the original": (ORIGINAL["parameters"], ORIGINAL["accuracy"]), **PUBLISHED}
    for name, (parameters, accuracy) in others.items():
        if parameters:
            axis.plot(parameters, accuracy, "s", color=GREY)
            place, offset = (parameters, accuracy), (8, -4)
        else:
            axis.axhline(accuracy, color=GREY, linestyle=":")
            place, offset = (6e4, accuracy), (8, 4)
        axis.annotate(name, place, offset, textcoords="offset points", fontsize=9)
    for result in results:
        mean, spread = result["test"]["accuracy"].values()
        axis.errorbar(result["parameters"], mean, spread, fmt="o", color=BLUE, capsize=4)
        axis.annotate(
            f"{result['name']}, {mean:.2%}",
            (result["parameters"], mean),
            (8, 4),
            textcoords="offset points",
            fontweight="bold",
        )
    axis.set(xscale="log", xlim=(6e4, 6e6), xlabel="parameters", ylabel="test accuracy")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axis.set_title("Accuracy against size: ours with the spread of the seeds, others' as reported")
    _show(figure)


def predictions(images, probabilities, labels=None):
    """Show each image beside its three likeliest classes as bars; wrong ones in orange."""
    figure, axes = _grid(len(images), 2, (6.5, 1.15 * len(images)))
    for row, (picture, bars) in enumerate(axes):
        likeliest = np.argsort(-probabilities[row], kind="stable")[:3]
        right = labels is None or likeliest[0] == labels[row]
        _garment(picture, images[row])
        if labels is not None:
            _label(picture, CLASS_NAMES[labels[row]], x=-0.15)
        ranking = [(CLASS_NAMES[label], probabilities[row][label]) for label in likeliest]
        _bars(bars, ranking, BLUE if right else ORANGE)
    _show(figure)


def photos(items):
    """Show each `photos.Classified`: the photo, the cut-out, the network's input, its answer."""
    figure, axes = _grid(len(items), 4, (WIDTH, 1.9 * len(items)))
    for row, item in zip(axes, items, strict=True):
        if item.error:
            row[0].text(0, 0.5, "\n".join(textwrap.wrap(item.error, 90)), color=ORANGE, va="center")
            continue
        for axis, (name, stage) in zip(row, item.prepared.stages.items(), strict=False):
            axis.imshow(stage, cmap="gray", vmin=0, vmax=255)
            axis.set_title(name, fontsize=9)
        _bars(row[3], item.ranking[:3], ORANGE if item.warning else BLUE)
        row[3].set_title(item.warning, fontsize=9, color=ORANGE)
    _show(figure)


def contact_sheet(images, names, wrong=(), columns=12):
    """Show many `images` small, each under its name; those whose index is in `wrong` in orange."""
    rows = -(-len(images) // columns)
    figure, axes = _grid(rows, columns, (WIDTH, 0.95 * rows))
    for place, (axis, image, name) in enumerate(zip(axes.flat, images, names, strict=False)):
        axis.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255)
        axis.set_title(name, fontsize=7, color=ORANGE if place in wrong else "black")
    _show(figure)


def _grid(rows, columns, size):
    """Return a figure of `size` inches and its axes `(rows, columns)`, without any frames."""
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    return figure, axes


def _label(axis, text, x=-0.2, **style):
    axis.text(x, 0.5, text, transform=axis.transAxes, ha="right", va="center", **style)


def _bars(axis, ranking, colour):
    names, shares = zip(*ranking, strict=True)
    axis.barh(range(len(names)), shares, color=colour)
    for place, (name, share) in enumerate(ranking):
        axis.text(share + 0.02, place, f"{name}  {share:.1%}", va="center", fontsize=9)
    axis.set(xlim=(0, 1.6), ylim=(len(names) - 0.4, -0.6))


def _garment(axis, image):
    axis.imshow(image.squeeze(), cmap="gray_r", vmin=0, vmax=255)


def _show(figure):
    figure.tight_layout()
    plt.show()
    plt.close(figure)
