"""Prepare the photos that the recipe `photos` learns from.

    python -m benchmarks.photo_set FOLDER

FOLDER has Alexey Grigorev's clothing dataset (github.com/alexeygrigorev/clothing-dataset-small, CC0),
with its folders train, validation and test. `benchmarks/photos.csv` has a line for each photo: its
class, who sent it, and its split. The photos in the data set's own folder test are ours for
testing. Of all others, a fifth is for validation, split by person, as a network should be chosen on
people whose photos it has not learnt from. The classes of the shoes were given by eye; those that
are none of Fashion-MNIST's three clearly are called doubtful, and left out. Writes
`saved_model/photos.npz`: of each photo the first view of `photos.prepare`, its label and its file.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from fmnist_utils import data
from fmnist_utils.photos import prepare
from fmnist_utils.photos.reading import read

TABLE = "benchmarks/photos.csv"
LABELS = {name: label for label, name in enumerate(data.CLASS_NAMES)}
LABELS["none of the ten"] = data.NONE


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
        rows = table[(table["split"] == split) & (table["class"] != "doubtful")]
        arrays[f"{split}_images"] = prepared(folder, rows)
        arrays[f"{split}_labels"] = rows["class"].map(LABELS).to_numpy(np.int64)
        arrays[f"{split}_files"] = rows["file"].to_numpy(str)
    np.savez_compressed(data.PHOTOS, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
