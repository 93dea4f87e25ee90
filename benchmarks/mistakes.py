"""Look at the mistakes that are left: how many does the mean of several seeds make, too?

    python -m benchmarks.mistakes --seeds 0 1 2 3 4

Trains `improved` with each seed, unless its run is finished in `runs/`; asks for all test images.
A witness that is no network tells whether the label or the answer looks more like the training
images: which of the two more of the 25 nearest ones have. For comparison it is asked about images
that the mean gets right and at least one seed wrong. Writes `benchmarks/mistakes.json`.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.neighbors import KNeighborsClassifier

from fmnist_utils import data, training
from fmnist_utils.model import IMPROVED, probabilities

MISTAKES = "mistakes of the mean, the surest first"
COMPARED = "witness where the mean is right and a seed is wrong"


def answers(splits, seed):
    run = training.train(IMPROVED, splits, training.run_directory(IMPROVED, seed), seed)
    return probabilities(run.model, splits.test.images)


def witness(splits, images, answers):
    """Return which the training images nearest to each test image are of: answer or label."""
    train, test, at = splits.train, splits.test, np.arange(len(images))
    nearest = KNeighborsClassifier(25).fit(train.images.reshape(-1, 784), train.labels)
    shares = nearest.predict_proba(test.images[images].reshape(-1, 784))
    sides = np.sign(shares[at, answers] - shares[at, test.labels[images]]).astype(int)
    return np.array(["undecided", "answer", "label"])[sides]


def described(every, splits):
    """Return the figures of `every` seed's answers `(S, N, 10)` and of their mean."""
    labels, mean, names = splits.test.labels, every.mean(axis=0), np.array(data.CLASS_NAMES)
    wrong, mistaken = every.argmax(axis=2) != labels, mean.argmax(axis=1) != labels
    images = np.flatnonzero(wrong.any(axis=0))
    answers = np.where(np.eye(10)[labels], 0, mean)[images].argmax(axis=1)  # the likeliest wrong
    table = {
        "image": images,
        "label": names[labels[images]],
        "answer": names[answers],
        "probability": mean[images, answers].astype(float).round(4),
        "seeds": wrong[:, images].sum(axis=0),
        "witness": witness(splits, images, answers),
    }
    table = pd.DataFrame(table).sort_values("probability", ascending=False, kind="stable")
    made = mistaken[table["image"]]
    return {
        "accuracy": (~wrong).mean(axis=1).tolist(),
        "accuracy of the mean": float((~mistaken).mean()),
        "wrong in all seeds": int(wrong.all(axis=0).sum()),
        "wrong in any seed": len(images),
        COMPARED: table["witness"][~made].value_counts().to_dict(),
        MISTAKES: table[made].to_dict("records"),
    }


def main(seeds):
    splits = data.load()
    figures = described(np.stack([answers(splits, seed) for seed in seeds]), splits)
    report = {"seeds": seeds, **figures}
    Path("benchmarks/mistakes.json").write_text(json.dumps(report, indent=1) + "\n")
    for name, value in report.items():
        print(f"{name}: {len(value) if name == MISTAKES else value}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    main(parser.parse_args().seeds)
