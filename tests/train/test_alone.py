"""A network trained alone is the member of a population that has its seed."""

from __future__ import annotations

import pytest
import torch

from bnbook.data import Dataset, Split
from bnbook.nets import MLP
from bnbook.train import SGD, Member, Population, descend


@pytest.mark.parametrize(
    "spec",
    [MLP((8, 6), "tanh"), MLP((8,), norm="batch", dropout=0.3), MLP((8,), norm="noisy-batch")],
)
def test_the_plain_loop_is_a_member_of_a_population(spec: MLP) -> None:
    x, y = torch.randn(50, 4), torch.arange(50) % 3
    data = Dataset("toy", Split(x, y), Split(x, y), tuple("abc"), "0" * 16)
    members = (Member("a", 1, 0.1), Member("b", 4, 0.2))
    population = Population(spec, SGD(), 8, members, data, dtype=torch.float64)
    net = spec.build((4,), 3, 4).double()
    run = descend(net, data.train, steps=15, batch_size=8, learning_rate=0.2, seed=4)
    seen = []
    for step in run:
        seen.append(step)
        for name, value in (population.params | population.buffers).items():
            torch.testing.assert_close(net.state_dict()[name], value[1], rtol=1e-9, atol=1e-12)
        population.step()
    assert seen == list(range(16))
