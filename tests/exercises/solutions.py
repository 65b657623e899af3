"""The hidden solutions of a chapter, run the way a reader would.

A chapter is a MyST notebook. Its cell tagged `imports` makes the names that solutions may use; a
solution is what the code cells say between the directives

    ```{solution-start} shift-1
    ```{solution-end}

and its last line is `check("shift-1", …)`, the checker that readers call.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

import jupytext

from bnbook.exercises import Feedback

DIRECTIVE = re.compile(r"^ *(?:`{3,}|:{3,})\{solution-(start|end)\} *(\S*)", re.MULTILINE)


class ChapterTextError(ValueError):
    """The solutions of a chapter are not laid out as this file says."""


@dataclass(frozen=True)
class Solution:
    """The code of one solution, with the chapter's imports before it, and its words.

    `closed` says whether all its cells are collapsed where the chapter is opened as a notebook.
    """

    exercise_id: str
    imports: str
    code: str
    words: str
    closed: bool

    def run(self) -> Feedback:
        """Execute it, and give what its last line said; it must have checked this exercise."""
        *body, last = ast.parse(self.code).body
        if not isinstance(last, ast.Expr):
            raise ChapterTextError(f"solution {self.exercise_id} does not end with check(…)")
        names: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(self.imports, "imports", "exec"), names)
        body_code = compile(ast.Module(body, []), f"solution {self.exercise_id}", "exec")
        exec(body_code, names)
        said = eval(compile(ast.Expression(last.value), "check", "eval"), names)
        if not isinstance(said, Feedback) or said.exercise_id != self.exercise_id:
            raise ChapterTextError(
                f"solution {self.exercise_id} ends with {ast.unparse(last)}, "
                f'not with check("{self.exercise_id}", …)'
            )
        return said


def solutions(text: str) -> dict[str, Solution]:
    """The solutions in the text of a chapter, by the id of their exercise."""
    cells = jupytext.reads(text, fmt="md:myst").cells
    imports = "".join(
        f"{cell.source}\n"
        for cell in cells
        if cell.cell_type == "code" and "imports" in cell.metadata.get("tags", [])
    )
    found = {name: _solution(name, imports, parts) for name, parts in _gated(cells).items()}
    if empty := [name for name, solution in found.items() if not solution.code.strip()]:
        raise ChapterTextError(f"no code in solution {', '.join(empty)}")
    return found


def _gated(cells: list[Any]) -> dict[str, list[Any]]:
    """The cells between the directives of each solution; the first one holds its start."""
    found: dict[str, list[Any]] = {}
    current = None
    for cell in cells:
        edges = DIRECTIVE.findall(cell.source) if cell.cell_type == "markdown" else []
        for edge, exercise_id in edges:
            if (edge == "start") != (current is None):
                raise ChapterTextError(f"solution-{edge} out of turn near solution {current}")
            current = exercise_id if edge == "start" else None
            if current in found:
                raise ChapterTextError(f"solution {current} is there twice")
            if current is not None:
                found[current] = [cell]
        if current is not None and not edges:
            found[current].append(cell)
    if current is not None:
        raise ChapterTextError(f"solution {current} has no solution-end")
    return found


def _solution(exercise_id: str, imports: str, cells: list[Any]) -> Solution:
    code = [cell for cell in cells if cell.cell_type == "code"]
    words = [re.sub(r"^[`:].*", "", c.source, flags=re.M) for c in cells if c not in code]
    hidden = [cell.metadata.get("jupyter", {}) for cell in cells]
    return Solution(
        exercise_id,
        imports,
        "".join(f"{cell.source}\n" for cell in code),
        " ".join(" ".join(words).split()),
        all(each.get("source_hidden") for each in hidden)
        and all(cell.metadata["jupyter"].get("outputs_hidden") for cell in code),
    )


def gives_away(hint: str, answer: Any) -> bool:
    """Whether a hint holds a number of the answer: as printed, or rounded to two digits or more.

    An answer is a number, or a list, tuple or dictionary of them; any other is never given away.
    """
    if isinstance(answer, dict):
        return any(gives_away(hint, part) for part in answer.values())
    if isinstance(answer, list | tuple):
        return any(gives_away(hint, part) for part in answer)
    try:
        value = float(answer)
    except (TypeError, ValueError):
        return False
    written = re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])", hint.replace("−", "-"))
    return any(_stands_for(number, value) for number in written)


def _stands_for(number: str, value: float) -> bool:
    if float(number) == value:
        return True
    digits = len(re.sub(r"e.*|[-.]", "", number).lstrip("0"))
    return digits >= 2 and float(f"{value:.{digits}g}") == float(number)
