"""Train recipes with several seeds each, on this machine or on many, with Ray.

    python -m cluster.trainings --recipes compact improved --seeds 0 1 2 --runs /shared/runs

RUNS is on a disk that all machines share. When one of them dies, or when this is run again, a
training continues after its last whole epoch, and ends in the weights that it would have had.
"""

import argparse
from dataclasses import replace

import ray

from benchmarks import positive, seeds
from cluster import command_line, start
from fmnist_utils import data
from fmnist_utils.errors import as_path, expect
from fmnist_utils.identity import run_directory
from fmnist_utils.recipes import RECIPES


@ray.remote(max_retries=-1)  # where a machine dies; an error ends a training
def record(recipe, seed, splits, photos, runs):
    run_dir = runs / run_directory(recipe, seed).name
    _, figures = seeds.trained(recipe, seed, splits, photos, run_dir)
    return figures


def main(chosen):
    runs = as_path(chosen.runs, "RUNS").absolute()
    start(chosen.address, "fmnist_utils.training")
    gpus = ray.cluster_resources().get("GPU", 0)
    expect(chosen.gpus <= gpus, "--gpus", chosen.gpus, f"at most {gpus:g}, as there are no more")
    splits = ray.put(data.load())
    photos = data.load_photos()
    task = record.options(num_gpus=chosen.gpus)
    started = {}
    for name in chosen.recipes:
        recipe = RECIPES[name]
        recipe = replace(recipe, epochs=chosen.epochs or recipe.epochs)
        started[name] = [task.remote(recipe, seed, splits, photos, runs) for seed in chosen.seeds]
    for name, tasks in started.items():
        print(f"\n{name}\n{seeds.table(ray.get(tasks))}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=positive, help="if not given, the recipe's own")
    parser.add_argument("--runs", required=True)
    parser.add_argument("--gpus", type=float, default=0, help="for each training")
    command_line(main, parser)
