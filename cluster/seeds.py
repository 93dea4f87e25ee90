"""Train recipes with several seeds each, on this machine or on many, with Ray.

    python -m cluster.seeds --recipes compact improved --seeds 0 1 2 --runs /shared/runs

RUNS is on a disk that all machines share: when one dies, or when this is run again, a training goes
on after its last whole epoch, and ends in the weights that it would have had.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import ray

from benchmarks import seeds as benchmark
from cluster import run, start
from fmnist_utils import data, training
from fmnist_utils.model import recipe_named


@ray.remote(max_retries=-1)  # where a machine dies; an error ends a training
def record(recipe, seed, splits, runs):
    run_dir = runs / training.run_directory(recipe, seed).name
    return benchmark.trained(recipe, seed, splits, run_dir)[1]


def main(recipes, seeds, epochs, runs, cpus, gpus, address):
    recipes = [recipe_named(name) for name in recipes]
    recipes = [replace(each, epochs=epochs or each.epochs) for each in recipes]
    start(address, threads=cpus)
    splits, folder = ray.put(data.load()), Path(runs).expanduser().absolute()
    task = record.options(num_cpus=cpus, num_gpus=gpus)
    waiting = {task.remote(each, seed, splits, folder): each for each in recipes for seed in seeds}
    records, failed = {each.name: [] for each in recipes}, []
    while waiting:
        for each in ray.wait([*waiting], timeout=300)[0]:
            name = waiting.pop(each).name
            try:
                records[name].append(ray.get(each))
            except ray.exceptions.RayTaskError as error:
                failed.append(f"{name}: {error.cause}")
        free = ray.available_resources().get("CPU", 0)
        print(f"{len(waiting)} trainings to go, {free:g} CPUs are free", flush=True)
    for name, rows in records.items():
        rows.sort(key=lambda each: each["seed"])
        print(f"\n{name}\n{benchmark.table(rows)}" if rows else "")
    sys.exit("\n".join(failed) if failed else 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="if not given, the recipe's own")
    parser.add_argument("--runs", required=True)
    parser.add_argument("--cpus", type=int, default=1, help="for each training")
    parser.add_argument("--gpus", type=float, default=0, help="for each training")
    run(main, parser)
