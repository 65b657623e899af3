"""A population: many networks of one shape, trained together in one stacked step."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor
from torch.func import functional_call, stack_module_state

from bnbook.data import Dataset, Dealt
from bnbook.nets import Network, Spec
from bnbook.nets.members import gradients_of, laid_out, one_by_one
from bnbook.nets.recorded import Recorded
from bnbook.probes import Snapshot
from bnbook.train.arm import Member
from bnbook.train.batches import Augmentation, Batches, Sampler
from bnbook.train.errors import PlanError
from bnbook.train.group import Group
from bnbook.train.optimizers import Optimizer, Tensors
from bnbook.train.schedules import Constant, Schedule
from bnbook.train.starts import Start


class Population:
    """Networks of one specification, one per member, with stacked parameters and buffers.

    `params` and `buffers` map names to tensors whose dimension 0 is the member. A step computes
    each member's gradient of its own mean cross-entropy and updates each with its own learning
    rate, so that a stacked run equals separate ones to rounding. A member trains and is tested on
    the examples that `data` deals to its seed, or on what a mapping holds for it.
    """

    def __init__(
        self,
        spec: Spec,
        optimizer: Optimizer,
        batch_size: int,
        members: Sequence[Member],
        data: Dataset | Mapping[int, Dataset],
        *,
        steps: int = 1,
        schedule: Schedule | None = None,
        sampler: Sampler | None = None,
        augmentation: Augmentation | None = None,
        start: Start | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """`steps` is the length of the run, of which the schedule is told the share; `start` is
        applied to every network before the first."""
        self.members, self.optimizer = tuple(members), optimizer
        seeds = [m.seed for m in members]
        self.data = Dealt.of(data, seeds)
        self.steps, self.schedule, self.augmentation = steps, schedule or Constant(), augmentation
        self.dtype, device = dtype, self.data.train.x.device
        shape, classes = tuple(self.data.train.x.shape[1:]), len(self.data.classes)
        nets = [spec.build(shape, classes, seed).to(device, dtype) for seed in seeds]
        if start:
            for i, (net, seed) in enumerate(zip(nets, seeds, strict=True)):
                start(net, self.data.train.of_member(i), seed)
        self.net = nets[0]
        params, buffers = stack_module_state(nets)
        detached = {name: p.detach() for name, p in params.items()}
        self.params: Tensors = laid_out(self.net, detached)
        self.buffers: Tensors = dict(buffers)
        self.state = optimizer.init(self.params)
        self.base_rate = torch.tensor([_rate(m) for m in members], device=device, dtype=dtype)
        self.batches = Batches(self.data.train.labels, batch_size, seeds, sampler)
        self.steps_taken = 0
        self.diverged_at = torch.full((len(members),), math.nan, device=device)
        gradient = gradients_of(self.net, self._loss)
        self._gradient_and_loss = gradient if one_by_one(self.net) else Recorded(gradient)

    def _loss(self, params: Tensors, buffers: Tensors, x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(self.net, (params, buffers), (x,)), y)

    @property
    def learning_rate(self) -> Float[Tensor, " member"]:
        """Learning rates (member,) of the coming step."""
        return self.base_rate * self.schedule(self.steps_taken / self.steps)

    def next_batch(self) -> tuple[Float[Tensor, "member m ..."], Int64[Tensor, "member m"]]:
        """The batches of the coming step: x (member, m, …) and y (member, m)."""
        chosen = self.batches[self.steps_taken].to(self.data.train.rows.device)
        x, y = self.data.train[chosen]
        x = x.to(self.dtype)
        if self.augmentation:
            x = self.augmentation(x, self.batches.seeds, self.steps_taken)
        return x, y

    def step(self) -> Float[Tensor, " member"]:
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
            learning_rate=self.learning_rate,
            update=self._updated,
            previous=previous.seen if previous else None,
        )

    def _updated(self, params: Tensors, grads: Tensors) -> Tensors:
        """The parameters after one optimizer step, on copies: nothing here changes."""
        after = {name: p.clone() for name, p in params.items()}
        state = {k: {n: t.clone() for n, t in group.items()} for k, group in self.state.items()}
        copies = {name: g.clone() for name, g in grads.items()}
        self.optimizer.step(after, copies, state, self.learning_rate)
        return after

    def network(self, index: int) -> Network:
        """Member `index` as a network of its own, with copies of its parameters and buffers."""
        alone = copy.deepcopy(self.net)
        state = {**self.params, **self.buffers}
        alone.load_state_dict({name: stacked[index] for name, stacked in state.items()})
        return alone


def _rate(member: Member) -> float:
    if not isinstance(member.learning_rate, float):
        raise PlanError(f"arm {member.arm!r}: its learning rate has not been tuned yet")
    return member.learning_rate


def populate(group: Group, data: Dataset) -> Population:
    """The members of a group, before their first step."""
    return Population(
        group.net,
        group.optimizer,
        group.batch_size,
        group.members,
        data,
        steps=group.steps,
        schedule=group.schedule,
        sampler=group.sampler,
        augmentation=group.augmentation,
    )
