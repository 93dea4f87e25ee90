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
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import ray
from fsspec.implementations.arrow import ArrowFSWrapper
from fsspec.implementations.local import LocalFileSystem
from pyarrow import fs, parquet

from benchmarks import positive
from cluster import command_line, start
from fmnist_utils import photos, store
from fmnist_utils.data import CLASS_NAMES
from fmnist_utils.errors import UserError, as_path
from fmnist_utils.photos.files import files_at

# Workers use all CPUs, but book a quarter: were all booked, nothing would be written, and the
# workers of a machine that dies would wait for ever for room on another.
BOOKED = 0.25
NAMES = ("utf-8", "surrogateescape")  # so Python itself writes names that are no UTF-8
LEFT_OUT = r"(^|/)\.|\.parquet$"  # what is hidden, and rows, where OUTPUT is inside SOURCE


class Picture:
    """A file that is opened where it is read: so what keeps it from being read is its error."""

    def __init__(self, system, path):
        self.system = system
        self.name = path

    def read(self, size):
        with self.system.open(self.name) as file:
            return file.read(size)


class Classifier:
    """A worker: it holds the network, and turns files into rows."""

    def __init__(self, network, sha256, system):
        self.network = ray.get(network)
        self.sha256 = sha256
        self.system = system

    def __call__(self, files):
        paths = [name.decode(*NAMES) for name in files["name"]]
        items = photos.classify(self.network, [Picture(self.system, path) for path in paths])
        # A table of Arrow's has types, even where all rows are errors.
        return pa.Table.from_pylist([self.row(item) for item in items])

    def row(self, item):
        path = written(item.source.name)
        row = {"path": path, "label": item.label, "probability": item.probability}
        row.update(dict.fromkeys(CLASS_NAMES, float("nan")))
        row.update(item.ranking)  # which is empty where there is an error
        row.update(warning=item.warning, error=item.error, model=self.sha256)
        return row


def written(path):
    """Return a path as it stands in the rows: what is no UTF-8 in it as \\udcff."""
    return path.encode("utf-8", "backslashreplace").decode()


def located(place, what):
    """Return the file system of a path or an address, and the path there."""
    if place.startswith("file://"):
        place = unquote(place.removeprefix("file://"))
    if "://" not in place:
        return LocalFileSystem(), os.path.abspath(as_path(place, what))
    system, path = fs.FileSystem.from_uri(place)
    return ArrowFSWrapper(system), path


def listed(system, path):
    """Return the files in a folder and below it, or that fit a pattern: none hidden, no Parquet."""
    is_pattern = not system.exists(path)
    base = re.split("[*?]", path)[0] if is_pattern else path
    if isinstance(system, LocalFileSystem):
        files = files_at(Path(path))
        found = [str(file) for file in files if file.is_file() or file.is_symlink()]
    elif is_pattern:
        found = [each for each in system.glob(path.replace("[", "[[]")) if system.isfile(each)]
    else:
        found = system.find(path)
    return {each for each in found if not re.search(LEFT_OUT, each.removeprefix(base))}


def done(system, folder, sha256):
    """Return the pictures whose rows are in OUTPUT; remove what a stop left half written."""
    pictures = set()
    named_by_ray = f"{glob.escape(folder)}/*_*_??????-*.parquet"
    for file in system.glob(named_by_ray):
        try:
            table = parquet.read_table(file, filesystem=system, columns=["path", "model"])
        except pa.ArrowInvalid:
            system.rm(file)
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
    rows_done = done(target, folder, results["sha256"])
    names = [path.encode(*NAMES) for path in sorted(files) if written(path) not in rows_done]
    places = f"{photos.printable(chosen.source)} are not in {photos.printable(chosen.output)} yet"
    print(f"{len(names):,} pictures of {places}", flush=True)
    if not names:
        return
    start(chosen.address, "fmnist_utils.photos")
    workers = chosen.workers or int(ray.cluster_resources().get("CPU", 1))
    # A machine may die while its workers start.
    ray.data.DataContext.get_current().max_consecutive_actor_init_deaths = workers
    blocks = max(len(names) // 500, min(len(names), 8 * workers))
    rows = ray.data.from_items([{"name": name} for name in names], override_num_blocks=blocks)
    rows = rows.map_batches(
        Classifier,
        fn_constructor_args=(ray.put(network), results["sha256"], system),
        batch_format="pandas",
        batch_size=None,  # a whole block, of which one file is written
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=BOOKED,
    )
    rows.write_parquet(folder, filesystem=target, ray_remote_args={"num_cpus": BOOKED})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("output")
    parser.add_argument("--model", default="improved", help="a name in saved_model, or a path")
    parser.add_argument("--workers", type=positive, help="if not given, as many as there are CPUs")
    command_line(main, parser)
