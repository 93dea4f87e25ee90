"""The benchmarks measure what they say."""

import subprocess
import sys
from dataclasses import asdict

import pytest

from benchmarks import ablation, report, seeds
from docs.execute import ROOT
from fmnist_utils import data, evaluation, store
from fmnist_utils.recipes import COMPACT, IMPROVED
from tests.conftest import SHORT


@pytest.mark.parametrize("recipe", [COMPACT, IMPROVED])
def test_each_change_differs_from_the_recipe_in_one_ingredient(recipe):
    for change, changed in ablation.ingredients(recipe).items():
        before = asdict(recipe)
        after = asdict(changed)
        differing = [field for field in before if before[field] != after[field]]
        if change == "constant learning rate":
            assert differing == ["learning_rate", "schedule"]
        elif change == "the recipe":
            assert differing == []
        else:
            assert len(differing) == 1


def test_the_best_seed_is_saved_with_the_figures_of_all(few, tmp_path, monkeypatch, capsys):
    def load_few():
        return few

    monkeypatch.chdir(tmp_path)
    (tmp_path / "saved_model").symlink_to(ROOT / "saved_model")
    monkeypatch.setattr(data, "load", load_few)
    seeds.main(SHORT, [0, 1], "saved")
    model, results = store.load(SHORT.name, "saved")
    losses = [record["validation"]["loss"] for record in results["seeds"]]
    assert results["seed"] == losses.index(min(losses))
    assert evaluation.evaluate(model, few.validation).loss == pytest.approx(min(losses), rel=1e-5)
    table = capsys.readouterr().out.splitlines()[-4:]
    assert [row.split()[0] for row in table] == ["0", "1", "mean", "std"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["seeds", "--recipies", "compact"], "there is no --recipies; did you mean --recipe?"),
        (["seeds", "--seeds", "zero"], "invalid int value: 'zero'"),
        (["kill", "0"], "invalid positive value: '0'"),
        (["photos", "/nowhere"], "does not exist; check the path."),
        (["speed", "--rounds", "3"], "there is no --rounds; leave it out."),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_measured(arguments, sentence):
    command = [sys.executable, "-m", f"benchmarks.{arguments[0]}", *arguments[1:]]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode
    assert ended.stderr.splitlines()[-1].endswith(sentence)
    assert "Traceback" not in ended.stderr


def test_a_missing_cell_of_a_table_stays_empty():
    table = {"one": {"a": 1, "b": "x"}, "two": {"b": "y"}}
    expected = "|  | one | two |\n| --- | --- | --- |\n| a | 1 |  |\n| b | x | y |"
    assert report.markdown(table) == expected
