"""A record does not hang on how many processes made it."""

from __future__ import annotations

from pathlib import Path

import xarray as xr
from loky import get_reusable_executor

from bnbook import probes
from bnbook.experiments import Experiment
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
