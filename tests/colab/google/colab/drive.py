"""Mounting Drive: what the test laid out as the user's Drive appears in the place asked for."""

import os
from pathlib import Path


def mount(mountpoint):
    Path(mountpoint).mkdir(parents=True)
    Path(os.environ["STAND_IN_DRIVE"]).rename(Path(mountpoint) / "MyDrive")
    print(f"Mounted at {mountpoint}")
