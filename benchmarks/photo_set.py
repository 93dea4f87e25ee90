"""Prepare the photos that the recipe `photos` learns from.

    python -m benchmarks.photo_set FOLDER

FOLDER has the folders train, validation and test of Alexey Grigorev's clothing dataset
(github.com/alexeygrigorev/clothing-dataset-small, CC0). `benchmarks/photos.csv` has a line for each
photo: its class, the person who sent it, and its split. The split test is the folder test. Of all
other photos a fifth is for validation, split by person, so that a network is chosen by photos of
people from whom it has learnt nothing. The classes of the shoes were given by eye: sandals are open
at the toe, the heel or the instep, sneakers are low and closed, and ankle boots cover the ankle. A
pair that fits none of these is called doubtful, and left out. Writes
`saved_model/photos.npz`: of each photo the first view of `photos.prepare`, its label and its file.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks import mistakes_in_a_sentence, parsed
from fmnist_utils import data
from fmnist_utils.photos import prepare
from fmnist_utils.photos.reading import read

TABLE = "benchmarks/photos.csv"
LABELS = {name: label for label, name in enumerate(data.CLASS_NAMES)}
NONE = "none of the ten"
LABELS[NONE] = data.NONE
DOUBTFUL = "doubtful"


def prepared(folder, table):
    """Return the first view of each photo in `table`, uint8 (N, 28, 28, 1)."""
    views = []
    for file in tqdm(table["file"], leave=False, disable=None):
        views.append(prepare(read(Path(folder, file))).views[0])
    return np.stack(views)


def main(folder):
    table = pd.read_csv(TABLE)
    arrays = {}
    for split in data.Splits._fields:
        rows = table[(table["split"] == split) & (table["class"] != DOUBTFUL)]
        arrays[f"{split}_images"] = prepared(folder, rows)
        arrays[f"{split}_labels"] = rows["class"].map(LABELS).to_numpy(np.int64)
        arrays[f"{split}_files"] = rows["file"].to_numpy(str)
    np.savez_compressed(data.PHOTOS, **arrays)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    with mistakes_in_a_sentence():
        main(parsed(parser).folder)
