"""Walking along the gradient: how the loss and its gradient change within a step's reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.func import functional_call

from bnbook import norms
from bnbook.nets.members import Loss, gradients_of, over_members
from bnbook.probes.accuracy import keeps_statistics
from bnbook.probes.base import Probe, Snapshot, Tensors, once, probe

Regime = Literal["training", "evaluation"]
MODES: tuple[Regime, ...] = ("training", "evaluation")
"""Two functions of the same weights: by the statistics of the batch, by the running ones."""

MULTIPLES = (0.5, 1.0, 2.0, 4.0)
STEP_SIZES = tuple(10 ** (k / 2) for k in range(-6, 5))


def loss_in(s: Snapshot, mode: Regime) -> Loss:
    """One member's mean cross-entropy in `mode`, as a function of (params, buffers, x, y)."""
    if mode == "training" or not keeps_statistics(s):
        return s.loss

    def evaluation(params: Tensors, buffers: Tensors, x: Tensor, y: Tensor) -> Tensor:
        with norms.using(s.net, "population"):
            return F.cross_entropy(functional_call(s.net, (params, buffers), (x,)), y)

    return evaluation


def in_each_mode(
    s: Snapshot, measure: Callable[[Regime], Tensor], modes: tuple[Regime, ...] = MODES
) -> Float[Tensor, "member mode ..."]:
    """(member, mode, …) of `measure(mode)`, which is called once where the modes are one."""
    if not keeps_statistics(s):
        return torch.stack([measure("training")] * len(modes), dim=1)
    return torch.stack([measure(mode) for mode in modes], dim=1)


def norm(tensors: Tensors) -> Float[Tensor, " member"]:
    """Euclidean norm (member,) of all tensors of a member together."""
    return torch.stack([t.flatten(1).square().sum(1) for t in tensors.values()]).sum(0).sqrt()


def downhill(s: Snapshot, g: Tensors, length: Float[Tensor, " member"] | float) -> Tensors:
    """θ − α·g for α = `length`, a number or (member,)."""
    by = torch.as_tensor(length, dtype=s.batch[0].dtype, device=s.batch[0].device).expand(s.members)
    return {n: p - by.view(-1, *[1] * (p.dim() - 1)) * g[n] for n, p in s.params.items()}


@once
def gradient_and_loss(s: Snapshot, mode: Regime) -> tuple[Tensors, Float[Tensor, " member"]]:
    """∇L and L (member,) of the coming batch in `mode`, at the present parameters."""
    if mode == "training":
        return s.gradients_and_losses
    return gradients_of(s.net, loss_in(s, mode))(s.params, s.buffers, *s.batch)


@dataclass(frozen=True)
class Walk:
    """What is met at θ − αg, each (member, multiple).

    losses     L(θ − αg)
    changes    ‖∇L(θ − αg) − g‖
    sums       ‖∇L(θ − αg) + g‖
    lengths    ‖αg‖
    """

    losses: Float[Tensor, "member multiple"]
    changes: Float[Tensor, "member multiple"]
    sums: Float[Tensor, "member multiple"]
    lengths: Float[Tensor, "member multiple"]


@once
def walk(s: Snapshot, mode: Regime, multiples: tuple[float, ...]) -> Walk:
    """Steps of α = each of `multiples` × the member's learning rate, on the coming batch."""
    g, _ = gradient_and_loss(s, mode)
    there = gradients_of(s.net, loss_in(s, mode))
    losses, changes, sums, lengths = [], [], [], []
    for multiple in multiples:
        step = multiple * s.learning_rate
        h, loss = there(downhill(s, g, step), s.buffers, *s.batch)
        losses.append(loss)
        changes.append(norm({name: h[name] - g[name] for name in g}))
        sums.append(norm({name: h[name] + g[name] for name in g}))
        lengths.append(step * norm(g))
    return Walk(*(torch.stack(each, 1) for each in (losses, changes, sums, lengths)))


@probe(unit="nat", dims=("mode",), source="santurkar2018how")
@dataclass(frozen=True)
class LossVariation(Probe):
    """max − min of L(θ − αg) over steps α = c·η, c in `multiples`, on the coming batch.

    g = ∇L(θ) on the same batch and η is the member's own learning rate. Dimension `mode` is the
    function walked on: that of training, with the statistics of the batch at every place, or
    that of evaluation, with the running statistics, and its own gradient.
    """

    modes: tuple[Regime, ...] = MODES
    multiples: tuple[float, ...] = MULTIPLES

    def __call__(self, s: Snapshot) -> Float[Tensor, "member mode"]:
        def variation(mode: Regime) -> Tensor:
            losses = walk(s, mode, self.multiples).losses
            return losses.amax(1) - losses.amin(1)

        return in_each_mode(s, variation, self.modes)


@probe(unit="1", dims=("mode", "multiple"), source="santurkar2018how")
@dataclass(frozen=True)
class GradientChange(Probe):
    """‖∇L(θ − αg) − g‖ for α = c·η, c in `multiples`: what the gradient fails to predict.

    A difference of two gradients on one batch, in the gradient's own unit, as in the source; its
    size enters. `EffectiveSmoothness` divides it by the way gone.
    """

    modes: tuple[Regime, ...] = MODES
    multiples: tuple[float, ...] = MULTIPLES

    def __call__(self, s: Snapshot) -> Float[Tensor, "member mode multiple"]:
        return in_each_mode(s, lambda mode: walk(s, mode, self.multiples).changes, self.modes)


@probe(unit="1", dims=("mode", "multiple"), source="santurkar2018how")
@dataclass(frozen=True)
class GradientSum(Probe):
    """‖∇L(θ − αg) + g‖, which is not the source's measure, and has been published in its place.

    Kept to show what it says: on a flat stretch of the loss it is 2‖g‖.
    """

    modes: tuple[Regime, ...] = MODES
    multiples: tuple[float, ...] = MULTIPLES

    def __call__(self, s: Snapshot) -> Float[Tensor, "member mode multiple"]:
        return in_each_mode(s, lambda mode: walk(s, mode, self.multiples).sums)


@probe(unit="1", dims=("mode",), source="santurkar2018how")
@dataclass(frozen=True)
class EffectiveSmoothness(Probe):
    """The largest ‖∇L(θ − αg) − g‖/‖αg‖ for α = c·η, c in `multiples`: effective β.

    If the gradient is β-Lipschitz this is at most β; on a quadratic with Hessian A it is
    ‖Ag‖/‖g‖ for every α.
    """

    modes: tuple[Regime, ...] = MODES
    multiples: tuple[float, ...] = MULTIPLES

    def __call__(self, s: Snapshot) -> Float[Tensor, "member mode"]:
        def largest(mode: Regime) -> Tensor:
            found = walk(s, mode, self.multiples)
            return (found.changes / found.lengths).amax(1)

        return in_each_mode(s, largest, self.modes)


@probe(unit="1", dims=("mode", "step_size"), source="bjorck2018understanding")
@dataclass(frozen=True)
class RelativeLoss(Probe):
    """L(θ − αg)/L(θ) for α in `step_sizes`, on the coming batch, g = ∇L(θ).

    The step sizes are absolute, the same for every network. A loss that is not finite is given
    as infinity.
    """

    modes: tuple[Regime, ...] = MODES
    step_sizes: tuple[float, ...] = STEP_SIZES

    def __call__(self, s: Snapshot) -> Float[Tensor, "member mode step_size"]:
        @torch.no_grad()
        def relative(mode: Regime) -> Tensor:
            g, here = gradient_and_loss(s, mode)
            there = over_members(s.net, loss_in(s, mode), (0, 0, 0, 0))
            losses = [there(downhill(s, g, a), s.buffers, *s.batch) for a in self.step_sizes]
            return (torch.stack(losses, 1) / here[:, None]).nan_to_num(torch.inf, torch.inf)

        return in_each_mode(s, relative, self.modes)
