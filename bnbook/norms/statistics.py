"""Population statistics computed from data: precise ones, and ones adapted to other data."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from bnbook.norms.base import NormError, using
from bnbook.norms.running import RunningNorm


@torch.no_grad()
def precise_statistics(net: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """Replace running statistics by the pooled moments over `batches` at the present weights.

    Each batch is normalised by itself on its way through; μ is the mean and σ² the biased
    variance of all the values a channel saw, so that one batch holding the whole training set
    gives exactly the moments of the data. Changes `net` in place and returns it.
    Source: wu2021rethinking ("PreciseBN").
    """
    kept = [m for m in net.modules() if isinstance(m, RunningNorm)]
    steps_before = [m.num_batches_tracked.clone() for m in kept]
    for norm in kept:
        norm.reset_statistics()
    seen = False
    with using(net, "collect"):
        for x in batches:
            net(x)
            seen = True
    if not seen:
        raise NormError("precise statistics need at least one batch")
    for norm, steps in zip(kept, steps_before, strict=True):
        norm.num_batches_tracked.copy_(steps)
    return net


@torch.no_grad()
def adapt_statistics(net: nn.Module, batches: Iterable[Tensor], pseudo_count: float) -> nn.Module:
    """Mix the running statistics with the moments of other data, of which labels are not needed.

        μ ← N/(N + n)·μ_source + n/(N + n)·μ_target, and σ² (or the covariance) likewise

    where n is the number of examples in `batches` and N = `pseudo_count` says how many examples
    the source counts for: 0 leaves the target's moments, `math.inf` the source's. Each layer is
    adapted after those before it, on what they give in population mode with their new
    statistics; its target moments are pooled and biased. That takes one pass over `batches` for
    each normaliser that keeps statistics; one batch is the case of the source. Changes `net` in
    place and returns it. Source: schneider2020improving.
    """
    if not pseudo_count >= 0:
        raise NormError(f"pseudo_count is {pseudo_count}; it is a number of examples, 0 or more")
    batches = list(batches)
    examples = sum(len(x) for x in batches)
    if not examples:
        raise NormError("adapting statistics needs at least one batch")
    share = examples / (pseudo_count + examples)
    with using(net, "population"):
        for norm in _in_order_of_use(net, batches[0]):
            source = [moment.clone() for moment in norm.statistics()]
            steps = norm.num_batches_tracked.clone()
            norm.reset_statistics()
            norm.mode = "collect"
            for x in batches:
                net(x)
            norm.mode = "population"
            for moment, before in zip(norm.statistics(), source, strict=True):
                moment.mul_(share).add_(before, alpha=1 - share)
            norm.num_batches_tracked.copy_(steps)
    return net


def _in_order_of_use(net: nn.Module, x: Tensor) -> list[RunningNorm]:
    """The normalisers that keep statistics, in the order in which a pass over x meets them."""
    met: dict[RunningNorm, None] = {}
    kept = [m for m in net.modules() if isinstance(m, RunningNorm)]
    hooks = [norm.register_forward_pre_hook(lambda m, _: met.setdefault(m)) for norm in kept]
    try:
        net(x)
    finally:
        for hook in hooks:
            hook.remove()
    return list(met)
