"""Random networks of torch's layers fold to the same numbers, or are refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from bnbook.folding import FoldError, fold
from tests.nets.foreign import batch_norm

CHANNELS = 4
Make = Callable[[], nn.Module]


def conv(kernel: int = 3, **options: Any) -> Make:
    return lambda: nn.Conv2d(CHANNELS, CHANNELS, kernel, **options)


IMAGE_LAYERS: dict[str, Make] = {
    "pointwise": conv(kernel=1),
    "padded": conv(padding=1),
    "same": conv(padding="same", bias=False),
    "grouped": conv(padding=1, groups=2),
    "depthwise": conv(kernel=1, groups=CHANNELS),
    "strided": conv(padding=1, stride=2),
    "dilated": conv(padding=2, dilation=2),
    "reflecting": conv(padding=1, padding_mode="reflect"),
    "transposed": lambda: nn.ConvTranspose2d(CHANNELS, CHANNELS, 3, padding=1),
    "transposed, grouped": lambda: nn.ConvTranspose2d(CHANNELS, CHANNELS, 1, groups=2),
    "batch": lambda: nn.BatchNorm2d(CHANNELS),
    "batch, no β": lambda: batch_norm(nn.BatchNorm2d, CHANNELS, bias=False),
    "batch, not affine": lambda: nn.BatchNorm2d(CHANNELS, affine=False),
    "synchronised": lambda: nn.SyncBatchNorm(CHANNELS),
    "instance": lambda: nn.InstanceNorm2d(CHANNELS, affine=True, track_running_stats=True),
    "group": lambda: nn.GroupNorm(2, CHANNELS),
    "relu": nn.ReLU,
    "relu in place": lambda: nn.ReLU(inplace=True),
    "dropout": lambda: nn.Dropout2d(0.5),
    "identity": nn.Identity,
}
ROW_LAYERS: dict[str, Make] = {
    "linear": lambda: nn.Linear(CHANNELS, CHANNELS),
    "linear, no bias": lambda: nn.Linear(CHANNELS, CHANNELS, bias=False),
    "batch": lambda: nn.BatchNorm1d(CHANNELS),
    "batch, no β": lambda: batch_norm(nn.BatchNorm1d, CHANNELS, bias=False),
    "layer": lambda: nn.LayerNorm(CHANNELS),
    "relu": nn.ReLU,
    "dropout": lambda: nn.Dropout(0.5),
    "identity": nn.Identity,
}
# Refused whatever stands around them: drawn seldom, or nothing would ever fold.
SELDOM = {"group", "layer", "instance", "transposed", "transposed, grouped"}


class Drawn(nn.Module):
    """Step i applies a layer to an earlier value, and may add an earlier value of that shape.

    `plan` has (layer, input, addend) for each step: indices of layers, so that one may be used
    again, of values, counted back from the newest, and None or another value.
    """

    def __init__(self, layers: list[nn.Module], plan: list[tuple[int, int, int | None]]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.plan = plan

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for layer, back, addend in self.plan:
            h = self.layers[layer](values[-1 - back % len(values)])
            if addend is not None:
                h = h + F.adaptive_avg_pool2d(values[addend % len(values)], 1).mean()
            values.append(h)
        return values[-1]


class DrawnRows(Drawn):
    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for layer, back, addend in self.plan:
            h = self.layers[layer](values[-1 - back % len(values)])
            values.append(h if addend is None else h + values[addend % len(values)])
        return values[-1]


@st.composite
def networks(draw: st.DrawFn, images: bool) -> nn.Module:
    kinds = IMAGE_LAYERS if images else ROW_LAYERS
    common = st.sampled_from(sorted(set(kinds) - SELDOM))
    seldom = st.sampled_from(sorted(set(kinds) & SELDOM))
    name = st.integers(0, 19).flatmap(lambda i: seldom if i == 0 else common)
    names = draw(st.lists(name, min_size=2, max_size=6))
    plan = []
    for i in range(len(names)):
        again = draw(st.integers(0, 9)) == 0
        layer = draw(st.integers(0, i)) if again else i
        back = draw(st.sampled_from([0, 0, 0, 0, 1]))
        addend = draw(st.one_of(*[st.none()] * 4, st.integers(0, i)))
        plan.append((layer, back, addend))
    torch.manual_seed(draw(st.integers(0, 2**16)))
    net = (Drawn if images else DrawnRows)([kinds[name]() for name in names], plan)
    for tensor in (*net.parameters(), *net.buffers()):
        if tensor.is_floating_point():
            tensor.data.uniform_(0.3, 1.5)
    for key, tensor in net.named_parameters():
        tensor.data *= torch.randn_like(tensor).sign() * (0.3 if "weight" in key else 1)
    return net.eval()


def compare(net: nn.Module, x: Tensor, dtype: torch.dtype) -> bool:
    """Whether the network folds; where it does, that it gives the same numbers."""
    net, x = net.to(dtype), x.to(dtype)
    y = net(x.clone())  # a layer that works in place may write into what it is given
    try:
        folded = fold(net)
    except FoldError:
        return False
    gap = (folded(x.clone()) - y).abs().max() / y.abs().max().clamp(min=1)
    assert gap < (1e-5 if dtype == torch.float32 else 1e-10)
    assert not any(isinstance(m, nn.modules.batchnorm._NormBase) for m in folded.modules())
    return True


def folded_share(strategy: st.SearchStrategy[nn.Module], x: Tensor, dtype: torch.dtype) -> float:
    outcomes = []

    @settings(
        max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    @given(strategy)
    def run(net: nn.Module) -> None:
        outcomes.append(compare(net, x, dtype))

    run()
    return sum(outcomes) / len(outcomes)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("images", [True, False])
def test_a_random_graph_of_torchs_layers_folds_to_equal_numbers_or_is_refused(
    images: bool, dtype: torch.dtype
) -> None:
    shape = (3, CHANNELS, 9, 9) if images else (5, CHANNELS)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    share = folded_share(networks(images), x, dtype)
    assert 0.1 < share < 1  # both happen: otherwise nothing was tried
