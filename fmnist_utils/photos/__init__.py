"""Classify photos: `reading` and `files` read them, `cutout` prepares them for the network."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError
from fmnist_utils.model import probabilities
from fmnist_utils.photos.cutout import Prepared, prepare
from fmnist_utils.photos.files import list_pictures
from fmnist_utils.photos.reading import PhotoError, printable, read

SURE = 0.5  # of `photos`' answers without a note, 9 in 10 are right (validation photos)
WORKERS = 2  # threads that read and cut out; each holds a whole photo in memory


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
        shown = tqdm(results, total=len(pictures), leave=False, disable=None)
        items = []
        for source, prepared in zip(pictures, shown, strict=True):
            items.append(_answer(model, source, prepared))
    return items


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
