"""Carrying out one group: step, look, note what diverged, and label the result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from bnbook import data
from bnbook.probes import Probe
from bnbook.probes.base import coords
from bnbook.progress import Progress
from bnbook.train.arm import Member
from bnbook.train.group import Group
from bnbook.train.population import populate
from bnbook.train.tuning import tuned


@dataclass(frozen=True)
class Training(Group):
    """A group as a task: the unit of work, of interruption and of resuming."""

    def __call__(self, *, device: str, progress: Progress | None) -> xr.Dataset:
        """Train the members; see `train`."""
        return train(self, device=device, progress=progress)


def train(group: Group, *, device: str = "cpu", progress: Progress | None = None) -> xr.Dataset:
    """Train the members of a group; a Dataset with dimensions arm and seed.

    The probes look at their steps, just before the update that follows. What a member shows
    after it has diverged (its training loss was not finite) is NaN, and `diverged_at`
    holds the step at which it did, NaN for those that did not. `learning_rate` and `steps` are
    what each member trained with, as given or as tuned.
    """
    dataset = data.load(group.data).to(device)
    if group.apart:
        dataset, aside = dataset.apart()
    if group.tuning:
        group = tuned(group, aside, progress)
    population = populate(group, dataset)
    seen: dict[str, list[Tensor]] = {probe.name: [] for probe in group.probes}
    looks = set(group.probe_steps)
    snapshot = None
    for step in range(group.steps + 1):
        if step in looks:
            snapshot = population.snapshot(snapshot)
            for probe in group.probes:
                seen[probe.name].append(probe(snapshot).detach().cpu().double())
            snapshot.forget()
        if step == group.steps:
            break
        population.step()
        if progress:
            progress(len(group.members))
    return labelled(
        group.members, group.probes, seen, sorted(looks), population.diverged_at, group.steps
    )


def labelled(
    members: Sequence[Member],
    probes: Sequence[Probe],
    seen: dict[str, list[Float[Tensor, "member ..."]]],
    looks: Sequence[int],
    diverged_at: Float[Tensor, " member"],
    updates: int,
) -> xr.Dataset:
    """What probes saw of members at some steps, (arm, seed, step, …), NaN after they diverged.

    `seen` holds, for each probe's name, what it gave at each of `looks`, (member, *dims).
    """
    diverged_at = diverged_at.cpu().double()
    steps = torch.tensor(list(looks), dtype=torch.float64)
    lost = steps[None, :] > diverged_at[:, None].nan_to_num(nan=math.inf)
    rates = torch.tensor([m.learning_rate for m in members], dtype=torch.float64)
    variables = {
        "diverged_at": _of_members(diverged_at, "step", "diverged at"),
        "learning_rate": _of_members(rates, "1", "learning rate"),
        "steps": _of_members(torch.full_like(rates, updates), "step", "updates"),
    }
    for probe in probes:
        values = torch.stack(seen[probe.name], dim=1)
        values[lost] = math.nan
        variables[probe.name] = _variable(probe, values)
    record = xr.merge([xr.Dataset({name: v}) for name, v in variables.items()], join="outer")
    record = record.assign_coords(
        arm=("member", [m.arm for m in members]),
        seed=("member", [m.seed for m in members]),
        step=("step", list(looks), {"long_name": "updates"}),
    )
    record = record.set_index(member=["arm", "seed"]).unstack("member")
    return record.transpose("arm", "seed", "step", ...)


def _of_members(values: Tensor, unit: str, name: str) -> xr.DataArray:
    return xr.DataArray(values.numpy(), dims="member", attrs={"units": unit, "long_name": name})


def _variable(probe: Probe, values: Tensor) -> xr.DataArray:
    """(member, step, …) with the probe's labels, unit and source."""
    sizes = zip(probe.dims, values.shape[2:], strict=True)
    labels: dict[str, list[Any]] = {dim: list(range(size)) for dim, size in sizes}
    labels |= coords(probe, probe.dims)
    attrs = {
        "units": probe.unit,
        "long_name": probe.name.replace("_", " "),
        "source": probe.source,
    }
    return xr.DataArray(
        values.numpy(), dims=("member", "step", *probe.dims), coords=labels, attrs=attrs
    )
