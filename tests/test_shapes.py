"""Every public function says the shapes of the tensors and arrays it takes and gives.

What says them is checked under pytest, by jaxtyping with beartype; what does not is found here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "bnbook"
ROOMS = ("data", "laws", "norms", "nets", "probes", "stats", "train")
FILES = [ROOT / "counter.py", ROOT / "folding.py", ROOT / "jacobian.py"]
FILES += sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
SHAPELESS = {"Tensor", "ndarray", "NDArray"}
SHAPED = {"Bool", "Float", "Float32", "Float64", "Int64", "Integer", "Num", "Shaped", "UInt8"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_public_functions_say_the_shapes_of_their_tensors(file: Path) -> None:
    assert list(without_shapes(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("signature", "found"),
    [
        ("def f(x: Tensor): ...", ["f"]),
        ("def f() -> tuple[Tensor, int]: ...", ["f"]),
        ("def f(x: 'torch.Tensor | None'): ...", ["f"]),
        ("def f(*, x: NDArray[np.float64]): ...", ["f"]),
        ("Cells = NDArray[np.float64]\ndef f(x: Cells): ...", ["f"]),
        ("class A:\n  def f(self, x: Tensor): ...", ["A.f"]),
        ("class A:\n  def __call__(self, x: Tensor): ...", ["A.__call__"]),
        ("@dataclass\nclass A:\n  x: Tensor", ["A.x"]),
        ("def f(x: Float[Tensor, 'n c']) -> None: ...", []),
        ("def f(x: int, step: Callable[[Tensor], Tensor]): ...", []),
        ("def _f(x: Tensor): ...", []),
        ("class _A:\n  def f(self, x: Tensor): ...", []),
    ],
)
def test_what_has_no_shape_is_found(signature: str, found: list[str]) -> None:
    assert list(without_shapes(signature)) == found


def without_shapes(source: str) -> Iterator[str]:
    """Names of the public functions, methods and fields with a tensor whose shape is not said.

    What is handed on by name, a dictionary of parameters, and the arguments of a function that is
    an argument have no one shape.
    """
    body = ast.parse(source).body
    assigned = [s for s in body if isinstance(s, ast.Assign) and isinstance(s.value, ast.Subscript)]
    bare = [s for s in assigned if _is_bare(s.value, frozenset())]
    names = {t.id for s in bare for t in s.targets if isinstance(t, ast.Name)}
    yield from _in(body, "", frozenset(names - {"Tensors"}))


def _in(body: list[ast.stmt], prefix: str, aliases: frozenset[str]) -> Iterator[str]:
    for each in body:
        if isinstance(each, ast.ClassDef) and not each.name.startswith("_"):
            inside = each.body
            if not any("dataclass" in ast.unparse(d) for d in each.decorator_list):
                inside = [s for s in inside if not isinstance(s, ast.AnnAssign)]
            yield from _in(inside, f"{each.name}.", aliases)
        elif isinstance(each, ast.FunctionDef) and _is_public(each.name):
            given = [*each.args.posonlyargs, *each.args.args, *each.args.kwonlyargs]
            if any(_is_bare(a, aliases) for a in [each.returns, *(g.annotation for g in given)]):
                yield prefix + each.name
        elif isinstance(each, ast.AnnAssign) and prefix and _is_bare(each.annotation, aliases):
            yield prefix + ast.unparse(each.target)


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name in ("__call__", "__getitem__")


def _is_bare(annotation: ast.expr | None, aliases: frozenset[str]) -> bool:
    if annotation is None:
        return False
    if isinstance(annotation, ast.Constant):
        quoted = annotation.value
        return isinstance(quoted, str) and _is_bare(ast.parse(quoted, mode="eval").body, aliases)
    if isinstance(annotation, ast.Subscript):
        kind = ast.unparse(annotation.value)
        if kind in SHAPED or kind.startswith("Callable"):
            return False
        if kind == "dict" and ast.unparse(annotation) == "dict[str, Tensor]":
            return False
    if isinstance(annotation, ast.Name | ast.Attribute):
        name = annotation.id if isinstance(annotation, ast.Name) else annotation.attr
        return name in SHAPELESS | aliases
    return any(
        _is_bare(c, aliases) for c in ast.iter_child_nodes(annotation) if isinstance(c, ast.expr)
    )
