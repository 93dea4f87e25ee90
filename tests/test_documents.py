"""README and model card say what the runs' own files say."""

import base64
import json
import re
from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest

from fmnist_utils import data, evaluation, model, store
from tests.execute import outputs, pictures

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CARD = (ROOT / "saved_model/README.md").read_text()
ROWS = {
    "accuracy": "accuracy",
    "macro precision": "precision",
    "macro recall": "recall",
    "macro F1": "f1",
}


@pytest.fixture(scope="module")
def saved():
    return store.load("baseline", ROOT / "saved_model")


def percent(share):
    return f"{share:.2%}".replace("%", " %")


@pytest.mark.parametrize("document", [README, CARD], ids=["README", "model card"])
def test_the_tables_are_the_json_s_figures(document, saved):
    rows = {**ROWS, "thresholded precision": "thresholded_precision"}
    if document is CARD:
        rows |= {"accuracy with the mirrored": "mirrored_accuracy"}
        rows |= {"calibration error": "calibration_error"}
    for row, figure in rows.items():
        mean, spread = saved.results["test"][figure].values()
        line = rf"^\| {row}.* \| {percent(mean)} ± {percent(spread)} \|"
        assert re.search(line, document, re.M), row
    assert f"over {len(saved.results['seeds'])} seeds" in document


def test_the_readme_names_parameters_and_best_epochs(saved):
    original = evaluation.ORIGINAL
    assert f"| accuracy | {percent(original['accuracy'])} |" in README
    assert f'"precision") | {percent(original["thresholded_precision"])} |' in README
    assert f"| parameters | 1,630,474 | {saved.results['parameters']:,} |" in README
    best = ", ".join(str(seed["best_epoch"]) for seed in saved.results["seeds"])
    assert f"| best epoch of 30 | 10 | {best} |" in README
    assert len(README.splitlines()) <= 120


def test_the_photos_figures_are_the_benchmark_s():
    measured = json.loads((ROOT / "benchmarks/photos.json").read_text())
    means = [shares["mean of the garments"] for shares in measured["accuracy"].values()]
    row = " | ".join(f"{mean:.1%}".replace("%", " %") for mean in means)
    count = sum(measured["photos"].values()) - measured["photos"]["shoes"]
    assert f"| {row} |" in README
    assert f"On {count} photos" in README
    assert f"is {means[-1]:.1%}".replace("%", " %") + f" on {count} photos" in CARD.replace(
        "\n", " "
    )


def test_the_card_names_the_shipped_seed_and_its_weakest_class(saved):
    seed = saved.results["shipped_seed"]
    [record] = [record for record in saved.results["seeds"] if record["seed"] == seed]
    per_class = record["test"]["per_class"]
    weakest = min(per_class, key=lambda name: per_class[name]["recall"])
    recall = f"{per_class[weakest]['recall']:.1%}".replace("%", " %")
    assert f"seed {seed}; its test accuracy is {record['test']['accuracy']:.4f}" in CARD
    assert f"The weakest class is {weakest}: {recall}" in CARD


def test_the_readme_s_pictures_are_the_notebook_s():
    notebook = nbformat.read(ROOT / "train.ipynb", as_version=4)
    shown = {base64.b64decode(data["image/png"]) for data in pictures(outputs(notebook))}
    named = re.findall(r"!\[.+\]\((.+)\)", README)
    assert named
    assert all((ROOT / picture).read_bytes() in shown for picture in named)


def test_the_shipped_network_is_as_good_as_recorded(saved, splits):
    report = evaluation.evaluate(saved.model, splits.test)
    seeds = {record["seed"]: record for record in saved.results["seeds"]}
    shipped = seeds[saved.results["shipped_seed"]]
    assert report.accuracy == pytest.approx(shipped["test"]["accuracy"], abs=3e-4)
    losses = {seed: record["validation"]["loss"] for seed, record in seeds.items()}
    assert losses[saved.results["shipped_seed"]] == min(losses.values())


def test_the_shipped_baseline_is_the_original_and_passes_it(saved):
    recipe = json.loads(json.dumps(vars(model.BASELINE)))
    assert saved.results["recipe"] == recipe
    assert all(len(record["history"]["loss"]) == 30 for record in saved.results["seeds"])
    for figure in ("accuracy", "thresholded_precision"):
        assert saved.results["test"][figure]["mean"] >= evaluation.ORIGINAL[figure]


def test_plain_keras_opens_the_shipped_file(saved, few):
    plain = keras.models.load_model(ROOT / "saved_model/baseline.keras")
    images = few.test.images
    assert (plain.predict(images, verbose=0) == saved.model.predict(images, verbose=0)).all()


@pytest.mark.parametrize("kind", ["SavedModel", "LiteRT"])
def test_the_readme_s_exports_give_the_same_probabilities(kind, saved, few, tmp_path, monkeypatch):
    import tensorflow as tf

    monkeypatch.chdir(ROOT)
    snippets = re.findall(r"```python\n(.+?)```", README, re.S)
    [snippet] = [
        text for text in snippets if "export(" in text and ("litert" in text) == (kind == "LiteRT")
    ]
    exec(snippet.replace('"exported', f'"{tmp_path}/exported'), {})
    images = few.test.images[:8]
    if kind == "SavedModel":
        served = tf.saved_model.load(str(tmp_path / "exported"))
        probabilities = served.serve(images).numpy()
    else:
        interpreter = tf.lite.Interpreter(str(tmp_path / "exported.tflite"))
        probabilities = interpreter.get_signature_runner()(pixels=images)["output_0"]
    np.testing.assert_allclose(probabilities, saved.model.predict(images, verbose=0), atol=1e-6)


def test_the_readme_s_example_runs(few, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data, "load", lambda: few)
    [snippet] = [
        text for text in re.findall(r"```python\n(.+?)```", README, re.S) if "small" in text
    ]
    exec(snippet.replace("runs/small", str(tmp_path)), {})
    assert "epoch  5/5" in capsys.readouterr().out
