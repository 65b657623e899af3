"""The package is read one way, and importing it costs nothing."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
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


def imported(code: str) -> set[str]:
    """Top-level names of what a piece of code imports; magics of a notebook are no code."""
    lines = [line for line in code.splitlines() if not line.lstrip().startswith(("%", "!"))]
    found: set[str] = set()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def to_be_had() -> set[str]:
    """Modules that there are where `pip install bnbook` was all that was done."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {re.split(r"[^\w.-]", each)[0].casefold() for each in project["dependencies"]}
    modules = {
        module
        for module, homes in packages_distributions().items()
        if named & {home.casefold() for home in homes}
    }
    return modules | set(sys.stdlib_module_names) | {"bnbook"}


def test_a_page_that_is_opened_as_a_notebook_imports_nothing_but_the_package(page: str) -> None:
    text = (ROOT / f"{page}.md").read_text(encoding="utf-8")
    cells = re.findall(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", text, flags=re.M | re.S)
    code = [re.sub(r"\A(---\n.*?^---\n|(:\w[^\n]*\n)+)", "", c, flags=re.M | re.S) for c in cells]
    assert set().union(*map(imported, code)) - to_be_had() == set()


def test_what_the_package_imports_comes_with_it() -> None:
    """But for what is asked for by name, and has an answer where it is absent."""
    optional = {"distributed", "myst_nb", "playwright"}
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "bnbook").rglob("*.py"))
    assert set().union(*map(imported, sources)) - to_be_had() == optional


def test_a_name_the_package_lacks_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'normalisers'"):
        _ = bnbook.normalisers
