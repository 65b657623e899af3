"""Every test runs at smoke scale, against a store of its own that starts empty."""

import os
import tempfile
from pathlib import Path

import pytest

_FOLDER = pytest.StashKey[tempfile.TemporaryDirectory]()


def pytest_configure(config: pytest.Config) -> None:
    os.environ["MPLBACKEND"] = "agg"
    os.environ["BNBOOK_SCALE"] = "smoke"
    if "PYTEST_XDIST_WORKER" in os.environ:  # two workers on two cores: one thread each
        os.environ["OMP_NUM_THREADS"] = "1"
        return  # the store is the one that the controller made
    config.stash[_FOLDER] = tempfile.TemporaryDirectory(prefix="bnbook-")
    os.environ["BNBOOK_STORE"] = str(Path(config.stash[_FOLDER].name) / "records")


def pytest_unconfigure(config: pytest.Config) -> None:
    if _FOLDER in config.stash:
        config.stash[_FOLDER].cleanup()
