"""The real data, small parts of it, and a short training that has everything."""

import os
import subprocess
import sys
from dataclasses import replace

import matplotlib
import pytest

from benchmarks import kill
from fmnist_utils import data, training

matplotlib.use("Agg")
SHORT = replace(kill.RECIPES["everything"], epochs=3)
splits = pytest.fixture(data.load, scope="session")
few = pytest.fixture(kill.few, scope="session")  # of `splits`


@pytest.fixture(scope="session")
def finished(few, tmp_path_factory):
    """The folder of a finished run of SHORT, not to be changed, and what it returned."""
    folder = tmp_path_factory.mktemp("run")
    return folder, training.train(SHORT, few, folder)


def run_python(code, *arguments, **environment):
    """Run `code` in a process of its own, as Python's command does."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
