"""Many photos, or many trainings, on many machines: Ray shares them out, and repeats what is lost.

One training alone does not get faster on several machines: the network is so small that sending
its gradients around takes longer than computing them.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow logs errors only
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from pyarrow import ArrowInvalid

from fmnist_utils.errors import UserError


def start(address):
    """Connect to the Ray cluster at `address`, or start Ray on this machine if that is "local".

    Our packages travel to the machines; what they import has to be installed there.
    """
    root = Path(__file__).parent.parent
    environment = {
        "py_modules": [str(root / name) for name in ("benchmarks", "cluster", "fmnist_utils")],
        "env_vars": {
            "TF_NUM_INTRAOP_THREADS": "1",  # there is a worker for each CPU
            "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # workers may share a GPU
        },
    }
    ray.init(address, runtime_env=environment, log_to_driver=False, logging_level="ERROR")


def command_line(main, parser):
    """Call `main` with the arguments of the command line; what is wrong is told in a sentence."""
    parser.add_argument("--address", default="local", help="the cluster's, or this machine alone")
    try:
        main(parser.parse_args())
    except (UserError, OSError, ArrowInvalid) as error:  # the last two: a place or an address
        sys.exit(str(getattr(error, "cause", error)))  # Ray gives a worker's error as a cause
