"""Classify photos: `reading` and `files` read, `cutout` prepares, `display` shows the answers."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError, as_path
from fmnist_utils.model import probabilities
from fmnist_utils.photos.cutout import SIZE, Prepared, prepare
from fmnist_utils.photos.display import card
from fmnist_utils.photos.files import list_pictures
from fmnist_utils.photos.reading import PhotoError, printable, read
from fmnist_utils.progress import Bar

SURE = 0.5  # of `photos`' answers without a note, 9 in 10 are right (validation photos)
WORKERS = 2  # threads that read and cut out; each holds a whole photo in memory
PATCH = 7  # pixels; what `occlusion` hides at a time is a quarter as wide as the picture
STRIDE = 3  # pixels from one such patch to the next
GREY = 127


class Classified(NamedTuple):
    """What the network says about one picture; fields that say nothing are empty."""

    source: object
    label: str = ""
    probability: float = 0.0
    ranking: tuple = ()  # (class, probability) of all ten, the most probable first
    prepared: Prepared | None = None
    warning: str = ""  # why the answer is a guess
    error: str = ""  # why there is no answer


def classify(model, sources) -> list[Classified]:
    """Classify pictures: whatever `read` takes, a folder, a pattern, or a list of these.

    A pattern is a path with *, ? or **. A picture that cannot be read is an item with `error` set.
    Raises UserError if there is no picture at all.
    """
    pictures = list_pictures(sources)
    if not pictures:
        raise UserError(f"There is no picture in {printable(str(sources))}; check PHOTOS.")
    with ThreadPoolExecutor(WORKERS) as pool:
        results = pool.map(_prepared, pictures)
        bar = Bar(len(pictures))
        items = []
        for source, prepared in zip(pictures, results, strict=True):
            items.append(_answer(model, source, prepared))
            bar.show(len(items))
        bar.remove()
    return items


def table(items) -> pd.DataFrame:
    """Return a row for each `Classified`: photo, answer, probability, note, all ten classes."""
    rows = []
    for item in items:
        name = printable(item.source)
        row = {"photo": name, "answer": item.label, "note": item.error or item.warning}
        if not item.error:
            row["probability"] = item.probability
        row.update(item.ranking)
        rows.append(row)
    return pd.DataFrame(rows, columns=["photo", "answer", "probability", "note", *CLASS_NAMES])


def save(items, path):
    """Write the `table` of these `Classified` as a CSV file; raise UserError if that cannot be."""
    file = as_path(path, "ANSWERS")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        table(items).to_csv(file, index=False)
    except OSError as error:
        raise UserError(f"{file} cannot be written ({error}); choose another ANSWERS.") from None


def cards(model, items) -> str:
    """Return HTML that shows each `Classified`: what became of it, where the model looked, answer.

    It loads nothing, as it holds the pictures, and fits any width.
    """
    shown = []
    for item in items:
        looked = None if item.error else occlusion(model, item)
        shown.append(card(item, looked))
    return "".join(shown)


def occlusion(model, item) -> np.ndarray:
    """Return how far hiding each pixel lowers the probability of the answer, float (28, 28).

    A grey patch hides one part of the picture after another (Zeiler and Fergus, arXiv 1311.2901).
    Each pixel gets the mean fall of the probability under the patches that cover it.
    """
    view = item.prepared.views[0]
    answer = CLASS_NAMES.index(item.label)
    corners = list(product(range(0, SIZE[0] - PATCH + 1, STRIDE), repeat=2))
    pictures = np.repeat(view[np.newaxis], 1 + len(corners), axis=0)  # the first stays as it is
    for picture, corner in zip(pictures[1:], corners, strict=True):
        top, left = corner
        picture[top : top + PATCH, left : left + PATCH] = GREY
    shares = probabilities(model, pictures)[:, answer]
    falls = np.zeros(SIZE)
    covers = np.zeros(SIZE)
    for share, corner in zip(shares[1:], corners, strict=True):
        top, left = corner
        falls[top : top + PATCH, left : left + PATCH] += shares[0] - share
        covers[top : top + PATCH, left : left + PATCH] += 1
    return falls / covers


def _prepared(source):
    """Return a picture made ready, or the error that says why it cannot be."""
    try:
        return prepare(read(source))
    except PhotoError as error:
        return error


def _answer(model, source, prepared):
    if isinstance(prepared, PhotoError):
        return Classified(source, error=str(prepared))
    shares = probabilities(model, prepared.views).mean(axis=0)
    order = np.argsort(-shares, kind="stable")  # classes with equal shares keep their order
    ranking = [(CLASS_NAMES[index], float(shares[index])) for index in order]
    label, probability = ranking[0]
    unsure = "the network is unsure" if probability < SURE else ""
    warning = prepared.warning or unsure
    return Classified(source, label, probability, tuple(ranking), prepared, warning)
