"""Classify photos: `reading` and `files` read them, `cutout` prepares them for the network."""

from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError
from fmnist_utils.model import probabilities
from fmnist_utils.photos.cutout import Prepared, prepare
from fmnist_utils.photos.files import list_pictures
from fmnist_utils.photos.reading import PhotoError, printable, read

SURE = 0.6  # of `improved`'s answers about photos, 51 % are right below this, 84 % above it


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
    return [_answer(model, picture) for picture in tqdm(pictures, leave=False, disable=None)]


def _answer(model, source):
    try:
        prepared = prepare(read(source))
    except PhotoError as error:
        return Classified(source, error=str(error))
    # The views' answers are averaged as logarithms: one view that excludes a class counts.
    logarithms = np.log(probabilities(model, prepared.views) + 1e-7)
    mean = np.exp(logarithms.mean(axis=0))
    shares = mean / mean.sum()
    order = np.argsort(-shares, kind="stable")  # classes with equal shares keep their order
    ranking = [(CLASS_NAMES[index], float(shares[index])) for index in order]
    label, probability = ranking[0]
    unsure = "the network is unsure" if probability < SURE else ""
    warning = prepared.warning or unsure
    return Classified(source, label, probability, tuple(ranking), prepared, warning)
