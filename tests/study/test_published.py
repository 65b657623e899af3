"""Records that ship: used when their key matches, checked by a part, shown with a mark if old."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from bnbook import claims, experiments, publishing
from bnbook.experiments.covariate_shift import Cats
from bnbook.study import Measurement, published, runner
from bnbook.study.base import Trial
from bnbook.study.published import FAR, TOLERANCE, all_shipped, deviations, shipped

NAME = "covariate-shift"
RNG = np.random.default_rng(0)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A store of one's own and a folder of what ships, both empty, and one small experiment."""
    experiment = experiments.get(NAME)
    cats = Cats(train_examples=100, test_examples=400)
    usual = experiment.plan("smoke")
    assert isinstance(usual, Measurement)
    plan = replace(usual, seeds=tuple(range(8)), settings=cats)
    small = replace(experiment, plan=lambda scale: plan)
    monkeypatch.setattr(experiments, "get", lambda name: small)
    monkeypatch.setattr(experiments, "names", lambda *_: [NAME])
    own, ships = tmp_path / "own", tmp_path / "ships"
    ships.mkdir()
    monkeypatch.setenv("BNBOOK_STORE", str(own))
    monkeypatch.setenv("BNBOOK_PUBLISHED", str(ships))
    monkeypatch.setenv("BNBOOK_SCALE", "smoke")
    return own, ships


def measured_and_published() -> xr.Dataset:
    plan = experiments.get(NAME).plan("smoke")
    record = experiments.run(NAME, "smoke", progress=False)
    published.publish(record, NAME, plan, {"commit": "abc", "machine": "a test"})
    return record


def emptied(folder: Path) -> None:
    for path in folder.glob("*.nc"):
        path.unlink()


def test_a_published_record_whose_key_matches_is_used_and_nothing_is_trained(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = measured_and_published()
    emptied(folders[0])
    monkeypatch.setattr(runner, "perform", lambda *_: pytest.fail("it was trained"))
    again = experiments.run(NAME, "smoke", progress=False)
    xr.testing.assert_identical(again.drop_attrs(), record.drop_attrs())
    assert again.attrs["commit"] == "abc"
    assert not list(folders[0].glob("*.nc"))


def test_a_record_of_other_seeds_is_not_taken_for_the_published_one(
    folders: tuple[Path, Path],
) -> None:
    measured_and_published()
    assert experiments.run(NAME, "smoke", seeds=[7, 8], progress=False).seed.values.tolist() == [
        7,
        8,
    ]


def test_publishing_again_leaves_one_file_and_touches_no_other(
    folders: tuple[Path, Path],
) -> None:
    measured_and_published()
    (folders[1] / "covariate-shift--smoke--fashion-5k--0--0.nc").write_bytes(b"another's")
    measured_and_published()
    assert len(list(folders[1].glob("*.nc"))) == 2


def test_a_published_record_of_other_code_is_shown_and_marked(
    folders: tuple[Path, Path],
) -> None:
    record = measured_and_published()
    experiment = experiments.get(NAME)
    found = shipped(experiment, "smoke")
    assert found is not None
    assert found.attrs["outdated"] == 0
    old = record.assign_attrs(source="that of yesterday", key="0123456789abcdef")
    published.publish(old, NAME, experiment.plan("smoke"), {})
    found = shipped(experiment, "smoke")
    assert found is not None
    assert found.attrs["outdated"] == 1


def test_a_record_at_hand_is_not_read_again(folders: tuple[Path, Path]) -> None:
    record = measured_and_published()
    experiment = experiments.get(NAME)
    other = record.assign_attrs(scale="paper", key="0123456789abcdef")
    published.publish(other, NAME, experiment.plan("paper"), {})
    assert set(all_shipped(experiment)) == {"smoke", "paper"}
    assert set(all_shipped(experiment, besides=record.attrs["key"])) == {"paper"}


def test_what_takes_hours_is_shown_as_published_instead_of_being_trained(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = measured_and_published().assign_attrs(scale="paper", source="older")
    published.publish(record, NAME, experiments.get(NAME).plan("paper"), {})
    monkeypatch.setattr(runner, "perform", lambda *_: pytest.fail("it was trained"))
    assert experiments.shown(NAME, "paper").attrs["outdated"] == 1


def test_the_spot_check_finds_what_was_published_bit_for_bit(folders: tuple[Path, Path]) -> None:
    measured_and_published()
    emptied(folders[0])
    said: list[str] = []
    (found,) = publishing.check(said.append)
    assert (found.deviation, found.agrees, found.experiment) == (0, True, NAME)
    assert said[-1] == "1 of 1 parts agree with what was published"
    (kept,) = published.last_check()
    assert kept == found
    assert kept.seconds > 0


def test_what_was_checked_once_on_this_machine_is_not_checked_again(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_and_published()
    first = publishing.check(lambda _: None)
    monkeypatch.setattr(published, "perform", lambda *_: pytest.fail("it was trained"))
    assert publishing.check(lambda _: None) == first


def test_a_part_that_disagrees_is_trained_in_full_with_a_warning(
    folders: tuple[Path, Path],
) -> None:
    record = measured_and_published()
    wrong = record.copy(deep=True)
    wrong["accuracy"] = record.accuracy + 2 * record.accuracy.std("seed", ddof=1)
    published.publish(wrong, NAME, experiments.get(NAME).plan("smoke"), {})
    emptied(folders[0])
    said: list[str] = []
    (found,) = publishing.check(said.append)
    assert not found.agrees
    assert found.variable == "accuracy"
    assert said[0].startswith("WARNING: covariate-shift")
    used = experiments.run(NAME, "smoke", progress=False)
    np.testing.assert_array_equal(used.accuracy, record.accuracy)


def timed(*seconds: float) -> xr.Dataset:
    return xr.Dataset(attrs={"part_seconds": json.dumps(seconds)})


def test_the_cheapest_part_is_checked_whole_or_by_one_seed_where_it_was_long() -> None:
    plan = experiments.get("dissection").plan("smoke")
    many = len(plan.tasks())
    brief = published.cheap_tasks(plan, timed(*[published.LONG - 1] * (many - 1), published.LONG))
    assert brief == [plan.tasks()[0]]
    long, whole = published.cheap_tasks(plan, timed(*[99.0] * (many - 1), published.LONG + 1))
    assert whole == plan.tasks()[-1]
    assert isinstance(whole, Trial)
    assert long == replace(whole, seeds=plan.seeds[:1])


def test_one_seed_of_parts_that_are_of_seeds_is_the_first_of_all() -> None:
    plan = experiments.get("linear-unit").plan("book")
    parts = plan.tasks()
    assert len(parts) > 1
    found, _ = published.cheap_tasks(plan, timed(*[99.0] * len(parts)))
    assert found.label.startswith("seeds 0")
    assert found.work == 1


@pytest.mark.parametrize("name", ["running-lag", "batch-sizes-adam"])
def test_a_seed_alone_is_what_it_was_among_the_others(name: str) -> None:
    record = experiments.run(name, "smoke", progress=False)
    plan = experiments.get(name).plan("smoke")
    task, _ = published.cheap_tasks(plan, timed(*[99.0] * len(plan.tasks())))
    found = deviations(runner.perform(task, "cpu"), record)
    assert found
    assert max(found.values()) < TOLERANCE / 100


def test_a_seed_that_disagrees_is_not_the_last_word(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = measured_and_published()
    wrong = record.copy(deep=True)
    gap = 1.2 * record.accuracy.std("seed", ddof=1)
    wrong["accuracy"] = record.accuracy + gap.where(record.seed == record.seed[0], 0)
    monkeypatch.setattr(published, "LONG", 0.0)
    found = published.check(experiments.get(NAME), experiments.get(NAME).plan("smoke"), wrong)
    assert found.agrees
    assert found.part != "seeds 0–0"


def made(seeds: int = 8) -> xr.Dataset:
    values = RNG.normal(size=(2, seeds, 50))
    return xr.Dataset(
        {"value": (("arm", "seed", "step"), values, {"units": "1"})},
        {"arm": ["a", "b"], "seed": range(seeds), "step": range(50)},
    )


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.7])
def test_a_deviation_is_in_standard_deviations_over_seeds(shift: float) -> None:
    record = made()
    part = record.sel(arm=["b"], seed=[1, 2])
    part = part.assign(value=part.value + shift * record.value.std("seed", ddof=1).sel(arm=["b"]))
    part["value"] = part.value.transpose("arm", "seed", "step")
    assert deviations(part, record)["value"] == pytest.approx(shift)


def test_networks_that_have_nothing_in_common_deviate_by_more_than_is_tolerated() -> None:
    record, other = made(40), made(40)
    found = deviations(other.isel(seed=slice(4)), record)["value"]
    assert found == pytest.approx(2**0.5, rel=0.15)
    assert found > 1.2 * TOLERANCE


def test_where_all_seeds_agree_so_must_the_part_and_what_is_lost_counts() -> None:
    record = made()
    steady = record.assign(value=record.value * 0 + 3.0)
    part = steady.sel(seed=[0])
    assert deviations(part, steady)["value"] == 0
    assert 0 < deviations(part + 1e-6, steady)["value"] < 0.1
    assert deviations(part + 0.01, steady)["value"] == FAR > TOLERANCE
    lost = record.sel(seed=[0]).copy(deep=True)
    lost.value[...] = np.nan
    assert deviations(lost, record)["value"] == 1


@pytest.mark.parametrize(
    ("exact", "rounding"),
    [(0.0, 1e-15), (0.0, 1e-9), (1.0, 1e-7)],
    ids=["an identity's error", "a bias before BN", "the cosine of a gradient with itself"],
)
def test_what_only_rounding_spreads_agrees_whatever_its_last_bits(
    exact: float, rounding: float
) -> None:
    record, other = (exact + rounding * made() for _ in range(2))
    assert 0 < deviations(other.sel(seed=[0, 1]), record)["value"] < 0.2
    assert deviations(other + 0.01, record)["value"] == FAR


def test_a_value_that_blew_up_counts_as_far_and_does_not_decide_for_all() -> None:
    record = made()
    part = record.sel(seed=[0, 1]).copy(deep=True)
    part.value[0, 0, 0] = 1e30
    assert deviations(part, record)["value"] == pytest.approx(FAR / (2 * 2 * 50) ** 0.5)


@pytest.mark.filterwarnings("error")
def test_what_is_infinite_in_both_agrees_and_in_one_deviates_by_one_spread() -> None:
    record = made()
    record.value[0, 0] = np.inf
    part = record.sel(seed=[0, 1]).copy(deep=True)
    assert deviations(part, record)["value"] == 0
    part.value[0, 0] = 7.0
    assert deviations(part, record)["value"] == pytest.approx((1 / 4) ** 0.5)


def test_a_part_that_ends_amid_the_seeds_of_an_arm_is_compared_where_it_has_members() -> None:
    record = made().assign(learning_rate=(("arm", "seed"), np.full((2, 8), 0.1)))
    part = record.isel(seed=slice(3)).copy(deep=True)
    for values in part.data_vars.values():  # of "b" it has two seeds, of "a" three
        values.loc[{"arm": "b", "seed": 2}] = np.nan
    assert deviations(part, record) == {"value": 0, "learning_rate": 0}
    part.value.loc[{"arm": "a", "seed": 2}] = np.nan
    assert deviations(part, record)["value"] == pytest.approx((1 / 5) ** 0.5)


def test_clocks_are_not_compared() -> None:
    record = made()
    record.value.attrs["units"] = "ms"
    slower = record.copy(deep=True)
    slower.value[...] *= 2
    assert deviations(slower, record) == {}


def test_a_record_knows_the_seconds_of_each_of_its_parts(folders: tuple[Path, Path]) -> None:
    record = experiments.run(NAME, "smoke", progress=False)
    tasks = experiments.get(NAME).plan("smoke").tasks()
    assert len(json.loads(record.attrs["part_seconds"])) == len(tasks)


def test_measuring_anew_names_the_claims_whose_verdict_is_another(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = measured_and_published()
    known = {k: c for k, c in claims.ledger().items() if c.experiment == NAME}
    monkeypatch.setattr(claims, "ledger", lambda: known)
    first: list[str] = []
    assert publishing.remeasure(first.append) == []
    assert first[0] == f"{NAME}: bit for bit as published"
    wrong = record.copy(deep=True)
    wrong["accuracy"] = wrong.accuracy * 0 + 0.5
    published.publish(wrong, NAME, experiments.get(NAME).plan("smoke"), {})
    said: list[str] = []
    differ = publishing.remeasure(said.append)
    assert {claim for claim, *_ in differ} <= set(known)
    assert differ
    assert f"{len(known) - len(differ)} of {len(known)} verdicts are those published" in said
    assert said[-2].split(maxsplit=2)[1:] == ["core-seconds", NAME]
    assert said[-2].split()[0] == said[-1].split()[0] != "0"
    report = json.loads((folders[0].parent / "remeasured" / "report.json").read_text("utf-8"))
    assert report["verdicts"] == len(known)
    assert report["differ"] == [list(each) for each in differ]
    assert report["experiments"][NAME]["deviation"] > 0


def test_an_experiment_without_claims_is_measured_anew_too(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "ledger", dict)
    said: list[str] = []
    assert publishing.remeasure(said.append) == []
    assert said[0] == "0 of 0 verdicts are those published"
    assert said[1].split(maxsplit=2)[1:] == ["core-seconds", NAME]


def test_what_ships_already_is_not_published_again(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    experiments.run(NAME, "smoke", progress=False)
    plan = experiments.get(NAME).plan("smoke")
    monkeypatch.setattr(publishing, "_plans", lambda: [(experiments.get(NAME), "smoke", "", plan)])
    (first,) = publishing.publish()
    (path,) = folders[1].glob("*.nc")
    assert path.name == first
    assert publishing.publish() == [f"as it was: {NAME}--smoke"]
    assert list(folders[1].glob("*.nc")) == [path]
