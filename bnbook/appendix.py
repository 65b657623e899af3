"""The appendix: what the registries hold and what a copy of the book was built with, as Markdown.

The pages "Instruments" and "How this book was built" consist of these tables, so neither can fall
behind the package. BibTeX keys in docstrings become citations.
"""

from __future__ import annotations

import inspect
import json
import platform
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from bnbook import claims as ledger
from bnbook import data as tables
from bnbook import environment, stats
from bnbook import experiments as questions
from bnbook import norms as normalisers
from bnbook import probes as instruments
from bnbook.factors import names_of
from bnbook.study import machine, published

_KEY = re.compile(r"(?<![\w`])[a-z][a-z0-9]*(?:19|20)\d\d[a-z0-9]+\b")

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "xarray", "matplotlib", "jupyter-book")


@dataclass(frozen=True)
class Page:
    """A piece of a page in MyST Markdown, which displays itself."""

    markdown: str

    def _repr_markdown_(self) -> str:
        return self.markdown


ARMS_NAMED = 12
"""Most arms of an experiment that are named; of more, the first few and the last are."""

ELSEWHERE = "Beside the claims"
"""Heading of what no claim rests on."""


def experiments() -> Page:
    """Every experiment by chapter: its question, its arms, and what it costs at each scale."""
    return _by_chapter({name: _experiment(name) for name in questions.names()}, _chapter_of())


def _experiment(name: str) -> tuple[str, str]:
    """The entry of one experiment."""
    experiment = questions.get(name)
    plans = {scale: experiment.plan(scale) for scale in experiment.scales}
    arms = list(dict.fromkeys(arm for plan in plans.values() for arm in names_of(plan.factors)))
    named = arms if len(arms) <= ARMS_NAMED else [*arms[:4], "…", arms[-1]]
    cost = "; ".join(f"*{scale}* {plan.cost()}" for scale, plan in plans.items())
    count = f"{len(arms)} arm{'' if len(arms) == 1 else 's'}"
    return f"`{name}`", f"{experiment.question}\n\n{count}: {' | '.join(named)}. {cost}."


def _chapter_of() -> dict[str, str]:
    """Experiment -> title of the first chapter that rests a claim on it."""
    found: dict[str, str] = {}
    for chapter, title in ledger.table(ids=()).titles.items():
        for claim in ledger.ledger(chapter).values():
            found.setdefault(claim.experiment, title)
    return found


def costs() -> Page:
    """Every experiment at every scale: what it trains, on which data, in how many parts."""
    rows = []
    for name in questions.names():
        experiment = questions.get(name)
        cells = [
            _cost(experiment.plan(scale)) if scale in experiment.scales else "–"
            for scale in questions.SCALES
        ]
        rows.append((f"`{name}`", *cells))
    return table(("experiment", *questions.SCALES), rows)


def _cost(plan: questions.Plan) -> str:
    """One cell: `30 networks × 5,000 steps · mnist-5k · 6 parts`."""
    parts = len(plan.tasks())
    data = f"`{plan.data}`" if plan.data else "its own data"
    return f"{plan.cost()} · {data} · {parts} part{'' if parts == 1 else 's'}"


def data_sets() -> Page:
    """Every data set by name: its size, its classes, and where it comes from."""
    rows = []
    for row in tables.describe():
        shape = "×".join(map(str, row["shape"]))
        sizes = f"{row['train']:,} + {row['test']:,}"
        classes = str(len(row["classes"]))
        rows.append((f"`{row['name']}`", sizes, shape, classes, row["origin"].partition(".")[0]))
    columns = ("name", "training + test", "one example", "classes", "comes from")
    return table(columns, rows)


def probes() -> Page:
    """Every probe by the chapter that first uses it: definition, unit, dimensions and source."""
    used: dict[str, str] = {}
    for experiment, title in _chapter_of().items():
        for probe in getattr(questions.get(experiment).plan("book"), "probes", ()):
            used.setdefault(probe.name, title)
    return _by_chapter({name: _probe(name) for name in instruments.names()}, used)


def _probe(name: str) -> tuple[str, str]:
    """The entry of one probe."""
    kind = instruments.get(name)
    dims = " × ".join(kind.dims) or "one number"
    term = f"`{name}` · unit {kind.unit} · {dims} · {{cite:t}}`{kind.source}`"
    return term, _documentation(kind)


def norms() -> Page:
    """Every normaliser: its formula, what it keeps, and its source."""
    names = normalisers.names()
    return _definitions((f"`{name}`", _documentation(normalisers.get(name))) for name in names)


def statistics() -> Page:
    """The statistics behind every verdict."""
    tools: list[Callable[..., Any]] = [
        stats.paired,
        stats.log_ratio,
        stats.steps_to,
        stats.restricted,
        stats.logrank,
        stats.kendall,
        stats.interval,
        stats.bootstrap_t,
        stats.median_interval,
        stats.ratio_of_means,
        stats.share,
        stats.sign_test,
        stats.fisher,
        stats.decide,
        stats.evidence,
        stats.decide_identity,
        stats.combine,
        stats.depends,
        stats.holm,
        stats.false_discoveries,
    ]
    return _definitions((f"`stats.{each.__name__}`", _documentation(each)) for each in tools)


def versions() -> Page:
    """Versions, machine and scale of this copy."""
    rows = {"Python": platform.python_version()} | {name: version(name) for name in PACKAGES}
    rows["machine"] = f"{platform.system()}, {machine.name()}"
    rows["scale"] = environment.scale()
    return table(("what", "this copy"), rows.items())


def records(scale: str | None = None) -> Page:
    """Every record behind the book: what was trained, on which data, where, and for how long."""
    rows = []
    for name in questions.names():
        record = questions.run(name, scale, progress=False)
        about: Mapping[str, Any] = record.attrs
        torch = json.loads(about["versions"])["torch"]
        rows.append(
            (
                f"`{name}`",
                f"{record.sizes['arm']} × {record.sizes['seed']}",
                about["data"] or "its own",
                f"{about.get('machine', 'this machine')}, {about['device']}, torch {torch}",
                f"{about['created'][:10]}{_at(about.get('commit'))}",
                f"{about['wall_time_s']:.0f} s",
            )
        )
    columns = ("experiment", "arms × seeds", "data", "trained on", "measured", "time")
    return table(columns, rows)


def _at(commit: str | None) -> str:
    """The version of the code that measured a record that ships."""
    return f", at `{commit}`" if commit else ""


def checked() -> Page:
    """The parts of published records that were trained anew here, and how far they agreed."""
    rows = [
        (
            f"`{each.experiment}`",
            each.part,
            "bit for bit" if each.deviation == 0 else f"{each.deviation:.2g}",
            "yes" if each.agrees else "no: trained in full here",
            f"{each.seconds:.1f} s",
        )
        for each in published.last_check()
    ]
    if not rows:
        rows = [("none", "no record that ships was used", "", "", "")]
    return table(("experiment", "part", "deviation in spreads", "agrees", "time"), rows)


def _documentation(thing: object) -> str:
    """A docstring as Markdown: BibTeX keys cited, indented blocks kept as they stand."""
    return _KEY.sub(r"{cite:t}`\g<0>`", inspect.getdoc(thing) or "")


def _by_chapter(entries: Mapping[str, tuple[str, str]], chapter_of: Mapping[str, str]) -> Page:
    """A definition list under the title of each chapter, in the order of the book."""
    parts = []
    for title in [*dict.fromkeys(chapter_of.values()), ELSEWHERE]:
        own = [entry for name, entry in entries.items() if chapter_of.get(name, ELSEWHERE) == title]
        if own:
            parts += [f":::{{rubric}} {title}\n:::", _definitions(own).markdown]
    return Page("\n\n".join(parts))


def _definitions(entries: Iterable[tuple[str, str]]) -> Page:
    """A definition list: terms, each with its text."""
    parts = []
    for term, text in entries:
        lines = text.splitlines()
        body = [f"  {line}".rstrip() for line in lines[1:]]
        parts.append("\n".join([term, f": {lines[0]}", *body]))
    return Page("\n\n".join(parts))


def table(columns: Iterable[str], rows: Iterable[Iterable[str]], numbers: int = 0) -> Page:
    """A table with a header; the last columns, so many, are of numbers."""
    head, *lines = tuple(columns), *map(tuple, rows)
    rule = ["---"] * (len(head) - numbers) + ["---:"] * numbers
    return Page("\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines)))
