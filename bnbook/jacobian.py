"""Jacobians of a layer, many at once: of each example, of the whole batch, and summed over it.

A layer is a linear map of single examples followed by steps that may mix examples (batch
normalization), channels (layer normalization) or neither. Its derivative is the linear map's
matrix, the same for all examples, behind a small kernel, which takes as few directions as the
normaliser mixes: no loop over outputs, and no Jacobian of the whole where a part is asked for.

Where an activation has no derivative, the one that torch's backward pass uses is taken: at 0 that
of relu is 0, that of leaky-relu its slope.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.func import functional_call, jvp, vjp, vmap

from bnbook import norms
from bnbook.nets import Layer, MultilayerPerceptron
from bnbook.text import unknown

Map = Callable[[Tensor], Tensor]
Derivative = Literal["per-example", "batch-sum"]
LIMIT = 2**30
"""Most bytes that the Jacobians of one call may take, unless it says otherwise."""

_TEMPORARY = 2**22


class JacobianError(ValueError):
    """A Jacobian that does not exist or does not fit; the message says what to change."""


@dataclass(frozen=True, eq=False)
class Parts:
    """A layer taken apart, h = after(linear(x)), or x + that with `skip`.

    linear           x (m, …) → z (m, C, …), affine, one example at a time
    after            z → h of the same shape: a normaliser and a nonlinearity in some order
    mixes_examples   whether h_b depends on other examples' z
    mixes_channels   whether an h of one channel depends on z of another

    `of` takes a layer of a dense network; `compose` joins any linear or convolutional module with
    a normaliser of the registry.
    """

    linear: Map
    after: Map
    mixes_examples: bool
    mixes_channels: bool
    skip: bool = False

    @classmethod
    def compose(
        cls,
        linear: Map,
        norm: norms.Norm,
        activation: Map,
        *,
        order: str = "before",
        mode: norms.Mode = "batch",
    ) -> Parts:
        """φ(N(Lx)), or N(φ(Lx)) with order "after"; the normaliser stays in `mode`."""

        def after(z: Tensor) -> Tensor:
            with norms.using(norm, mode):
                return activation(norm(z)) if order == "before" else norm(activation(z))

        return cls(linear, after, *_mixing(norm, mode))

    @classmethod
    def of(
        cls,
        net: nn.Module,
        which: int | str,
        *,
        state: dict[str, Shaped[Tensor, " ..."]] | None = None,
        mode: norms.Mode = "batch",
    ) -> Parts:
        """Hidden layer `which` of a dense network, by number from 0 or by name, "layers.0".

        `state` holds parameters and buffers by their names in the network, where they are not
        its own. A layer that does not exist is a `JacobianError`.
        """
        name, layer = _layer(net, which)
        own = {f"{name}.{key}": value for key, value in layer.state_dict().items()}
        here = own | (state or {})
        inside = {key.removeprefix(f"{name}."): here[key] for key in own}

        def linear(x: Tensor) -> Tensor:
            weight = layer.norm.transform_weight(inside["linear.weight"])
            return F.linear(x, weight, inside.get("linear.bias"))

        def after(z: Tensor) -> Tensor:
            with norms.using(layer, mode):
                return functional_call(_After(layer), _nested(inside), (z,))

        return cls(linear, after, *_mixing(layer.norm, mode), layer.skip)


class _After(nn.Module):
    """What a dense layer does behind its linear map, without its skip connection."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, z: Tensor) -> Tensor:
        layer = self.layer
        before = layer.order == "before"
        h = layer.activation(layer.norm(z)) if before else layer.norm(layer.activation(z))
        return h if layer.dropout is None else layer.dropout(h)


@torch.no_grad()
def per_example(
    parts: Parts, x: Float[Tensor, "m ..."], *, examples: int | None = None, limit: int = LIMIT
) -> Float[Tensor, "examples out in"]:
    """∂h_b/∂x_b of the first `examples` (default: all) of the batch x (m, …): (examples, out, in).

    Every other example takes part in the statistics of the batch and is held where it is. With
    BN before the nonlinearity a row is φ′·(γ/σ)·(1 − 1/m − x̂²/m)·w. `JacobianError` for an
    example that is not finite, and for Jacobians of more than `limit` bytes.
    """
    return _jacobians(parts, x, examples, limit, _kernel)


@torch.no_grad()
def batch_sum(
    parts: Parts, x: Float[Tensor, "m ..."], *, examples: int | None = None, limit: int = LIMIT
) -> Float[Tensor, "examples out in"]:
    """Σ_b ∂h_b/∂x_b′ for the first `examples` b′: (examples, out, in).

    What one gets by differentiating the *sum over the batch* of each unit, as chang2017why does.
    It equals `per_example` if no example depends on another; under BN it is not the derivative
    of any example's output, and 0 where nothing but BN follows the linear map. For comparison.
    """
    return _jacobians(parts, x, examples, limit, _summed_kernel)


@torch.no_grad()
def whole_batch(
    parts: Parts, x: Float[Tensor, "m ..."], *, limit: int = LIMIT
) -> Float[Tensor, "m out m in"]:
    """∂h_a/∂x_b for all pairs of examples of the batch x (m, …): (m, out, m, in). For toy sizes."""
    _check_finite(x)
    z, matrix, m = parts.linear(x), _matrix(parts, x), len(x)
    out = len(matrix)
    pair = out * max(matrix.shape) * x.element_size()
    _check_size(m, m**2 * pair, limit, math.isqrt(limit // pair))
    pull = vjp(parts.after, z)[1]
    rows = vmap(lambda row: pull(row.view_as(z))[0])(torch.eye(m * out, dtype=z.dtype))
    found = rows.reshape(m, out, m, out) @ matrix
    if parts.skip:
        same = torch.eye(m, dtype=z.dtype)[:, None, :, None]
        found = found + same * torch.eye(out, dtype=z.dtype)[None, :, None, :]
    return found


def singular_values(jacobians: Float[Tensor, "*batch out in"]) -> Float[Tensor, "*batch values"]:
    """Singular values of (…, out, in), largest first: (…, min(out, in)) in float64.

    From the eigenvalues of JJᵀ or JᵀJ, whichever is smaller: three times as fast as a singular
    value decomposition, and values below 10⁻⁷ of the largest are not told from 0. `JacobianError`
    for one that is not finite.

    >>> singular_values(torch.tensor([[0.0, 3.0], [-4.0, 0.0], [0.0, 0.0]]))
    tensor([4., 3.], dtype=torch.float64)
    """
    j = jacobians.double()
    gram = j @ j.mT if j.shape[-2] <= j.shape[-1] else j.mT @ j
    return _roots(gram)


@torch.no_grad()
def spectra(
    parts: Parts,
    x: Float[Tensor, "m ..."],
    *,
    kind: Derivative = "per-example",
    examples: int | None = None,
    limit: int = LIMIT,
) -> Float[Tensor, "examples values"]:
    """Singular values of each example's Jacobian of a kind, largest first: (examples, k) float64.

    Same as `singular_values` of that function, without the Jacobians where the linear map has at
    least as many inputs as outputs: JJᵀ = K(LLᵀ)Kᵀ, and LLᵀ is the same for all.
    """
    kernel_of = {"per-example": _kernel, "batch-sum": _summed_kernel}[kind]
    matrix = _matrix(parts, x[:1]).double()
    if parts.skip or matrix.shape[0] > matrix.shape[1]:
        return singular_values(_jacobians(parts, x, examples, limit, kernel_of))
    z = _preactivations(parts, x, examples, (len(matrix), len(matrix)), limit)
    kernel = kernel_of(parts, z, examples or len(x)).double()
    return _roots(_behind(kernel, _behind(kernel, matrix @ matrix.T).mT))


def _jacobians(
    parts: Parts,
    x: Tensor,
    examples: int | None,
    limit: int,
    kernel_of: Callable[[Parts, Tensor, int], Tensor],
) -> Tensor:
    matrix = _matrix(parts, x[:1])
    z = _preactivations(parts, x, examples, (matrix.shape[0], max(matrix.shape)), limit)
    found = _behind(kernel_of(parts, z, examples or len(x)), matrix)
    if parts.skip:
        found = found + torch.eye(len(matrix), dtype=found.dtype, device=found.device)
    return found


def _preactivations(
    parts: Parts, x: Tensor, examples: int | None, shape: tuple[int, int], limit: int
) -> Tensor:
    """z of the whole batch, once it is known that the Jacobians exist and fit."""
    if examples is not None and not 1 <= examples <= len(x):
        raise JacobianError(f"examples is {examples}; the batch holds 1 to {len(x)}")
    count = examples or len(x)
    each = math.prod(shape) * x.element_size()
    _check_size(count, count * each, limit, limit // each)
    _check_finite(x)
    return parts.linear(x)


def _kernel(parts: Parts, z: Tensor, examples: int) -> Tensor:
    """∂h_b/∂z_b: (examples, C, P, P) channel by channel, or (examples, CP, CP) if they mix."""
    basis = _basis(z, parts.mixes_channels)

    def push(t: Tensor) -> Tensor:
        return jvp(parts.after, (z,), (t,))[1]

    if parts.mixes_examples:
        alone = torch.eye(len(z), dtype=z.dtype, device=z.device)[:examples]
        alone = alone.view(examples, len(z), *[1] * (z.dim() - 1))
        columns = vmap(
            lambda mine: vmap(lambda t: (push(mine * t) * mine).sum(0))(basis),
            chunk_size=max(1, _TEMPORARY // (len(basis) * z.numel())),
        )(alone)
    else:
        columns = vmap(lambda t: push(t.expand_as(z)))(basis).transpose(0, 1)[:examples]
    if parts.mixes_channels:
        return columns.flatten(2).mT
    return columns.reshape(examples, len(basis), z.shape[1], -1).permute(0, 2, 3, 1)


def _summed_kernel(parts: Parts, z: Tensor, examples: int) -> Tensor:
    """Σ_b ∂h_b/∂z_b′, in the shape of `_kernel`."""
    basis = _basis(z, parts.mixes_channels)
    pull = vjp(parts.after, z)[1]
    rows = vmap(lambda t: pull(t.expand_as(z).contiguous())[0])(basis).transpose(0, 1)[:examples]
    if parts.mixes_channels:
        return rows.flatten(2)
    return rows.reshape(examples, len(basis), z.shape[1], -1).transpose(1, 2)


def _basis(z: Tensor, mixes_channels: bool) -> Tensor:
    """Directions for one example's z (C, …): one a position, and one a channel if they mix."""
    channels, positions = z.shape[1], z[0, 0].numel()
    if mixes_channels:
        basis = torch.eye(channels * positions, dtype=z.dtype, device=z.device)
    else:
        basis = torch.eye(positions, dtype=z.dtype, device=z.device)[:, None]
        basis = basis.expand(positions, channels, positions)
    return basis.reshape(-1, *z.shape[1:])


def _behind(kernel: Tensor, matrix: Tensor) -> Tensor:
    """A kernel times matrices (out, k), or (examples, out, k)."""
    if kernel.dim() == 3:
        return kernel @ matrix
    blocks = matrix.unflatten(-2, kernel.shape[1:3])
    return (kernel @ blocks).flatten(-3, -2)


def _matrix(parts: Parts, x: Tensor) -> Tensor:
    """The matrix (out, in) of the linear map, found by sending a basis through it."""
    basis = torch.eye(x[0].numel(), dtype=x.dtype, device=x.device).view(-1, *x.shape[1:])
    return (parts.linear(basis) - parts.linear(torch.zeros_like(x[:1]))).flatten(1).T


def _roots(gram: Tensor) -> Tensor:
    """Square roots of the eigenvalues of positive matrices, largest first."""
    if not bool(gram.isfinite().all()):
        raise JacobianError(
            "a Jacobian holds numbers that are not finite: the layer has exploded. Look at an "
            "earlier step, or lower the learning rate or the scale of the weights"
        )
    return torch.linalg.eigvalsh(gram).clamp(min=0).sqrt().flip(-1)


def _check_finite(x: Tensor) -> None:
    """Raise `JacobianError` for an input that is not finite."""
    bad = int((~x.flatten(1).isfinite().all(1)).sum())
    if bad:
        raise JacobianError(
            f"what the layer is given is not finite in {bad} of {len(x)} examples: the network "
            "below has exploded, and a derivative there says nothing. Look at an earlier step, or "
            "lower the learning rate or the scale of the weights"
        )


def _check_size(count: int, size: int, limit: int, fits: int) -> None:
    """Raise `JacobianError` for more bytes than the limit."""
    if size <= limit:
        return
    advice = f"take at most {fits} examples" if fits else "take a smaller layer"
    raise JacobianError(
        f"the Jacobians of {count} examples would take {size / 2**20:,.0f} MiB, and the limit is "
        f"{limit / 2**20:,.0f} MiB: {advice}, or raise `limit`"
    )


def _mixing(norm: norms.Norm, mode: norms.Mode) -> tuple[bool, bool]:
    """Whether examples and channels mix; with population statistics examples do not."""
    return norm.mixes_examples and mode != "population", norm.mixes_channels


def _layer(net: nn.Module, which: int | str) -> tuple[str, Layer]:
    """A hidden layer and its name."""
    if not isinstance(net, MultilayerPerceptron):
        raise JacobianError(
            f"{type(net).__name__} is no dense network of bnbook.nets; take its layer apart with "
            "Parts.compose"
        )
    known = {f"layers.{i}": layer for i, layer in enumerate(net.layers)}
    name = f"layers.{which}" if isinstance(which, int) else which
    if name not in known:
        raise JacobianError(unknown("layer", str(which), known))
    layer = known[name]
    assert isinstance(layer, Layer)
    return name, layer


def _nested(inside: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"layer.{key}": value for key, value in inside.items()}
