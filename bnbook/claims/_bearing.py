"""What the ledger says for and against the answer of the book, and what would turn it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from bnbook.claims._claim import ClaimError
from bnbook.claims._judgement import Judgement
from bnbook.claims._page import bearing_table, extent
from bnbook.claims._table import Table
from bnbook.stats.quantifiers import FAILS, HOLDS
from bnbook.text import unknown

Side = Literal["for", "against", "in part", "open"]

SIDES: dict[Side, str] = {
    "for": "for it",
    "against": "against it",
    "in part": "in some settings only",
    "open": "open",
}
"""Where a claim stands to the answer, in words."""

OTHER: dict[Side, Side] = {"for": "against", "against": "for"}


@dataclass(frozen=True)
class Bears:
    """A claim that bears on the answer: on which side it is if it holds, and why.

    If it fails it is on the other side; a claim about every setting that fails in some and holds
    in others is on neither. `turns` says what would speak against the answer if it were measured.
    """

    claim: str
    holding: Literal["for", "against"]
    why: str
    turns: str

    def side(self, judgement: Judgement) -> Side:
        """The side that a judgement of the claim puts it on."""
        if extent(judgement):
            return "in part"
        if judgement.verdict in HOLDS:
            return self.holding
        return OTHER[self.holding] if judgement.verdict in FAILS else "open"


BEARING = (
    Bears(
        "answer-3",
        "for",
        "The answer says that means and variances must be renewed at every step.",
        "statistics of the start, kept for good, that are as fast",
    ),
    Bears(
        "answer-15",
        "for",
        "The same where width, batches, optimizer and length of the run are others.",
        "a border at which a good start is as fast",
    ),
    Bears(
        "answer-20",
        "for",
        "The same where layers are convolutions.",
        "convolutions, started well, that are as fast",
    ),
    Bears(
        "answer-7",
        "for",
        "The answer says that the gradient has to know of the statistics.",
        "statistics taken for constants that are as fast",
    ),
    Bears(
        "answer-18",
        "for",
        "The same at every border.",
        "a border at which statistics taken for constants are as fast",
    ),
    Bears(
        "answer-22",
        "for",
        "The same where layers are convolutions.",
        "convolutions that are as fast with statistics taken for constants",
    ),
    Bears(
        "answer-4",
        "for",
        "The answer says that taking out what all examples share is a large part of the gain.",
        "a deep network in which centring alone keeps little",
    ),
    Bears(
        "answer-21",
        "for",
        "The same where layers are convolutions.",
        "convolutions in which centring alone keeps little",
    ),
    Bears(
        "jac-6",
        "for",
        "It is the mechanism: without normalization a common vector crowds out differences.",
        "a deep network that trains well while its rank collapses",
    ),
    Bears(
        "answer-9",
        "for",
        "The oldest rival: if still distributions did the work, moving them would undo it.",
        "noise behind the normalizer that costs a deep network most of the gain",
    ),
    Bears(
        "shift-6",
        "for",
        "The same rival, in networks that train until they fit.",
        "a shaken network that falls behind one without normalization",
    ),
    Bears(
        "shift-12",
        "for",
        "The same rival, in residual networks of convolutions.",
        "a shaken residual network that falls behind one without normalization",
    ),
    Bears(
        "answer-1",
        "against",
        "The simplest rival: what batch normalization does before the first step.",
        "deep networks of ReLUs, started well, that are as fast",
    ),
    Bears(
        "answer-8",
        "against",
        "A rival for the accuracy: the noise of the batch.",
        "networks without that noise that end less accurate",
    ),
    Bears(
        "answer-10",
        "against",
        "Weight normalization has no statistics; as fast, it would do without what we name.",
        "weight normalization that is as fast in a deep network of ReLUs",
    ),
    Bears(
        "answer-13",
        "against",
        "Layer normalization looks at no other example; as fast, the batch would not be needed.",
        "layer normalization that is as fast in a deep network of ReLUs",
    ),
    Bears(
        "smooth-8",
        "against",
        "The rival of the smooth loss: if it orders networks by speed, it may be the reason.",
        "smoothness that orders normalizers by their speed",
    ),
    Bears(
        "answer-17",
        "against",
        "A rule that sets its own step sizes would do a part of what we put down to statistics.",
        "a gain that is gone, or nearly, under such a rule",
    ),
    Bears(
        "answer-16",
        "against",
        "A border: skip connections add sizes up, and do not multiply them.",
        "residual networks, started well, that are as fast",
    ),
    Bears(
        "after-1",
        "against",
        "The same border from its other side: branches that start at nothing.",
        "residual networks without a normalizer that are as fast, of any kind",
    ),
)
"""The claims that bear on the answer, those of the dissection first."""


@dataclass(frozen=True)
class Borne:
    """One row: a claim of a chapter, the judgement on it, and its side."""

    bears: Bears
    chapter: str
    judgement: Judgement

    @property
    def side(self) -> Side:
        return self.bears.side(self.judgement)

    @property
    def stands(self) -> str:
        """The side in words."""
        return SIDES[self.side]


@dataclass(frozen=True, repr=False)
class Bearing:
    """Claims that bear on the answer, by side; it shows itself as a table."""

    rows: tuple[Borne, ...]

    @classmethod
    def of(cls, bears: Iterable[Bears], judged: Table) -> Bearing:
        """Every one of `bears` with its judgement; one without a judgement is a `ClaimError`."""
        found = {
            each.claim.id: (chapter, each)
            for chapter, judgements in judged.chapters.items()
            for each in judgements
        }
        rows = []
        for each in bears:
            if each.claim not in found:
                raise ClaimError(unknown("judgement", each.claim, found))
            rows.append(Borne(each, *found[each.claim]))
        return cls(tuple(sorted(rows, key=lambda row: list(SIDES).index(row.side))))

    @property
    def summary(self) -> str:
        """How many claims there are, and how many of them stand on each side."""
        sides = [row.side for row in self.rows]
        told = [f"{sides.count(side)} {words}" for side, words in SIDES.items()]
        return f"{len(sides)} claims bear on the answer: {', '.join(told)}"

    def __str__(self) -> str:
        """The table in plain text."""
        lines = [
            f"{row.stands}: {row.judgement.claim.id}, {row.judgement.verdict}"
            f"{extent(row.judgement)}, {row.judgement.effect_text}\n  {row.bears.why} "
            f"Against it: {row.bears.turns}."
            for row in self.rows
        ]
        return "\n".join([f"{self.summary}.", *lines])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return bearing_table(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}
