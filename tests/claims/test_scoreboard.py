"""How verdicts reach a reader: tables, the numbers in the prose, boxes, JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from pybtex.database import Entry, parse_file

import bnbook
from bnbook import claims, experiments
from bnbook.claims import ClaimError
from bnbook.claims._errors import _repeated, expect
from bnbook.claims._history import Changes, releases, why
from bnbook.claims._sources import NAMES, author_year
from bnbook.claims._units import unit
from bnbook.experiments import error_rates
from bnbook.stats import interval
from tests.claims.made_up import (
    CLAIM,
    IDENTITY,
    SEEDS,
    STRATIFIED,
    by_activation,
    gain_of_bn,
    record,
)

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
        if tag not in ("br", "input"):
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


def test_the_scoreboard_has_a_row_a_claim_that_leads_to_its_box(
    declared: Any, runs: list[tuple[str, str | None]]
) -> None:
    declared(CLAIM, replace(CLAIM, id="made-9", kind="equivalent"), IDENTITY)
    table = claims.table()
    page = Page(table._repr_mimebundle_()["text/html"])
    rows = [attrs for tag, attrs in page.tags if tag == "tr" and "data-verdict" in attrs]
    assert [each["id"] for each in rows] == [
        "scoreboard-made-1",
        "scoreboard-made-9",
        "scoreboard-made-3",
    ]
    assert [each["data-verdict"] for each in rows] == ["supported", "reversed", "disproved"]
    assert [float(each["data-effect"] or "nan") for each in rows[:2]] == pytest.approx([10, 10])
    assert rows[2]["data-effect"] == ""  # a residual is no effect
    assert rows[0]["data-source"] == "ioffe2015batch"
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    for each in (
        "made-up.html#claim-made-1",
        "made-up.html",
        "bibliography.html#cite-ioffe2015batch",
    ):
        assert each in links
    for part in ("BN is more accurate.", "Ioffe and Szegedy 2015", "20.00 points", "3 claims"):
        assert part in page.text
    assert "bnbook claims --id made-1 --scale book" in page.text


def test_the_scoreboard_offers_what_there_is_to_filter_by(
    declared: Any, runs: list[tuple[str, str | None]]
) -> None:
    declared(CLAIM, replace(STRATIFIED, quantifier="any", statistic=two_strata))
    page = Page(claims.table(scale="smoke")._repr_html_())
    options = [attrs["value"] for tag, attrs in page.tags if tag == "option"]
    for value in ("made-up", "supported", "ioffe2015batch", "any", "one effect", "smoke"):
        assert value in options
    (form,) = [attrs for tag, attrs in page.tags if tag == "form"]
    assert "hidden" in form  # until a script has run, which shows it


def two_strata(made: xr.Dataset) -> xr.DataArray:
    gain = gain_of_bn(made)
    return xr.concat([gain, gain / 2], "activation").assign_coords(activation=["relu", "tanh"])


def downloads(html: str) -> dict[str, str]:
    """What the links of a scoreboard hand out, by file name."""
    links = [attrs for tag, attrs in Page(html).tags if tag == "a" and "download" in attrs]
    return {
        str(each["download"]): b64decode(str(each["href"]).partition("base64,")[2]).decode()
        for each in links
    }


def test_the_ledger_is_there_to_download(declared: Any, runs: list[tuple[str, str | None]]) -> None:
    declared(CLAIM, replace(STRATIFIED, statistic=two_strata))
    table = claims.table()
    files = downloads(table._repr_html_())
    version = bnbook.__version__
    whole = json.loads(files[f"ledger-{version}.json"])
    assert whole == {"version": version, "claims": json.loads(json.dumps(table.rows))}
    lines = list(csv.DictReader(io.StringIO(files[f"ledger-{version}.csv"])))
    assert [(line["id"], line["stratum"], line["verdict"]) for line in lines] == [
        ("made-1", "", "supported"),
        ("made-2", "", "supported"),
        ("made-2", "relu", "supported"),
        ("made-2", "tanh", "supported"),
    ]
    assert float(lines[3]["effect"]) == pytest.approx(0.1)


def test_a_verdict_that_falls_by_the_correction_over_the_ledger_is_marked(
    declared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """p = 0.04 stands alone; beside nineteen effects that are open it does not."""
    spread = np.linspace(-0.01, 0.01, 8)
    weak = 0.02 + spread + 2.6 * spread.std(ddof=1) / math.sqrt(8)  # t = 2.6, on 7 degrees
    wide = 0.02 + np.array([1.0, -1, 1, -1, 1, -1, 1, -1])
    made = record()

    def told(values: np.ndarray) -> Any:
        return lambda _: xr.DataArray(values, dims="seed")

    one = replace(CLAIM, statistic=told(weak))
    others = [replace(CLAIM, id=f"made-{k}", statistic=told(wide)) for k in range(4, 23)]
    monkeypatch.setattr(experiments, "run", lambda *_, **__: made)
    declared(one)
    alone = claims.table()
    assert alone.judgements[0].verdict == "supported"
    assert 0.01 < alone.judgements[0].rests_on[""].p < 0.05
    assert alone.fallen == {}
    declared(one, *others)
    many = claims.table()
    assert many.judgements[0].verdict == "supported"
    assert many.fallen == {"made-1": "inconclusive"}
    assert many.rows[0]["stands_false_discovery"] is False
    assert "† inconclusive if the whole ledger is corrected for" in Page(many._repr_html_()).text


# --- history and standing ---------------------------------------------------------------------


def test_the_first_release_is_on_record() -> None:
    past = releases()["0.1.0"]
    verdicts = [each["verdict"] for each in past["claims"].values()]
    assert len(verdicts) == 59
    assert verdicts.count("depends") == 25
    assert past["claims"]["shift-4"] == {
        "verdict": "refuted",
        "effect": -0.523,
        "low": -0.564,
        "high": -0.472,
    }


@pytest.mark.parametrize(
    ("then", "gain", "reason"),
    [
        ({"verdict": "refuted", "effect": 0.0, "low": -0.1, "high": 0.1}, 0.0, "same finding"),
        ({"verdict": "depends", "effect": 0.2, "low": 0.1, "high": 0.3}, 0.2, "speaks of one"),
        ({"verdict": "supported", "effect": 0.2, "low": 0.1, "high": 0.3}, -0.2, "another one"),
        ({"verdict": "supported", "effect": 0.02, "low": 0.01, "high": 0.03}, 0.02, "is wider"),
        (None, 0.2, "A new claim."),
    ],
)
def test_a_change_says_why(
    declared: Any, then: dict[str, Any] | None, gain: float, reason: str
) -> None:
    declared(CLAIM)
    assert reason in why(then, claims.judge("made-1", record(gain)))


def test_changes_list_what_is_called_otherwise_and_count_the_rest(
    declared: Any, runs: list[tuple[str, str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    declared(CLAIM, replace(CLAIM, id="made-9", changed="Another statistic."))
    table = claims.table()
    same = {"verdict": "supported", "effect": 0.2, "low": 0.1, "high": 0.3}
    past = {"version": "0.0.1", "claims": {"made-1": same, "gone-1": same}}
    found = Changes.of(table, past)
    assert str(found).splitlines() == [
        "Since 0.0.1: 2 changed, 1 did not",
        "made-9: – → supported. A new claim.",
        "gone-1: supported → –. Withdrawn.",
    ]
    assert "Withdrawn." in Page(found._repr_html_()).text
    with pytest.raises(ClaimError, match=r"unknown release '0\.0\.9'"):
        claims.changes(table, "0.0.9")
    refuted = {"version": "0.0.1", "claims": {"made-9": dict(same, verdict="inconclusive")}}
    assert "Another statistic." in str(Changes.of(table, refuted))


def test_each_source_has_a_paragraph_on_what_of_it_stands(
    declared: Any, runs: list[tuple[str, str | None]]
) -> None:
    declared(
        replace(CLAIM, source="ng2017why, replication"),
        replace(CLAIM, id="made-9", kind="equivalent", source="ng2017why"),
        replace(STRATIFIED, statistic=one_of_two, source="ng2017why"),
    )
    told = str(claims.standing(claims.table())).split("\n\n")
    assert told[0] == "Source A (2017) makes no claim that is judged here."
    assert told[1] == (
        "Source B (Ng 2017): of its 3 claims 1 holds (made-1); 1 holds in some settings only "
        "(made-2, fails in 1 of 2); 1 is contradicted (made-9)."
    )
    assert told[4] == "Source E: of its one claim 1 holds (made-1)."


def one_of_two(made: xr.Dataset) -> xr.DataArray:
    gain = gain_of_bn(made)
    return xr.concat([gain, 0 * gain], "activation").assign_coords(activation=["relu", "tanh"])


# --- what chance may have done ----------------------------------------------------------------


def test_the_errors_of_a_ledger_are_those_that_the_rule_allows(
    declared: Any, runs: list[tuple[str, str | None]]
) -> None:
    """Clear effects are hardly ever wrong, and at worst one in twenty."""
    rates = error_rates.measure(error_rates.Trials(studies=40, families=10), 0)
    declared(*(replace(CLAIM, id=f"made-{k}") for k in range(4, 14)), IDENTITY)
    found = expect(claims.table(), rates.expand_dims(seed=[0]))
    assert found.n.tolist() == [SEEDS] * 10
    assert found.spread == pytest.approx(gain_of_bn(record()).std(ddof=1).item() / 0.02)
    assert (found.decided, found.standing, found.skewed) == (10, 10, 0)
    assert found.expected == pytest.approx(0, abs=1e-9)
    assert found.repeated == pytest.approx(1)
    assert 0 < found.worst <= 10 * 0.2  # forty studies place 0.05 to ±0.035
    assert found.false_discoveries == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("kind", "truth", "verdict"),
    [
        ("greater", 1.3, "supported"),
        ("greater", 0.4, "negligible"),
        ("greater", -1.3, "reversed"),
        ("equivalent", 0.4, "supported"),
        ("equivalent", -1.3, "reversed"),
        ("at-least", 0.4, "supported"),
        ("at-least", -1.3, "reversed"),
    ],
)
def test_repetitions_err_as_often_as_a_limit_does(kind: Any, truth: float, verdict: str) -> None:
    """A wide spread decides little, and falsely at most one time in twenty; a narrow one agrees."""
    n, said = np.array([10, 10]), np.array([verdict, verdict], dtype=object)
    wrong, again = _repeated([kind] * 2, np.full(2, truth), np.array([3.0, 0.1]), n, said)
    assert wrong[0] <= 0.05 + 3 * 0.007  # a thousand repetitions
    assert wrong[1] == 0
    assert again[1] > 0.99


def test_a_ledger_with_too_few_seeds_has_no_errors_to_count(
    declared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "run", lambda *_, **__: record().isel(seed=slice(0, 2)))
    rates = error_rates.measure(error_rates.Trials(studies=10, families=5), 0)
    declared(CLAIM)
    found = expect(claims.table(), rates.expand_dims(seed=[0]))
    assert (len(found.n), found.decided, found.worst, found.standing) == (0, 0, 0.0, 0)


# --- sources ----------------------------------------------------------------------------------


def test_every_source_of_a_claim_is_an_entry_of_the_bibliography() -> None:
    entries = (Path(__file__).parents[2] / "book" / "references.bib").read_text(encoding="utf-8")
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
