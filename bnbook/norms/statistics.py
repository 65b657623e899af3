"""Population statistics computed from data: precise ones, and ones adapted to other data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from bnbook.norms.base import NormError, refuse_torchs_own, using
from bnbook.norms.running import RunningNorm


@torch.no_grad()
def precise_statistics(net: nn.Module, batches: Iterable[Any]) -> nn.Module:
    """Replace running statistics by the pooled moments over `batches` at the present weights.

    Each batch is normalised by itself on its way through; μ is the mean and σ² the biased
    variance of all the values a channel saw, so that one batch holding the whole training set
    gives exactly the moments of the data. A batch is x (N, …), or a tuple or list that begins
    with x, as a DataLoader gives it. A normaliser that no batch reaches keeps what it has. Changes
    `net` in place and returns it; whatever interrupts it, the old statistics are back. Raises
    `NormError` for no batch at all, and for a network with no running statistics of ours.
    Source: wu2021rethinking ("PreciseBN").
    """
    kept = _keeping_statistics(net)
    seen = False
    with _restored_on_failure(kept) as before, using(net, "collect"):
        for norm in kept:
            norm.reset_statistics()
        for x in _inputs(batches):
            net(x)
            seen = True
        if not seen:
            raise NormError("precise statistics need at least one batch")
        for norm in kept:
            if norm.num_batches_tracked == 0:
                _restore(norm, before[norm])
            norm.num_batches_tracked.copy_(before[norm][-1])
    return net


@torch.no_grad()
def adapt_statistics(net: nn.Module, batches: Iterable[Any], pseudo_count: float) -> nn.Module:
    """Mix the running statistics with the moments of other data, of which labels are not needed.

        μ ← N/(N + n)·μ_source + n/(N + n)·μ_target, and σ² (or the covariance) likewise

    where n is the number of examples in `batches` and N = `pseudo_count` says how many examples
    the source counts for: 0 leaves the target's moments, `math.inf` the source's. Each layer is
    adapted after those before it, on what they give in population mode with their new
    statistics; its target moments are pooled and biased. That takes one pass over `batches` for
    each normaliser that keeps statistics; one batch is the case of the source. Batches, failure
    and errors are as in `precise_statistics`. Changes `net` in place and returns it.
    Source: schneider2020improving.
    """
    if not pseudo_count >= 0:
        raise NormError(f"pseudo_count is {pseudo_count}; it is a number of examples, 0 or more")
    kept = _keeping_statistics(net)
    xs = list(_inputs(batches))
    examples = sum(len(x) for x in xs)
    if not examples:
        raise NormError("adapting statistics needs at least one batch")
    share = examples / (pseudo_count + examples)
    with _restored_on_failure(kept) as before, using(net, "population"):
        for norm in _in_order_of_use(net, xs[0]):
            norm.reset_statistics()
            norm.mode = "collect"
            for x in xs:
                net(x)
            norm.mode = "population"
            *source, steps = before[norm]
            for moment, of_source in zip(norm.statistics(), source, strict=True):
                moment.mul_(share).add_(of_source, alpha=1 - share)
            norm.num_batches_tracked.copy_(steps)
    return net


def _keeping_statistics(net: nn.Module) -> list[RunningNorm]:
    """The normalisers of `net` that keep running statistics; `NormError` if there are none."""
    refuse_torchs_own(net)
    kept = [module for module in net.modules() if isinstance(module, RunningNorm)]
    if not kept:
        raise NormError(f"{type(net).__name__} holds no normaliser that keeps running statistics")
    return kept


def _inputs(batches: Iterable[Any]) -> Iterator[Tensor]:
    """x of each batch, given as x or as (x, …)."""
    if isinstance(batches, Tensor):
        raise NormError(
            f"batches is one tensor {tuple(batches.shape)}; give an iterable of batches, [x]"
        )
    for batch in batches:
        x = batch[0] if isinstance(batch, tuple | list) and batch else batch
        if not isinstance(x, Tensor):
            raise NormError(
                f"a batch is a {type(batch).__name__}; it must be a tensor x (N, …), or a tuple or "
                "list that begins with one"
            )
        yield x


@contextmanager
def _restored_on_failure(
    kept: list[RunningNorm],
) -> Iterator[dict[RunningNorm, tuple[Tensor, ...]]]:
    """Moments and counts as they are, which come back if the block does not end well."""
    before = {
        norm: tuple(each.clone() for each in (*norm.statistics(), norm.num_batches_tracked))
        for norm in kept
    }
    try:
        yield before
    except BaseException:  # Ctrl-C too
        for norm in kept:
            _restore(norm, before[norm])
        raise


def _restore(norm: RunningNorm, values: tuple[Tensor, ...]) -> None:
    for own, value in zip((*norm.statistics(), norm.num_batches_tracked), values, strict=True):
        own.copy_(value)


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
