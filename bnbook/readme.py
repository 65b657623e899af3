"""The figure and the claim at the top of README.md, measured: `make readme` writes them.

What README shows is what `shares` and `contradicted` return, and the lines it prints are theirs.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from textwrap import dedent

import bnbook
from bnbook import claims, figures
from bnbook.claims import Judgement
from bnbook.figures import Figure
from bnbook.outcomes.the_answer import of_network

IMPORTS = """\
import bnbook
from bnbook import claims, figures
from bnbook.outcomes.the_answer import of_network
"""
START, END = "<!-- measured: make readme -->", "<!-- end of measured -->"
CAPTION = (
    "What each part of batch normalization keeps of its gain in a network of 8 ReLU layers: 0 is "
    "a network without it, 1 one with all of it."
)
PICTURES = "book/_static/readme-{theme}.png"


def shares() -> Figure:
    """The figure that README and the cover open with."""
    record = bnbook.run("dissection")
    return figures.shares(of_network(record, "8 ReLU layers"))


def contradicted() -> Judgement:
    """The claim that stands below it: all records are read for it, which takes a while."""
    return claims.surprise(claims.table())


def lines() -> str:
    """The code of both as a reader would type it."""
    parts = [inspect.getsource(each).partition('"""\n')[2] for each in (shares, contradicted)]
    return f"{IMPORTS}\n{dedent(''.join(parts))}".replace("return ", "")


def block(figure: Figure, judgement: Judgement) -> str:
    """The Markdown between the two marks of README.md."""
    light, dark = (PICTURES.format(theme=theme) for theme in ("light", "dark"))
    alt = figure.alt.replace('"', "&quot;")
    shown = claims.unit(judgement.claim.unit)
    elsewhere = [
        f"- on {claims.called(each.scale, each.data)}: {each.effect_text}: **{each.verdict}**"
        for each in judgement.elsewhere
    ]
    strata = [
        f"- {judgement.claim.stratified_by} {name}: {shown.interval(each.effect)}: "
        f"**{each.verdict}**"
        for name, each in judgement.strata.items()
    ]
    parts = [
        START,
        f'<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="{dark}">\n'
        f'  <img alt="{alt}" src="{light}" width="700">\n</picture>',
        CAPTION,
        "The claim that the measurements contradict most, wherever it was measured:",
        f"> {judgement.claim.says}",
        f"Measured: {judgement.effect_text} (95 % interval; {judgement.basis}); "
        f"{judgement.bound}. Verdict: **{judgement.verdict}**.",
        "\n".join([*strata, *elsewhere]),
        f"```python\n{lines()}```",
        END,
    ]
    return "\n\n".join(part for part in parts if part)


def write(root: Path = Path()) -> None:
    """Measure, and put the result into README.md and its pictures under `root`.

    `ValueError` if README.md lacks the two marks.
    """
    readme = root / "README.md"
    before, start, rest = readme.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"{readme} needs the two lines {START} and {END}, and has not both")
    figure, judgement = shares(), contradicted()
    for theme in ("light", "dark"):
        figure.save(root / PICTURES.format(theme=theme), theme)
    readme.write_text(before + block(figure, judgement) + after, encoding="utf-8")


if __name__ == "__main__":
    write()
