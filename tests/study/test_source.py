"""What of the source a record's key depends on."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from bnbook import experiments, norms
from bnbook.study import runner


@pytest.mark.parametrize("name", ["batch-sizes", "whitening", "correlated-rows", "mismatch"])
def test_a_record_depends_on_the_normalisers_that_its_experiment_names(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that only a factor or the experiment's own text names count as those of a network."""
    experiment = experiments.get(name)
    plan = experiment.plan("smoke")
    counted: set[str] = set()

    def digest_of(modules: Iterable[str]) -> str:
        counted.update(modules)
        return "digest"

    monkeypatch.setattr(runner, "source_digest", digest_of)
    assert runner.source_of(experiment, plan) == "digest"
    named = {factors["norm"] for factors in plan.factors} & set(norms.names())
    assert named
    assert {norms.get(norm).__module__ for norm in named} <= counted
