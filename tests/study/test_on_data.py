"""Another data set in the place of the usual one: it alone changes, and the key follows."""

from __future__ import annotations

from pathlib import Path

import pytest

from bnbook import data, experiments
from bnbook.experiments import ExperimentError
from bnbook.record import describe
from bnbook.store import Store
from bnbook.study.replacing import on_data, title
from bnbook.study.runner import Origin

OTHER = "official:mnist-5k"  # of the same shape, and here without a download


@pytest.mark.parametrize(
    ("name", "scale"),
    [(name, scale) for name in experiments.names() for scale in experiments.get(name).scales],
)
def test_only_the_data_set_changes_and_only_where_it_is_the_usual_one(
    name: str, scale: str
) -> None:
    plan = experiments.get(name).plan(scale)
    other = on_data(plan, OTHER)
    before, after = repr(describe(plan)), repr(describe(other))
    assert after == before.replace("'mnist-5k'", f"'{OTHER}'")
    assert (plan.data == "mnist-5k") == (other.data == OTHER)


def test_key_and_name_of_a_record_follow_the_data_set() -> None:
    experiment = experiments.get("weight-growth")
    plan = experiment.plan("smoke")
    other = on_data(plan, OTHER)
    keys = {Origin.of(experiment, each).key(each) for each in (plan, other)}
    assert len(keys) == 2
    assert title("weight-growth", plan, "smoke") == "weight-growth--smoke"
    assert title("weight-growth", other, "smoke") == "weight-growth--smoke--official-mnist-5k"


def test_a_record_says_which_data_set_it_was_measured_on(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = experiments.run(
        "conv-moments", "smoke", data=OTHER, progress=False, store=store, seeds=2
    )
    assert record.attrs["data"] == OTHER
    assert [path.name.startswith("conv-moments--smoke--official") for path in tmp_path.glob("*.nc")]


def test_a_data_set_of_another_shape_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert data.load("bayes-net").input_shape == (9,)
    with pytest.raises(ExperimentError, match=r"'bayes-net' has examples \(9,\).*\(1, 28, 28\)"):
        experiments.run("weight-growth", "smoke", data="bayes-net", progress=False)
