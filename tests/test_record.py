"""A record's parts are put together, and its key changes with whatever it depends on."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import xarray as xr

from bnbook import record
from bnbook.record import assemble, describe, digest, source_digest


def test_parts_are_put_together_in_the_order_of_the_plan() -> None:
    def part(arm: str, seed: int, value: float) -> xr.Dataset:
        return xr.Dataset(
            {"loss": (("arm", "seed"), [[value]], {"units": "nat"})},
            coords={"arm": [arm], "seed": [seed]},
        )

    parts = [
        part("none", 1, 4.0),
        part("batch", 0, 1.0),
        part("batch", 1, 2.0),
        part("none", 0, 3.0),
    ]
    whole = assemble(parts, ["none", "batch"], [0, 1])
    assert whole.loss.values.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    assert whole.loss.attrs == {"units": "nat"}


@dataclass(frozen=True)
class Settings:
    rate: float
    widths: tuple[int, ...]


def test_a_plan_is_described_by_its_classes_fields_and_functions() -> None:
    assert describe({"plan": Settings(0.1, (3, 4)), "by": describe}) == {
        "plan": {"is": "Settings", "rate": 0.1, "widths": [3, 4]},
        "by": "bnbook.record.describe",
    }


def test_digests_differ_when_anything_differs() -> None:
    plans = [Settings(0.1, (3,)), Settings(0.1, (4,)), Settings(0.2, (3,))]
    assert len({digest(describe(plan)) for plan in plans}) == 3


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made-up package: a imports b, b imports c from a subpackage; d stands alone."""
    root = tmp_path / "madeup"
    (root / "sub").mkdir(parents=True)
    files = {
        "__init__": "",
        "a": "from madeup import b\n",
        "b": "def f():\n    from madeup.sub.c import x\n",
        "d": "",
        "sub/__init__": "",
        "sub/c": "x = 1\n",
        "sub/e": "",
    }
    for name, text in files.items():
        (root / f"{name}.py").write_text(text, encoding="utf-8")
    for name in [module for module in sys.modules if module.startswith("madeup")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(record, "__name__", "madeup.record")
    return root


@pytest.mark.parametrize("name", ["a", "b", "sub/c"])
def test_the_source_digest_follows_imports(package: Path, name: str) -> None:
    before = source_digest(["madeup.a"])
    path = package / f"{name}.py"
    path.write_text(path.read_text(encoding="utf-8") + "changed = 1\n", encoding="utf-8")
    assert source_digest(["madeup.a"]) != before


@pytest.mark.parametrize("name", ["d", "sub/e"])
def test_the_source_digest_ignores_what_is_not_imported(package: Path, name: str) -> None:
    before = source_digest(["madeup.a"])
    (package / f"{name}.py").write_text("changed = 1\n", encoding="utf-8")
    assert source_digest(["madeup.a"]) == before


def test_the_source_digest_follows_a_name_through_the_package_that_hands_it_on(
    package: Path,
) -> None:
    """What the package hands on besides, and the list in which it does so, do not count."""
    (package / "sub/__init__.py").write_text("from madeup.sub.c import x\n", encoding="utf-8")
    (package / "a.py").write_text("from madeup.sub import x\n", encoding="utf-8")
    before = source_digest(["madeup.a"])
    (package / "sub/__init__.py").write_text(
        "from madeup.sub.c import x\nfrom madeup.sub.e import y\n", encoding="utf-8"
    )
    (package / "sub/e.py").write_text("y = 2\n", encoding="utf-8")
    assert source_digest(["madeup.a"]) == before
    (package / "sub/c.py").write_text("x = 2\n", encoding="utf-8")
    assert source_digest(["madeup.a"]) != before


def test_a_package_that_is_used_whole_counts_with_all_that_it_imports(package: Path) -> None:
    (package / "sub/__init__.py").write_text("from madeup.sub.e import y\n", encoding="utf-8")
    (package / "sub/e.py").write_text("y = 2\n", encoding="utf-8")
    (package / "a.py").write_text("from madeup import sub\n", encoding="utf-8")
    before = source_digest(["madeup.a"])
    (package / "sub/e.py").write_text("y = 3\n", encoding="utf-8")
    assert source_digest(["madeup.a"]) != before


PLAIN = 'def f(x):\n    return {"a": "# no comment"}[x]\n'
SAME = [
    PLAIN.replace("\n", "\r\n"),
    '"""About it,\nin two lines."""\n\n' + PLAIN,
    "# why\n" + PLAIN.replace("]\n", "]  # so\n"),
    PLAIN.replace("    return", '    """What it does."""\n\n    # how\n    return'),
]
OTHER = [
    PLAIN.replace("# no", "no"),
    PLAIN + "f\n",
    PLAIN.replace("    return", '    x = "x"\n    return'),
]


@pytest.mark.parametrize(("text", "same"), [(t, True) for t in SAME] + [(t, False) for t in OTHER])
def test_comments_docstrings_and_line_ends_do_not_count(
    package: Path, text: str, same: bool
) -> None:
    (package / "a.py").write_bytes(PLAIN.encode())
    before = source_digest(["madeup.a"])
    (package / "a.py").write_bytes(text.encode())
    assert (source_digest(["madeup.a"]) == before) is same
