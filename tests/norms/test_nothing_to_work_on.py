"""Tools for statistics find what they work on, or say so; and what stops them loses nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from bnbook import norms
from bnbook.nets import MLP
from bnbook.norms import NormError

TORCHS: dict[str, Callable[[], nn.Module]] = {
    "BatchNorm1d": lambda: nn.BatchNorm1d(4),
    "SyncBatchNorm": lambda: nn.SyncBatchNorm(4),
    "InstanceNorm1d": lambda: nn.InstanceNorm1d(4, track_running_stats=True),
    "Dropout": lambda: nn.Dropout(0.5),
}
TOOLS: dict[str, Callable[[nn.Module], object]] = {
    "precise": lambda net: norms.precise_statistics(net, [torch.randn(8, 4)]),
    "adapted": lambda net: norms.adapt_statistics(net, [torch.randn(8, 4)], 1.0),
    "batch": lambda net: norms.using(net, "batch").__enter__(),
    "population": lambda net: norms.using(net, "population").__enter__(),
}


def moments(net: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in net.state_dict().items()}


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("kind", TORCHS)
def test_a_layer_of_torchs_own_that_has_a_mode_is_named_with_the_way_out(
    kind: str, tool: str
) -> None:
    net = nn.Sequential(nn.Linear(4, 4), norms.make("batch", 4), TORCHS[kind]())
    before = moments(net)
    with pytest.raises(NormError, match=rf"{kind} '2' is torch's own.*bnbook\.adopt\(net\)"):
        TOOLS[tool](net)
    torch.testing.assert_close(moments(net), before, rtol=0, atol=0)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("rest", [nn.LayerNorm(4), nn.GroupNorm(2, 4), nn.RMSNorm(4), nn.ReLU()])
def test_a_network_in_which_nothing_has_a_mode_is_an_error(rest: nn.Module, tool: str) -> None:
    with pytest.raises(NormError, match="holds no normaliser"):
        TOOLS[tool](nn.Sequential(nn.Linear(4, 4), rest))


@pytest.mark.parametrize("tool", ["precise", "adapted"])
@pytest.mark.parametrize("norm", ["none", "layer", "weight-std"])
def test_normalisers_without_statistics_leave_nothing_to_compute(norm: str, tool: str) -> None:
    net = MLP((4,), norm=norm).build((4,), 2, seed=0)
    with pytest.raises(NormError, match="no normaliser that keeps running statistics"):
        TOOLS[tool](net)
    with norms.using(net, "batch"):
        assert net.layers[0].norm.mode == "batch"


def test_layers_of_torch_without_a_mode_do_not_disturb() -> None:
    net = nn.Sequential(nn.LayerNorm(4), norms.make("batch", 4), nn.GroupNorm(2, 4))
    x = 3 + torch.randn(32, 4)
    norms.precise_statistics(net, [x])
    torch.testing.assert_close(net[1].running_mean, net[0](x).mean(0).detach())


@pytest.mark.parametrize("mode", ["batch", "population"])
def test_in_a_network_that_trains_a_mode_moves_no_statistics(mode: str) -> None:
    net = MLP((4, 4), norm="batch", dropout=0.5).build((4,), 2, seed=0).train()
    before = moments(net)
    with norms.using(net, mode):
        net(torch.randn(16, 4))
    torch.testing.assert_close(moments(net), before, rtol=0, atol=0)
    assert net.training


# --- what stops them loses nothing ---


class Stop(BaseException):
    """As Ctrl-C."""


def nothing() -> Iterator[Tensor]:
    yield from ()


def stopped() -> Iterator[Tensor]:
    yield torch.randn(16, 4)
    raise Stop


def failing() -> Iterator[Tensor]:
    yield torch.randn(16, 4)
    raise OSError("the disk is gone")


def of_another_shape() -> Iterator[Tensor]:
    yield torch.randn(16, 4)
    yield torch.randn(16, 5)


def of_words() -> Iterator[object]:
    yield torch.randn(16, 4)
    yield {"x": torch.randn(16, 4)}


INTERRUPTIONS: dict[str, tuple[Callable[[], Any], type[BaseException]]] = {
    "nothing": (nothing, NormError),
    "Ctrl-C": (stopped, Stop),
    "a loader that fails": (failing, OSError),
    "another shape": (of_another_shape, RuntimeError),
    "a dictionary": (of_words, NormError),
    "one value per channel": (lambda: iter([torch.randn(1, 4)]), NormError),
    "an empty batch": (lambda: iter([torch.randn(8, 4), torch.randn(0, 4)]), NormError),
    "a tensor": (lambda: torch.randn(16, 4), NormError),
    "no tensors": (lambda: iter([()]), NormError),
}


@pytest.mark.parametrize("tool", ["precise", "adapted"])
@pytest.mark.parametrize("name", ["batch", "renorm", "whitening-zca"])
@pytest.mark.parametrize("kind", INTERRUPTIONS)
def test_what_stops_a_tool_leaves_statistics_and_modes_as_they_were(
    kind: str, name: str, tool: str
) -> None:
    net = MLP((4, 4), norm=name).build((4,), 2, seed=0)
    for _ in range(3):
        net(1 + 2 * torch.randn(32, 4))
    before, batches = moments(net), INTERRUPTIONS[kind]
    options = {"pseudo_count": 1.0} if tool == "adapted" else {}
    compute = norms.adapt_statistics if tool == "adapted" else norms.precise_statistics
    with pytest.raises(batches[1]):
        compute(net, batches[0](), **options)
    torch.testing.assert_close(moments(net), before, rtol=0, atol=0)
    assert {m.mode for m in net.modules() if isinstance(m, norms.Moded)} == {"train"}


@pytest.mark.parametrize("wrap", [tuple, list])
def test_a_loader_of_inputs_and_labels_is_taken(wrap: type) -> None:
    x, y = 3 + torch.randn(32, 4), torch.arange(32)
    net, twin = (MLP((4, 4), norm="batch").build((4,), 2, seed=0) for _ in range(2))
    norms.precise_statistics(net, DataLoader(TensorDataset(x, y), batch_size=8))
    norms.precise_statistics(twin, [wrap((part, None)) for part in x.split(8)])
    plain = norms.precise_statistics(MLP((4, 4), norm="batch").build((4,), 2, 0), x.split(8))
    for each in (net, twin):
        torch.testing.assert_close(moments(each), moments(plain), rtol=0, atol=0)


def test_a_normaliser_that_no_batch_reaches_keeps_what_it_has() -> None:
    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.here, self.there = norms.make("batch", 4), norms.make("batch", 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.here(x)

    net, x = Unused(), 3 + torch.randn(32, 4)
    net.there(7 + torch.randn(32, 4))
    before = moments(net.there)
    norms.precise_statistics(net, [x])
    torch.testing.assert_close(net.here.running_mean, x.mean(0))
    torch.testing.assert_close(moments(net.there), before, rtol=0, atol=0)
