"""Write what was measured into the README, the model card, the notebook's table and its picture.

    python -m benchmarks.report

Every table stands between two markers, and comes from the JSON that a run wrote.
"""

import json
import re
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.ticker import PercentFormatter

from benchmarks.mistakes import COMPARED, MISTAKES
from fmnist_utils import data
from fmnist_utils.model import RECIPES
from fmnist_utils.plots import BLUE, WIDTH, grid

ROOT = Path(__file__).parent.parent
ORIGINAL = ("91.61 %", "92.73 %", "10", "1", "1,630,474")  # as its author reported it
# Parameters and accuracy of others' networks with two convolutions, as the table in the dataset's
# own README (github.com/zalandoresearch/fashion-mnist) gives them.
PUBLISHED = {"the original": (1_630_474, 0.9161), "2 conv, < 100K parameters": (100_000, 0.925)}
PUBLISHED |= {"2 conv + 3 fully connected, ~500K": (500_000, 0.934)}
FIGURES = "accuracy mirrored_accuracy thresholded_precision precision recall f1 calibration_error"
ABLATIONS = [f"compact, {epochs} epochs" for epochs in (10, 15, 30)] + ["improved, 30 epochs"]
CLAIMED = "2 conv + 2 fully connected: 93.9% claimed, 93.3 to 93.4% reproduced", 0.939


def read(path):
    return json.loads((ROOT / path).read_text())


def percent(share, digits=2):
    return f"{share:.{digits}%}".replace("%", " %")


def figures(results, figure, split="test"):
    return pd.Series([seed[split][figure] for seed in results["seeds"]])


def spread(values):
    return f"{percent(values.mean())} ± {percent(values.std())}"


def results_table():
    rows = ["accuracy", "thresholded precision", "best epochs", "seeds", "parameters"]
    table = pd.DataFrame({"the original": ORIGINAL}, index=rows)
    for name in RECIPES:
        results = read(f"saved_model/{name}.json")
        shares = [
            spread(figures(results, figure)) for figure in ("accuracy", "thresholded_precision")
        ]
        epochs = ", ".join(str(seed["best_epoch"]) for seed in results["seeds"])
        table[f"`{name}`"] = [*shares, epochs, len(results["seeds"]), f"{results['parameters']:,}"]
    return table


def card_table():
    columns, photos = {}, read("benchmarks/photos.json")["accuracy"]
    for name in RECIPES:
        results, jax = read(f"saved_model/{name}.json"), read(f"benchmarks/jax/{name}.json")
        recall = {each: row["recall"] for each, row in results["test"]["per_class"].items()}
        weakest = min(recall, key=recall.get)
        columns[name] = {
            **{
                figure.replace("_", " "): spread(figures(results, figure))
                for figure in FIGURES.split()
            },
            "validation accuracy": spread(figures(results, "accuracy", "validation")),
            "validation accuracy on JAX, one seed": percent(jax["validation"]["accuracy"]),
            "test accuracy on JAX, that seed": percent(jax["test"]["accuracy"]),
            "photos from people's homes": percent(photos[name]["here"]["mean of the garments"], 1),
            "seeds": len(results["seeds"]),
            "the seed that ships: the best validation loss": results["seed"],
            "its test accuracy": percent(results["test"]["accuracy"]),
            "its weakest class, and that one's recall": f"{weakest}, {percent(recall[weakest], 1)}",
        }
    return pd.DataFrame(columns)


def photos_table():
    measured = read("benchmarks/photos.json")
    count = sum(measured["photos"].values()) - measured["photos"]["shoes"]
    means = pd.DataFrame(measured["accuracy"]).map(lambda kinds: kinds["mean of the garments"])
    test = pd.DataFrame(measured["test images"]).rename("for comparison: test images {}".format)
    return pd.concat([means.rename(f"{count} photos, {{}}".format), test]).map(percent, digits=1)


def speed_table():
    rows = {}
    for title in ("seconds for an epoch of `baseline`", "milliseconds for one image"):
        for way, times in read("benchmarks/speed.json")[title].items():
            rows[f"{title}, {way}"] = f"{pd.Series(times).median():.3g}"
    ways = read("benchmarks/cluster.json")["pictures a second"]
    rows |= {f"pictures a second, {way}": f"{rate:.1f}" for way, rate in ways.items()}
    for cores, name in {1: "1 core", 10: "10 cores", 100: "100 cores"}.items():
        hours = 1e6 / (ways["Ray, two workers"] / 2 * cores) / 3600
        rows[f"hours for a million pictures on {name}, reckoned"] = f"{hours:.2g}"
    return pd.DataFrame({"measured": rows})


def ablation(title):
    """Return the validation accuracy of each change and seed `(changes, seeds)`."""
    rows = read("benchmarks/ablation.json")[title]
    return pd.DataFrame(rows).map(lambda figures: figures["accuracy"], na_action="ignore").T


def ablation_table():
    """Compare each change with the recipe, over the seeds that the change was tried with."""
    columns = {}
    for title in ABLATIONS:
        accuracy = ablation(title)
        recipe = accuracy.where(accuracy.isna(), accuracy.loc["the recipe"], axis=1)
        points = 100 * (accuracy.mean(axis=1) - recipe.mean(axis=1))
        few = accuracy.count(axis=1).map(lambda count: "" if count > 1 else " (one seed)")
        columns[title] = points.map("{:+.2f}".format) + few
        columns[title]["the recipe"] = percent(accuracy.loc["the recipe"].mean())
    order = dict.fromkeys(change for column in columns.values() for change in column.index)
    return pd.DataFrame(columns).reindex(list(order)).fillna("")


def longer_table():
    """Return the validation accuracy of each recipe, by epochs, with the first seed."""
    reached = {
        tuple(title.split(", ")): percent(rows["the recipe"]["0"]["accuracy"])
        for title, rows in read("benchmarks/ablation.json").items()
        if "the recipe" in rows
    }
    table = pd.Series(reached).unstack(fill_value="")
    return table[sorted(table, key=lambda epochs: int(epochs.split()[0]))]


def ensemble_table():
    measured = read("benchmarks/mistakes.json")
    accuracy, count = pd.Series(measured["accuracy"]), len(measured["seeds"])
    rows = {
        f"accuracy of one of {count} networks": spread(accuracy),
        "accuracy of their mean": percent(measured["accuracy of the mean"]),
        "images that at least one gets wrong": measured["wrong in any seed"],
        "images that their mean gets wrong": len(measured[MISTAKES]),
        f"images that all {count} get wrong": measured["wrong in all seeds"],
    }
    return pd.DataFrame({"test": rows})


def mistakes_table():
    """Count the mean's mistakes by pair of classes, and by what the images nearest to them are."""
    measured, sides = read("benchmarks/mistakes.json"), ["answer", "label", "undecided"]
    mistakes = pd.DataFrame(measured[MISTAKES])
    pairs = mistakes[["label", "answer"]].apply(lambda row: " and ".join(sorted(row)), axis=1)
    most = pairs.value_counts().index[:7]
    table = pd.crosstab(pairs.where(pairs.isin(most), "other pairs"), mistakes["witness"])
    table = table.reindex([*most, "other pairs"])[sides]
    table.loc["all"] = table.sum()
    table.loc["the mean right, at least one network wrong"] = pd.Series(measured[COMPARED])
    table.columns = ["nearest: the answer", "nearest: the label", "undecided"]
    table.insert(0, "images", table.sum(axis=1))
    return table


def improvements():
    titles = "compact, 10 epochs", "compact, 30 epochs", "baseline, 3 epochs"
    short, full, rate = (ablation(title).mean(axis=1) for title in titles)
    best = rate.idxmax()
    test = {name: figures(read(f"saved_model/{name}.json"), "accuracy").mean() for name in RECIPES}
    recipe = short["the recipe"]
    rows = [
        ("random crop", short["without shift"], recipe),
        ("random crop, over 30 epochs", full["without shift"], full["the recipe"]),
        ("Gaussian noise", recipe, short["with gaussian_noise"]),
        ("salt and pepper", recipe, short["with salt_and_pepper"]),
        ("histogram changes", recipe, short["with tone"]),
        ("a learning rate that rises and falls", short["constant learning rate"], recipe),
        (f"the best constant {best}, for 0.001", rate["learning rate 0.001"], rate[best]),
        ("not on the list: random flips", short["without flip"], recipe),
        ("not on the list: label smoothing", short["without label smoothing"], recipe),
        ("not on the list: weight decay", short["without weight decay"], recipe),
        ("not on the list: erasing", recipe, short["with erase"]),
        ("far fewer parameters, and what helps", test["baseline"], test["compact"]),
        ("as many as the original, and what helps", test["baseline"], test["improved"]),
    ]
    table = [(name, f"{a:.2%}", f"{b:.2%}", f"{b - a:+.2%}") for name, a, b in rows]
    return pd.DataFrame(table, columns=["improvement", "without", "with", "brought"])


def draw_recipes(path):
    """Draw test accuracy (mean and spread of the seeds) against size, beside what others report."""
    figure, axis = plt.subplots(figsize=(WIDTH, 4.2))
    beside = {"xytext": (8, 4), "textcoords": "offset points", "fontsize": 9}
    for name, place in PUBLISHED.items():
        axis.plot(*place, "s", color="grey")
        axis.annotate(name, place, **beside)
    axis.axhline(CLAIMED[1], color="grey", linestyle=":")
    axis.annotate(CLAIMED[0], (6e4, CLAIMED[1]), **{**beside, "xytext": (8, -12)})
    for name in RECIPES:
        results = read(f"saved_model/{name}.json")
        mean, deviation = figures(results, "accuracy").agg(["mean", "std"])
        axis.errorbar(results["parameters"], mean, deviation, fmt="o", color=BLUE, capsize=4)
        place = results["parameters"], mean
        axis.annotate(f"{name}, {mean:.2%}", place, **beside, fontweight="bold")
    axis.set(xscale="log", xlim=(6e4, 6e6), xlabel="parameters", ylabel="test accuracy")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axis.set(title="Ours with the spread of the seeds, others' as reported")
    figure.savefig(path, dpi=100, bbox_inches="tight")


def draw_mistakes(path):
    """Draw the thirty test images that the mean of the seeds gets wrong most surely."""
    mistakes, images = read("benchmarks/mistakes.json")[MISTAKES][:30], data.load().test.images
    titles = [f"{each['label']}\n{each['answer']}" for each in mistakes]
    with patch.object(plt, "show", partial(plt.savefig, path, dpi=100)):
        grid(images[[each["image"] for each in mistakes]], titles)


def filled(text, **tables):
    """Return `text` with each table, in Markdown, between its markers."""
    for name, table in tables.items():
        rows = [["", *table.columns], ["---"] * (1 + len(table.columns)), *table.itertuples()]
        lines = "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, count = between.subn(rf"\g<1>{lines}\n\g<2>", text)
        assert count == 1, f"the markers of {name} are there {count} times"
    return text


def documents():
    """Return the text of each file that this script writes, by its path."""
    readme, card = ((ROOT / folder / "README.md").read_text() for folder in ("", "saved_model"))
    measured = {"results": results_table(), "photos": photos_table(), "speed": speed_table()}
    chosen = {"figures": card_table(), "ablation": ablation_table(), "longer": longer_table()}
    left = {"ensemble": ensemble_table(), "mistakes": mistakes_table()}
    return {
        "README.md": filled(readme, **measured),
        "saved_model/README.md": filled(card, **chosen, **left),
        "benchmarks/improvements.csv": improvements().to_csv(index=False),
    }


if __name__ == "__main__":
    for path, text in documents().items():
        (ROOT / path).write_text(text)
    draw_recipes(ROOT / "docs/recipes.png")
    draw_mistakes(ROOT / "docs/mistakes.png")
