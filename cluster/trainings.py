"""Train recipes with several seeds each, on this machine or on many, with Ray.

    python -m cluster.trainings --recipes compact improved --seeds 0 1 2 --runs /shared/runs

RUNS is on a disk that all machines share. When one of them dies, or when this is run again, a
training continues after its last whole epoch, and ends in the weights that it would have had.
"""

import argparse
import sys
from dataclasses import replace

import ray

from benchmarks import seeds
from cluster import command_line, start
from fmnist_utils import data
from fmnist_utils.errors import as_path
from fmnist_utils.identity import run_directory
from fmnist_utils.recipes import recipe_named


@ray.remote(max_retries=-1)  # where a machine dies; an error ends a training
def record(recipe, seed, splits, runs):
    run_dir = runs / run_directory(recipe, seed).name
    _, figures = seeds.trained(recipe, seed, splits, run_dir)
    return figures


def main(chosen):
    recipes = [recipe_named(name) for name in chosen.recipes]
    runs = as_path(chosen.runs, "RUNS").absolute()
    start(chosen.address, threads=chosen.cpus)
    splits = ray.put(data.load())
    task = record.options(num_cpus=chosen.cpus, num_gpus=chosen.gpus)
    started = {}
    for recipe in recipes:
        recipe = replace(recipe, epochs=chosen.epochs or recipe.epochs)
        started[recipe.name] = [task.remote(recipe, seed, splits, runs) for seed in chosen.seeds]
    failed = []
    for name, tasks in started.items():
        records = []
        for each in tasks:
            try:
                records.append(ray.get(each))
            except ray.exceptions.RayTaskError as error:
                failed.append(f"{name}: {error.cause}")
        if records:
            print(f"\n{name}\n{seeds.table(records)}", flush=True)
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="if not given, the recipe's own")
    parser.add_argument("--runs", required=True)
    parser.add_argument("--cpus", type=int, default=1, help="for each training")
    parser.add_argument("--gpus", type=float, default=0, help="for each training")
    command_line(main, parser)
