"""Write the measured figures into the README, the model card, a table and a picture.

    python -m benchmarks.report

Every figure comes from a JSON file: `published.json` has what others report, the other files were
written by runs. A table is a dict {column: {row: cell}}, and stands between two markers.
"""

import argparse
import json
from pathlib import Path
from statistics import mean, median, stdev

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.ticker import PercentFormatter
from scipy.stats import binomtest

from benchmarks import parsed
from benchmarks.photo_set import DOUBTFUL, NONE, TABLE
from benchmarks.photos import ALL_SHOES, GARMENTS, SHOES
from fmnist_utils.data import Splits
from fmnist_utils.photos import SURE
from fmnist_utils.plots import BLUE, WIDTH
from fmnist_utils.recipes import RECIPES
from fmnist_utils.store import file_hash

ROOT = Path(__file__).parent.parent


def read(path):
    return json.loads((ROOT / path).read_text())


SAVED = {name: read(f"saved_model/{name}.json") for name in RECIPES}
PHOTOS = read("benchmarks/photos.json")
LABELLED = pd.read_csv(ROOT / TABLE)
PUBLISHED = read("benchmarks/published.json")
CHANGES = read("benchmarks/ablation.json")
WITH_JAX = ("baseline", "improved", "compact")
SHORT = "compact, 10 epochs"
FULL = "compact, 30 epochs"
RATES = "baseline, 3 epochs"
TRIED = [SHORT, "compact, 15 epochs", FULL, "improved, 30 epochs"]
LONGER = ["compact, 60 epochs", "compact, 100 epochs", "improved, 30 epochs", "improved, 60 epochs"]
# The original's list of improvements, and the changes to compare: without each of them, and with.
IMPROVEMENTS = [
    ("random crop", SHORT, "without shift", "the recipe"),
    ("random crop", FULL, "without shift", "the recipe"),
    ("Gaussian noise", SHORT, "the recipe", "with gaussian_noise"),
    ("salt and pepper", SHORT, "the recipe", "with salt_and_pepper"),
    ("histogram changes", SHORT, "the recipe", "with tone"),
    ("a learning rate that rises and falls", SHORT, "constant learning rate", "the recipe"),
    ("a constant learning rate of 0.0003", RATES, "the recipe", "learning rate 0.0003"),
]


def percent(share, digits=2):
    return f"{100 * share:.{digits}f} %"


def of_seeds(name, figure, split="test"):
    """Return one figure of each seed of a recipe."""
    return [seed[split][figure] for seed in SAVED[name]["seeds"]]


def spread(shares):
    """Return the mean and the standard deviation as text."""
    return f"{percent(mean(shares))} ± {percent(stdev(shares))}"


def results_table():
    table = {"the original": PUBLISHED["the original"]}
    for name, results in SAVED.items():
        table[f"`{name}`"] = {
            "accuracy": spread(of_seeds(name, "accuracy")),
            "thresholded precision": spread(of_seeds(name, "thresholded_precision")),
            "best epochs": ", ".join(str(seed["best_epoch"]) for seed in results["seeds"]),
            "seeds": len(results["seeds"]),
            "parameters": f"{results['parameters']:,}",
        }
    return table


def card_table():
    table = {}
    for name, results in SAVED.items():
        rows = {}
        rows["accuracy"] = spread(of_seeds(name, "accuracy"))
        rows["precision"] = spread(of_seeds(name, "precision"))
        rows["recall"] = spread(of_seeds(name, "recall"))
        rows["F1"] = spread(of_seeds(name, "f1"))
        rows["thresholded precision"] = spread(of_seeds(name, "thresholded_precision"))
        rows["calibration error"] = spread(of_seeds(name, "calibration_error"))
        rows["validation accuracy"] = spread(of_seeds(name, "accuracy", "validation"))
        rows["accuracy on photos, mean of six kinds"] = mean_of_garments(name)
        if name in WITH_JAX:
            jax = read(f"benchmarks/jax/{name}.json")
            rows["accuracy with JAX, one seed"] = percent(jax["test"]["accuracy"])
            rows["validation accuracy with JAX, that seed"] = percent(jax["validation"]["accuracy"])
        rows["number of seeds"] = len(results["seeds"])
        rows["seed of the saved network"] = results["seed"]
        rows["accuracy of the saved network"] = percent(results["test"]["accuracy"])
        recall = {label: row["recall"] for label, row in results["test"]["per_class"].items()}
        weakest = min(recall, key=recall.get)
        rows["its weakest class"] = f"{weakest}, recall {percent(recall[weakest], 1)}"
        table[f"`{name}`"] = rows
    return table


def mean_of_garments(name):
    return percent(mean(PHOTOS[name]["accuracy"][kind] for kind in GARMENTS), 1)


def interval(share, count):
    """Return a share and the limits of its 95 % interval (Wilson, 1927), as text."""
    limits = binomtest(round(share * count), count).proportion_ci(method="wilson")
    return f"{percent(share, 1)} ({100 * limits.low:.0f} to {100 * limits.high:.0f})"


def photos_rows(name, kinds):
    """Return the share of test photos of each of these kinds that are answered rightly."""
    rows = {}
    for kind in kinds:
        count = PHOTOS[name]["test"]["counts"][0][kind]["photos"]
        rows[f"{kind}, {count} photos"] = interval(PHOTOS[name]["accuracy"][kind], count)
    return rows


def photos_table():
    table = {}
    for name, recipe in RECIPES.items():
        rows = {"learnt from photos": "yes" if recipe.photos else "no"}
        rows.update(photos_rows(name, GARMENTS))
        rows["mean of these six"] = mean_of_garments(name)
        rows.update(photos_rows(name, [ALL_SHOES, *SHOES, "all"]))
        table[f"`{name}`"] = rows
    return table


def photo_set_table():
    """Return how many photos of each class there are in each split, and the file's hash."""
    counts = pd.crosstab(LABELLED["class"], LABELLED["split"])
    counts = counts.loc[[*GARMENTS, *SHOES, NONE, DOUBTFUL]]
    table = {split: counts[split].astype(str).to_dict() for split in Splits._fields}
    table["train"]["SHA-256 of photos.npz"] = file_hash(ROOT / "saved_model/photos.npz")
    return table


def notes_table():
    """Return how often the answers of `photos` carry a note, as means of the seeds."""
    table = {}
    for split in ("validation", "test"):
        seeds = pd.DataFrame(PHOTOS["photos"][split]["notes"]).mean()
        known = seeds["of the ten"]
        noted = seeds["of the ten, noted"]
        right = seeds["of the ten, without a note, right"] / (known - noted)
        none = seeds["none of the ten, noted"] / seeds["none of the ten"]
        table[split] = {
            "a note below the probability": SURE,
            "photos of the ten classes": f"{known:.0f}",
            "of these, with a note": percent(noted / known, 1),
            "without a note, right": percent(right, 1),
            "calibration error": percent(seeds["calibration error"], 1),
            "hats, skirts and shorts": f"{seeds['none of the ten']:.0f}",
            "of those, with a note": percent(none, 1),
        }
    return table


def speed_table():
    measured = read("benchmarks/speed.json")["measured"]
    rows = {row: f"{median(figures):.3g}" for row, figures in measured.items()}
    return {"measured": rows}


def points(title, change):
    """Return what a change brings over the seeds that it was tried with, in points of accuracy."""
    changed = CHANGES[title][change]
    before = mean(CHANGES[title]["the recipe"][seed] for seed in changed)
    text = f"{100 * (mean(changed.values()) - before):+.2f}"
    return f"{text} (one seed)" if len(changed) == 1 else text


def changes_table(titles, added):
    """Return what changes to the recipes bring: those that add something, or all others."""
    table = {}
    for title in titles:
        rows = {"the recipe": percent(mean(CHANGES[title]["the recipe"].values()))}
        for change in CHANGES[title]:
            if change != "the recipe" and change.startswith("with ") == added:
                rows[change] = points(title, change)
        table[title] = rows
    return table


def ensemble_table():
    measured = read("benchmarks/ensemble.json")
    rows = {
        "one network": spread(measured["accuracy"]),
        "the mean of the five": percent(measured["accuracy of the mean"]),
    }
    return {"accuracy": rows}


def improvements():
    """Return each improvement with the accuracy without it and with it, as CSV."""
    lines = ["improvement,measured with,without,with,brought"]
    for name, title, without, improved in IMPROVEMENTS:
        before = mean(CHANGES[title][without].values())
        after = mean(CHANGES[title][improved].values())
        lines.append(comparison(name, title, before, after))
    before = mean(of_seeds("baseline", "accuracy"))
    for name in ("compact", "improved"):
        after = mean(of_seeds(name, "accuracy"))
        lines.append(comparison(f"{name} instead of baseline", "test images", before, after))
    return "\n".join(lines) + "\n"


def comparison(name, basis, before, after):
    return f'{name},"{basis}",{before:.2%},{after:.2%},{100 * (after - before):+.2f} points'


def draw_recipes(path):
    """Draw test accuracy (mean and spread of the seeds) against size, beside what others report."""
    figure, axis = plt.subplots(figsize=(WIDTH, 4.2))
    others = PUBLISHED["parameters and accuracy of networks with two convolutions"]
    for name, (parameters, accuracy) in others.items():
        axis.plot(parameters, accuracy, "s", color="grey")
        axis.text(1.1 * parameters, accuracy + 0.0005, name, fontsize=9)
    for name, results in SAVED.items():
        if RECIPES[name].photos:
            continue  # of the size of `improved`, and trained for something else
        shares = of_seeds(name, "accuracy")
        parameters = results["parameters"]
        axis.errorbar(parameters, mean(shares), stdev(shares), fmt="o", color=BLUE, capsize=4)
        label = f"{name}, {mean(shares):.2%}"
        axis.text(1.1 * parameters, mean(shares) + 0.0005, label, fontsize=9, fontweight="bold")
    axis.set(xscale="log", xlim=(6e4, 6e6), xlabel="parameters", ylabel="test accuracy")
    axis.set_title("Ours with the spread of the seeds, others' as reported")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    figure.savefig(path, dpi=100, bbox_inches="tight")


def markdown(table):
    """Return a table as lines of Markdown; a cell that is missing stays empty."""
    lines = ["|  | " + " | ".join(table) + " |", "| --- " * (1 + len(table)) + "|"]
    for row, cells in pd.DataFrame(table, dtype=object).fillna("").iterrows():
        lines.append(f"| {row} | " + " | ".join(cells.astype(str)) + " |")
    return "\n".join(lines)


def filled(path, tables):
    """Return the text of a document with each table between its markers."""
    text = (ROOT / path).read_text(encoding="utf-8")
    for name, table in tables.items():
        before, rest = text.split(f"<!-- {name} -->")
        _, after = rest.split(f"<!-- /{name} -->")
        text = f"{before}<!-- {name} -->\n{markdown(table)}\n<!-- /{name} -->{after}"
    return text


def documents():
    """Return the text of each file that this script writes, by its path."""
    photos = photos_table()  # for both documents
    readme = {"results": results_table(), "photos": photos, "speed": speed_table()}
    card = {
        "figures": card_table(),
        "ingredients": changes_table([SHORT, "compact, 15 epochs", FULL], added=False),
        "longer": changes_table(LONGER, added=False),
        "tried": changes_table(TRIED, added=True),
        "ensemble": ensemble_table(),
        "photos": photos,
        "notes": notes_table(),
        "photo set": photo_set_table(),
    }
    return {
        "README.md": filled("README.md", readme),
        "saved_model/README.md": filled("saved_model/README.md", card),
        "benchmarks/improvements.csv": improvements(),
    }


if __name__ == "__main__":
    parsed(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    for path, text in documents().items():
        (ROOT / path).write_text(text, encoding="utf-8")
    draw_recipes(ROOT / "docs/recipes.png")
