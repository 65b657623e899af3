"""What holds for every probe: it has an oracle, and it says what shape it returns."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from bnbook import probes


def marked() -> Iterator[str]:
    """The probes that some test of this folder marks as compared with an oracle."""
    for file in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.oracle":
                yield from (ast.literal_eval(name) for name in node.args)


def test_every_probe_has_a_test_against_an_oracle() -> None:
    """Mark the test: `@pytest.mark.oracle("weight_norm")`."""
    assert set(probes.names()) == set(marked())


@pytest.mark.parametrize("name", probes.names())
def test_a_probe_says_the_shape_that_it_declares(name: str) -> None:
    returned = inspect.get_annotations(probes.get(name).__call__)["return"]
    shape = " ".join(("member", *probes.get(name).dims))
    assert returned.replace("' ", "'") == f"Float[Tensor, '{shape}']"
