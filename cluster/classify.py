"""Classify any number of pictures, on this machine or on many, with Ray.

    python -m cluster.classify SOURCE OUTPUT --workers 8 --address auto

SOURCE is a folder, a pattern ("photos/**/*.jpg") or a bucket's address (s3://bucket/photos), OUTPUT
a folder that all machines share, or an address. It gets Parquet files with a row for each picture:
`pandas.read_parquet(OUTPUT)`. Run again, this does what is not in OUTPUT yet.
"""

import argparse
import glob
import os
import re

import pandas as pd
import pyarrow as pa
import ray
from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow import fs, parquet

from cluster import run, start
from fmnist_utils import photos, store
from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError

# Workers use all CPUs, but book a quarter: were all booked, nothing would be written, and the
# workers of a machine that dies would wait for ever for room on another.
BOOKED = 0.25
LEFT_OUT = r"(^|/)\.|\.parquet$"  # what is hidden, and rows, where OUTPUT is inside SOURCE


class Classifier:
    """A worker: it holds the network, and turns files into rows."""

    def __init__(self, network, sha256):
        self.network, self.sha256 = ray.get(network), sha256

    def __call__(self, files):
        return pd.DataFrame(map(self.row, files["path"], files["bytes"]))

    def row(self, path, content):
        [item] = photos.classify(self.network, [content])
        answer = {"path": path, "label": item.label, "probability": item.probability}
        answer |= dict.fromkeys(CLASS_NAMES, float("nan")) | dict(item.ranking)
        error = item.error.replace("The picture", path, 1)
        return answer | {"warning": item.warning, "error": error, "model": self.sha256}


def located(text):
    """Return the file system of a path or an address, and the path there."""
    path = os.path.abspath(os.path.expanduser(text))
    return fs.FileSystem.from_uri(text if "://" in text else path)


def listed(system, path):
    """Return the files in a folder and below it, or that fit a pattern: none hidden, no Parquet."""
    system, base = ArrowFSWrapper(system), path
    if system.exists(path):
        found = system.find(path, detail=True)
    else:
        found, base = system.glob(path.replace("[", "[[]"), detail=True), re.split("[*?]", path)[0]
    files = {each for each, about in found.items() if about["type"] == "file"}
    return {each for each in files if not re.search(LEFT_OUT, each.removeprefix(base))}


def done(system, folder, sha256):
    """Return whose rows are in OUTPUT; remove what a stop left half written, named as Ray does."""
    pictures = set()
    for file in ArrowFSWrapper(system).glob(f"{glob.escape(folder)}/*_*_??????-*.parquet"):
        try:
            rows = parquet.read_table(
                file, filesystem=system, columns=["path", "model"]
            ).to_pydict()
        except pa.ArrowInvalid:
            system.delete_file(file)
            continue
        if {*rows.get("model", [])} != {sha256}:
            raise UserError(f"{folder} has not this network's answers; choose another OUTPUT.")
        pictures.update(rows["path"])
    return pictures


def main(source, output, model, workers, address):
    network, results = store.load(os.path.basename(model), os.path.dirname(model) or "saved_model")
    (system, pattern), (target, folder) = located(source), located(output)
    if not (files := listed(system, pattern)):
        raise UserError(f"There is no picture in {source}; check SOURCE.")
    files -= done(target, folder, results["sha256"])
    print(f"{len(files):,} pictures of {source} are not in {output} yet", flush=True)
    if not files:
        return
    start(address, threads=1)
    cpus = ray.cluster_resources().get("CPU", 1)
    workers = max(1, workers or int(cpus))
    context = ray.data.DataContext.get_current()
    context.print_on_execution_start = context.enable_operator_progress_bars = False
    context.max_consecutive_actor_init_deaths = -1  # a machine may die while workers start
    blocks = max(len(files) // 500, min(len(files), 8 * workers))  # of each, one file is written
    read = {"filesystem": system, "include_paths": True, "override_num_blocks": blocks}
    how = {"batch_format": "pandas", "compute": ray.data.ActorPoolStrategy(size=workers)}
    how |= {"fn_constructor_args": (ray.put(network), results["sha256"]), "batch_size": None}
    share = {"num_cpus": BOOKED * cpus / workers}  # the same for both: so they are one step
    rows = ray.data.read_binary_files(sorted(files), **read, **share)
    rows = rows.map_batches(Classifier, **how, **share)
    rows.write_parquet(folder, filesystem=target, ray_remote_args={"num_cpus": BOOKED})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("output")
    parser.add_argument("--model", default="improved", help="a name in saved_model, or a path")
    parser.add_argument("--workers", type=int, help="if not given, as many as there are CPUs")
    run(main, parser)
