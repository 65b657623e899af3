"""The experiments on what came after batch normalization do what they say."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnbook import data, norms
from bnbook.experiments import (
    adversarial,
    affine_only,
    averaged_clients,
    bounded_gradients,
    fewer_examples,
    fine_tuning,
    leaked_labels,
    one_shuffle,
    successors,
)
from bnbook.nets import MLP
from bnbook.study import draws
from bnbook.train import SGD, Member, Population


def population(norm: str = "batch", seeds: tuple[int, ...] = (0, 1)) -> Population:
    members = [Member("a", seed, 0.1) for seed in seeds]
    return Population(MLP((6,), norm=norm), SGD(), 8, members, data.load("mnist-5k"))


@pytest.mark.parametrize("module", [successors, fewer_examples])
def test_arms_differ_in_what_their_recipe_says(module: Any) -> None:
    for arm in module.plan("book").factors:
        recipe, spec = successors.RECIPES[arm["recipe"]], successors.network(arm)
        assert (spec.norm, spec.branch) == (recipe.norm, recipe.branch)  # type: ignore[attr-defined]
    plain = {successors.rule(a) for a in module.plan("book").factors if "scaled" not in a["recipe"]}
    kinds = {arm["network"] for arm in module.plan("book").factors}
    assert plain == {successors.KINDS[kind].rule for kind in kinds}


def test_a_recipe_is_tuned_on_other_seeds_and_judged_where_it_was_tuned() -> None:
    plan = successors.plan("smoke")
    assert not set(plan.settings.tuning) & set(plan.seeds)
    arm = {"network": "residual MLP", "recipe": "batch"}
    found = successors.measure(plan.settings, arm, (0, 1), "cpu")
    at = (found.rate_at == found.tuned_rate).argmax("place")
    assert found.by_rate.isel(place=at).values.tolist() == found.accuracy[:, -1].values.tolist()
    convnet = successors.measure(
        plan.settings, {"network": "convnet", "recipe": "frn"}, (0,), "cpu"
    )
    assert int(convnet.by_rate.notnull().sum()) == 1  # not trained at the other rates


def test_fewer_examples_are_the_first_of_each_seeds_own() -> None:
    trained = population()
    before = trained.data.train.rows
    successors.train_on(trained, 20, 8)
    assert torch.equal(trained.data.train.rows, before[:, :20])
    assert trained.batches.per_epoch == 2
    seen = torch.cat([trained.batches[step] for step in range(2)], dim=1)
    assert int(seen.max()) < 20


def test_an_attack_stays_within_its_size_and_raises_the_loss() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 3)).double()
    x, y = torch.randn(20, 5).double(), torch.arange(20) % 3
    found = adversarial.attacked(net, x, lambda z: F.cross_entropy(z, y), 0.3, 10)
    assert float((found - x).abs().max()) <= 0.3 * (1 + 1e-12)
    with torch.no_grad():
        assert F.cross_entropy(net(found), y) > F.cross_entropy(net(x), y)
    assert torch.equal(adversarial.attacked(net, x, lambda z: F.cross_entropy(z, y), 0.0, 3), x)


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_the_margin_that_a_linear_network_loses_is_known(norm: str) -> None:
    net = MLP((6, 5), "identity", norm).build((4,), 3, seed=0)
    for _ in range(3):
        net(1 + 2 * torch.randn(16, 4))
    x, y = torch.randn(30, 4), torch.arange(30) % 3
    assert adversarial.margin_lost(net.eval(), x, y, 0.2, 6) < 1e-9
    weak = adversarial.margin_lost(net, x, y, 0.2, 2)  # two steps of ε/4 reach half of ε
    assert weak == pytest.approx(0.5)


def test_company_betrays_by_batch_statistics_and_by_nothing_else() -> None:
    net = population().network(0)
    x = data.load("mnist-5k").split(0).test.x[:9]
    company, victims = x[:3], x[3:]
    with norms.using(net, "batch"):
        seen = leaked_labels.betrayed(net, company, victims)
        alone: Any = net(torch.cat([company, victims[2:3]]))
    torch.testing.assert_close(seen[2], alone[:3].flatten())
    assert float(seen.std(0).max()) > 1e-3
    with norms.using(net, "population"):
        assert float(leaked_labels.betrayed(net, company, victims).std(0).max()) == 0


def test_clients_share_the_examples_out() -> None:
    whole = data.load("mnist-5k").split(0)
    for deal in averaged_clients.DEALS:
        parts = [averaged_clients.client_data(whole, i, deal) for i in range(5)]
        assert len({len(each.train) for each in parts}) == 1
        seen = torch.cat([each.train.x.flatten(1).double().sum(1) for each in parts])
        assert len(seen.unique()) > 0.99 * len(seen)  # no picture at two clients
        classes = [each.train.y.unique().tolist() for each in parts]
        alike = [list(range(10))] * 5
        assert classes == (alike if deal == "alike" else [[2 * i, 2 * i + 1] for i in range(5)])


def test_averaging_replaces_members_by_the_mean_of_their_seed() -> None:
    values = torch.tensor([[1.0], [3.0], [10.0], [20.0]])
    expected = torch.tensor([[2.0], [2.0], [15.0], [15.0]])
    torch.testing.assert_close(averaged_clients.mean_of(values, 2), expected)
    trained = population(seeds=(0, 1, 2, 3))
    trained.step()
    mean = trained.buffers["layers.0.norm.running_mean"]
    expected = mean.view(2, 2, -1).mean(1).repeat_interleave(2, 0)
    averaged_clients.average(trained, 2)
    torch.testing.assert_close(trained.buffers["layers.0.norm.running_mean"], expected)
    assert torch.equal(trained.params["head.weight"][0], trained.params["head.weight"][1])


def test_copies_start_as_their_network() -> None:
    source, target = population(seeds=(5, 6)), population("frozen", (0, 1, 2, 3))
    source.step()
    averaged_clients.start_as(target, [source.network(0), source.network(1)], 2)
    for i, j in enumerate((0, 0, 1, 1)):
        for name, value in source.network(j).state_dict().items():
            assert torch.equal({**target.params, **target.buffers}[name][i], value)
    assert not target.params["layers.0.linear.bias"].any()  # BN had none


def test_one_shuffle_is_one_order_and_leaves_out_what_fills_no_batch() -> None:
    order = one_shuffle.OneShuffle()
    first, second = (order(torch.zeros(10), 4, torch.Generator()) for _ in range(2))
    assert first.tolist() == second.tolist() == list(range(8))


def test_only_what_is_named_is_trained() -> None:
    for name, parts in affine_only.TRAINED.items():
        rule = affine_only.Only(SGD(momentum=0.9), parts)
        members = [Member("a", 0, 0.1)]
        trained = Population(MLP((6,), norm="batch"), rule, 8, members, data.load("mnist-5k"))
        before = {n: p.clone() for n, p in trained.params.items()}
        for _ in range(2):
            trained.step()
        moved = {n for n, p in trained.params.items() if not torch.equal(p, before[n])}
        own = {"layers.0.norm.weight", "layers.0.norm.bias"}
        head = {"head.weight", "head.bias"}
        expected = {"γ and β": own, "head": head, "γ, β and head": own | head}
        assert moved == expected.get(name, own | head | {"layers.0.linear.weight"})


def test_mirrored_pictures_have_rows_for_columns_and_their_labels() -> None:
    whole = data.load("mnist-5k").split(1)
    other = fine_tuning.mirrored(whole, 7)
    assert len(other.train) == 7
    assert torch.equal(other.test.x[3, 0], whole.test.x[3, 0].T)
    assert torch.equal(other.test.y, whole.test.y)


def test_orthogonal_linear_layers_alone_change_no_gradient() -> None:
    """Without BN an orthogonal map keeps lengths: the growth is that of BN, by its closed form."""

    def expected(net: Any, x: Tensor, v: Tensor) -> float:
        weights = [layer.linear.weight for layer in net.layers]
        inputs = [x]
        for w in weights:
            z = inputs[-1] @ w.T
            inputs.append((z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt())
        g, found = v, []
        for w, h, below in zip(weights[::-1], inputs[:0:-1], inputs[-2::-1], strict=True):
            sigma = ((below @ w.T).var(0, correction=0) + 1e-5).sqrt()
            g = (g - g.mean(0) - h * (g * h).mean(0)) / sigma
            found.append(float(g.norm()))
            g = g @ w
        return math.log(found[-1] / found[0])

    stack = bounded_gradients.Stack((4,), 6, 9)
    arm = {"activation": "identity", "weights": "orthogonal"}
    found = bounded_gradients.measure(stack, arm, (3,), "cpu")
    generator = draws(3)
    x, v = (torch.randn(9, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    net = bounded_gradients.network(stack, arm, 4).build((6,), 2, 3).double()
    with torch.no_grad():
        assert float(found.growth[0, 0]) == pytest.approx(expected(net, x, v), rel=1e-9)
