"""The ledger, and the weighing of claims on made-up records."""

from __future__ import annotations

import importlib
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from bnbook import chapters, claims, experiments
from bnbook.chapters import ChapterError
from bnbook.claims import ClaimError
from bnbook.stats import MIN_SEEDS, interval, log_ratio, paired, steps_to
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
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    importlib.invalidate_caches()


# --- judging ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [(0.2, "supported"), (-0.2, "reversed"), (0.0, "negligible"), (0.02, "inconclusive")],
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
        ("equivalent", 0.2, "reversed"),
        ("at-least", 0.0, "supported"),
        ("at-least", -0.2, "reversed"),
    ],
)
def test_claims_of_as_good_as_are_judged_by_their_own_rule(
    declared: Any, kind: Any, gain: float, verdict: str
) -> None:
    declared(replace(CLAIM, kind=kind))
    assert claims.judge("made-1", record(gain)).verdict == verdict


@pytest.mark.parametrize("lost", [math.nan, math.inf])
def test_diverged_seeds_are_left_out_of_the_interval_and_count_against_the_verdict(
    declared: Any, lost: float
) -> None:
    declared(CLAIM)
    made = record()
    made.accuracy[0, :1] = lost
    judged = claims.judge("made-1", made)
    # seven of eight seeds are not yet most of all seeds: 9/256 > 0.025
    assert (judged.excluded, judged.effect.n, judged.verdict) == (1, SEEDS - 1, "inconclusive")
    assert "1 more without a number" in str(judged)
    assert judged.effect == interval(gain_of_bn(record())[1:])


def test_too_few_seeds_are_inconclusive_and_the_reason_says_so(declared: Any) -> None:
    declared(CLAIM)
    judged = claims.judge("made-1", record().isel(seed=slice(0, 3)))
    assert (judged.verdict, judged.reason) == ("inconclusive", f"3 seeds; {MIN_SEEDS} are needed")


@pytest.mark.parametrize(
    ("gains", "every", "some"),
    [
        ({"relu": 0.2, "tanh": 0.3}, "supported", "supported"),
        ({"relu": -0.2, "tanh": 0.0}, "reversed", "reversed"),
        ({"relu": 0.2, "tanh": 0.0}, "negligible", "supported"),
        ({"relu": 0.2, "tanh": -0.2}, "reversed", "supported"),
        ({"relu": 0.2, "tanh": 0.02}, "inconclusive", "supported"),
        ({"relu": 0.02, "tanh": 0.02}, "inconclusive", "inconclusive"),
    ],
)
def test_a_claim_says_of_which_strata_it_speaks(
    declared: Any, gains: dict[str, float], every: str, some: str
) -> None:
    declared(STRATIFIED, replace(STRATIFIED, id="made-4", quantifier="any"))
    made = by_activation(**gains)
    judged, lenient = claims.judge("made-2", made), claims.judge("made-4", made)
    assert (judged.verdict, lenient.verdict) == (every, some)
    assert list(judged.strata) == list(gains)
    for name, gain in gains.items():
        assert judged.strata[name].effect.estimate == pytest.approx(gain, abs=1e-9)
    weakest, strongest = min(gains.values()), max(gains.values())
    assert judged.effect.estimate == pytest.approx(weakest, abs=1e-9)
    assert lenient.effect.estimate == pytest.approx(strongest, abs=1e-9)
    assert gains[judged.at] == weakest


def test_a_claim_on_the_average_is_judged_by_the_mean_within_each_seed(declared: Any) -> None:
    declared(replace(STRATIFIED, quantifier="average"))
    judged = claims.judge("made-2", by_activation(relu=0.3, tanh=-0.1))
    assert judged.verdict == "supported"
    assert judged.effect.estimate == pytest.approx(0.1)
    assert judged.at == ""


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ({"relu": 0.2, "tanh": 0.0}, "depends"),
        ({"relu": 0.2, "tanh": 0.2}, "negligible"),
        ({"relu": 0.2, "tanh": 0.22}, "inconclusive"),
    ],
)
def test_only_a_claim_about_dependence_depends(
    declared: Any, gains: dict[str, float], verdict: str
) -> None:
    declared(replace(STRATIFIED, quantifier="by"))
    made = by_activation(**gains)
    # noise of its own in one stratum, so that contrasts have a spread
    made.accuracy.loc[{"activation": "tanh", "arm": "batch"}] += [0.001, -0.001] * (SEEDS // 2)
    judged = claims.judge("made-2", made)
    assert judged.verdict == verdict
    assert judged.at == "relu against tanh"
    assert judged.effect.estimate == pytest.approx(gains["relu"] - gains["tanh"], abs=1e-9)


def test_a_control_stratum_is_shown_and_does_not_enter(declared: Any) -> None:
    declared(replace(STRATIFIED, controls=("tanh",)))
    judged = claims.judge("made-2", by_activation(relu=0.2, sigmoid=0.3, tanh=-0.2))
    assert judged.verdict == "supported"
    assert list(judged.strata) == ["relu", "sigmoid", "tanh"]
    assert list(judged.rests_on) == ["relu", "sigmoid"]
    assert "tanh: −20.00 points" in str(judged)
    assert "reversed, control" in str(judged)
    with pytest.raises(ClaimError, match=r"unknown control stratum 'tanh'.*Known: relu"):
        claims.judge("made-2", by_activation(relu=0.2))


def test_one_stratum_of_many_must_stand_holms_correction(declared: Any) -> None:
    declared(STRATIFIED)
    made = by_activation(**{f"layer{k}": 0.2 for k in range(11)}, odd=0.0)
    spread = 0.0195 * np.array([1, -1, 1, -1, 1, -1, 1, -1])
    made.accuracy.loc[{"activation": "odd", "arm": "batch"}] += spread
    judged = claims.judge("made-2", made)
    assert judged.strata["odd"].verdict == "negligible"
    assert (judged.verdict, judged.uncorrected) == ("inconclusive", "negligible")
    assert "Without the correction for looking at 12: negligible." in judged._repr_html_()


def test_the_reason_says_how_many_strata_fail_and_names_few(declared: Any) -> None:
    declared(STRATIFIED)
    made = by_activation(relu=0.2, tanh=0.0, sigmoid=0.3)
    assert claims.judge("made-2", made).reason == (
        "it fails in 1 of 3 settings (tanh), and holds in 2"
    )
    both = claims.judge("made-2", made.sel(activation=["relu", "sigmoid"]))
    assert both.reason == "it holds in each of 2 settings"
    for activation, verdict in ("relu", "supported"), ("tanh", "negligible"):
        alone = claims.judge("made-2", made.sel(activation=[activation]))
        assert alone.verdict == verdict
        assert alone.reason == alone.strata[activation].reason
        assert "setting" not in alone.reason
    few = claims.judge("made-2", made.isel(seed=slice(0, 2)))
    assert few.reason == f"2 seeds; {MIN_SEEDS} are needed, in every setting"


def test_times_that_were_not_reached_are_judged_by_signs(declared: Any) -> None:
    path = xr.DataArray(
        [[[0.1, 0.5, 0.6]] * SEEDS, [[0.1, 0.95, 0.97]] * SEEDS],
        {"arm": ["none", "batch"], "seed": range(SEEDS), "step": [0, 10, 100]},
        ("arm", "seed", "step"),
    )
    declared(
        replace(
            CLAIM,
            statistic=lambda made: log_ratio(steps_to(made.accuracy, 0.9), "none", "batch"),
            unit="log ratio of steps",
            matters=math.log(1.25),
        )
    )
    judged = claims.judge("made-1", path.to_dataset(name="accuracy"))
    assert judged.verdict == "supported"
    assert judged.effect.high == math.inf
    assert "or more" in judged.effect_text
    neither = claims.judge("made-1", (path * 0.5).to_dataset(name="accuracy"))
    assert (neither.verdict, neither.excluded) == ("inconclusive", SEEDS)
    assert neither.effect_text == "not reached"


def test_a_seed_lost_in_one_stratum_still_counts_in_the_others(declared: Any) -> None:
    declared(STRATIFIED)
    made = by_activation(relu=0.2, tanh=0.3)
    made.accuracy.loc[{"activation": "relu", "arm": "none", "seed": 0}] = math.nan
    judged = claims.judge("made-2", made)
    assert judged.excluded == 1
    assert {name: each.effect.n for name, each in judged.strata.items()} == {
        "relu": SEEDS - 1,
        "tanh": SEEDS,
    }


@pytest.mark.parametrize(("residual", "verdict"), [(1e-12, "proved"), (1e-6, "disproved")])
def test_an_identity_is_proved_or_disproved_by_its_largest_residual(
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
    declared(replace(CLAIM, statistic=lambda made: 0.5))  # type: ignore[arg-type, return-value]
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
        ({"matters": None, "tolerance": -1.0}, "0 or more"),
        ({"stratified_by": "activation"}, "says by its `quantifier`"),
        ({"quantifier": "all"}, "without strata has none"),
        (
            {"stratified_by": "x", "quantifier": "by", "matters": None, "tolerance": 1.0},
            "holds for 'all' or for 'any'",
        ),
        ({"controls": ("relu",)}, "it has none"),
    ],
)
def test_a_claim_that_no_measurement_could_decide_is_refused(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CLAIM, **change)


# --- the ledger -------------------------------------------------------------------------------


def test_a_new_file_is_a_new_chapter_and_chapters_come_in_the_order_of_the_book(
    chapter_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chapters, "PAGES", {"made-up-b": ("B", "Why?"), **chapters.PAGES})
    write(chapter_folder, "made_up_b", CHAPTER.format(ids=("b-2", "b-1")))
    write(chapter_folder, "made_up_a", CHAPTER.format(ids=("a-1",)))
    write(chapter_folder, "_machinery", "")
    assert claims.chapter_names() == ["made-up-b", "made-up-a"]
    assert list(claims.ledger()) == ["b-2", "b-1", "a-1"]
    assert list(claims.ledger("made-up-a")) == ["a-1"]


def test_an_id_declared_twice_is_an_error_that_names_both_files(chapter_folder: Path) -> None:
    write(chapter_folder, "made_up_c", CHAPTER.format(ids=("c-1",)))
    write(chapter_folder, "made_up_d", CHAPTER.format(ids=("d-1", "c-1")))
    with pytest.raises(ChapterError, match=r"'c-1'.*made_up_c\.py.*made_up_d\.py"):
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


def test_a_chapter_of_the_list_without_a_file_is_told_which(
    chapter_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chapters, "PAGES", {"made-up-g": ("G", "Why?"), **chapters.PAGES})
    write(chapter_folder, "made_up_f", CHAPTER.format(ids=("f-1",)))
    with pytest.raises(ChapterError, match=r"'made-up-g' has no file made_up_g\.py in .*"):
        claims.ledger("made-up-g")


def test_every_claim_of_the_book_names_an_experiment_that_exists() -> None:
    for claim in claims.ledger().values():
        assert claim.experiment in experiments.names(), claim.id


LEANS = re.compile(
    r"^(?:It(?! is the)|They|There|The (?:same|gain))\b|\bthat (?:table|it does)\b|\bstill\.$"
)
"""How sentences begin and end that are understood only beside the claim before."""


def test_every_claim_of_the_book_is_a_sentence_that_stands_alone() -> None:
    assert LEANS.search("At five times that rate it needs fewer steps still.")
    said = {name: claim.says for name, claim in claims.ledger().items()}
    assert {name: says for name, says in said.items() if LEANS.search(says)} == {}
    assert len(set(said.values())) == len(said)


@pytest.mark.parametrize("claim_id", list(claims.ledger()))
def test_every_claim_of_the_book_can_be_judged_at_smoke_scale(claim_id: str) -> None:
    judged = claims.judge(claim_id, scale="smoke")
    assert judged.scale == "smoke"
    assert judged.effect.n + judged.excluded > 0
