"""Write what was measured into the README, the model card, the notebook's table and its picture.

    python -m benchmarks.report

Every table stands between two markers, and comes from the JSON that a run wrote.
"""

import json
import re
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.ticker import PercentFormatter

from fmnist_utils.model import RECIPES
from fmnist_utils.plots import BLUE, WIDTH

ROOT = Path(__file__).parent.parent
ORIGINAL = {
    "accuracy": "91.61 %",
    "thresholded precision": "92.73 %",
    "best epochs": "10",
    "seeds": "1",
    "parameters": "1,630,474",
}
# Parameters and accuracy of others' networks with two convolutions, as the table in the dataset's
# own README (github.com/zalandoresearch/fashion-mnist) gives them.
PUBLISHED = {
    "the original": (1_630_474, 0.9161),
    "2 conv, < 100K parameters": (100_000, 0.925),
    "2 conv + 3 fully connected, ~500K": (500_000, 0.934),
}
CLAIMED = "2 conv + 2 fully connected, flips: 93.9% claimed, 93.3 to 93.4% reproduced", 0.939


def read(path):
    return json.loads((ROOT / path).read_text())


def percent(share, digits=2):
    return f"{share:.{digits}%}".replace("%", " %")


def figures(results, figure, split="test"):
    """Return a figure of each seed."""
    return pd.Series([seed[split][figure] for seed in results["seeds"]])


def spread(results, figure, split="test"):
    values = figures(results, figure, split)
    return f"{percent(values.mean())} ± {percent(values.std())}"


def results_table():
    columns = {"the original": ORIGINAL}
    for name in RECIPES:
        results = read(f"saved_model/{name}.json")
        columns[f"`{name}`"] = {
            "accuracy": spread(results, "accuracy"),
            "thresholded precision": spread(results, "thresholded_precision"),
            "best epochs": ", ".join(str(seed["best_epoch"]) for seed in results["seeds"]),
            "seeds": len(results["seeds"]),
            "parameters": f"{results['parameters']:,}",
        }
    return pd.DataFrame(columns)


def card_table():
    columns, photos = {}, read("benchmarks/photos.json")
    for name in RECIPES:
        results, jax = read(f"saved_model/{name}.json"), read(f"benchmarks/jax/{name}.json")
        recall = {each: row["recall"] for each, row in results["test"]["per_class"].items()}
        weakest = min(recall, key=recall.get)
        columns[name] = {
            "accuracy": spread(results, "accuracy"),
            "accuracy, averaged with the mirror image": spread(results, "mirrored_accuracy"),
            "thresholded precision": spread(results, "thresholded_precision"),
            "macro precision": spread(results, "precision"),
            "macro recall": spread(results, "recall"),
            "macro F1": spread(results, "f1"),
            "calibration error (15 bins)": spread(results, "calibration_error"),
            "validation accuracy": spread(results, "accuracy", "validation"),
            "validation accuracy on JAX, one seed": percent(jax["validation"]["accuracy"]),
            "test accuracy on JAX, that seed": percent(jax["test"]["accuracy"]),
            "photos from homes, mean of six garments": percent(
                photos["accuracy"][name]["here"]["mean of the garments"], 1
            ),
            "seeds": len(results["seeds"]),
            "the seed that ships: best validation loss": results["seed"],
            "its test accuracy": percent(results["test"]["accuracy"]),
            "its weakest class, and that class's recall": f"{weakest}, {recall[weakest]:.1%}",
        }
    return pd.DataFrame(columns)


def photos_table():
    measured = read("benchmarks/photos.json")
    rows = pd.DataFrame(
        {
            f"`{name}`": {way: kinds["mean of the garments"] for way, kinds in ways.items()}
            for name, ways in measured["accuracy"].items()
        }
    )
    test = pd.DataFrame(measured["test images"])
    test.columns = rows.columns
    test.index = [f"for comparison, test images {how}" for how in test.index]
    return pd.concat([rows, test]).map(percent, digits=1)


def speed_table():
    speed = read("benchmarks/speed.json")
    return pd.DataFrame(
        [
            (title, way, f"{row['median']:.2f} ms")
            for title, rows in speed.items()
            if title != "machine"
            for way, row in rows.items()
        ],
        columns=["", "way", "median"],
    ).set_index("")


def ablation_table():
    columns = {}
    for title, run in read("benchmarks/ablation.json").items():
        recipe, *rows = run["rows"]
        columns[title] = {"the recipe": percent(recipe["accuracy"])}
        for row in rows:
            columns[title][row["change"]] = f"{100 * (row['accuracy'] - recipe['accuracy']):+.2f}"
    return pd.DataFrame(columns).fillna("")


def improvements():
    """Return each item of the original's list with what it brought."""
    ablation, rates = read("benchmarks/ablation.json"), read("benchmarks/learning_rate.json")
    short, full = (
        {row["change"]: row["accuracy"] for row in ablation[f"compact, {epochs} epochs"]["rows"]}
        for epochs in (10, 30)
    )
    rate = {row["learning_rate"]: row["validation_accuracy"] for row in rates}
    best = max(rate, key=rate.get)
    test = {name: figures(read(f"saved_model/{name}.json"), "accuracy").mean() for name in RECIPES}
    recipe = short["the recipe"]
    rows = [
        ("random crop", short["without shift"], recipe),
        ("random crop, over 30 epochs", full["without shift"], full["the recipe"]),
        ("Gaussian noise", recipe, short["with gaussian_noise"]),
        ("salt and pepper", recipe, short["with salt_and_pepper"]),
        ("histogram changes", recipe, short["with tone"]),
        ("a learning rate that rises and falls", short["constant learning rate"], recipe),
        (f"the best constant one, {best:g}, for 0.001", rate[1e-3], rate[best]),
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
    axis.annotate(CLAIMED[0], (6e4, CLAIMED[1]), **beside)
    for name in RECIPES:
        results = read(f"saved_model/{name}.json")
        accuracy, parameters = figures(results, "accuracy"), results["parameters"]
        place = parameters, accuracy.mean()
        axis.errorbar(*place, accuracy.std(), fmt="o", color=BLUE, capsize=4)
        axis.annotate(f"{name}, {accuracy.mean():.2%}", place, **beside, fontweight="bold")
    axis.set(xscale="log", xlim=(6e4, 6e6), xlabel="parameters", ylabel="test accuracy")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axis.set_title("Ours with the spread of the seeds, others' as reported")
    figure.savefig(path, dpi=100, bbox_inches="tight", metadata={"Software": None})


def markdown(table):
    """Return a table in Markdown."""
    rows = [["", *table.columns], ["---"] * (1 + len(table.columns))]
    rows += [[name, *values] for name, values in zip(table.index, table.values, strict=True)]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def filled(text, tables):
    """Return `text` with each table between its markers."""
    for name, table in tables.items():
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, count = between.subn(rf"\g<1>{markdown(table)}\n\g<2>", text)
        if count != 1:
            raise SystemExit(f"The markers of {name} are {count} times in the text, not once.")
    return text


def documents():
    """Return what this script writes: the text of each file, by its path."""
    readme = {"results": results_table(), "photos": photos_table(), "speed": speed_table()}
    card = {"figures": card_table(), "ablation": ablation_table()}
    texts = {"README.md": readme, "saved_model/README.md": card}
    texts = {path: filled((ROOT / path).read_text(), tables) for path, tables in texts.items()}
    return {**texts, "benchmarks/improvements.csv": improvements().to_csv(index=False)}


if __name__ == "__main__":
    matplotlib.use("Agg")
    for path, text in documents().items():
        (ROOT / path).write_text(text)
    draw_recipes(ROOT / "docs/recipes.png")
