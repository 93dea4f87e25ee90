"""Ask networks that never saw a training image what it shows: out-of-fold soft labels.

    python -m benchmarks.opinions

In each round five networks of `improved` learn from four fifths of the training images each, and
judge the fifth that was left out, every image together with its mirror image. The mean of the
rounds goes into `benchmarks/opinions.npz`: `float16 (50000, 10)`, three decimals, in the order of
`data.load().train`. A network whose run is finished in `runs/` is not trained again.
"""

import argparse
from dataclasses import replace

import numpy as np
from sklearn.model_selection import StratifiedKFold

from fmnist_utils import data, training
from fmnist_utils.model import IMPROVED, probabilities

PATH = "benchmarks/opinions.npz"


def folds(labels, number):
    """Return the indices to learn from and to judge, of each of the five folds of a round."""
    return [*StratifiedKFold(5, shuffle=True, random_state=number).split(labels, labels)]


def judged(splits, number, fold):
    """Return what one network says of the images that it did not see, and which these are."""
    seen, unseen = folds(splits.train.labels, number)[fold]
    part = data.Split(*(each[seen] for each in splits.train))
    recipe, seed = replace(IMPROVED, name=f"teacher-{number}-{fold}"), 5 * number + fold
    run_dir = training.run_directory(recipe, seed)
    model = training.train(recipe, splits._replace(train=part), run_dir, seed).model
    images = splits.train.images[unseen]
    return unseen, (probabilities(model, images) + probabilities(model, images[:, :, ::-1])) / 2


def main(rounds):
    splits = data.load()
    labels, opinions = splits.train.labels, np.zeros((len(splits.train.labels), 10))
    for number in range(rounds):
        for fold in range(5):
            unseen, answers = judged(splits, number, fold)
            opinions[unseen] += answers / rounds
            right = (answers.argmax(axis=1) == labels[unseen]).mean()
            print(f"round {number}, fold {fold}: {right:.2%} agree with the label")
    print(f"the mean of the rounds: {(opinions.argmax(axis=1) == labels).mean():.2%}")
    np.savez_compressed(PATH, opinions=opinions.round(3).astype(np.float16))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    main(parser.parse_args().rounds)
