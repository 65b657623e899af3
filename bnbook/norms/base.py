"""What all normalisers share: the interface, the registry, and the modes of their statistics."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from numbers import Real
from typing import Any, Literal, cast, get_args

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

Mode = Literal["train", "batch", "population", "collect"]
"""Which statistics a normaliser uses.

train        those of training, and the running ones move towards the batch's (`module.train()`)
batch        those of training; nothing is updated
population   the running ones (`module.eval()`)
collect      those of the batch, while the running ones become the pooled moments of all the
             values seen since `reset_statistics`: this is how `precise_statistics` is computed
"""


class NormError(ValueError):
    """A normaliser was asked for something impossible; the message says what to change."""


class Moded(nn.Module):
    """A layer that does one thing in training and another in use, as `mode` says (see `Mode`)."""

    mode: Mode

    def __init__(self) -> None:
        super().__init__()
        self.mode = "train"

    def train(self, mode: bool = True) -> Moded:
        """As in torch: `train()` uses batch statistics and updates, `eval()` the running ones."""
        super().train(mode)
        self.mode = "train" if mode else "population"
        return self

    def seed_noise(self, generator: torch.Generator) -> None:
        """Fix the random numbers of a layer that draws any; called once, when it is built."""


registry: dict[str, type[Norm]] = {}
COARSE = (torch.float16, torch.bfloat16)
"""What moments are not taken in."""


class Norm(Moded):
    """A map of activations (N, C, …) to activations of the same shape, channel dimension 1.

    Subclasses define `forward`. Those that keep running statistics read `self.mode`; those that
    normalise weights override `transform_weight`. `keeps_statistics` says whether batch,
    population and precise statistics can differ at all; `absorbs_bias`, whether a constant added
    to every value of a channel gets no gradient, so that networks leave it out. `mixes_examples`
    and `mixes_channels` say whether an output depends on other examples, or on other channels,
    of what is normalised: where it does not, derivatives take that many times fewer passes.

    What holds for all:

    - NaN and infinity are not looked for; they spread to whatever shares a moment with them,
      running statistics included, as in torch.
    - Values v that are normalised by moments of their own and do not vary become β, with finite
      gradients, because ε > 0. They do so as far as their mean is exact: rounding puts it off by
      some u·|v|, u = 2⁻²⁴ in float32, and the output by |γ|·u·|v|/√ε: about 19 for v = 10⁶.
    - No example at all, N = 0, gives none, and is a `NormError` where the mode takes moments over
      the batch. So is one value per moment.
    - Half precision and bfloat16, autocast too, are for what comes in and goes out. Moments, noise
      and all between are float32, and so are parameters and statistics: `half()`, `bfloat16()`
      and `to` leave them there. The output has the dtype of the input, in every mode.
    - The memory format of the input (channels last, a view) does not matter.
    """

    keeps_statistics = False
    absorbs_bias = False
    mixes_examples = True
    mixes_channels = True

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = whole("num_features", num_features)
        if num_features < 1:
            raise NormError(f"num_features is {num_features}; a normaliser needs at least 1")

    def transform_weight(self, weight: Float[Tensor, " out *in"]) -> Float[Tensor, " out *in"]:
        """The weight (out, in, …) that the layer before this normaliser really uses."""
        return weight

    def statistics(self) -> tuple[Float[Tensor, " ..."], ...]:
        """The running moments themselves, first the means (C,); empty if there are none."""
        return ()

    def reset_statistics(self) -> None:
        """Forget the running statistics, if there are any."""

    def population_map(self) -> tuple[Float[Tensor, "*out c"], Float[Tensor, " c"]] | None:
        """(A, c) with A·z + c what population mode does to the channels of every position.

        A is (C,) where channels are scaled one by one, or (C, C); c is (C,). None where there is
        no such map: the output of a position depends on other positions, or is not affine. A class
        with a `forward` of its own does not inherit a map: it says it anew, or has none.
        """
        return None

    def __init_subclass__(cls) -> None:
        """Every `forward` gets what holds for all; a map belongs to the `forward` it describes."""
        super().__init_subclass__()
        if "forward" in vars(cls):
            cls.forward = _with_what_holds_for_all(cls.forward)
            if "population_map" not in vars(cls):
                cls.population_map = Norm.population_map  # type: ignore[method-assign]

    def takes_batch_moments(self) -> bool:
        """Whether the present mode takes moments over the examples of what it is given."""
        return self.keeps_statistics and self.mode != "population"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Norm:
        """As in torch, but what would become coarser than float32 stays float32."""

        def wide(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return tensor.to(moved.device, torch.float32) if moved.dtype in COARSE else moved

        super()._apply(wide, recurse)  # type: ignore[no-untyped-call]
        return self

    def check_input(self, z: Shaped[Tensor, " ..."]) -> None:
        """Raise `NormError` unless z is (N, C, …) with C = num_features."""
        if z.dim() < 2 or z.shape[1] != self.num_features:
            raise NormError(
                f"{type(self).__name__}({self.num_features}) was given {tuple(z.shape)}; "
                f"it takes (N, {self.num_features}, …): channels are dimension 1"
            )

    def check_count(self, count: int, z: Shaped[Tensor, " ..."], per: str = "channel") -> None:
        """Raise `NormError` unless moments are taken over two values or more."""
        if count < 2:
            raise NormError(
                f"{tuple(z.shape)} gives {type(self).__name__}({self.num_features}) one value per "
                f"{per}: its variance is 0, and the output would not depend on it. "
                "Use a larger batch, another normaliser or, where there is one, mode 'population'"
            )

    def extra_repr(self) -> str:
        return str(self.num_features)


def _with_what_holds_for_all(forward: Callable[..., Any]) -> Callable[..., Any]:
    """`forward` for empty batches, coarse dtypes and stacked members too (see `Norm`)."""

    @wraps(forward)
    def careful(self: Norm, z: Any) -> Any:
        if not isinstance(z, Tensor):  # the symbol of a trace
            return forward(self, z)
        self.check_input(z)
        if z.numel() == 0:
            return _nothing(self, z)
        given = z.float() if z.dtype in COARSE else z
        try:
            if torch.is_autocast_enabled(z.device.type):
                with torch.autocast(z.device.type, enabled=False):
                    return forward(self, given).to(z.dtype)
            return forward(self, given).to(z.dtype)
        except RuntimeError as error:
            if self.takes_batch_moments() and _is_of_vmap(error):
                raise NormError(
                    f"{type(self).__name__} moves its running statistics, which members of a "
                    "vmap share here: stack the buffers with the parameters, by "
                    "torch.func.stack_module_state, or use bnbook.norms.using(net, 'batch') or "
                    "'population', which move nothing"
                ) from error
            raise

    return careful


def _nothing(norm: Norm, z: Tensor) -> Tensor:
    if norm.takes_batch_moments():
        raise NormError(
            f"{tuple(z.shape)} gives {type(norm).__name__}({norm.num_features}) no value to take "
            "moments of. Leave empty batches out, or use mode 'population'"
        )
    return z


def _is_of_vmap(error: RuntimeError) -> bool:
    return any(sign in str(error) for sign in ("vmap", "batched tensor", "broadcast shape"))


def number(name: str, value: Any) -> float:
    """`value`, a real number; anything else, text too, is a `NormError`."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise NormError(f"{name} is {value!r}, a {type(value).__name__}; it must be a number")
    return cast(float, value)


def whole(name: str, value: Any) -> int:
    """`value` as an int, a whole number of any integer type; anything else is a `NormError`."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        kind = type(value).__name__
        raise NormError(f"{name} is {value!r}, a {kind}; it must be a whole number") from None


def positive(name: str, value: float) -> float:
    """`value`, a positive finite number; anything else is a `NormError`.

    Every ε must be positive, as in torch: with 0 a constant channel would be divided by 0. In
    float64, 1e-30 is as good as none.
    """
    if not 0 < number(name, value) < math.inf:
        raise NormError(f"{name} is {value}; it must be positive (1e-30 is as good as none)")
    return value


def register(name: str) -> Callable[[type[Norm]], type[Norm]]:
    """Class decorator: enter a normaliser under `name`."""

    def enter(kind: type[Norm]) -> type[Norm]:
        if name in registry:
            raise NormError(f"two normalisers are called {name!r}: {registry[name]} and {kind}")
        registry[name] = kind
        return kind

    return enter


@contextmanager
def using(net: nn.Module, mode: str) -> Iterator[nn.Module]:
    """Let every normaliser and dropout of `net` use `mode` in the block, and restore it afterwards.

    `mode` is a `Mode`; any other name is a `NormError`, as is a network in which no layer has a
    mode, or in which torch's own have one that this cannot reach (`bnbook.adopt` replaces them).
    """
    if mode not in get_args(Mode):
        raise NormError(f"mode {mode!r} is none of {', '.join(get_args(Mode))}")
    refuse_torchs_own(net)
    layers = [module for module in net.modules() if isinstance(module, Moded)]
    if not layers:
        raise NormError(
            f"{type(net).__name__} holds no normaliser and no dropout, so that it has no modes"
        )
    before = [layer.mode for layer in layers]
    try:
        for layer in layers:
            layer.mode = cast(Mode, mode)
        yield net
    finally:
        for layer, mode_before in zip(layers, before, strict=True):
            layer.mode = mode_before


def refuse_torchs_own(net: nn.Module) -> None:
    """Raise `NormError` where torch's own layers have a mode, which no tool here can set."""
    moving = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
    moving_of_one = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
    dropping = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
    for name, module in net.named_modules():
        of_one = isinstance(module, moving_of_one) and module.track_running_stats
        if of_one or isinstance(module, moving + dropping):
            raise NormError(
                f"{type(module).__name__} {name!r} is torch's own, whose mode and statistics this "
                "cannot reach; bnbook.adopt(net) returns the network with layers that it can"
            )
