"""Classify labelled photos of people's homes with every network that ships.

    python -m benchmarks.photos FOLDER

FOLDER is as in `benchmarks.photo_set`. The photos for testing give the reported figures: the people
who took them are new to every network. Those for validation show how sure is sure. Of the recipe
`photos` all seeds whose runs are in `runs/` are measured, of the others the saved network. Writes
`benchmarks/photos.json`. Shoes count as right where any of the three kinds of shoes is answered,
and are also told apart; Bag is in none of the photos.
"""

import argparse
import json
from pathlib import Path
from statistics import mean

import pandas as pd

from benchmarks import mistakes_in_a_sentence, parsed
from benchmarks.photo_set import DOUBTFUL, NONE, TABLE
from fmnist_utils import data, evaluation, photos, store, training
from fmnist_utils.identity import run_directory
from fmnist_utils.photos.reading import read
from fmnist_utils.recipes import PHOTOS, RECIPES

SEEDS = 3
GARMENTS = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Shirt"]
SHOES = ["Sandal", "Sneaker", "Ankle boot"]
ALL_SHOES = "Shoes, any of the three"
REPORT = Path("benchmarks/photos.json")


def networks():
    """Return the networks of each recipe: those of all seeds for `photos`, else the saved one."""
    found = {name: [store.load(name).model] for name in RECIPES if name != PHOTOS.name}
    splits = data.join(data.load(), data.load_photos())
    found[PHOTOS.name] = []
    for seed in range(SEEDS):
        run = training.train(PHOTOS, splits, run_directory(PHOTOS, seed), seed)
        found[PHOTOS.name].append(run.model)
    return found


def answers(network, table, folder):
    """Return a copy of `table` with what the network answers to each photo."""
    items = photos.classify(network, [Path(folder, file) for file in table["file"]])
    answered = table.copy()
    answered["answer"] = [item.label for item in items]
    answered["probability"] = [item.probability for item in items]
    answered["noted"] = [item.warning != "" for item in items]
    is_shoe = answered["class"].isin([*SHOES, DOUBTFUL])
    answered["kind"] = answered["class"].mask(is_shoe, ALL_SHOES)
    right_shoe = is_shoe & answered["answer"].isin(SHOES)
    answered["right"] = right_shoe | (answered["answer"] == answered["class"])
    return answered


def counts(answered):
    """Return how many photos of each kind there are, and how many are answered rightly."""
    rows = {}
    known = answered[answered["class"] != NONE]
    for kind in [*GARMENTS, ALL_SHOES]:
        group = known[known["kind"] == kind]
        rows[kind] = {"photos": len(group), "right": int(group["right"].sum())}
    for kind in SHOES:
        group = known[known["class"] == kind]
        right = int((group["answer"] == kind).sum())
        rows[kind] = {"photos": len(group), "right": right}
    rows["all"] = {"photos": len(known), "right": int(known["right"].sum())}
    return rows


def shares(by_seed):
    """Return the share of right answers for each kind, as the mean of the seeds."""
    accuracy = {}
    for kind, row in by_seed[0].items():
        accuracy[kind] = mean(counts[kind]["right"] for counts in by_seed) / row["photos"]
    return accuracy


def notes(answered):
    """Return how many answers carry a note, of what is none of the ten and of what is one."""
    is_none = answered["class"] == NONE
    known = answered[~is_none]
    without_note = known[~known["noted"]]
    confidence = known["probability"].to_numpy()
    return {
        "none of the ten": int(is_none.sum()),
        "none of the ten, noted": int(answered["noted"][is_none].sum()),
        "of the ten": len(known),
        "of the ten, noted": int(known["noted"].sum()),
        "of the ten, without a note, right": int(without_note["right"].sum()),
        "calibration error": evaluation.calibration_error(confidence, known["right"].to_numpy()),
    }


def main(folder):
    table = pd.read_csv(TABLE)
    read(Path(folder, table["file"][0]))  # a wrong folder is told before anything is trained
    report = {}
    for name, models in networks().items():
        report[name] = {}
        for split in ("validation", "test"):
            rows = table[table["split"] == split]
            by_seed = [answers(network, rows, folder) for network in models]
            report[name][split] = {
                "counts": [counts(answered) for answered in by_seed],
                "notes": [notes(answered) for answered in by_seed],
            }
        report[name]["accuracy"] = shares(report[name]["test"]["counts"])
        print(name, json.dumps(report[name]["accuracy"]))
    REPORT.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    with mistakes_in_a_sentence():
        main(parsed(parser).folder)
