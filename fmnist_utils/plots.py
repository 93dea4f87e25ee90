"""The figures that the notebooks share. Each function draws one, shows it and returns None."""

import math
import textwrap

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
        axis.plot(epochs, run.history[name], ".-", color=BLUE, label="training")
        axis.plot(epochs, run.history[f"val_{name}"], ".-", color=ORANGE, label="validation")
        axis.axvline(run.best_epoch, color=GREEN, label=f"best: epoch {run.best_epoch}")
        axis.set(title=name, xlabel="epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend()
    _show(figure)


def confusion(matrix):
    """Draw a confusion matrix as a heat map: true classes down, predicted ones across."""
    figure, axis = plt.subplots(figsize=(WIDTH, 7))
    sns.heatmap(matrix, annot=True, fmt="d", cmap="Blues", vmax=DARKEST, cbar=False, linewidths=0.5)
    axis.set(xlabel="predicted", ylabel="true", title="Images of each class")
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


def photos(items):
    """Show each `photos.Classified`: the photo, the cut-out, the network's input, its answer."""
    rows = max(1, len(items))
    figure, axes = _bare_axes(rows, 4, 1.9 * rows)
    for row, item in zip(axes, items, strict=False):
        if item.error:
            sentence = textwrap.fill(item.error, 90)
            text = row[0].text(0, 0.5, sentence, color=ORANGE, va="center", fontsize=FONT_SIZE)
            text.set_parse_math(False)
            text.set_in_layout(False)  # it is wider than its axes, and may cover the next ones
        else:
            _draw_photo(row, item)
    _show(figure)


def _draw_photo(row, item):
    """Draw one photo's stages and its three likeliest classes into a row of four axes."""
    for axis, (name, stage) in zip(row, item.prepared.stages.items(), strict=False):
        _draw(axis, stage)
        axis.set_title(name, fontsize=FONT_SIZE)
    bars = row[3]
    color = ORANGE if item.warning else BLUE
    for place, (name, share) in enumerate(item.ranking[:3]):
        bars.barh(place, share, color=color)
        bars.text(share + 0.02, place, f"{name}  {share:.1%}", va="center", fontsize=FONT_SIZE)
    bars.set(xlim=(0, 1.9), ylim=(2.6, -0.6))  # room for the names; the likeliest on top
    bars.set_title(item.warning, color=ORANGE, fontsize=FONT_SIZE)


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
