"""Pictures. Each function draws one figure, shows it and returns None."""

import textwrap

import matplotlib.pyplot as plt
import seaborn as sns

from fmnist_utils.data import CLASS_NAMES

WIDTH = 9.0  # inches: fits the output column of Colab and of JupyterLab
BLUE, ORANGE = "#0072B2", "#D55E00"  # of Okabe and Ito's palette for colour-blind readers
BARE = {"squeeze": False, "subplot_kw": {"frame_on": False, "xticks": [], "yticks": []}}
TEXT = {"fontsize": 9, "parse_math": False}  # a "$" in a file's name is no mathematics


def grid(images, titles=(), columns=10, wrong=()):
    """Show `images` (H, W) or (H, W, 1) in rows of `columns`, under `titles`, one for each.

    The titles of those whose index is in `wrong` are orange. A dict maps rows' names to images.
    """
    named, starts = isinstance(images, dict), range(0, len(images), columns)
    rows = images if named else {at: images[at : at + columns] for at in starts}
    columns = max(map(len, rows.values()))
    height = WIDTH / columns + 0.2 * max((title.count("\n") + 1 for title in titles), default=0)
    figure, axes = plt.subplots(len(rows), columns, figsize=(WIDTH, height * len(rows)), **BARE)
    for row, (name, pictures) in zip(axes, rows.items(), strict=True):
        row[0].set_ylabel(name if named else "", rotation=0, ha="right", va="center", **TEXT)
        for axis, picture in zip(row, pictures, strict=False):
            axis.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255)
    for index, (axis, title) in enumerate(zip(axes.flat, titles, strict=False)):
        axis.set_title(title, **TEXT, color=ORANGE if index in wrong else "black")
    _show(figure)


def confusion(matrix):
    """Draw the confusion matrix as a heat map: true classes down, predicted ones across."""
    options = {"xticklabels": CLASS_NAMES, "yticklabels": CLASS_NAMES, "linewidths": 0.5}
    figure, axis = plt.subplots(figsize=(WIDTH, 7))
    sns.heatmap(matrix, annot=True, fmt="d", cmap="Blues", vmax=200, cbar=False, **options)
    axis.set(xlabel="predicted", ylabel="true", title="Images of each class")
    plt.setp(axis.get_xticklabels(), rotation=40, ha="right")
    _show(figure)


def photos(items):
    """Show each `photos.Classified`: the photo, the cut-out, the network's input, its answer."""
    rows = max(1, len(items))
    figure, axes = plt.subplots(rows, 4, figsize=(WIDTH, 1.9 * rows), **BARE)
    for row, item in zip(axes, items, strict=False):
        if item.error:
            place = {"va": "center", "in_layout": False}
            row[0].text(0, 0.5, textwrap.fill(item.error, 90), color=ORANGE, **place, **TEXT)
            continue
        for axis, (name, stage) in zip(row, item.prepared.stages.items(), strict=False):
            axis.imshow(stage, cmap="gray", vmin=0, vmax=255)
            axis.set_title(name, **TEXT)
        for place, (name, share) in enumerate(item.ranking[:3]):
            row[3].barh(place, share, color=ORANGE if item.warning else BLUE)
            row[3].text(share + 0.02, place, f"{name}  {share:.1%}", va="center", fontsize=9)
        row[3].set(xlim=(0, 1.9), ylim=(2.6, -0.6))
        row[3].set_title(item.warning, **TEXT, color=ORANGE)
    _show(figure)


def _show(figure):
    figure.tight_layout()
    plt.show()
    plt.close(figure)
