"""README and model card say what the runs' own files say."""

import base64
import json
import re
import statistics

import keras
import nbformat
import numpy as np
import pytest

from benchmarks.time_to_accuracy import EPOCHS
from fmnist_utils import data, evaluation, model, store
from tests.execute import ROOT, outputs, pictures

README = (ROOT / "README.md").read_text()
CARD = (ROOT / "saved_model/README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.+?)```", README, re.S)
ROWS = {"accuracy": "accuracy", "thresholded precision": "thresholded_precision"}
CARD_ROWS = {
    **ROWS,
    "macro precision": "precision",
    "macro recall": "recall",
    "macro F1": "f1",
    "accuracy with the mirrored": "mirrored_accuracy",
    "calibration error": "calibration_error",
}


@pytest.fixture(scope="module")
def saved():
    """What ships, by name."""
    return {name: store.load(name, ROOT / "saved_model") for name in model.RECIPES}


@pytest.fixture(scope="module")
def results(saved):
    return [network.results for network in saved.values()]


def shipped_record(results):
    """Return the record of the seed whose weights ship."""
    [record] = [seed for seed in results["seeds"] if seed["seed"] == results["shipped_seed"]]
    return record


def percent(share, digits=2):
    return f"{share:.{digits}%}".replace("%", " %")


def row(label, cells):
    """Return a pattern of a table's row that begins with `label` and ends with `cells`."""
    return re.compile(rf"^\| {label}.* \| {re.escape(' | '.join(cells))} \|$", re.M)


@pytest.mark.parametrize(("document", "rows"), [(README, ROWS), (CARD, CARD_ROWS)], ids=["R", "C"])
def test_the_tables_are_the_json_s_figures(document, rows, results):
    for label, figure in rows.items():
        means = [result["test"][figure].values() for result in results]
        cells = [f"{percent(mean)} ± {percent(spread)}" for mean, spread in means]
        assert row(label, cells).search(document), label
    for result in results:
        assert f"over {len(result['seeds'])} seeds" in document


def test_the_readme_names_parameters_and_best_epochs(results):
    original = evaluation.ORIGINAL
    assert f"| accuracy | {percent(original['accuracy'])} |" in README
    assert f'"precision") | {percent(original["thresholded_precision"])} |' in README
    parameters = ["1,630,474", *(f"{result['parameters']:,}" for result in results)]
    assert f"| parameters | {' | '.join(parameters)} |" in README
    best = [", ".join(str(seed["best_epoch"]) for seed in r["seeds"]) for r in results]
    assert f"| best epochs of 30 | 10 | {' | '.join(best)} |" in README
    assert len(README.splitlines()) <= 120


def test_the_photos_figures_are_the_benchmark_s():
    measured = json.loads((ROOT / "benchmarks/photos.json").read_text())
    for name, ways in measured["accuracy"].items():
        means = [percent(shares["mean of the garments"], 1) for shares in ways.values()]
        assert row(f"`{name}`", means).search(README)
    ours = [ways["ours"]["mean of the garments"] for ways in measured["accuracy"].values()]
    assert row("photos from people's homes", [percent(mean, 1) for mean in ours]).search(CARD)
    count = sum(measured["photos"].values()) - measured["photos"]["shoes"]
    assert f"On {count} photos" in README


def test_the_speeds_are_the_benchmarks():
    speed, until = (
        json.loads((ROOT / f"benchmarks/{name}.json").read_text())
        for name in ("speed", "time_to_accuracy")
    )
    step, image = (
        {way: f"{times['median']:.1f} ms" for way, times in speed[what].items()}
        for what in ("a training step of 32 images", "one image")
    )
    assert row("a training step", [step["ours"], step["plain Keras"]]).search(README)
    assert row("one image", [image["ours"], image["model.predict"]]).search(README)
    assert f"loop takes {step['plain PyTorch']}" in README
    assert f"loop around it, {step['the step alone']}" in README
    seconds = {name: f"{times['seconds']:.0f} s" for name, times in until["rows"].items()}
    ours = ", ".join(seconds[name] for name in model.RECIPES)
    assert row("training until", [ours, seconds["plain Keras"]]).search(README)
    told = f"`improved` (told to take {EPOCHS['improved']} epochs), `compact` ({EPOCHS['compact']})"
    assert told in README
    assert all(times["passed"] for times in until["rows"].values())
    assert speed["machine"] == until["machine"]
    assert f"On {speed['machine']['cores']} cores of an {speed['machine']['processor']}" in README


def test_the_card_names_the_shipped_seeds_and_their_weakest_classes(results):
    cells = {"shipped seed": [], "its test accuracy": [], "its weakest class": []}
    for result in results:
        shipped = shipped_record(result)["test"]
        weakest = min(shipped["per_class"], key=lambda name: shipped["per_class"][name]["recall"])
        recall = shipped["per_class"][weakest]["recall"]
        cells["shipped seed"].append(str(result["shipped_seed"]))
        cells["its test accuracy"].append(percent(shipped["accuracy"]))
        cells["its weakest class"].append(f"{weakest}, {percent(recall, 1)}")
    for label, values in cells.items():
        assert row(label, values).search(CARD), label


def test_on_jax_the_recipes_are_as_accurate(results):
    cells = {"validation accuracy": [], "the same on": [], "test accuracy on JAX": []}
    for result in results:
        on_jax = json.loads((ROOT / f"benchmarks/jax/{result['name']}.json").read_text())
        assert on_jax["versions"]["backend"] == "jax"
        recipe = vars(model.RECIPES[result["name"]])
        assert json.dumps(on_jax["recipe"]) == json.dumps(recipe)
        [seed] = on_jax["seeds"]
        assert len(seed["history"]["loss"]) == recipe["epochs"]
        shares = [record["validation"]["accuracy"] for record in result["seeds"]]
        mean, spread = statistics.mean(shares), statistics.stdev(shares)
        assert abs(seed["validation"]["accuracy"] - mean) <= 2 * spread, result["name"]
        cells["validation accuracy"].append(f"{percent(mean)} ± {percent(spread)}")
        cells["the same on"].append(percent(seed["validation"]["accuracy"]))
        cells["test accuracy on JAX"].append(percent(seed["test"]["accuracy"]))
    for label, values in cells.items():
        assert row(label, values).search(CARD), label


def test_the_readme_s_pictures_are_the_notebook_s():
    notebook = nbformat.read(ROOT / "train.ipynb", as_version=4)
    shown = {base64.b64decode(data["image/png"]) for data in pictures(outputs(notebook))}
    named = re.findall(r"!\[.+\]\((.+)\)", README)
    assert named
    assert all((ROOT / picture).read_bytes() in shown for picture in named)


def test_the_notebook_s_improvements_are_what_was_measured(results):
    ablation, rates = (
        json.loads((ROOT / f"benchmarks/{name}.json").read_text())
        for name in ("ablation", "learning_rate")
    )
    notebook = nbformat.read(ROOT / "train.ipynb", as_version=4)
    tables = [output.data.get("text/html", "") for output in outputs(notebook) if "data" in output]
    for improvement in evaluation.improvements(ablation, rates, results):
        cells = r"\s*".join(f"<td>{re.escape(value)}</td>" for value in improvement.values())
        assert any(re.search(cells, table) for table in tables), improvement


@pytest.mark.parametrize("name", model.RECIPES)
def test_the_shipped_networks_are_as_good_as_recorded(name, saved, splits):
    network, results = saved[name]
    report = evaluation.evaluate(network, splits.test)
    shipped = shipped_record(results)
    assert report.accuracy == pytest.approx(shipped["test"]["accuracy"], abs=3e-4)
    losses = [record["validation"]["loss"] for record in results["seeds"]]
    assert shipped["validation"]["loss"] == min(losses)


@pytest.mark.parametrize("name", model.RECIPES)
def test_what_ships_was_trained_in_full_as_the_recipes_say(name, saved):
    results = saved[name].results
    recorded = model.Recipe(**results["recipe"])
    assert json.dumps(vars(recorded)) == json.dumps(vars(model.RECIPES[name]))
    assert all(len(record["history"]["loss"]) == 30 for record in results["seeds"])
    for figure in ("accuracy", "thresholded_precision"):
        assert results["test"][figure]["mean"] >= evaluation.ORIGINAL[figure]


@pytest.mark.parametrize("name", model.RECIPES)
def test_plain_keras_opens_the_shipped_files(name, saved, few):
    plain = keras.models.load_model(ROOT / f"saved_model/{name}.keras")
    images = few.test.images
    assert (plain.predict(images, verbose=0) == saved[name].model.predict(images, verbose=0)).all()


def test_the_readme_s_exports_give_the_same_probabilities(few, tmp_path, monkeypatch):
    import tensorflow as tf

    monkeypatch.chdir(ROOT)
    [snippet] = [text for text in SNIPPETS if "export(" in text]
    names = {}
    exec(snippet.replace('"exported', f'"{tmp_path}/exported'), names)
    images = few.test.images[:8]
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    interpreter = tf.lite.Interpreter(str(tmp_path / "exported.tflite"))
    lite = interpreter.get_signature_runner()(pixels=images)["output_0"]
    for probabilities in (exported.serve(images).numpy(), lite):
        expected = names["model"].predict(images, verbose=0)
        np.testing.assert_allclose(probabilities, expected, atol=1e-6)


def test_the_readme_s_example_runs(few, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data, "load", lambda: few)
    [snippet] = [text for text in SNIPPETS if "small" in text and "train(" in text]
    exec(snippet.replace("runs/small", str(tmp_path)), {})
    assert "epoch  5/5" in capsys.readouterr().out
