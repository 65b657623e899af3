"""Torch's own normalisers, taken over with all that they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _LazyNormBase, _NormBase
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.utils import parametrize

from bnbook.norms.affine import Affine
from bnbook.norms.base import Norm, NormError
from bnbook.norms.batch import BatchNorm, values_per_channel
from bnbook.norms.frozen import FrozenBatchNorm
from bnbook.norms.group import GroupNorm


class ForgetfulBatchNorm(Affine):
    """BN that keeps no running statistics: torch's track_running_stats=False.

    γ·(z − μ)/√(σ² + ε) + β by the batch's own μ and σ² in every mode, evaluation included.
    """

    absorbs_bias = True
    mixes_examples = True

    def __init__(self, num_features: int, *, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(num_features, affine=affine)
        self.eps = eps

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        self.check_count(values_per_channel(z), z)
        return F.batch_norm(z, None, None, self.weight, self.bias, True, 0.0, self.eps)

    def population_map(self) -> None:
        return None


class RememberingInstanceNorm(BatchNorm):
    """Instance normalization that uses running moments in evaluation: track_running_stats=True.

    The running moments are means over instances of each instance's mean and unbiased variance.
    """

    absorbs_bias = False
    mixes_examples = False

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        if self.mode == "population":
            return self.with_running_statistics(z)
        self.check_count(z[0, 0].numel(), z, "example and channel")
        if self.mode == "collect":
            flat = z.detach().flatten(2)
            self.pool(flat.mean(2).mean(0), flat.var(2).mean(0), len(z))
        if self.mode == "train":
            mean, var = self.statistics()
            momentum = self.momentum or 0.0
            return F.instance_norm(z, mean, var, self.weight, self.bias, True, momentum, self.eps)
        return F.instance_norm(z, None, None, self.weight, self.bias, True, 0.0, self.eps)

    def population_map(self) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
        return BatchNorm.population_map(self)

    def spread_between(self, shift: Float[Tensor, " c"]) -> Float[Tensor, " c"]:
        """Variances are averaged, and not pooled: what lies between instances does not count."""
        return torch.zeros_like(shift)


class LastDimensions(Norm):
    """Torch's LayerNorm and RMSNorm, whose moments run over the last dimensions, `shape`.

    γ·(z − μ)/√(σ² + ε) + β, or γ·z/√(mean z² + ε) where `centred` is false; γ and β have the
    shape of what they scale. Nothing depends on the rest of the batch, and all modes are the same.
    Sources: ba2016layer, zhang2019root.
    """

    mixes_examples = False

    def __init__(self, shape: tuple[int, ...], *, eps: float | None, centred: bool) -> None:
        super().__init__(torch.Size(shape).numel())
        self.shape, self.eps, self.centred = shape, eps, centred
        self.weight: nn.Parameter | None = None
        self.bias: nn.Parameter | None = None

    def check_input(self, z: Shaped[Tensor, " ..."]) -> None:
        """Torch itself refuses what does not end in `shape`."""

    def forward(self, z: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        if self.centred:
            assert self.eps is not None
            return F.layer_norm(z, self.shape, self.weight, self.bias, self.eps)
        return F.rms_norm(z, self.shape, self.weight, self.eps)


def from_torch(layer: nn.Module) -> Norm | None:
    """The normaliser of this package that computes what torch's `layer` does; None if it is none.

    It holds the very parameters and buffers of `layer`, under the same names, and its mode.
    BatchNorm and SyncBatchNorm of any dimension, with and without momentum, γ, β and running
    statistics; Group, Layer, Instance and RMS normalization; torchvision's FrozenBatchNorm2d. Among
    several devices a SyncBatchNorm is none of them: here it normalises by its own device's batch.
    A subclass of one of torch's that knows no modes and computes something of its own is none.
    Raises `NormError` for a layer that keeps running statistics and is none of these, or is more.
    """
    make = _maker(layer)
    if make is None:
        return None
    if parametrize.is_parametrized(layer):
        raise NormError("its parameters are computed by a parametrization; remove it first")
    if any((layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks)):
        raise NormError("it has hooks, which may change what it does; remove them first")
    norm = make(layer)
    for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
        if hasattr(norm, name) and hasattr(layer, name):
            _take(norm, name, getattr(layer, name))
    norm._apply(lambda tensor: tensor)  # those in half precision become float32, as in all of ours
    norm.train(layer.training)
    return norm


def _take(norm: Norm, name: str, value: Tensor | None) -> None:
    if name in ("weight", "bias") and isinstance(value, Tensor):
        value = value if isinstance(value, nn.Parameter) else nn.Parameter(value, False)
    setattr(norm, name, value)


def _maker(layer: nn.Module) -> Callable[[Any], Norm] | None:
    """What makes the normaliser for a layer, by the class whose `forward` it runs."""
    kind = type(layer)
    if isinstance(layer, Norm):
        return None
    if isinstance(layer, _LazyNormBase):
        raise NormError("it is not initialised: pass a batch through the network first")
    if kind.__module__.startswith("torchvision.") and kind.__name__ == "FrozenBatchNorm2d":
        return _frozen
    for known, make in _MAKERS.items():
        if isinstance(layer, known):
            if kind.forward in _FORWARDS:
                return make
            if known in (_BatchNorm, _InstanceNorm):
                raise NormError(
                    f"{kind.__name__} computes something of its own on top of {known.__name__}; "
                    "use torch's layer and what is added as modules of their own"
                )
    if {"running_mean", "running_var"} & set(dict(layer.named_buffers(recurse=False))):
        raise NormError(f"{kind.__name__} keeps running statistics, and is no layer of torch's")
    return None


def _batch(layer: Any) -> Norm:
    if not layer.track_running_stats or layer.running_mean is None:
        return ForgetfulBatchNorm(layer.num_features, eps=layer.eps)
    return _with_numbers(BatchNorm(layer.num_features), layer)


def _instance(layer: Any) -> Norm:
    if layer.track_running_stats:
        if layer.momentum is None:
            raise NormError("torch's instance normalization has no momentum=None")
        return _with_numbers(RememberingInstanceNorm(layer.num_features), layer)
    return _with_numbers(GroupNorm(layer.num_features, groups=layer.num_features), layer)


def _with_numbers(norm: Any, layer: Any) -> Any:
    """ε and momentum as they are, those that a new layer would not be given included."""
    norm.eps = layer.eps
    if hasattr(norm, "momentum"):
        norm.momentum = layer.momentum
    return norm


def _group(layer: Any) -> Norm:
    return GroupNorm(layer.num_channels, groups=layer.num_groups, eps=layer.eps)


def _layer(layer: Any) -> Norm:
    return LastDimensions(tuple(layer.normalized_shape), eps=layer.eps, centred=True)


def _rms(layer: Any) -> Norm:
    return LastDimensions(tuple(layer.normalized_shape), eps=layer.eps, centred=False)


def _frozen(layer: Any) -> Norm:
    return FrozenBatchNorm(len(layer.weight), eps=layer.eps)


_MAKERS: dict[type[nn.Module], Callable[[Any], Norm]] = {
    _BatchNorm: _batch,
    _InstanceNorm: _instance,
    nn.GroupNorm: _group,
    nn.LayerNorm: _layer,
    nn.RMSNorm: _rms,
}
_FORWARDS = {
    kind.forward
    for kind in (
        *(_BatchNorm, nn.SyncBatchNorm, _NormBase),
        *(_InstanceNorm, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm),
    )
}
