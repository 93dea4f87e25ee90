"""Classify any number of pictures, on this machine or on many, with Ray.

    python -m cluster.classify SOURCE OUTPUT --workers 8 --address auto

SOURCE is a folder, a pattern ("photos/**/*.jpg") or a bucket's address (s3://bucket/photos), OUTPUT
a folder that all machines share, or an address. It gets Parquet files with a row for each picture:
`pandas.read_parquet(OUTPUT)`. Run again, this does what is not in OUTPUT yet.
"""

import argparse
import math
import os
import re

import pandas as pd
import pyarrow as pa
import ray
from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow import parquet
from pyarrow.fs import FileSystem

from cluster import run, start
from fmnist_utils import photos, store
from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError, expect
from fmnist_utils.model import is_whole

# Workers use all CPUs, but book a quarter: were all booked, no file would be read, and the workers
# of a machine that dies would wait for ever for room on another.
BOOKED = 0.25


class Classifier:
    """A worker: it holds the network, and turns batches of files into rows."""

    def __init__(self, network, sha256):
        self.network, self.sha256 = ray.get(network), sha256

    def __call__(self, files):
        return pd.DataFrame(map(self.row, files["path"], files["bytes"]))

    def row(self, path, content):
        [item] = photos.classify(self.network, [content])
        answer = {"path": path, "label": item.label, "probability": item.probability}
        answer |= dict.fromkeys(CLASS_NAMES, math.nan) | dict(item.ranking)
        error = item.error.replace("The picture", path, 1)
        return answer | {"warning": item.warning, "error": error, "model": self.sha256}


def located(text):
    """Return the file system of a path or an address, and the path there."""
    local = os.path.abspath(os.path.expanduser(text))
    return FileSystem.from_uri(text if "://" in text else local)


def listed(system, path):
    """Return the files in a folder and below it, or that fit a pattern; none that is hidden."""
    system, base = ArrowFSWrapper(system), path
    if system.exists(path):
        found = system.find(path, detail=True)
    else:
        found, base = system.glob(path.replace("[", "[[]"), detail=True), re.split("[*?]", path)[0]
    files = [each for each, about in found.items() if about["type"] == "file"]
    return [each for each in files if "/." not in each.removeprefix(base)]


def done(system, folder, sha256):
    """Return whose rows are in OUTPUT; remove the files there that a stop left half written."""
    pictures = set()
    for file in ArrowFSWrapper(system).glob(f"{folder}/*.parquet"):
        try:
            rows = parquet.read_table(file, filesystem=system, columns=["path", "model"])
        except pa.ArrowInvalid:
            system.delete_file(file)
            continue
        if set(rows["model"].to_pylist()) != {sha256}:
            raise UserError(f"{folder} has another network's answers; choose another OUTPUT.")
        pictures.update(rows["path"].to_pylist())
    return pictures


def main(source, output, model="improved", workers=None, address=None):
    expect(workers is None or is_whole(workers), "--workers", workers, "a number from 1 to 1024")
    network, results = store.load(os.path.basename(model), os.path.dirname(model) or "saved_model")
    (system, pattern), (target, folder) = located(source), located(output)
    files = [each for each in listed(system, pattern) if not each.startswith(f"{folder}/")]
    if not files:
        raise UserError(f"There is no picture in {source}; check SOURCE.")
    files = sorted(set(files) - done(target, folder, results["sha256"]))
    print(f"{len(files):,} pictures of {source} are not in {output} yet")
    if files:
        start(address, threads=1)
        cpus = ray.cluster_resources().get("CPU", 1)
        workers = workers or max(1, int(cpus))
        context = ray.data.DataContext.get_current()
        context.print_on_execution_start = context.enable_operator_progress_bars = False
        context.max_consecutive_actor_init_deaths = -1  # a machine may die while workers start
        blocks = max(len(files) // 500, min(len(files), 8 * workers))
        share = {"num_cpus": BOOKED * cpus / workers}
        read = {"filesystem": system, "include_paths": True, "override_num_blocks": blocks}
        ray.data.read_binary_files(files, **read, **share).map_batches(
            Classifier,
            fn_constructor_args=(ray.put(network), results["sha256"]),
            batch_format="pandas",
            batch_size=None,
            **share,
            compute=ray.data.ActorPoolStrategy(size=workers),
        ).write_parquet(folder, filesystem=target, ray_remote_args={"num_cpus": BOOKED})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("output")
    parser.add_argument("--model", default="improved", help="a name in saved_model, or a path")
    parser.add_argument("--workers", type=int, help="if not given, as many as there are CPUs")
    run(main, parser)
