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
from sklearn.neighbors import KNeighborsClassifier

from fmnist_utils import data, training
from fmnist_utils.model import IMPROVED, probabilities


def answers(splits, seed):
    run = training.train(IMPROVED, splits, training.run_directory(IMPROVED, seed), seed)
    return probabilities(run.model, splits.test.images)


def witness(train, images):
    """Return what share of the nearest training images, pixel by pixel, each class has."""
    nearest = KNeighborsClassifier(25).fit(train.images.reshape(-1, 784), train.labels)
    return nearest.predict_proba(images.reshape(-1, 784))


def described(every, splits):
    """Return the figures of `every` seed's answers `(S, N, 10)` and of their mean."""
    images, labels = splits.test
    mean, wrong = every.mean(axis=0), every.argmax(axis=2) != labels
    answer, made = mean.argmax(axis=1), np.flatnonzero(mean.argmax(axis=1) != labels)
    sure = made[np.argsort(-mean[made, answer[made]])]
    near = witness(splits.train, images[sure])
    at = np.arange(len(sure))
    sides = np.sign(near[at, answer[sure]] - near[at, labels[sure]]).astype(int)
    mistakes = [
        {
            "image": int(index),
            "label": data.CLASS_NAMES[labels[index]],
            "answer": data.CLASS_NAMES[answer[index]],
            "probability": round(float(mean[index, answer[index]]), 4),
            "seeds": int(wrong[:, index].sum()),
            "witness": ("undecided", "answer", "label")[side],
        }
        for index, side in zip(sure, sides, strict=True)
    ]
    return {
        "accuracy": (~wrong).mean(axis=1).tolist(),
        "accuracy of the mean": float((answer == labels).mean()),
        "wrong in all seeds": int(wrong.all(axis=0).sum()),
        "wrong in any seed": int(wrong.any(axis=0).sum()),
        "mistakes of the mean, the surest first": mistakes,
    }


def main(seeds):
    splits = data.load()
    figures = described(np.stack([answers(splits, seed) for seed in seeds]), splits)
    report = {"seeds": seeds, **figures}
    Path("benchmarks/mistakes.json").write_text(json.dumps(report, indent=1) + "\n")
    for name, value in report.items():
        print(f"{name}: {len(value) if name.startswith('mistakes') else value}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    main(parser.parse_args().seeds)
