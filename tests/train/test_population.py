"""A stacked run is the same run as separate ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bnbook import norms
from bnbook.data import Dataset, Pool, Split
from bnbook.nets import MLP, VGG, Residual, ResNet, Spec, ViT, members
from bnbook.train import SGD, Adam, Batches, Member, Optimizer, PlanError, Population
from tests.nets.kinds import exported

MEMBERS = (Member("slow", 3, 0.05), Member("fast", 3, 0.2), Member("slow", 7, 0.05))
STEPS, BATCH = 12, 16
NEED_POSITIONS = ("instance", "frn")
POSITIONLESS = (Residual(5, 2), ViT(2, 4, 6, 1, 2, "rezero"))
CONVOLUTIONAL: dict[type, dict[str, Any]] = {
    VGG: {"stages": ((4, 1), (6, 1)), "pool": "average"},
    ResNet: {"depth": 8, "scale": 0.25, "shortcut": "project"},
}
TORCH_OPTIMIZERS = {
    SGD(): (torch.optim.SGD, {}),
    SGD(momentum=0.9, weight_decay=1e-2): (
        torch.optim.SGD,
        {"momentum": 0.9, "weight_decay": 1e-2},
    ),
    Adam(weight_decay=1e-2): (torch.optim.Adam, {"weight_decay": 1e-2}),
}


def toy_data(classes: int = 3, shape: tuple[int, ...] = (2, 3)) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(90, *shape, generator=generator)
    y = torch.arange(90) % classes
    train, test = Split(x[:64], y[:64]), Split(x[64:], y[64:])
    return Dataset("toy", train, test, tuple("abc"[:classes]), "0" * 16, Pool(x, y, 26))


def alone(
    spec: Spec, optimizer: Optimizer, member: Member, data: Dataset, steps: int = STEPS
) -> dict[str, Tensor]:
    """The plain loop a reader would write: one module, torch.optim, the member's own examples."""
    data = data.split(member.seed)
    net = spec.build(data.input_shape, len(data.classes), member.seed).double()
    kind, options = TORCH_OPTIMIZERS[optimizer]
    rule = kind(net.parameters(), lr=member.learning_rate, **options)
    batches = Batches(data.train.y, BATCH, [member.seed])
    for step in range(steps):
        rows = batches[step][0]
        rule.zero_grad()
        F.cross_entropy(net(data.train.x[rows].double()), data.train.y[rows]).backward()
        rule.step()
    return net.state_dict()


@pytest.mark.parametrize("optimizer", TORCH_OPTIMIZERS, ids=str)
@pytest.mark.parametrize("norm", [n for n in norms.names() if n not in NEED_POSITIONS])
def test_a_stacked_run_equals_a_plain_loop_for_each_member(norm: str, optimizer: Optimizer) -> None:
    assert_equal_to_plain_loops(MLP((8, 6), "tanh", norm), optimizer, toy_data())


def assert_equal_to_plain_loops(
    spec: Spec, optimizer: Optimizer, data: Dataset, steps: int = STEPS
) -> None:
    population = Population(spec, optimizer, BATCH, MEMBERS, data, dtype=torch.float64)
    for _ in range(steps):
        population.step()
    stacked = population.params | population.buffers
    for i, member in enumerate(MEMBERS):
        for name, expected in alone(spec, optimizer, member, data, steps).items():
            torch.testing.assert_close(stacked[name][i], expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("stacked", [True, False])
@pytest.mark.parametrize("norm", norms.names())
@pytest.mark.parametrize("kind", CONVOLUTIONAL)
def test_convolutional_networks_train_alike_stacked_and_one_by_one(
    kind: Any, norm: str, stacked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tanh, because the derivative of relu is not continuous: rounding would be amplified."""
    if stacked:
        monkeypatch.setattr(members, "one_by_one", lambda net: False)
    options = (("gain", "fan-in"),) if norm == "weight-std" else ()  # or activations grow 4-fold
    spec = kind(**CONVOLUTIONAL[kind], activation="tanh", norm=norm, norm_options=options)
    assert_equal_to_plain_loops(
        spec, SGD(momentum=0.9, weight_decay=1e-2), toy_data(shape=(2, 6, 6)), steps=4
    )


@pytest.mark.parametrize("norm", norms.names())
@pytest.mark.parametrize(
    "kind", [*POSITIONLESS, Residual(3, 2, "scaled", convolutional=True)], ids=str
)
def test_branches_and_tokens_train_alike_stacked_and_one_by_one(
    kind: Any, norm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every normaliser that the network can have; branches learn their gain from 0."""
    if kind in POSITIONLESS and norm in NEED_POSITIONS:
        return
    transforms = norms.get(norm).transform_weight is not norms.Norm.transform_weight
    if isinstance(kind, ViT) and transforms:
        return
    monkeypatch.setattr(members, "one_by_one", lambda net: False)
    options = (("gain", "fan-in"),) if norm == "weight-std" else ()
    spec = replace(kind, activation="tanh", norm=norm, norm_options=options)
    assert_equal_to_plain_loops(spec, SGD(), toy_data(shape=(2, 6, 6)), steps=4)


def test_every_network_is_trained_here() -> None:
    missing = exported() - {MLP, *CONVOLUTIONAL, *map(type, POSITIONLESS)}
    assert not missing, f"add it to CONVOLUTIONAL or POSITIONLESS above: {missing}"


def test_members_with_one_seed_start_equal_and_see_the_same_batches() -> None:
    population = Population(MLP((5,)), SGD(), BATCH, MEMBERS, toy_data())
    x, _ = population.next_batch()
    for values in [x, *population.params.values()]:
        assert torch.equal(values[0], values[1])
    assert not torch.equal(x[0], x[2])


@pytest.mark.parametrize("norm", norms.names())
def test_initial_weights_do_not_depend_on_the_normaliser(norm: str) -> None:
    plain = MLP((6, 5)).build((4,), 3, seed=2)
    if norm not in NEED_POSITIONS:
        other = MLP((6, 5), norm=norm).build((4,), 3, seed=2)
        for name in plain.weight_names():
            assert torch.equal(plain.get_parameter(name), other.get_parameter(name))
    assert len(plain.weight_names()) == 3


def test_an_epoch_shows_each_example_once_and_no_two_epochs_agree() -> None:
    batches = Batches(torch.zeros(20, dtype=torch.int64), 5, [1])
    first = torch.cat([batches[i] for i in range(4)], dim=1)
    second = torch.cat([batches[i] for i in range(4, 8)], dim=1)
    assert first.sort().values.tolist() == [list(range(20))]
    assert second.sort().values.tolist() == [list(range(20))]
    assert not torch.equal(first, second)


def test_batches_of_a_step_do_not_depend_on_what_was_asked_before() -> None:
    batches = Batches(torch.zeros(23, dtype=torch.int64), 5, [1, 4])
    late = batches[11].clone()
    batches[2]
    assert torch.equal(late, Batches(torch.zeros(23, dtype=torch.int64), 5, [1, 4])[11])


def test_a_batch_larger_than_the_training_set_is_refused() -> None:
    with pytest.raises(PlanError, match="holds 64"):
        Population(MLP((5,)), SGD(), 65, MEMBERS, toy_data())


def test_divergence_is_noted_for_the_member_that_diverged_and_no_other() -> None:
    members = (Member("steady", 0, 0.01), Member("wild", 0, 1e30))
    population = Population(MLP((5,)), SGD(), BATCH, members, toy_data())
    for _ in range(6):
        losses = population.step()
    assert population.diverged_at[0].isnan()
    assert 1 <= population.diverged_at[1] <= 4
    assert losses[0].isfinite()


def test_a_member_taken_out_computes_what_it_computes_in_the_population() -> None:
    population = Population(MLP((8,), norm="batch"), SGD(), 4, MEMBERS, toy_data())
    population.step()
    alone = population.network(1)
    for name, value in alone.state_dict().items():
        stacked = {**population.params, **population.buffers}[name]
        assert torch.equal(value, stacked[1])
