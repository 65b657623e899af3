"""Probes on any network: once, or while a loop of one's own trains it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import torch
import xarray as xr
from torch import Tensor, nn

from bnbook import probes as instruments
from bnbook.data import Batched, Dataset, Dealt
from bnbook.nets import Network, adopt
from bnbook.probes import Probe, Snapshot
from bnbook.record import provenance
from bnbook.train import SGD, Batches, Member, Optimizer
from bnbook.train.loop import labelled

BATCH_SIZE = 64
DEFAULT = ("accuracy", "loss", "weight_norm", "gradient_norm")


class MeasureError(ValueError):
    """A measurement was asked for that cannot be made; the message says what to change."""


def measure(
    net: nn.Module,
    data: Dataset,
    probes: Sequence[str | Probe] = DEFAULT,
    *,
    batch_size: int | None = None,
    learning_rate: float = 0.1,
    optimizer: Optimizer | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """What probes see of a network on a data set now: a record as a training run leaves it.

    net             any module, which is adopted (`bnbook.adopt`); it is left as it is
    probes          names from `bnbook.probes.names()`, or instruments with other settings
    batch_size      examples in "the coming batch" and in those of batch statistics; by default that
                    of the data, where they know it, else 64
    learning_rate   η of the coming update, which the walks along the gradient take as their unit
    optimizer       of the coming update; SGD by default
    seed            decides which examples are the coming batch

    Dimensions are arm, seed and step, each of size 1, then the probe's own; the attribute "seconds"
    of a variable is the time its probe took, what it shares with a later one included. Raises
    `MeasureError`, or the error of what cannot be adopted or probed.
    """
    watch = Watch(net, data, probes, batch_size, learning_rate, optimizer, seed)
    watch.look()
    return watch.record


@contextmanager
def watch(
    model: nn.Module,
    data: Dataset,
    *,
    every: int,
    probes: Sequence[str | Probe] = DEFAULT,
    batch_size: int | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    seed: int = 0,
) -> Iterator[Watch]:
    """Look at a model at every `every`-th update of a loop of one's own.

        with bnbook.watch(model, data, every=100, optimizer=optimizer) as w:
            train(model)
        w.record

    Updates are the steps of `optimizer`, whose learning rate and rule the probes are told; without
    one, they are the passes in training mode. The first look is at once, the last at the end of the
    block. Looking changes neither the model nor torch's random numbers; `w.seconds` is the time it
    took. Where the loop is not in sight, as in Lightning, make a `Watch` and call `look(step)`.
    """
    if every < 1:
        raise MeasureError(f"every is {every}; it is a number of updates, 1 or more")
    watcher = Watch(model, data, probes, batch_size, _rate(optimizer), None, seed)
    updates = 0

    def count(*_: Any) -> None:
        nonlocal updates
        if optimizer is None and not model.training:
            return
        updates += 1
        if updates % every == 0:
            watcher.learning_rate = _rate(optimizer)
            watcher.look(updates)

    watcher.look(0)
    with ExitStack() as hooks:
        if optimizer is None:
            hooks.callback(model.register_forward_hook(count).remove)
        else:
            hooks.callback(optimizer.register_step_post_hook(count).remove)
        yield watcher
    if updates % every:
        watcher.look(updates)


def _rate(optimizer: torch.optim.Optimizer | None) -> float:
    return 0.1 if optimizer is None else float(optimizer.param_groups[0]["lr"])


class Watch:
    """Probes beside a model that something else trains.

    `look(step)` measures the model as it is; `record` is what has been seen so far, `seconds` the
    time that took. The model is adopted once; after that only its numbers are read.
    """

    def __init__(
        self,
        model: nn.Module,
        data: Dataset,
        probes: Sequence[str | Probe] = DEFAULT,
        batch_size: int | None = None,
        learning_rate: float = 0.1,
        optimizer: Optimizer | None = None,
        seed: int = 0,
    ) -> None:
        self.model, self.probes = model, _instruments(probes)
        size = batch_size or (data.batch_size if isinstance(data, Batched) else BATCH_SIZE)
        size = min(size, len(data.train))
        device = next(model.parameters()).device
        self.data = data.to(device)
        self.net = self._adopted(data.train.x[: max(2, min(size, 8))].to(device))
        self.optimizer, self.learning_rate = optimizer or SGD(), learning_rate
        rows = Batches(data.train.y, size, [seed])[0][0].to(device)
        self.batch = self.data.train.x[rows], self.data.train.y[rows]
        self.seed, self.steps = seed, list[int]()
        self.seen: dict[str, list[Tensor]] = {p.name: [] for p in self.probes}
        self.timings: dict[str, float] = {p.name: 0.0 for p in self.probes}
        self.snapshot: Snapshot | None = None

    @property
    def seconds(self) -> float:
        """Time that looking has taken."""
        return sum(self.timings.values())

    def look(self, step: int | None = None) -> None:
        """Measure the model now; steps increase, by 1 where no number is given."""
        last = self.steps[-1] if self.steps else -1
        step = last + 1 if step is None else step
        if step <= last:
            raise MeasureError(f"step {step} is not after the last one, {last}")
        with _random_numbers_kept():
            snapshot = self.snapshot_at(step)
            for probe in self.probes:
                started = time.perf_counter()
                self.seen[probe.name].append(probe(snapshot).detach().cpu().double())
                self.timings[probe.name] += time.perf_counter() - started
            snapshot.forget()
        self.snapshot = snapshot
        self.steps.append(step)

    @property
    def record(self) -> xr.Dataset:
        """All looks, labelled as those of a training run."""
        if not self.steps:
            raise MeasureError("nothing has been looked at yet; call look()")
        member = Member(type(self.model).__name__, self.seed, self.learning_rate)
        never = torch.tensor([torch.nan])
        record = labelled([member], self.probes, self.seen, self.steps, never, self.steps[-1])
        for name, seconds in self.timings.items():
            record[name].attrs["seconds"] = seconds
        record.attrs = {
            "data": self.data.name,
            "fingerprint": self.data.fingerprint,
            "batch_size": len(self.batch[1]),
            "device": str(self.batch[1].device),
            "wall_time_s": self.seconds,
            **provenance(),
        }
        return record

    def _adopted(self, example: Tensor) -> Network:
        return self.model if isinstance(self.model, Network) else adopt(self.model, example)

    def snapshot_at(self, step: int) -> Snapshot:
        """What a probe sees of the model now."""
        foreign = self.net is not self.model
        params, buffers = (
            {f"model.{name}" if foreign else name: value.detach()[None] for name, value in each}
            for each in (self.model.named_parameters(), self.model.named_buffers())
        )
        own = {n: b.detach()[None] for n, b in self.net.named_buffers() if n not in buffers}
        dtype = next(iter(params.values())).dtype
        x, y = self.batch
        return Snapshot(
            step=step,
            net=self.net,
            params=params,
            buffers=own | buffers,
            batch=(x[None].to(dtype), y[None]),
            data=Dealt.of(replace(self.data, pool=None), [self.seed]),
            learning_rate=torch.tensor([self.learning_rate], dtype=dtype, device=x.device),
            update=self._updated,
            previous=self.snapshot.seen if self.snapshot else None,
        )

    def _updated(self, params: Any, grads: Any) -> Any:
        """The parameters after one step of the optimizer from rest, on copies."""
        after = {name: p.clone() for name, p in params.items()}
        copies = {name: g.clone() for name, g in grads.items()}
        rate = next(iter(after.values())).new_tensor([self.learning_rate])
        self.optimizer.step(after, copies, self.optimizer.init(after), rate)
        return after


def _instruments(probes: Iterable[str | Probe]) -> list[Probe]:
    made = [instruments.get(p)() if isinstance(p, str) else p for p in probes]
    if not made:
        raise MeasureError("no probe was named; bnbook.probes.names() lists them")
    return made


@contextmanager
def _random_numbers_kept() -> Iterator[None]:
    """Torch's global random numbers go on after the block as if it had not been."""
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)
