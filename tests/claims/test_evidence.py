"""A claim on other data: what its box says of it, and the table that counts the agreement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr

from bnbook import claims
from bnbook.claims import Judgement, Table
from bnbook.claims._judgement import weigh
from tests.claims.conftest import Declare
from tests.claims.made_up import CLAIM, record

Shipped = dict[str, dict[str, xr.Dataset]]
OTHER = replace(CLAIM, id="made-9", says="BN is more accurate elsewhere.")


@pytest.fixture
def ships(monkeypatch: pytest.MonkeyPatch) -> Shipped:
    """Clothes on which the effect is the same, and natural images on which it is the opposite."""
    there = {"machine": "a processor", "commit": "abc", "created": "2026-01-02T03:04:05"}
    found = {
        "book": {"fashion-5k": record(0.3, scale="book", data="fashion-5k", **there)},
        "lab": {"folder:cifar10-jpeg": record(-0.2, scale="lab", data="folder:cifar10-jpeg")},
    }
    found["lab"]["folder:cifar10-jpeg"].attrs["outdated"] = 1
    monkeypatch.setattr(claims, "_shipped", lambda *_: found)
    return found


def judged(declared: Declare) -> Judgement:
    declared(CLAIM)
    return claims.judge("made-1", record(0.2, scale="book", data="mnist-5k"))


def test_a_box_says_what_holds_on_the_other_data(declared: Declare, ships: Shipped) -> None:
    each = judged(declared)
    assert [other.verdict for other in each.elsewhere] == ["supported", "reversed"]
    box = each._repr_html_()
    assert "clothes" in box
    assert "CIFAR-10, JPEG copy (lab)" in box
    assert box.index("Supported") < box.index("Reversed")


def test_a_record_that_ships_says_when_and_where_it_was_measured(
    declared: Declare, ships: Shipped
) -> None:
    on_clothes, natural = judged(declared).elsewhere
    assert on_clothes.made == "2026-01-02, a processor, abc"
    assert "Measured 2026-01-02, a processor, abc." in on_clothes._repr_html_()
    assert (on_clothes.outdated, natural.outdated) == (False, True)


def test_agreement_is_counted_against_the_data_of_most_claims(
    declared: Declare, ships: Shipped, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared(CLAIM, OTHER)
    monkeypatch.setattr(claims, "_run", lambda *_: record(0.2, scale="book", data="mnist-5k"))
    across = claims.across(claims.table(scale="book"))
    assert across.places[0] == ("book", "mnist-5k")
    assert across.agreement(("book", "mnist-5k"), ("book", "fashion-5k")) == (2, 2)
    assert across.agreement(("book", "mnist-5k"), ("lab", "folder:cifar10-jpeg")) == (0, 2)
    assert set(across.disagreements) == {"made-1", "made-9"}
    assert across._repr_html_().count("<tr>") == 3
    assert "(older code)" in across._repr_html_()


def test_at_smoke_scale_nothing_else_is_looked_for(declared: Declare, ships: Shipped) -> None:
    declared(CLAIM)
    assert claims.judge("made-1", record(0.2, scale="smoke")).elsewhere == ()


@pytest.mark.parametrize("scale", [None, "lab"])
def test_a_table_leaves_out_what_its_scale_does_not_have(
    declared: Declare, monkeypatch: pytest.MonkeyPatch, scale: str | None
) -> None:
    monkeypatch.setenv("BNBOOK_SCALE", "lab")
    monkeypatch.setattr(claims, "_shipped", lambda *_: {})
    monkeypatch.setattr(claims, "_run", lambda name, *_: record(scale="lab", experiment=name))
    declared(replace(CLAIM, experiment="internal-shift"), replace(OTHER, experiment="shaken"))
    assert [each.claim.id for each in claims.table(scale=scale).judgements] == ["made-9"]


def test_what_would_take_hours_is_run_for_a_table_only_if_it_is_named(
    declared: Declare, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BNBOOK_PUBLISHED", str(tmp_path / "published"))
    monkeypatch.setenv("BNBOOK_STORE", str(tmp_path))
    monkeypatch.setattr(claims, "_shipped", lambda *_: {})
    monkeypatch.setattr(claims, "_run", lambda name, *_: record(scale="lab", experiment=name))
    declared(replace(CLAIM, experiment="three-rates"), replace(OTHER, experiment="shaken"))
    assert claims.table(scale="lab").judgements == ()
    (tmp_path / "shaken--lab--part--a--b.nc").touch()
    assert claims.table(scale="lab").judgements == ()
    (tmp_path / "shaken--lab--a--b.nc").touch()
    assert [each.claim.id for each in claims.table(scale="lab").judgements] == ["made-9"]
    named = claims.table(scale="lab", ids=["made-1"]).judgements
    assert [each.claim.id for each in named] == ["made-1"]


def test_where_nothing_ships_the_table_says_so(
    declared: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared(CLAIM)
    monkeypatch.setattr(claims, "_shipped", lambda *_: {})
    monkeypatch.setattr(claims, "_run", lambda *_: record(0.2, scale="book", data="mnist-5k"))
    assert "No record on other data" in str(claims.across(claims.table(scale="book")))


def test_the_surprise_fails_wherever_it_was_measured(
    declared: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim that fails by more on the digits alone is not the one."""

    def fails(name: str, here: float, there: float) -> Judgement:
        one, other = (
            weigh(replace(CLAIM, id=name), record(gain, scale="book"), "book")
            for gain in (here, there)
        )
        return replace(one, elsewhere=(other,))

    found = [fails("made-1", -0.5, 0.3), fails("made-2", -0.2, -0.1), fails("made-3", 0.9, 0.9)]
    assert claims.surprise(Table({"made-up": tuple(found)}, {})).claim.id == "made-2"


def test_a_claim_that_holds_in_most_settings_is_no_surprise() -> None:
    def apart(found: xr.Dataset) -> xr.DataArray:
        gain = CLAIM.statistic(found)
        settings = pd.Index(["one", "another"], name="setting")
        return xr.concat([gain - 5, gain + 5], settings)

    strata = replace(CLAIM, id="made-4", stratified_by="setting", quantifier="all", statistic=apart)
    in_part, whole = (
        weigh(claim, record(-0.2, scale="book"), "book")
        for claim in (strata, replace(CLAIM, id="made-5"))
    )
    assert (in_part.verdict, whole.verdict) == ("reversed", "reversed")
    assert claims.surprise(Table({"made-up": (in_part, whole)}, {})).claim.id == "made-5"
