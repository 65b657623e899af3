"""A population: many networks of one shape, trained together in one stacked step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from bnbook.data import Dataset
from bnbook.nets import Spec
from bnbook.probes import Snapshot
from bnbook.train.optimizers import Optimizer, Tensors
from bnbook.train.plan import Member, PlanError


class Batches:
    """The order of the data: for each member its own epochs of shuffled, full batches.

    Member i sees the order of `seeds[i]`, whatever its arm. The indices of any step can be had
    at once, without those before it.
    """

    def __init__(self, examples: int, batch_size: int, seeds: Sequence[int]) -> None:
        if batch_size > examples:
            raise PlanError(f"batch size {batch_size}, but the training set holds {examples}")
        self.examples, self.batch_size, self.seeds = examples, batch_size, tuple(seeds)
        self.per_epoch = examples // batch_size
        self._epoch = -1
        self._order = torch.empty(0)

    def __getitem__(self, step: int) -> Tensor:
        """Indices (member, m) of the batches of `step`, counted from 0."""
        epoch, within = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._shuffled(epoch)
        start = within * self.batch_size
        return self._order[:, start : start + self.batch_size]

    def _shuffled(self, epoch: int) -> Tensor:
        orders = {
            seed: torch.randperm(
                self.examples, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch)
            )
            for seed in set(self.seeds)
        }
        return torch.stack([orders[seed] for seed in self.seeds])


class Population:
    """Networks of one specification, one per member, with stacked parameters and buffers.

    `params` and `buffers` map names to tensors whose dimension 0 is the member. A step computes
    each member's gradient of its own mean cross-entropy and updates each with its own learning
    rate, so that a stacked run equals separate ones to rounding.
    """

    def __init__(
        self,
        spec: Spec,
        optimizer: Optimizer,
        batch_size: int,
        members: Sequence[Member],
        data: Dataset,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.members, self.optimizer, self.data = tuple(members), optimizer, data
        self.dtype, device = dtype, data.train.x.device
        nets = [spec.build(data.input_shape, len(data.classes), m.seed) for m in members]
        self.net = nets[0].to(device, dtype)
        params, buffers = stack_module_state([net.to(device, dtype) for net in nets])
        self.params: Tensors = {name: p.detach() for name, p in params.items()}
        self.buffers: Tensors = dict(buffers)
        self.state = optimizer.init(self.params)
        rates = [m.learning_rate for m in members]
        self.learning_rate = torch.tensor(rates, device=device, dtype=dtype)
        self.batches = Batches(len(data.train), batch_size, [m.seed for m in members])
        self.steps_taken = 0
        self.diverged_at = torch.full((len(members),), math.nan, device=device)
        self._gradient_and_loss = vmap(grad_and_value(self._loss))

    def _loss(self, params: Tensors, buffers: Tensors, x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(self.net, (params, buffers), (x,)), y)

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """The batches of the coming step: x (member, m, …) and y (member, m)."""
        chosen = self.batches[self.steps_taken].to(self.data.train.y.device)
        x = self.data.train.x.index_select(0, chosen.flatten())  # four times faster than x[chosen]
        return x.unflatten(0, chosen.shape).to(self.dtype), self.data.train.y[chosen]

    def step(self) -> Tensor:
        """One update of every member; returns the losses (member,) before it."""
        x, y = self.next_batch()
        self.net.train()
        grads, losses = self._gradient_and_loss(self.params, self.buffers, x, y)
        self.optimizer.step(self.params, grads, self.state, self.learning_rate)
        first = self.diverged_at.isnan() & ~losses.isfinite()
        self.diverged_at[first] = float(self.steps_taken)
        self.steps_taken += 1
        return losses

    def snapshot(self, previous: Snapshot | None = None) -> Snapshot:
        """What the probes see now, before the coming step."""
        return Snapshot(
            step=self.steps_taken,
            net=self.net,
            params=self.params,
            buffers=self.buffers,
            batch=self.next_batch(),
            data=self.data,
            update=self._updated,
            previous=previous.activations if previous else None,
        )

    def _updated(self, params: Tensors, grads: Tensors) -> Tensors:
        """The parameters after one optimizer step, on copies: nothing here changes."""
        after = {name: p.clone() for name, p in params.items()}
        state = {k: {n: t.clone() for n, t in group.items()} for k, group in self.state.items()}
        copies = {name: g.clone() for name, g in grads.items()}
        self.optimizer.step(after, copies, state, self.learning_rate)
        return after
