"""A diagnosis in words, numbers and pictures."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from bnbook.diagnosis.base import Finding
from bnbook.probes.base import SPLITS, STATISTICS

PARTS = ("seen", "sure", "why", "cure", "check")
HEADINGS = {
    "seen": "Seen",
    "sure": "How sure",
    "why": "Why it matters",
    "cure": "What to do",
    "check": "How to check that it helped",
}


@dataclass(frozen=True, repr=False)
class Report:
    """What was found in a model: faults first, then what is only worth knowing.

    `scores` holds accuracy and loss by split and statistics, {("train", "batch"): (0.98, 0.07)};
    `refused` the looks that could not be taken, and why. It shows itself in a notebook; `save`
    writes an HTML file, `json` gives all of it as data.
    """

    model: str
    data: str
    batch_size: int
    scores: dict[tuple[str, str], tuple[float, float]]
    findings: tuple[Finding, ...]
    remarks: tuple[Finding, ...]
    refused: dict[str, str]

    @property
    def names(self) -> list[str]:
        """Names of all findings, faults first."""
        return [each.name for each in (*self.findings, *self.remarks)]

    @property
    def healthy(self) -> bool:
        """Whether no fault was found."""
        return not self.findings

    def __getitem__(self, name: str) -> Finding:
        """The finding of that name."""
        for each in (*self.findings, *self.remarks):
            if each.name == name:
                return each
        raise KeyError(f"{name!r} was not found; there are {', '.join(self.names) or 'none'}")

    @property
    def summary(self) -> str:
        """One line."""
        faults, remarks = len(self.findings), len(self.remarks)
        found = f"{faults} fault{'' if faults == 1 else 's'}" if faults else "no fault"
        more = f", {remarks} remark{'' if remarks == 1 else 's'}" if remarks else ""
        return f"{self.model} on {self.data}, batches of {self.batch_size}: {found}{more}"

    def __str__(self) -> str:
        lines = [self.summary, "", "            accuracy, loss by statistics of"]
        lines += [f"            {'  '.join(f'{kind:>13}' for kind in STATISTICS)}"]
        for split in SPLITS:
            cells = [self.scores.get((split, kind)) for kind in STATISTICS]
            shown = [f"{c[0]:6.1%} {c[1]:6.3f}" if c else "–" for c in cells]
            lines.append(f"  {split:8}  {'  '.join(f'{cell:>13}' for cell in shown)}")
        for mark, each in [*(("✗", f) for f in self.findings), *(("·", r) for r in self.remarks)]:
            lines += ["", f"{mark} {each.name}"]
            lines += [f"    {HEADINGS[part]}: {getattr(each, part)}" for part in PARTS]
            lines.append(f"    More: the chapter “{each.page}”")
        lines += [f"\n? {name}: {why}" for name, why in self.refused.items()]
        return "\n".join(lines)

    __repr__ = __str__

    def json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "model": self.model,
            "data": self.data,
            "batch_size": self.batch_size,
            "healthy": self.healthy,
            "scores": [
                {"split": split, "statistics": kind, "accuracy": a, "loss": loss}
                for (split, kind), (a, loss) in self.scores.items()
            ],
            "findings": [asdict(each) for each in (*self.findings, *self.remarks)],
            "refused": self.refused,
        }

    def save(self, path: str | Path) -> Path:
        """Write the report to a file: HTML, or JSON where the name ends in .json."""
        path = Path(path)
        if path.suffix == ".json":
            text = json.dumps(self.json(), indent=2, ensure_ascii=False)
        else:
            text = (
                '<!doctype html><html lang="en"><meta charset="utf-8"><title>'
                f'{escape(self.summary)}</title><body style="max-width:50em;margin:2em auto;'
                f'font-family:sans-serif;line-height:1.5">{self._repr_html_()}</body></html>'
            )
        path.write_text(text, encoding="utf-8")
        return path

    def _repr_html_(self) -> str:
        parts = [f"<p><strong>{escape(self.summary)}</strong></p>", self._table()]
        for kind, group in (("fault", self.findings), ("remark", self.remarks)):
            parts += [_card(each, kind) for each in group]
        parts += [
            f"<p>{escape(n)}: not looked for, {escape(w)}</p>" for n, w in self.refused.items()
        ]
        return f'<div class="bn-report">{"".join(parts)}</div>'

    def _table(self) -> str:
        """Accuracies as numbers and bars, losses as numbers."""
        head = "".join(f'<th scope="col">{kind}</th>' for kind in STATISTICS)
        rows = []
        for split in SPLITS:
            cells = [self.scores.get((split, kind)) for kind in STATISTICS]
            row = "".join(f"<td>{_bar(*cell)}</td>" if cell else "<td>–</td>" for cell in cells)
            rows.append(f'<tr><th scope="row">{split}</th>{row}</tr>')
        caption = "Accuracy and loss (nat) by split and by the statistics that normalise"
        return (
            f"<table><caption>{caption}</caption><thead><tr><td></td>{head}</tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table>"
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}


def _bar(accuracy: float, loss: float) -> str:
    width = f"{100 * accuracy:.0f}%"
    bar = f'<div style="width:{width};height:0.4em;background:currentColor;opacity:0.6"></div>'
    return f'{accuracy:.1%}, {loss:.3f}<div aria-hidden="true" style="width:8em">{bar}</div>'


def _card(each: Finding, kind: str) -> str:
    parts = "".join(f"<dt>{HEADINGS[p]}</dt><dd>{escape(getattr(each, p))}</dd>" for p in PARTS)
    more = f"<dt>More</dt><dd>the chapter “{escape(each.page)}”</dd>"
    return (
        '<section style="border-left:0.4em solid currentColor;padding:0.2em 1em;margin:1em 0">'
        f"<p><strong>{escape(each.name)}</strong> ({kind})</p><dl>{parts}{more}</dl></section>"
    )
