"""Look at the mistakes that are left: how many does the mean of several seeds make, too?

    python -m benchmarks.mistakes --seeds 0 1 2 3 4

Trains `improved` with each seed, unless its run is finished in `runs/`; asks for all test images.
A witness that is no network tells whether the label or the answer looks more like the training
images: which of the two more of the 25 nearest ones have. Writes `benchmarks/mistakes.json`.
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


def answers(splits, seed):
    run = training.train(IMPROVED, splits, training.run_directory(IMPROVED, seed), seed)
    return probabilities(run.model, splits.test.images)


def witness(train, images, answers, labels):
    """Return which of the two more of each image's nearest training images, by pixels, have."""
    nearest = KNeighborsClassifier(25).fit(train.images.reshape(-1, 784), train.labels)
    shares = nearest.predict_proba(images.reshape(-1, 784))
    at = np.arange(len(images))
    sides = np.sign(shares[at, answers] - shares[at, labels]).astype(int)
    return np.array(["undecided", "answer", "label"])[sides]


def described(every, splits):
    """Return the figures of `every` seed's answers `(S, N, 10)` and of their mean."""
    labels, mean = splits.test.labels, every.mean(axis=0)
    wrong, answers = every.argmax(axis=2) != labels, mean.argmax(axis=1)
    made = np.flatnonzero(answers != labels)
    made = made[np.argsort(-mean[made, answers[made]])]
    names = np.array(data.CLASS_NAMES)
    mistakes = {
        "image": made,
        "label": names[labels[made]],
        "answer": names[answers[made]],
        "probability": mean[made, answers[made]].astype(float).round(4),
        "seeds": wrong[:, made].sum(axis=0),
        "witness": witness(splits.train, splits.test.images[made], answers[made], labels[made]),
    }
    return {
        "accuracy": (~wrong).mean(axis=1).tolist(),
        "accuracy of the mean": float((answers == labels).mean()),
        "wrong in all seeds": int(wrong.all(axis=0).sum()),
        "wrong in any seed": int(wrong.any(axis=0).sum()),
        MISTAKES: pd.DataFrame(mistakes).to_dict("records"),
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
