"""Many photos, or many trainings, on many machines: Ray shares them out, and repeats what is lost.

One training alone does not get faster on several machines: the network is so small that sending
its gradients around takes longer than computing them.
"""

import importlib
import os
import socket
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow logs errors only
os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # whatever a user's keras.json says
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # workers would lack the packages
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it warns in red of what never happens

import ray
from pyarrow import ArrowInvalid
from ray.exceptions import RayError

from benchmarks import parsed
from fmnist_utils.errors import UserError

LONGEST_START = 40  # seconds until the first worker has started
ADVICE = "check --address, that TMPDIR is short, and the packages (requirements-cluster.txt)"


def start(address, module):
    """Connect to the Ray cluster at `address`, or start Ray on this machine if that is "local".

    Our packages travel to the machines; what they import has to be installed there. Raises
    UserError where no worker starts, or none can import `module`.
    """
    root = Path(__file__).parent.parent
    environment = {
        "py_modules": [str(root / name) for name in ("benchmarks", "cluster", "fmnist_utils")],
        "env_vars": {
            "KERAS_BACKEND": os.environ["KERAS_BACKEND"],
            "TF_NUM_INTRAOP_THREADS": "1",  # there is a worker for each CPU
            "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # workers may share a GPU
        },
    }
    print("Starting Ray, which takes up to a minute", flush=True)
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if host:
            socket.create_connection((host, port), timeout=10).close()  # Ray itself tries for long
        ray.init(address, runtime_env=environment, log_to_driver=False, logging_level="ERROR")
        ready, _ = ray.wait([imported.remote("cluster")], timeout=LONGEST_START)
        if not ready:
            logs = f"{ray.get_runtime_context().get_temp_dir()}/session_latest/logs"
            raise TimeoutError(f"nothing happens for {LONGEST_START} s, see {logs}")
        ray.get(imported.remote(module))
    except (OSError, ValueError, RayError) as error:
        raise UserError(f"No worker of Ray starts ({last_line(error)}); {ADVICE}.") from None


@ray.remote(num_cpus=0)
def imported(module):
    importlib.import_module(module)


def last_line(error):
    """Return what an error says; Ray gives a worker's as a cause, below its traceback."""
    cause = getattr(error, "cause", error)
    text = str(cause) or repr(cause)
    return text.splitlines()[-1]


def command_line(main, parser):
    """Call `main` with the arguments of the command line; what is wrong is told in a sentence."""
    sys.stdout.reconfigure(errors="replace")  # where a terminal lacks a character
    parser.add_argument("--address", default="local", help="the cluster's, or this machine alone")
    try:
        main(parsed(parser))
    except (UserError, OSError, ArrowInvalid, RayError) as error:  # OSError: a place, an address
        sys.exit(last_line(error))
