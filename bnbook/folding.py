"""Batch normalization at inference is an affine map, and vanishes into the layer beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, TypeAlias

import torch
from torch import Tensor, fx, nn
from torch.nn.modules import module as torch_module
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize

from bnbook.nets.chains import (
    Chain,
    Graph,
    GraphError,
    graph_of,
    is_linear,
    is_torch_norm,
    is_unknown_norm,
)
from bnbook.norms import Moded, Norm
from bnbook.norms.none import NoNorm

Conv: TypeAlias = nn.Conv1d | nn.Conv2d | nn.Conv3d
Linear: TypeAlias = nn.Linear | Conv
NOTHING = {nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d}
"""What does nothing in evaluation mode, so that folding may go across it."""


class FoldError(ValueError):
    """A network holds a normaliser that cannot be folded; the message says which and why."""


class Folded(NoNorm):
    """What stands where a normaliser was: it hands on what it is given.

    The fold is right for what the layer beside acts on channel by channel, (N, features) or
    (N, C, …) with `dims` dimensions. Anything else is a `FoldError`: a linear layer that acts on
    (N, L, features), say, mixes another dimension than that of the channels.
    """

    def __init__(self, num_features: int, name: str, dims: int) -> None:
        super().__init__(num_features)
        self.name, self.dims = name, dims

    def check_input(self, z: Any) -> None:
        """Raise `FoldError` unless z has the dimensions that the fold is right for."""
        _require(z, self.dims, self.name)

    def forward(self, z: Any) -> Any:
        _require(z, self.dims, self.name)
        return z


@fx.wrap  # a trace of the folded network, where z is a symbol, keeps the check
def _require(z: Any, dims: int, name: str) -> None:
    if z.dim() != dims:
        raise FoldError(
            f"{name} was folded into a layer that acts on tensors of {dims} dimensions, channels "
            f"second, but is given {tuple(z.shape)}; use the network as it was before"
        )


def fold(net: nn.Module) -> nn.Module:
    """A copy of `net` for evaluation without any normaliser: the layers beside do their work.

        W′ = γW/√(σ² + ε),   b′ = β + γ(b − μ)/√(σ² + ε)

    go into the linear or convolutional layer before a normaliser, whatever its padding, stride,
    dilation and groups. Behind a nonlinearity the normaliser s·x + c goes into the layer after it:
    W′ = W·diag(s), b′ = b + W·c, unless zeros are padded there, which do not get c. Standardised
    weights are put in for good. This covers all normalisers of the registry that are a fixed map
    in population mode, whitening too, and torch's own. A linear layer beside a normaliser acts on
    (N, features); given more dimensions the folded network raises `FoldError` and computes
    nothing. Outputs agree to rounding.

    Raises `FoldError`, which names the module, where that cannot be: for a network any part of
    which is in training mode; a normaliser that depends on its input in evaluation mode too, that
    is of neither this package nor torch, or that has no layer beside it; a layer that is used more
    than once, whose weight is computed anew at each call, whose tensors are used outside its own
    call; and where a hook watches what would change. A network tells the way of its data by a
    method `chains()`, which returns a list of chains (`bnbook.nets.chains.Chain`) in which a
    normaliser's `transform_weight` is used by the last layer before it; any other is traced by
    `torch.fx`. Source: ioffe2015batch.

    >>> layer, norm = nn.Linear(2, 1, bias=False), nn.BatchNorm1d(1, eps=1e-12)
    >>> layer.weight.data = torch.tensor([[2.0, 4.0]])
    >>> norm.running_mean, norm.running_var = torch.tensor([6.0]), torch.tensor([4.0])
    >>> folded = fold(nn.Sequential(layer, norm).eval())[0]
    >>> folded.weight.detach(), folded.bias.detach()
    (tensor([[1., 2.]]), tensor([-3.]))
    """
    _refuse_unready(net)
    for module in filter(_is_norm, net.modules()):
        _refuse_hooks(net, module)
    try:
        copy = deepcopy(net)
        graph = graph_of(copy)
    except GraphError as error:
        raise FoldError(str(error)) from error
    except Exception as error:  # what cannot be copied fails in ways of its own
        raise FoldError(
            f"{type(net).__name__} cannot be copied ({error}); a weight that is computed at each "
            "call, by weight_norm for instance, has to be made a plain one first"
        ) from error
    _refuse_shared(copy, graph.chains)
    with torch.no_grad():
        for chain in graph.told:
            _put_in_standardised_weights(copy, chain)
        for chain in graph.chains:
            _fold_chain(copy, graph, chain)
    for norm in copy.modules():
        if _is_norm(norm):
            raise FoldError(f"{_name(copy, norm)} is in no chain of layers that the network tells")
    return copy


def _fold_chain(net: nn.Module, graph: Graph, chain: Chain) -> None:
    steps = list(chain)
    for norm in [step for step in steps if _is_norm(step)]:
        at = steps.index(norm)
        scale, shift = _evaluation_map(net, norm)
        before, crossed_before = _neighbour(reversed(steps[:at]))
        after, crossed_after = _neighbour(iter(steps[at + 1 :]))
        try:
            if is_linear(before):
                _refuse_touched(net, graph, [norm, before, *crossed_before])
                _fold_into_layer_before(before, scale, shift)
            elif is_linear(after):
                _refuse_touched(net, graph, [norm, after, *crossed_after])
                _fold_into_layer_after(after, scale, shift)
            else:
                raise _no_layer_beside(before, after)
        except FoldError as error:
            raise FoldError(f"{_name(net, norm)} cannot be folded: {error}") from None
        steps.remove(norm)
        layer = before if is_linear(before) else after
        _replace(net, norm, Folded(len(shift), _name(net, norm), layer.weight.dim()))


def _neighbour(steps: Iterator[Any]) -> tuple[Any, list[nn.Module]]:
    """The first of `steps` that does something, or None, and the modules before it."""
    crossed: list[nn.Module] = []
    for step in steps:
        if type(step) not in NOTHING and not isinstance(step, NoNorm):
            return step, crossed
        crossed.append(step)
    return None, crossed


def _no_layer_beside(*beside: Any) -> FoldError:
    if any(map(parametrize.is_parametrized, [b for b in beside if isinstance(b, nn.Module)])):
        return _computed("a parametrization")
    return FoldError(
        "no linear or convolutional layer stands right before or after it, "
        "with no other use of what passes between"
    )


def _computed(how: str) -> FoldError:
    return FoldError(
        f"the layer beside it computes its weight at each call ({how}); make it a plain one by "
        "torch.nn.utils.parametrize.remove_parametrizations, prune.remove or remove_weight_norm"
    )


def _refuse_unready(net: nn.Module) -> None:
    for name, module in net.named_modules():
        layer = isinstance(module, Moded) and not any(module.children())
        mode = module.mode if layer else "population"
        if module.training or mode != "population":
            raise FoldError(
                f"{type(module).__name__} {name!r} is in training mode, where normalisers use the "
                "batch and dropout drops; call net.eval()"
            )
    if any(map(is_lazy, (*net.parameters(), *net.buffers()))):
        raise FoldError(f"{type(net).__name__} has layers whose shapes are still open; run it once")


def _refuse_touched(net: nn.Module, graph: Graph, touched: list[nn.Module]) -> None:
    """Raise for what would change, or is crossed, if somebody else watches or uses it."""
    for module in touched:
        if graph.reads(module):
            raise FoldError(
                f"the network uses a tensor of {_name(net, module)} outside that layer's own call, "
                "as tied weights do, and a folded one has other values"
            )
        if is_linear(module) and not {"weight", "bias"} <= module._parameters.keys():
            raise _computed("pruning, or weight_norm or spectral_norm by hooks")
        _refuse_hooks(net, module)


def _refuse_hooks(net: nn.Module, module: nn.Module) -> None:
    """Raise if anything hooks into `module`, or into what holds it."""
    if torch_module._has_any_global_hook():
        raise FoldError("torch has a hook for all modules, which may change what passes; remove it")
    for holder in net.modules():
        if _has_hooks(holder) and any(module is each for each in holder.modules()):
            raise FoldError(
                f"{_name(net, holder)} has a hook, which may change what passes and would see "
                "other values; remove it by the handle that registering it returned"
            )


def _has_hooks(module: nn.Module) -> bool:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, kind) for kind in kinds)


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
    """The layer's weight and its bias, 0 where it has none, in float32 or finer."""
    weight = layer.weight.to(torch.promote_types(layer.weight.dtype, torch.float32))
    return weight, weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.to(weight)


def _set(layer: Linear, weight: Tensor, bias: Tensor) -> None:
    old = layer.weight
    layer.weight = nn.Parameter(weight.to(old).contiguous(), requires_grad=old.requires_grad)
    layer.bias = nn.Parameter(bias.to(old), requires_grad=old.requires_grad)


def _is_norm(step: Any) -> bool:
    if isinstance(step, Norm):
        return not isinstance(step, NoNorm)
    return isinstance(step, nn.Module) and (is_torch_norm(step) or is_unknown_norm(step))


def _evaluation_map(net: nn.Module, norm: Any) -> tuple[Tensor, Tensor]:
    """(A, c) of the affine map that a normaliser is in evaluation mode."""
    if is_unknown_norm(norm):
        raise FoldError(
            f"{_name(net, norm)} cannot be folded: it normalises by its name, and is none of "
            "torch's or of bnbook.norms.names(), so that its map is not known"
        )
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
    if norm.weight is not None:
        scale = norm.weight * scale
    return scale, -mean * scale if norm.bias is None else norm.bias - mean * scale


def _put_in_standardised_weights(net: nn.Module, chain: Chain) -> None:
    """The weights that normalisers of a told chain would make of those before them, for good."""
    layer: Any = None
    for step in chain:
        if isinstance(step, Norm) and layer is not None:
            if parametrize.is_parametrized(layer) or "weight" not in layer._parameters:
                raise FoldError(f"{_name(net, step)} cannot be folded: {_computed('not plain')}")
            layer.weight = nn.Parameter(step.transform_weight(layer.weight.detach()))
        layer = step if is_linear(step) else layer


def _refuse_shared(net: nn.Module, chains: list[Chain]) -> None:
    """A layer or normaliser that is used twice cannot do a different thing each time."""
    steps = [s for chain in chains for s in chain if _is_norm(s) or is_linear(s)]
    for step, uses in Counter(steps).items():
        if uses > 1:
            raise FoldError(f"{_name(net, step)} is used {uses} times: a folded one would be wrong")


def _replace(net: nn.Module, norm: nn.Module, stand_in: nn.Module) -> None:
    """Put `stand_in` wherever `norm` was."""
    for parent in net.modules():
        for name, child in parent._modules.items():
            if child is norm:
                setattr(parent, name, stand_in.eval())


def _name(net: nn.Module, module: nn.Module) -> str:
    path = next((name for name, each in net.named_modules() if each is module), "")
    return f"{type(module).__name__} {path!r}"
