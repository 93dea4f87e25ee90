"""Time each recipe, and the original's way, until the original's test accuracy is passed.

    python -m benchmarks.time_to_accuracy

The original's way is plain Keras as most notebooks have it. After each epoch the clock stands still
while the test set is read, which nothing but this benchmark does. A recipe with a schedule is
trained for the fewest epochs that are enough. Prints a table and writes
`benchmarks/time_to_accuracy.json`.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from benchmarks.speed import plain_keras
from fmnist_utils import data, training
from fmnist_utils.evaluation import ORIGINAL
from fmnist_utils.model import RECIPES

EPOCHS = {"baseline": 30, "improved": 3, "compact": 4}


class Stopwatch:
    """Counts the seconds of training, and remembers when the original's accuracy was passed."""

    def __init__(self, test):
        self.test = test
        self.seconds = 0.0
        self.rows = []
        self.begun = time.monotonic()

    def read(self, model):
        """Measure `model` on the test set while the clock stands still; return if it is enough."""
        self.seconds += time.monotonic() - self.begun
        predicted = model.predict(self.test.images, batch_size=1000, verbose=0).argmax(axis=1)
        accuracy = float((predicted == self.test.labels).mean())
        self.rows.append({"seconds": self.seconds, "accuracy": accuracy})
        self.begun = time.monotonic()
        return accuracy > ORIGINAL["accuracy"]
