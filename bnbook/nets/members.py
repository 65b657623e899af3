"""A function of one network, applied to every member of a population.

Stacking pays where a network's operations are too small to fill the processor. A convolution with
stacked weights becomes one with as many groups as there are members, which a CPU computes more
slowly than one convolution after the other (`bench.vgg` has the ratio), and whose activations
take members times the memory. So convolutional networks on a CPU go one by one, and all others
in one stacked pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import grad_and_value, vmap
from torch.utils._pytree import tree_map

Tensors = dict[str, Tensor]
Loss = Callable[..., Tensor]
"""(params, buffers, *batch) of one member → its loss."""

Gradient = Callable[..., tuple[Tensors, Tensor]]
"""(params, buffers, *batch), dimension 0 the member → gradients by name, and losses (member,)."""


def one_by_one(net: nn.Module) -> bool:
    """Whether members shaped like `net` are better taken one after the other where it lies."""
    if not getattr(net, "stacks", True):
        return True
    device = next(net.parameters()).device
    return device.type == "cpu" and any(isinstance(m, nn.Conv2d) for m in net.modules())


def over_members(
    net: nn.Module, function: Callable[..., Any], in_dims: tuple[int | None, ...]
) -> Callable[..., Any]:
    """`function` of one member for all members, as `torch.func.vmap(function, in_dims)`.

    in_dims are 0 for arguments whose dimension 0 is the member, None for those that all share.
    What the function writes into its arguments is written into theirs.
    """
    if not one_by_one(net):
        return vmap(function, in_dims)

    def looped(*arguments: Any) -> Any:
        given = list(zip(arguments, in_dims, strict=True))
        mapped = next(a for a, dim in given if dim == 0)
        first = next(iter(mapped.values())) if isinstance(mapped, dict) else mapped
        found = [
            function(*(a if dim is None else _member(a, i) for a, dim in given))
            for i in range(len(first))
        ]
        return tree_map(lambda *values: torch.stack(values), *found)

    return looped


def gradients_of(net: nn.Module, loss: Loss, batch: int = 2) -> Gradient:
    """The gradients and values of `loss` for all members, whose batch has so many tensors."""
    one = _by_autograd(loss) if one_by_one(net) else grad_and_value(loss)
    return over_members(net, one, (0,) * (2 + batch))


def laid_out(net: nn.Module, params: Tensors) -> Tensors:
    """Stacked parameters in the order in memory in which convolutions on a CPU are fastest.

    Weights (member, C, C_in, k, k) get C_in innermost, "channels last" for each member; shapes
    and values stay.
    """
    if not one_by_one(net):
        return params
    return {
        name: p.movedim(2, -1).contiguous().movedim(-1, 2) if p.dim() == 5 else p
        for name, p in params.items()
    }


def _member(argument: Any, i: int) -> Any:
    return tree_map(lambda tensor: tensor[i], argument)


def _by_autograd(loss: Loss) -> Gradient:
    """As `grad_and_value(loss)`, by ordinary backpropagation, a quarter faster for one network."""

    def gradient(params: Tensors, *rest: Any) -> tuple[Tensors, Tensor]:
        leaves = {name: p.detach().requires_grad_() for name, p in params.items()}
        with torch.enable_grad():
            value = loss(leaves, *rest)
        grads = torch.autograd.grad(value, list(leaves.values()))
        return dict(zip(leaves, grads, strict=True)), value.detach()

    return gradient
