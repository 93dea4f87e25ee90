"""The figures that the notebooks share. Each function draws one, shows it and returns None."""

import math

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.ticker import MaxNLocator

from fmnist_utils.data import CLASS_NAMES

WIDTH = 9.0  # inches: fits the output column of Colab and of JupyterLab
BLUE = "#0072B2"  # this and the other colours are Okabe and Ito's, for colour-blind readers
ORANGE = "#D55E00"
GREEN = "#009E73"
FONT_SIZE = 9
DARKEST = 200  # images in a cell of the confusion matrix; the diagonal would outshine the rest


def history(run):
    """Draw the loss and the accuracy of a `training.Run` by epoch, with its best epoch."""
    epochs = range(1, len(run.history["loss"]) + 1)
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.6))
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        axis.axvline(run.best_epoch, color=GREEN, label=f"best: epoch {run.best_epoch}")
        axis.plot(epochs, run.history[name], "o-", ms=4, color=BLUE, label="training")
        axis.plot(epochs, run.history[f"val_{name}"], "o-", ms=4, color=ORANGE, label="validation")
        axis.set(title=name, xlabel="epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.legend()
    _show(figure)


def confusion(matrix):
    """Draw a confusion matrix as a heat map: true classes down, predicted ones across."""
    figure, axis = plt.subplots(figsize=(6, 5.6))  # narrow, so that it can be read on a phone
    sns.heatmap(matrix, annot=True, fmt="d", cmap="Blues", vmax=DARKEST, cbar=False, linewidths=0.5)
    title = f"Confusion matrix of {np.sum(matrix):,} images"
    axis.set(xlabel="predicted class", ylabel="true class", title=title)
    axis.set_xticklabels(CLASS_NAMES, rotation=40, ha="right")
    axis.set_yticklabels(CLASS_NAMES, rotation=0)
    _show(figure)


def grid(images, titles=(), columns=10, wrong=()):
    """Show `images`, each (H, W) or (H, W, 1), in rows of `columns`, under `titles`.

    There is a title for each image, or none; those whose index is in `wrong` are orange.
    """
    lines = max((title.count("\n") + 1 for title in titles), default=0)
    height = WIDTH / columns + 0.2 * lines
    rows = max(1, math.ceil(len(images) / columns))
    figure, axes = _bare_axes(rows, columns, height * rows)
    for axis, image in zip(axes.flat, images, strict=False):
        _draw(axis, image)
    for index, title in enumerate(titles):
        color = ORANGE if index in wrong else "black"
        axes.flat[index].set_title(title, color=color, fontsize=FONT_SIZE, parse_math=False)
    _show(figure)


def named_rows(rows):
    """Show a row of images, each (H, W) or (H, W, 1), for each name in the dict `rows`."""
    columns = max(len(images) for images in rows.values())
    figure, axes = _bare_axes(len(rows), columns, WIDTH / columns * len(rows))
    for row, (name, images) in zip(axes, rows.items(), strict=True):
        row[0].set_ylabel(
            name, rotation=0, ha="right", va="center", fontsize=FONT_SIZE, parse_math=False
        )
        for axis, image in zip(row, images, strict=False):
            _draw(axis, image)
    _show(figure)


def _bare_axes(rows, columns, height):
    """Return a figure of the notebooks' width, and its axes (rows, columns) without frames."""
    bare = {"frame_on": False, "xticks": [], "yticks": []}
    size = (WIDTH, height)
    return plt.subplots(rows, columns, figsize=size, squeeze=False, subplot_kw=bare)


def _draw(axis, image):
    """Draw an image: black is 0, white is 255."""
    axis.imshow(np.squeeze(image), cmap="gray", vmin=0, vmax=255)


def _show(figure):
    figure.tight_layout()
    plt.show()
    plt.close(figure)
