"""A record does not hang on how many processes made it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import xarray as xr
from loky import get_reusable_executor

from bnbook import healthy, probes
from bnbook.experiments import Experiment, Measurement
from bnbook.nets import MLP
from bnbook.store import Store
from bnbook.study import runner
from bnbook.train import Arm, Plan


def plan(scale: str) -> Plan:
    arms = tuple(
        Arm({"norm": norm}, MLP((16,), "relu", norm), 0.1, 32) for norm in ("none", "batch")
    )
    looks = (probes.get("accuracy")(), probes.get("sharpness")())
    return Plan("mnist-5k", arms, (0, 1, 2), 12, looks, (0, 5, 12))


def test_a_record_is_the_same_bit_for_bit_in_this_process_and_in_two_others(tmp_path: Path) -> None:
    small = Experiment("small", "Does it matter who computes it?", plan)
    alone = runner.run(small, "smoke", store=Store(tmp_path / "alone"), progress=False)
    executor = get_reusable_executor(max_workers=2, timeout=20)
    store = Store(tmp_path / "spread")
    spread = runner.run(small, "smoke", store=store, executor=executor, progress=False)
    executor.shutdown(kill_workers=True)
    xr.testing.assert_identical(spread.drop_attrs(), alone.drop_attrs())


def careless(settings: int, seed: int) -> xr.Dataset:
    """A measurement that draws from torch's own generator."""
    return xr.Dataset({"value": ("arm", torch.rand(settings).tolist())}, {"arm": ["a", "b"]})


def test_what_was_drawn_before_does_not_change_a_record_nor_a_record_what_is_drawn_after(
    tmp_path: Path,
) -> None:
    arms = ({"kind": "a"}, {"kind": "b"})
    sloppy = Experiment(
        "sloppy", "Drawn at will?", lambda scale: Measurement(arms, (0, 1), careless, 2)
    )
    records, after = [], []
    for before in (3, 4):
        torch.manual_seed(before)
        store = Store(tmp_path / str(before))
        records.append(runner.run(sloppy, "smoke", store=store, progress=False).drop_attrs())
        after.append(torch.rand(1))
        torch.manual_seed(before)
        assert torch.equal(after[-1], torch.rand(1))
    xr.testing.assert_identical(*records)


@pytest.mark.parametrize("kind", healthy.KINDS)
def test_a_network_of_a_kind_has_the_weights_of_its_seed_and_no_others(kind: str) -> None:
    states = []
    for before in (3, 4):
        torch.manual_seed(before)
        states.append(healthy.trained(kind, 7, steps=2).model.state_dict())
    one, other = states
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name
