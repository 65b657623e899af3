"""Batch normalization at inference is an affine map, and vanishes into the layer beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, TypeAlias

import torch
from torch import Tensor, fx, nn
from torch.nn.utils import parametrize

from bnbook.norms import Norm
from bnbook.norms.none import NoNorm

Conv: TypeAlias = nn.Conv1d | nn.Conv2d | nn.Conv3d
Linear: TypeAlias = nn.Linear | Conv
TorchNorm: TypeAlias = (
    nn.BatchNorm1d
    | nn.BatchNorm2d
    | nn.BatchNorm3d
    | nn.SyncBatchNorm
    | nn.InstanceNorm1d
    | nn.InstanceNorm2d
    | nn.InstanceNorm3d
    | nn.LayerNorm
    | nn.GroupNorm
)
NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, NoNorm)
"""What does nothing in evaluation mode, so that folding may go across it."""

Chain: TypeAlias = list[Any]
"""What data pass through, one after the other, without a side branch: modules, and whatever else
happens to them (a function, a node of a traced graph), across which nothing is folded."""


class FoldError(ValueError):
    """A network holds a normaliser that cannot be folded; the message says which and why."""


def fold(net: nn.Module) -> nn.Module:
    """A copy of `net` for evaluation without any normaliser: the layers beside do their work.

        W′ = γW/√(σ² + ε),   b′ = β + γ(b − μ)/√(σ² + ε)

    go into the linear or convolutional layer before a normaliser, whatever its padding, stride,
    dilation and groups. Behind a nonlinearity the normaliser s·x + c goes into the layer after it:
    W′ = W·diag(s), b′ = b + W·c, unless zeros are padded there, which do not get c. Standardised
    weights are put in for good. This covers all normalisers of the registry that are a fixed map
    in population mode, whitening too, and torch's own. Linear layers are taken to act on
    (N, features). Outputs agree to rounding.

    Raises `FoldError` where that cannot be: for a network in training mode, a normaliser that
    depends on its input in evaluation mode too, one without a layer beside it, a layer used more
    than once. A network tells the way of its data by a method `chains()`, which returns a list of
    `Chain`s in which a normaliser's `transform_weight` is used by the last layer before it; any
    other is traced by `torch.fx`. Source: ioffe2015batch.
    """
    norms = [module for module in net.modules() if _is_norm(module)]
    modes = {getattr(norm, "mode", "population") for norm in norms}
    if net.training or any(norm.training for norm in norms) or not modes <= {"population"}:
        raise FoldError(
            "the network is in training mode, where normalisers use the batch; call net.eval()"
        )
    copy = deepcopy(net)
    chains = _chains(copy)
    _refuse_shared(copy, chains)
    with torch.no_grad():
        for chain in chains:
            _fold_chain(copy, chain)
    for norm in copy.modules():
        if _is_norm(norm):
            raise FoldError(f"{_name(copy, norm)} is in no chain of layers that the network tells")
    return copy


def _fold_chain(net: nn.Module, chain: Chain) -> None:
    steps = [step for step in chain if not isinstance(step, NOTHING)]
    for norm in [step for step in steps if _is_norm(step)]:
        at = steps.index(norm)
        before = steps[at - 1] if at else None
        after = steps[at + 1] if at + 1 < len(steps) else None
        scale, shift = _evaluation_map(net, norm)
        try:
            if isinstance(before, Linear):
                _fold_into_layer_before(before, scale, shift)
            elif isinstance(after, Linear):
                _fold_into_layer_after(after, scale, shift)
            else:
                raise FoldError(
                    "no linear or convolutional layer stands right before or after it, "
                    "with no other use of what passes between"
                )
        except FoldError as error:
            raise FoldError(f"{_name(net, norm)} cannot be folded: {error}") from None
        steps.remove(norm)
        _replace(net, norm)


def _fold_into_layer_before(layer: Linear, scale: Tensor, shift: Tensor) -> None:
    """A·(Wx + b) + c as one layer; A is `scale`, (C,) or (C, C), and c is `shift`."""
    weight, bias = _weight_and_bias(layer)
    scale, shift = scale.to(weight), shift.to(weight)
    if len(weight) != len(shift):
        raise FoldError("the layer before it gives another number of channels")
    if scale.dim() == 2:
        if not isinstance(layer, nn.Linear) and layer.groups > 1:
            raise FoldError("it mixes channels that the layer before keeps apart in groups")
        _set(layer, torch.tensordot(scale, weight, 1), scale @ bias + shift)
    else:
        rows = scale.view(-1, *[1] * (weight.dim() - 1))
        _set(layer, rows * weight, scale * bias + shift)


def _fold_into_layer_after(layer: Linear, scale: Tensor, shift: Tensor) -> None:
    """W·(A·x + c) + b as one layer; A is `scale`, (C,) or (C, C), and c is `shift`."""
    weight, bias = _weight_and_bias(layer)
    scale, shift = scale.to(weight), shift.to(weight)
    groups = 1
    if not isinstance(layer, nn.Linear):
        groups = layer.groups
        if _pads_zeros(layer) and shift.any():
            raise FoldError(
                "the convolution after it pads with zeros, which its shift does not reach, and no "
                "single convolution adds to the inner positions alone. Pad in another way, "
                "or normalise before the nonlinearity"
            )
    if weight.shape[1] * groups != len(shift):
        raise FoldError("the layer after it takes another number of channels")
    if scale.dim() == 2 and groups > 1:
        raise FoldError("it mixes channels that the layer after keeps apart in groups")
    # The inputs of output channel o are those of its group: (out, in/groups).
    group_of = torch.arange(len(weight), device=weight.device) // (len(weight) // groups)
    per_input = weight.flatten(2).sum(2) if weight.dim() > 2 else weight
    constant = (per_input * shift.view(groups, -1)[group_of]).sum(1)
    if scale.dim() == 2:
        weight = torch.tensordot(weight, scale, ([1], [0])).movedim(-1, 1)
    else:
        columns = scale.view(groups, -1)[group_of]
        weight = weight * columns.view(*columns.shape, *[1] * (weight.dim() - 2))
    _set(layer, weight, bias + constant)


def _pads_zeros(conv: Conv) -> bool:
    if conv.padding_mode != "zeros" or conv.padding == "valid":
        return False
    return max(conv.kernel_size) > 1 if conv.padding == "same" else any(conv.padding)


def _weight_and_bias(layer: Linear) -> tuple[Tensor, Tensor]:
    """The layer's weight and its bias, 0 where it has none."""
    if parametrize.is_parametrized(layer):
        raise FoldError(
            "the layer beside it computes its weight (a parametrization); make it a plain one by "
            "torch.nn.utils.parametrize.remove_parametrizations"
        )
    return layer.weight, layer.weight.new_zeros(
        len(layer.weight)
    ) if layer.bias is None else layer.bias


def _set(layer: Linear, weight: Tensor, bias: Tensor) -> None:
    trained = layer.weight.requires_grad
    layer.weight = nn.Parameter(weight.contiguous(), requires_grad=trained)
    layer.bias = nn.Parameter(bias, requires_grad=trained)


def _is_norm(step: Any) -> bool:
    return isinstance(step, Norm | TorchNorm) and not isinstance(step, NoNorm)


def _evaluation_map(net: nn.Module, norm: Any) -> tuple[Tensor, Tensor]:
    """(A, c) of the affine map that a normaliser is in evaluation mode."""
    found = norm.population_map() if isinstance(norm, Norm) else _torch_map(norm)
    if found is None:
        raise FoldError(
            f"{_name(net, norm)} cannot be folded: in evaluation mode too it normalises by "
            "statistics of what it is given, so that it is no fixed map"
        )
    scale, shift = found
    return scale, shift


def _torch_map(norm: Any) -> tuple[Tensor, Tensor] | None:
    """(scale, shift) of one of torch's normalisers, None if it keeps no running statistics."""
    mean, var = getattr(norm, "running_mean", None), getattr(norm, "running_var", None)
    if mean is None or var is None:
        return None
    scale = torch.rsqrt(var + norm.eps)
    if norm.weight is None:
        return scale, -mean * scale
    return norm.weight * scale, norm.bias - mean * (norm.weight * scale)


def _chains(net: nn.Module) -> list[Chain]:
    """The chains of a network: those it tells, or else those of its traced graph."""
    told = _told_chains(net)
    if told is not None:
        return told
    try:
        graph = _Tracer().trace(net)
    except Exception as error:
        raise FoldError(
            f"{type(net).__name__} has no method chains() that tells the way of its data, and "
            f"torch.fx cannot trace it: {error}"
        ) from error
    modules = dict(net.named_modules())
    chains = [
        [modules[str(node.target)] if node.op == "call_module" else node for node in path]
        for path in _paths(graph)
    ]
    inner = [_told_chains(step) for path in chains for step in path if isinstance(step, nn.Module)]
    return chains + [chain for told in inner for chain in told or []]


def _told_chains(net: nn.Module) -> list[Chain] | None:
    """The chains that a network tells, or None; standardised weights are put in for good."""
    tell: Any = getattr(net, "chains", None)
    if tell is None:
        return None
    chains: list[Chain] = tell()
    for chain in chains:
        layer: Any = None
        for step in chain:
            if isinstance(step, Norm) and layer is not None:
                layer.weight = nn.Parameter(step.transform_weight(layer.weight.detach()))
            layer = step if isinstance(step, Linear) else layer
    return chains


class _Tracer(fx.Tracer):
    """Does not look into normalisers and networks that tell their chains."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        tells = isinstance(m, Norm) or hasattr(m, "chains")
        return tells or super().is_leaf_module(m, module_qualified_name)


def _paths(graph: fx.Graph) -> Iterator[list[fx.Node]]:
    """The graph cut into its longest paths whose inner edges have no alternative."""
    follower = {}
    for node in graph.nodes:
        if len(node.users) == 1:
            (user,) = node.users
            if user.all_input_nodes == [node]:
                follower[node] = user
    inner = set(follower.values())
    for node in graph.nodes:
        if node not in inner:
            path = [node]
            while path[-1] in follower:
                path.append(follower[path[-1]])
            yield path


def _refuse_shared(net: nn.Module, chains: list[Chain]) -> None:
    """A layer or normaliser that is used twice cannot do a different thing each time."""
    steps = [s for chain in chains for s in chain if _is_norm(s) or isinstance(s, Linear)]
    for step, uses in Counter(steps).items():
        if uses > 1:
            raise FoldError(f"{_name(net, step)} is used {uses} times: a folded one would be wrong")


def _replace(net: nn.Module, norm: nn.Module) -> None:
    """Put a normaliser that does nothing where `norm` was."""
    stand_in = NoNorm(norm.num_features) if isinstance(norm, Norm) else nn.Identity()
    for parent in net.modules():
        for name, child in list(parent.named_children()):
            if child is norm:
                setattr(parent, name, stand_in.eval())


def _name(net: nn.Module, module: nn.Module) -> str:
    path = next((name for name, each in net.named_modules() if each is module), "")
    return f"{type(module).__name__} {path!r}"
