"""The ledger, and the weighing of claims on made-up records."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from bnbook import claims, experiments
from bnbook.chapters import ChapterError
from bnbook.claims import ClaimError
from bnbook.stats import interval, paired
from tests.claims.made_up import (
    CLAIM,
    IDENTITY,
    SEEDS,
    STRATIFIED,
    by_activation,
    gain_of_bn,
    record,
)

CHAPTER = '''
"""Claims that a test made up."""

from bnbook.claims import Claim
from bnbook.stats import paired

POSITION = {position}
CLAIMS = tuple(
    Claim(
        id=claim_id,
        says="BN is more accurate, for every x < 1 & y.",
        source="ioffe2015batch, santurkar2018how",
        experiment="made-up",
        statistic=lambda record: paired(record.accuracy, "batch", "none"),
        unit="accuracy",
        matters=0.02,
    )
    for claim_id in {ids}
)
'''


@pytest.fixture
def chapter_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose files are the chapters of the ledger as long as the test runs."""
    monkeypatch.setattr(claims, "__path__", [str(tmp_path)])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder: Path, name: str, source: str) -> None:
    """A file that the import system sees at once, however fast the one before it was written."""
    (folder / f"{name}.py").write_text(source)
    importlib.invalidate_caches()


# --- judging ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [(0.2, "supported"), (-0.2, "refuted"), (0.0, "refuted"), (0.02, "inconclusive")],
)
def test_a_claim_is_judged_by_its_paired_effect(declared: Any, gain: float, verdict: str) -> None:
    declared(CLAIM)
    judged = claims.judge("made-1", record(gain, scale="smoke"))
    assert judged.verdict == verdict
    assert judged.effect == interval(gain_of_bn(record(gain)))
    assert judged.effect.estimate == pytest.approx(gain, abs=1e-9)
    assert (judged.scale, judged.excluded, judged.effect.n) == ("smoke", 0, SEEDS)


@pytest.mark.parametrize(
    ("kind", "gain", "verdict"),
    [
        ("equivalent", 0.0, "supported"),
        ("equivalent", 0.2, "refuted"),
        ("at-least", 0.0, "supported"),
        ("at-least", -0.2, "refuted"),
    ],
)
def test_claims_of_as_good_as_are_judged_by_their_own_rule(
    declared: Any, kind: Any, gain: float, verdict: str
) -> None:
    declared(replace(CLAIM, kind=kind))
    assert claims.judge("made-1", record(gain)).verdict == verdict


@pytest.mark.parametrize("lost", [math.nan, math.inf])
def test_diverged_seeds_are_left_out_and_counted(declared: Any, lost: float) -> None:
    declared(CLAIM)
    made = record()
    made.accuracy[0, :2] = lost
    judged = claims.judge("made-1", made)
    assert (judged.excluded, judged.effect.n, judged.verdict) == (2, SEEDS - 2, "supported")
    assert "2 more left out (diverged)" in str(judged)
    assert judged.effect == interval(gain_of_bn(record())[2:])


def test_too_few_usable_seeds_are_inconclusive_and_the_reason_says_so(declared: Any) -> None:
    declared(CLAIM)
    made = record()
    made.accuracy[1, : SEEDS - 3] = math.nan
    judged = claims.judge("made-1", made)
    assert (judged.verdict, judged.reason) == ("inconclusive", "3 seeds; 5 are needed")


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ({"relu": 0.2, "tanh": 0.3}, "supported"),
        ({"relu": -0.2, "tanh": 0.0}, "refuted"),
        ({"relu": 0.2, "tanh": 0.0}, "depends"),
        ({"relu": 0.2, "tanh": 0.02}, "inconclusive"),
    ],
)
def test_a_stratified_claim_combines_its_strata(
    declared: Any, gains: dict[str, float], verdict: str
) -> None:
    declared(STRATIFIED)
    judged = claims.judge("made-2", by_activation(**gains))
    assert judged.verdict == verdict
    assert list(judged.strata) == list(gains)
    for name, gain in gains.items():
        assert judged.strata[name][0].estimate == pytest.approx(gain, abs=1e-9)
    assert judged.effect.estimate == pytest.approx(sum(gains.values()) / len(gains), abs=1e-9)


def test_the_reason_says_which_strata_differ_and_why_one_is_open(declared: Any) -> None:
    declared(STRATIFIED)
    made = by_activation(relu=0.2, tanh=0.0, sigmoid=0.3)
    assert claims.judge("made-2", made).reason == ("supported for relu, sigmoid; refuted for tanh")
    made.accuracy.loc[{"activation": "sigmoid", "seed": range(5)}] = math.nan
    assert claims.judge("made-2", made).reason == (
        "supported for relu; refuted for tanh; inconclusive (3 seeds; 5 are needed) for sigmoid"
    )
    few = claims.judge("made-2", made.isel(seed=slice(0, 2)).isel(activation=slice(0, 2)))
    assert few.reason == "2 seeds; 5 are needed, in every stratum"


def test_a_seed_lost_in_one_stratum_still_counts_in_the_others(declared: Any) -> None:
    declared(STRATIFIED)
    made = by_activation(relu=0.2, tanh=0.3)
    made.accuracy.loc[{"activation": "relu", "arm": "none", "seed": 0}] = math.nan
    judged = claims.judge("made-2", made)
    assert judged.excluded == 1
    assert judged.effect.n == SEEDS - 1
    assert {name: effect.n for name, (effect, _) in judged.strata.items()} == {
        "relu": SEEDS - 1,
        "tanh": SEEDS,
    }


@pytest.mark.parametrize(("residual", "verdict"), [(1e-12, "proved"), (1e-6, "refuted")])
def test_an_identity_is_proved_or_refuted_by_its_largest_residual(
    declared: Any, residual: float, verdict: str
) -> None:
    off_once = xr.DataArray([0.0, -residual, 0.0], dims="seed")
    declared(replace(IDENTITY, statistic=lambda made: off_once))
    assert claims.judge("made-3", record()).verdict == verdict


# --- what cannot be judged --------------------------------------------------------------------


def no_arm(made: xr.Dataset) -> xr.DataArray:
    return paired(made.accuracy, "layer", "none")


def no_label(made: xr.Dataset) -> xr.DataArray:
    return made.accuracy.sel(arm="layer")


def no_variable(made: xr.Dataset) -> xr.DataArray:
    return paired(made.loss, "batch", "none")


@pytest.mark.parametrize("statistic", [no_arm, no_label, no_variable])
def test_a_statistic_that_fails_is_an_error_that_says_what_the_record_has(
    declared: Any, statistic: Any
) -> None:
    declared(replace(CLAIM, statistic=statistic))
    with pytest.raises(ClaimError, match="claim made-1: its statistic failed") as raised:
        claims.judge("made-1", record())
    assert "accuracy (arm 2, seed 8). Its arms: none, batch." in str(raised.value)


def test_a_statistic_without_one_number_per_seed_is_an_error_that_names_its_dimensions(
    declared: Any,
) -> None:
    declared(replace(CLAIM, statistic=lambda made: gain_of_bn(made).mean("seed")))
    with pytest.raises(ClaimError, match="has dimensions none; expected seed"):
        claims.judge("made-1", record())
    declared(STRATIFIED)
    with pytest.raises(ClaimError, match="has dimensions seed; expected activation, seed"):
        claims.judge("made-2", record())
    declared(replace(CLAIM, statistic=lambda made: 0.5))
    with pytest.raises(ClaimError, match=r"is a float; expected an xarray\.DataArray"):
        claims.judge("made-1", record())


def test_a_record_of_another_experiment_or_scale_is_refused(declared: Any) -> None:
    declared(CLAIM)
    with pytest.raises(ClaimError, match=r"measured by experiment 'made-up'.*of 'smoothness'"):
        claims.judge("made-1", record().assign_attrs(experiment="smoothness"))
    with pytest.raises(ClaimError, match="made at scale smoke, not book"):
        claims.judge("made-1", record(scale="smoke"), scale="book")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"matters": None}, "give `matters`"),
        ({"tolerance": 1e-9}, "give `matters`"),
        ({"id": "Made 1"}, "lower-case words and hyphens"),
        ({"matters": 0.0, "kind": "equivalent"}, "needs `matters` above 0"),
        ({"matters": -0.1}, "0 or more"),
        ({"matters": None, "tolerance": -1.0}, "tolerance is -1"),
    ],
)
def test_a_claim_that_no_measurement_could_decide_is_refused(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CLAIM, **change)


# --- the ledger -------------------------------------------------------------------------------


def test_a_new_file_is_a_new_chapter_and_chapters_come_in_the_order_of_the_book(
    chapter_folder: Path,
) -> None:
    write(chapter_folder, "made_up_b", CHAPTER.format(ids=("b-2", "b-1"), position=1))
    write(chapter_folder, "made_up_a", CHAPTER.format(ids=("a-1",), position=2))
    write(chapter_folder, "_machinery", "")
    assert claims.chapter_names() == ["made-up-b", "made-up-a"]
    assert list(claims.ledger()) == ["b-2", "b-1", "a-1"]
    assert list(claims.ledger("made-up-a")) == ["a-1"]


def test_an_id_declared_twice_is_an_error_that_names_both_files(chapter_folder: Path) -> None:
    write(chapter_folder, "made_up_c", CHAPTER.format(ids=("c-1",), position=2))
    write(chapter_folder, "made_up_d", CHAPTER.format(ids=("d-1", "c-1"), position=1))
    with pytest.raises(ChapterError, match=r"'c-1'.*made_up_d\.py.*made_up_c\.py"):
        claims.ledger()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("CLAIM = ()", r"made_up_e\.py must set CLAIMS to a tuple of Claim"),
        ("CLAIMS = ('shift-1',)", r"made_up_e\.py: CLAIMS holds a str, not a Claim"),
    ],
)
def test_a_chapter_file_that_lists_no_claims_is_an_error_that_names_it(
    chapter_folder: Path, source: str, message: str
) -> None:
    write(chapter_folder, "made_up_e", source)
    with pytest.raises(ChapterError, match=message):
        claims.ledger()


def test_an_unknown_claim_or_chapter_suggests_the_nearest(declared: Any) -> None:
    declared(CLAIM)
    with pytest.raises(ClaimError, match="unknown claim 'maid-1'; did you mean 'made-1'"):
        claims.judge("maid-1", record())
    with pytest.raises(ChapterError, match="unknown chapter 'made_up'; did you mean 'made-up'"):
        claims.ledger("made_up")


def test_every_claim_of_the_book_names_an_experiment_that_exists() -> None:
    for claim in claims.ledger().values():
        assert claim.experiment in experiments.names(), claim.id


@pytest.mark.parametrize("claim_id", list(claims.ledger()))
def test_every_claim_of_the_book_can_be_judged_at_smoke_scale(claim_id: str) -> None:
    judged = claims.judge(claim_id, scale="smoke")
    assert judged.scale == "smoke"
    assert judged.effect.n + judged.excluded > 0
