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

import pyarrow as pa
import ray
from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow import fs, parquet

from cluster import command_line, start
from fmnist_utils import photos, store
from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError, as_path

# Workers use all CPUs, but book a quarter: were all booked, nothing would be written, and the
# workers of a machine that dies would wait for ever for room on another.
BOOKED = 0.25
LEFT_OUT = r"(^|/)\.|\.parquet$"  # what is hidden, and rows, where OUTPUT is inside SOURCE


class Classifier:
    """A worker: it holds the network, and turns files into rows."""

    def __init__(self, network, sha256):
        self.network = ray.get(network)
        self.sha256 = sha256

    def __call__(self, files):
        pairs = zip(files["path"], files["bytes"], strict=True)
        # A table of Arrow's has types, even where all rows are errors.
        return pa.Table.from_pylist([self.row(path, content) for path, content in pairs])

    def row(self, path, content):
        item = photos.classify(self.network, [content])[0]
        row = {"path": path, "label": item.label, "probability": item.probability}
        row.update(dict.fromkeys(CLASS_NAMES, float("nan")))
        row.update(item.ranking)  # which is empty where there is an error
        error = item.error.replace("The picture", path, 1)
        row.update(warning=item.warning, error=error, model=self.sha256)
        return row


def located(place, what):
    """Return the file system of a path or an address, and the path there."""
    if "://" not in place:
        place = os.path.abspath(as_path(place, what))
    return fs.FileSystem.from_uri(place)


def listed(system, path):
    """Return the files in a folder and below it, or that fit a pattern: none hidden, no Parquet."""
    system = ArrowFSWrapper(system)
    if system.exists(path):
        base = path
        found = system.find(path)
    else:
        base = re.split("[*?]", path)[0]
        found = [each for each in system.glob(path.replace("[", "[[]")) if system.isfile(each)]
    return {each for each in found if not re.search(LEFT_OUT, each.removeprefix(base))}


def done(system, folder, sha256):
    """Return the pictures whose rows are in OUTPUT; remove what a stop left half written."""
    pictures = set()
    named_by_ray = f"{glob.escape(folder)}/*_*_??????-*.parquet"
    for file in ArrowFSWrapper(system).glob(named_by_ray):
        try:
            table = parquet.read_table(file, filesystem=system, columns=["path", "model"])
        except pa.ArrowInvalid:
            system.delete_file(file)
            continue
        rows = table.to_pydict()
        if set(rows.get("model", [])) != {sha256}:
            raise UserError(f"{folder} has not this network's answers; choose another OUTPUT.")
        pictures.update(rows["path"])
    return pictures


def main(chosen):
    network, results = store.load(chosen.model)
    system, pattern = located(chosen.source, "SOURCE")
    target, folder = located(chosen.output, "OUTPUT")
    files = listed(system, pattern)
    if not files:
        raise UserError(f"There is no picture in {chosen.source}; check SOURCE.")
    files -= done(target, folder, results["sha256"])
    print(f"{len(files):,} pictures of {chosen.source} are not in {chosen.output} yet", flush=True)
    if not files:
        return
    start(chosen.address)
    workers = chosen.workers or int(ray.cluster_resources().get("CPU", 1))
    # A machine may die while workers start.
    ray.data.DataContext.get_current().max_consecutive_actor_init_deaths = -1
    rows = ray.data.read_binary_files(
        sorted(files),
        filesystem=system,
        include_paths=True,
        override_num_blocks=max(len(files) // 500, min(len(files), 8 * workers)),
        num_cpus=BOOKED,
    )
    rows = rows.map_batches(
        Classifier,
        fn_constructor_args=(ray.put(network), results["sha256"]),
        batch_format="pandas",
        batch_size=None,  # a whole block, of which one file is written
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=BOOKED,  # the same as for reading: so Ray makes it one step
    )
    rows.write_parquet(folder, filesystem=target, ray_remote_args={"num_cpus": BOOKED})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("output")
    parser.add_argument("--model", default="improved", help="a name in saved_model, or a path")
    parser.add_argument("--workers", type=int, help="if not given, as many as there are CPUs")
    command_line(main, parser)
