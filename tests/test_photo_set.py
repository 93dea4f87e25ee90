"""The photos to learn from: what ships, how they are added, and what has no class."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.photo_set import DOUBTFUL, LABELS, TABLE
from docs.execute import ROOT
from fmnist_utils import data, evaluation, model
from fmnist_utils.batches import one_hot
from fmnist_utils.data import NONE, Split, Splits
from fmnist_utils.errors import UserError
from tests.conftest import SHORT

FILE = ROOT / "saved_model/photos.npz"
PEOPLE = pd.read_csv(ROOT / TABLE).set_index("file")


@pytest.fixture(scope="module")
def home():
    return data.load_photos(FILE)


def test_the_file_holds_each_photo_of_the_table_in_its_split(home):
    with np.load(FILE) as file:
        for name, split in home._asdict().items():
            rows = PEOPLE[(PEOPLE["split"] == name) & (PEOPLE["class"] != DOUBTFUL)]
            assert file[f"{name}_files"].tolist() == rows.index.tolist()
            assert split.labels.tolist() == rows["class"].map(LABELS).tolist()
            data.check(split)
    assert FILE.stat().st_size < 4_000_000


def test_nobody_is_in_two_splits():
    assert (PEOPLE.groupby("person")["split"].nunique() == 1).all()
    kinds = PEOPLE.groupby("split")["class"].nunique()
    assert kinds.nunique() == 1  # every kind is in each split


def test_joined_photos_are_a_quarter_and_each_copy_is_different(few, home):
    joined = data.join(few, home)
    count = len(home.train.images)
    copies = joined.train.images[len(few.train.images) :].reshape(-1, count, 28, 28, 1)
    assert len(copies) == data.PHOTO_REPEATS
    assert (copies[0] == home.train.images).all()
    assert (copies[1] != copies[2]).any()
    assert joined.train.labels.tolist()[-count:] == home.train.labels.tolist()
    assert NONE not in joined.validation.labels
    known = data.known(home.validation)
    assert (joined.validation.labels[-len(known.labels) :] == known.labels).all()
    assert len(joined.validation.images) == len(few.validation.images) + len(known.images)
    assert joined.test is few.test
    assert 0.2 < data.PHOTO_REPEATS * count / (50_000 + data.PHOTO_REPEATS * count) < 0.3
    again = data.join(few, home)
    assert (again.train.images == joined.train.images).all()


def test_none_of_the_ten_is_every_class_a_little_and_cannot_be_measured(few):
    labels = np.array([3, NONE])
    assert one_hot(labels)[0].tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert one_hot(labels)[1] == pytest.approx(np.full(10, 0.1))
    split = Split(few.test.images[:2], labels)
    with pytest.raises(UserError, match="images of none of the classes"):
        evaluation.evaluate(model.build(SHORT), split)
    kept = data.known(split)
    assert kept.labels.tolist() == [3]
    assert (kept.images == split.images[:1]).all()


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path):
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(FILE.read_bytes()[:-1000])
    other = tmp_path / "other.npz"
    np.savez(other, images=np.zeros(3))
    for path in (tmp_path / "nowhere.npz", damaged, other):
        with pytest.raises(UserError, match=f"^{path} cannot be read .*; restore the file."):
            data.load_photos(path)


def test_a_split_of_photos_is_one_like_any_other(few, home):
    assert isinstance(home, Splits)
    report = evaluation.evaluate(model.build(SHORT), data.known(home.test))
    assert report.per_class["Bag"]["support"] == 0
    assert np.isfinite(report.loss)
