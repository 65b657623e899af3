"""How verdicts reach a reader: tables, the numbers in the prose, boxes, JSON."""

from __future__ import annotations

import json
import math
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from pybtex.database import Entry, parse_file

from bnbook import claims, experiments
from bnbook.claims._sources import NAMES, author_year
from bnbook.claims._units import unit
from bnbook.stats import interval
from tests.claims.made_up import CLAIM, SEEDS, STRATIFIED, by_activation, gain_of_bn, record

# --- tables and glue --------------------------------------------------------------------------


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """Experiments that give made-up records, and a list of those that were run."""
    done: list[tuple[str, str | None]] = []

    def run(name: str, scale: str | None = None, data: str | None = None) -> xr.Dataset:
        done.append((name, scale))
        return record(scale=scale or "book")

    monkeypatch.setattr(experiments, "run", run)
    return done


def test_a_table_runs_each_experiment_once_and_has_a_row_a_claim(
    declared: Any, runs: list[tuple[str, str | None]]
) -> None:
    declared(CLAIM, replace(CLAIM, id="made-9", kind="equivalent"))
    table = claims.table(scale="smoke")
    assert runs == [("made-up", "smoke")]
    assert [(row["chapter"], row["id"], row["verdict"]) for row in table.rows] == [
        ("made-up", "made-1", "supported"),
        ("made-up", "made-9", "reversed"),
    ]
    assert table.summary == "2 claims: 1 supported, 1 reversed"
    assert [each.claim.id for each in claims.table(ids=["made-9"]).judgements] == ["made-9"]


def test_rows_are_json_with_null_for_what_could_not_be_measured(declared: Any) -> None:
    declared(CLAIM)
    judged = claims.judge("made-1", record(math.nan))
    row = json.loads(json.dumps(judged.as_dict(), allow_nan=False))
    assert (row["effect"], row["low"], row["n"], row["excluded"]) == (None, None, 0, SEEDS)
    assert row["verdict"] == "inconclusive"


def test_glue_hands_each_number_to_the_page_under_its_name(
    declared: Any, runs: list[tuple[str, str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pasted: dict[str, str] = {}

    def paste(name: str, value: Any, display: bool) -> None:
        assert display is False
        pasted[name] = repr(value)  # what the role glue:text reads

    monkeypatch.setattr("myst_nb.glue", paste)
    declared(CLAIM)
    for which in ("made-up", "made-1", ["made-1"]):
        pasted.clear()
        claims.glue(which)
        effect = interval(gain_of_bn(record()))
        assert pasted == {
            "made-1": str(effect),
            "made-1-words": "20.00 points, 19.88 to 20.12",
            "made-1-estimate": repr(effect.estimate),
            "made-1-low": repr(effect.low),
            "made-1-high": repr(effect.high),
            "made-1-n": str(SEEDS),
            "made-1-verdict": "supported",
        }


def test_glue_without_the_books_tools_prints_what_it_would_paste(
    declared: Any,
    runs: list[tuple[str, str | None]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "myst_nb", None)
    declared(CLAIM)
    claims.glue("made-1")
    said = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert said["made-1"] == str(interval(gain_of_bn(record())))
    assert said["made-1-n"] == str(SEEDS)
    assert said["made-1-verdict"] == claims.judge("made-1", record()).verdict


# --- how it is shown --------------------------------------------------------------------------


class Page(HTMLParser):
    """Text, tags and attributes of a fragment; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def test_the_verdict_box_says_all_that_the_verdict_rests_on(declared: Any) -> None:
    declared(replace(STRATIFIED, says="BN wins for x < 1 & y.", note="Measured late."))
    made = by_activation(relu=0.2, tanh=0.0).assign_attrs(scale="smoke")
    made.accuracy.loc[{"activation": "relu", "arm": "none", "seed": 0}] = math.inf
    judged = claims.judge("made-2", made)
    bundle = judged._repr_mimebundle_()
    page = Page(bundle["text/html"])
    tag, attrs = page.tags[0]
    assert (tag, attrs["role"], attrs["class"]) == (
        "aside",
        "note",
        "bn-verdict bn-verdict-negligible",
    )
    assert attrs["id"] == "claim-made-2"
    for shown in (page.text, bundle["text/plain"]):
        for part in ("made-2", "BN wins for x < 1 & y.", "Ioffe and Szegedy 2015", "(tanh)"):
            assert part in shown
        for part in ("8 seeds, 1 more without", "smoke", "2 points", "Measured late."):
            assert part in shown
        for name, each in judged.strata.items():
            assert name in shown
            assert unit("accuracy").interval(each.effect) in shown
            assert each.verdict in shown.lower()
    assert "Negligible" in page.text


def test_every_colour_is_that_of_the_text_unless_a_stylesheet_says_otherwise(declared: Any) -> None:
    declared(CLAIM)
    html = claims.judge("made-1", record())._repr_html_()
    styles = ";".join(str(attrs.get("style")) for _, attrs in Page(html).tags)
    assert set(re.findall(r"color:([^;]*)", styles)) == {"var(--bn-verdict, currentColor)"}
    assert set(re.findall(r"border[^:]*:[^;]*solid ([^;]*)", styles)) == {
        "currentColor",
        "var(--bn-verdict, currentColor)",
    }


def test_a_log_ratio_is_shown_as_a_ratio(declared: Any) -> None:
    declared(replace(CLAIM, unit="log ratio of loss"))
    shown = str(claims.judge("made-1", record(math.log(2))))
    assert "2.000 times, 1.998 to 2.002" in shown
    assert "smallest effect that matters 1.02 times" in shown


def test_the_scoreboard_groups_by_chapter_and_links_to_each_box(
    declared: Any, runs: list[tuple[str, str | None]]
) -> None:
    declared(CLAIM)
    table = claims.table()
    page = Page(table._repr_mimebundle_()["text/html"])
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert links[:3] == ["#scoreboard-made-up", "made-up.html", "made-up.html#claim-made-1"]
    assert "scoreboard-made-up" in [attrs.get("id") for _, attrs in page.tags]
    for part in (
        "Made up",
        "BN is more accurate.",
        "Ioffe and Szegedy 2015",
        "Supported",
        "1 claim",
    ):
        assert part in page.text
    assert table.judgements[0].effect_text in page.text
    assert "Made up" in str(table)


# --- sources ----------------------------------------------------------------------------------


def test_every_source_of_a_claim_is_an_entry_of_the_bibliography() -> None:
    entries = (Path(__file__).parents[2] / "book" / "references.bib").read_text()
    known = set(re.findall(r"^@\w+\{([^,\s]+),", entries, re.M))
    named = {key for claim in claims.ledger().values() for key in claim.sources}
    assert named - known == set()


def as_cited(entry: Entry) -> str:
    """Author and year of an entry of the bibliography."""
    people = [
        re.sub("[{}]", "", " ".join(person.prelast_names + person.last_names))
        for person in entry.persons["author"]
    ]
    who = " and ".join(people) if len(people) < 3 else f"{people[0]} et al."
    return f"{who} {entry.fields.get('year', '')}".strip()


def test_every_source_of_a_claim_has_the_name_that_the_bibliography_gives_it() -> None:
    entries = parse_file(Path(__file__).parents[2] / "book" / "references.bib").entries
    named = {key for claim in claims.ledger().values() for key in claim.sources}
    wanted = {key: as_cited(entries[key]) for key in entries if key in named | set(NAMES)}
    assert wanted == NAMES
    assert author_year("nobody2020what") == "nobody2020what"


def test_boxes_and_the_scoreboard_link_each_source_to_its_entry(
    declared: Any, runs: list[tuple[str, str | None]]
) -> None:
    declared(replace(CLAIM, source="ioffe2015batch, santurkar2018how"))
    for shown in (claims.judge("made-1", record(0.2)), claims.table(scale="smoke")):
        for key in ("ioffe2015batch", "santurkar2018how"):
            assert (
                f'href="bibliography.html#cite-{key}">{author_year(key)}</a>' in shown._repr_html_()
            )


def test_the_brief_has_a_line_a_chapter_and_a_mark_for_each_claim(
    declared: Any, runs: list[tuple[str, str | None]]
) -> None:
    declared(CLAIM, replace(CLAIM, id="made-9", kind="equivalent"), question="Does <it> help?")
    brief = claims.table().brief
    bundle = brief._repr_mimebundle_()
    page = Page(bundle["text/html"])
    links = [attrs for tag, attrs in page.tags if tag == "a"]
    assert [each["href"] for each in links] == [
        "made-up.html",
        "made-up.html#claim-made-1",
        "made-up.html#claim-made-9",
    ]
    assert [each["aria-label"] for each in links[1:]] == [
        "made-1: supported. BN is more accurate.",
        "made-9: reversed. BN is more accurate.",
    ]
    assert "Does <it> help?" in page.text
    for shown in (page.text, bundle["text/plain"]):
        for part in ("2 claims", "Made up", "1 supported, 1 reversed"):
            assert part in shown


def test_every_chapter_that_makes_claims_asks_a_question() -> None:
    asked = claims.table(ids=[]).questions
    assert list(asked) == claims.chapter_names()
    assert [name for name, question in asked.items() if not question.endswith("?")] == []
