"""What is recorded gives to the last bit what the function gives."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, stack_module_state

from bnbook import norms
from bnbook.nets import MLP
from bnbook.nets.members import gradients_of
from bnbook.nets.recorded import Recorded

NEED_POSITIONS = ("instance", "frn")


@pytest.mark.parametrize("norm", [n for n in norms.names() if n not in NEED_POSITIONS])
def test_gradients_and_statistics_of_later_steps_are_the_same_bits(norm: str) -> None:
    nets = [MLP((8, 6), "sigmoid", norm, dropout=0.2).build((5,), 3, seed) for seed in range(3)]
    params, buffers = stack_module_state(list(nets))
    params = {name: p.detach() for name, p in params.items()}

    def loss(params: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(nets[0], (params, buffers), (x,)), y)

    function = gradients_of(nets[0], loss)
    recorded, own = Recorded(function), copy.deepcopy(buffers)
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        x = torch.randn(3, 16, 5, generator=generator)
        y = torch.randint(3, (3, 16), generator=generator)
        expected, found = function(params, buffers, x, y), recorded(params, own, x, y)
        assert recorded.again is not None
        for name, value in [*expected[0].items(), ("loss", expected[1])]:
            assert torch.equal({**found[0], "loss": found[1]}[name], value)
        for name in buffers:
            assert torch.equal(own[name], buffers[name])
        params = {name: p - 0.3 * expected[0][name] for name, p in params.items()}


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * torch.rand(()),
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x[x > 0].sum(),
    ],
    ids=["random", "looks at a value", "has a shape that depends on values"],
)
def test_what_is_not_the_same_operations_at_every_call_is_called_as_it_is(
    function: Callable[[Tensor], Tensor],
) -> None:
    recorded = Recorded(function)
    for x in (torch.ones(3), torch.tensor([-2.0, 1.0, -3.0]), torch.arange(3.0)):
        torch.manual_seed(1)
        expected = function(x)
        torch.manual_seed(1)
        assert torch.equal(recorded(x), expected)
    assert recorded.plain


def test_what_a_function_makes_for_itself_is_made_anew_at_every_call() -> None:
    def function(x: Tensor) -> Tensor:
        total = torch.tensor([1.0, 2.0])
        total += x
        return total

    recorded = Recorded(function)
    for _ in range(3):
        assert recorded(torch.ones(2)).tolist() == [2.0, 3.0]
    assert not recorded.plain


def test_arguments_that_are_given_back_are_those_of_the_call() -> None:
    recorded = Recorded(lambda x, y: (x, x.view(-1), y.add_(1)))
    for value in (1.0, 2.0):
        x, y = torch.full((2,), value), torch.zeros(2)
        same, view, written = recorded(x, y)
        assert same.tolist() == view.tolist() == [value, value]
        assert y.tolist() == written.tolist() == [1.0, 1.0]
