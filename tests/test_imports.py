"""The package is read one way, and importing it costs nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import bnbook

ROOT = Path(__file__).parents[1]


def test_nothing_imports_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == 0


def test_importing_the_package_does_not_import_torch() -> None:
    ask = "import sys, bnbook; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", sorted(set(dir(bnbook)) - set(vars(bnbook))))
def test_every_name_the_package_offers_can_be_had(name: str) -> None:
    assert getattr(bnbook, name) is not None


def test_a_name_the_package_lacks_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'normalisers'"):
        _ = bnbook.normalisers
