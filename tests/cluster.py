"""Both scripts for Ray on the real engine, with two nodes, of which one is killed.

`make test-cluster`
"""

import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ray.cluster_utils import Cluster

from cluster import classify
from docs.execute import ROOT
from fmnist_utils import photos, store
from fmnist_utils.data import CLASS_NAMES
from tests.conftest import run_python

BAD = {
    "empty.jpg": b"",
    "text.jpg": b"not a picture",
    "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "only a header.jpg": b"\xff\xd8\xff\xe0",
    "zeros.png": bytes(1000),
    "a header.png": b"\x89PNG\r\n\x1a\n",
}
ALONE = """
import sys
from dataclasses import replace
from pathlib import Path
from benchmarks import seeds
from fmnist_utils import data
from fmnist_utils.recipes import COMPACT
recipe = replace(COMPACT, epochs=2)
splits = data.load()
photos = data.load_photos()
records = []
for seed in (0, 1):
    model, record = seeds.trained(recipe, seed, splits, photos, Path(sys.argv[1], str(seed)))
    records.append(record)
print(seeds.table(records))
"""


def run_module(*arguments):
    """Run a module as `python -m` does; return the ended process with what it printed."""
    command = [sys.executable, "-m"]
    command.extend(str(argument) for argument in arguments)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture
def job():
    """A function that runs a module on two nodes, and kills one as soon as some files are there."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()

    def run(arguments, folder, pattern, count):
        command = [sys.executable, "-m"]
        command.extend(str(argument) for argument in arguments)
        command.append(f"--address={cluster.address}")
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        while len(list(folder.glob(pattern))) < count and process.poll() is None:
            time.sleep(0.1)
        assert process.poll() is None
        cluster.remove_node(second, allow_graceful=False)
        printed, _ = process.communicate()
        assert process.returncode == 0
        return printed

    yield run
    cluster.shutdown()


def draw(folder, images):
    """Write a JPEG of 800 × 800 pixels for each of `images`: the garment on a wall of noise."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number, image in enumerate(images):
        large = Image.fromarray(image.squeeze()).resize((800, 800), Image.BICUBIC)
        garment = 255 - np.asarray(large)[..., None]
        wall = generator.normal(150, 20, (800, 800, 3)).clip(0, 255)
        photo = np.where(garment < 235, garment, wall).astype(np.uint8)
        Image.fromarray(photo).save(folder / f"_DSC{number:05}.jpg")


@pytest.fixture
def pictures(tmp_path, splits):
    """A folder with 201 photos made of test images, and 11 files that are no photos."""
    folder = tmp_path / "pictures" / "it's [1] #50%"
    draw(folder, splits.test.images[:200])
    for name, content in BAD.items():
        (folder / name).write_bytes(content)
    for number in range(4):
        photo = (folder / f"_DSC{number:05}.jpg").read_bytes()
        (folder.parent / f"cut off {number}.jpg").write_bytes(photo[: 200 + 1000 * number])
    (folder / "a question?").write_bytes((folder / "_DSC00000.jpg").read_bytes())
    (folder / "gone\udcff.jpg").symlink_to("nowhere")
    (folder / ".hidden").write_text("left out")
    return folder.parent


def check(output, pictures):
    """Compare the rows in `output` with what `photos.classify` says of the files in `pictures`."""
    rows = pd.read_parquet(output).sort_values("path", ignore_index=True)
    files = sorted(str(path) for path in pictures.rglob("[!.]*") if not path.is_dir())
    assert rows["path"].tolist() == [classify.written(file) for file in files]
    network, results = store.load("compact")
    assert set(rows["model"]) == {results["sha256"]}
    items = photos.classify(network, files)
    assert [bool(item.error) for item in items].count(True) == 11
    for row, item in zip(rows.to_dict("records"), items, strict=True):
        assert row["label"] == item.label
        assert row["warning"] == item.warning
        assert row["error"] == item.error
        assert row["probability"] == pytest.approx(item.probability, abs=1e-6)
        shares = dict(item.ranking)
        for name in CLASS_NAMES:
            assert row[name] == pytest.approx(shares.get(name, np.nan), abs=1e-6, nan_ok=True)


def test_rows_are_those_of_one_machine_whatever_dies(job, pictures, tmp_path):
    output = tmp_path / "output [1]"
    arguments = ["cluster.classify", pictures, output, "--model=compact"]
    printed = job(arguments, output, "*.parquet", 3)
    assert printed.startswith(f"212 pictures of {pictures} are not in {output} yet\n")
    check(output, pictures)

    written = sorted(output.iterdir())
    written[0].write_bytes(written[0].read_bytes()[:-10])  # as a stop leaves it
    written[1].unlink()
    again = run_module(*arguments)
    assert again.returncode == 0
    assert not again.stdout.startswith(("0 ", "212 "))
    check(output, pictures)

    again = run_module(*arguments)
    assert again.stdout == f"0 pictures of {pictures} are not in {output} yet\n"
    other = run_module("cluster.classify", pictures, output, "--model=improved")
    assert "choose another OUTPUT" in other.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["/nowhere", "/tmp/o"], "There is no picture in /nowhere; check SOURCE."),
        (["nothing://a", "/tmp/o"], "nothing"),
        (["sample_photos", "/tmp/o", "--model=none"], "none.keras does not exist"),
        (["sample_photos", "/tmp/o", "--address=127.0.0.1:9"], "check --address"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(arguments, sentence):
    ended = run_module("cluster.classify", *arguments)
    assert ended.returncode == 1
    assert sentence in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--wrokers=2", "there is no --wrokers=2; did you mean --workers?"),
        ("--workers=0", "argument --workers: invalid positive value: '0'"),
    ],
)
def test_an_option_that_cannot_be_used_is_told_with_the_usage(option, sentence):
    ended = run_module("cluster.classify", "sample_photos", "/tmp/o", option)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].endswith(sentence)


def never_starts(environment):
    return environment | {"py_executable": "sleep 1000;"}


def lacks_a_package(environment):
    variables = environment["env_vars"] | {"PYTHONPATH": os.environ["BROKEN"]}
    return environment | {"env_vars": variables}


@pytest.mark.parametrize(
    ("hook", "sentence"),
    [
        ("never_starts", "No worker of Ray starts (nothing happens for 40 s, see "),
        ("lacks_a_package", "No worker of Ray starts (no keras here); check "),
    ],
)
def test_what_keeps_workers_from_starting_is_told(hook, sentence, tmp_path, monkeypatch):
    (tmp_path / "keras.py").write_text("raise ImportError('no keras here')")
    monkeypatch.setenv("BROKEN", str(tmp_path))
    monkeypatch.setenv("RAY_RUNTIME_ENV_HOOK", f"tests.cluster.{hook}")
    ended = run_module("cluster.classify", "sample_photos", tmp_path / "output")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(sentence)


def test_trainings_end_in_the_same_weights_whatever_dies(job, tmp_path):
    runs = tmp_path / "runs"
    alone = tmp_path / "alone"
    arguments = ["cluster.trainings", "--recipes", "compact", "--seeds", 0, 1, "--epochs=2"]
    arguments.append(f"--runs={runs}")
    printed = job(arguments, runs, "*/epoch-001.npz", 2)
    ended = run_python(ALONE, alone, TF_NUM_INTRAOP_THREADS="1")
    assert ended.returncode == 0
    assert printed.splitlines()[-5:] == ended.stdout.splitlines()[-5:]  # the table
    for seed in (0, 1):
        state = next(runs.glob(f"*seed{seed}*/epoch-002.npz"))
        with np.load(state) as found, np.load(alone / str(seed) / "epoch-002.npz") as same:
            assert found.files == same.files
            for name in found.files:
                assert np.array_equal(found[name], same[name])
