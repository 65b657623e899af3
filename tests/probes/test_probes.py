"""Every probe against an independent oracle, and none of them leaves a trace."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import wasserstein_distance
from torch import Tensor

from bnbook import norms, probes
from bnbook.data import Dataset, Split, from_tensors
from bnbook.nets import MLP, MultilayerPerceptron, Trace
from bnbook.probes.accuracy import predictions
from bnbook.probes.drift import wasserstein
from bnbook.train import SGD, Member, Population

MEMBERS = (Member("slow", 0, 0.1), Member("fast", 1, 0.5))


def toy_data(examples: int = 96) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(examples, 6, generator=generator), torch.arange(examples) % 3
    return Dataset("toy", Split(x[:64], y[:64]), Split(x[64:], y[64:]), ("a", "b", "c"), "0" * 16)


def population(norm: str = "batch", activation: str = "tanh") -> Population:
    spec = MLP((8, 7, 5), activation, norm)
    trained = Population(spec, SGD(momentum=0.5), 16, MEMBERS, toy_data(), dtype=torch.float64)
    for _ in range(5):
        trained.step()
    return trained


def looked_at(norm: str = "batch") -> probes.Snapshot:
    """A snapshot that has a previous one to compare with."""
    trained = population(norm)
    earlier = trained.snapshot()
    assert earlier.activations
    trained.step()
    return trained.snapshot(earlier)


def configured(name: str, **options: Any) -> probes.Probe:
    """A probe with options of its own."""
    kind: Callable[..., probes.Probe] = probes.get(name)
    return kind(**options)


def member(
    s: probes.Snapshot, i: int, params: dict[str, Tensor] | None = None, norm: str = "batch"
) -> MultilayerPerceptron:
    """Member i as a module of its own."""
    net = MLP((8, 7, 5), "tanh", norm).build((6,), 3, seed=0).double()
    values = (params or s.params) | s.buffers
    net.load_state_dict({name: value[i].clone() for name, value in values.items()})
    return net


def gradients(net: MultilayerPerceptron, x: Tensor, y: Tensor) -> list[Tensor]:
    """Gradients of the weights by ordinary backpropagation in training mode."""
    weights = [net.get_parameter(name) for name in net.weight_names()]
    return list(torch.autograd.grad(F.cross_entropy(net.train()(x), y), weights))


def bits(trained: Population) -> dict[str, bytes]:
    """All that a look might disturb, byte by byte: the population, the data, random states.

    Not Python's own random state: what checks types under pytest draws from it.
    """
    groups = {"params": trained.params, "buffers": trained.buffers, **trained.state}
    tensors = {f"{g}.{n}": t for g, group in groups.items() for n, t in group.items()}
    splits = {"train": trained.data.train, "test": trained.data.test}
    tensors |= {f"{k}.{n}": getattr(split, n) for k, split in splits.items() for n in "xy"}
    tensors |= {"rate": trained.learning_rate, "torch random state": torch.get_rng_state()}
    found = {name: t.detach().numpy().tobytes() for name, t in tensors.items()}
    modules = trained.net.modules()
    found["modes"] = repr([(m.training, getattr(m, "mode", None)) for m in modules]).encode()
    found["template"] = repr([p.tolist() for p in trained.net.state_dict().values()]).encode()
    numpys = np.random.get_state(legacy=False)["state"]
    found["numpy's random state"] = numpys["key"].tobytes() + bytes(str(numpys["pos"]), "ascii")
    return found


@pytest.mark.parametrize("name", probes.names())
@pytest.mark.parametrize("norm", ["none", "batch", "noisy-batch"])
def test_a_probe_leaves_everything_bit_by_bit_as_it_was(name: str, norm: str) -> None:
    trained = population(norm)
    before = bits(trained)
    assert {"velocity.head.weight", "params.head.weight"} < set(before)
    probes.get(name)()(trained.snapshot(trained.snapshot()))
    after = bits(trained)
    assert [key for key in before if before[key] != after[key]] == []


@pytest.mark.parametrize("name", probes.names())
def test_a_run_that_is_looked_at_goes_on_like_one_that_is_not(name: str) -> None:
    watched, alone = population(), population()
    probes.get(name)()(watched.snapshot(watched.snapshot()))
    watched.step(), alone.step()
    assert bits(watched) == bits(alone)


@pytest.mark.parametrize("name", probes.names())
def test_a_probe_gives_one_finite_row_a_member_with_the_dimensions_it_declares(name: str) -> None:
    instrument = probes.get(name)()
    values = instrument(looked_at())
    assert values.shape[0] == len(MEMBERS)
    assert values.dim() == 1 + len(instrument.dims)
    assert values.isfinite().all()
    for text in (instrument.unit, instrument.source, instrument.__doc__):
        assert text


def test_precise_statistics_are_pooled_over_whole_batches_that_ghosts_divide() -> None:
    spec, data = MLP((8,), "tanh", "ghost", (("ghost_size", 8),)), toy_data()
    data = replace(data, train=Split(data.train.x[:60], data.train.y[:60]))
    trained = Population(spec, SGD(), 16, MEMBERS, data, dtype=torch.float64)
    found = probes.get("loss")()(trained.snapshot())[0, 1, 2].item()
    net = spec.build((6,), 3, seed=0).double()
    norms.precise_statistics(net, data.train.x[:48].double().split(16))
    assert found == pytest.approx(
        F.cross_entropy(net.eval()(data.test.x.double()), data.test.y).item()
    )


def test_an_unknown_probe_names_the_nearest() -> None:
    with pytest.raises(probes.ProbeError, match="weight_norm"):
        probes.get("weight_nrom")


@pytest.mark.oracle("weight_norm")
def test_weight_norm_is_the_frobenius_norm() -> None:
    s = looked_at()
    values = probes.get("weight_norm")()(s)
    for i in range(2):
        net = member(s, i)
        expected = [math.sqrt((s.params[n][i] ** 2).sum()) for n in net.weight_names()]
        assert values[i].tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.oracle("gradient_norm")
def test_gradient_norm_is_that_of_backpropagation_in_training_mode() -> None:
    s = looked_at()
    values = probes.get("gradient_norm")()(s)
    for i in range(2):
        found = gradients(member(s, i), s.batch[0][i], s.batch[1][i])
        assert values[i].tolist() == pytest.approx([g.norm().item() for g in found], rel=1e-9)


@pytest.mark.oracle("activation_percentiles")
def test_percentiles_of_a_gaussian_lie_1_036_standard_deviations_out() -> None:
    z = 3 + 2 * torch.randn(2, 200_000, 4, dtype=torch.float64)
    s = replace(looked_at())
    s.activations = Trace(inputs=[z])
    low, middle, high = probes.get("activation_percentiles")()(s)[0, 0, 0].tolist()
    assert low == pytest.approx(3 - 1.0364 * 2, abs=0.03)
    assert middle == pytest.approx(3, abs=0.03)
    assert high == pytest.approx(3 + 1.0364 * 2, abs=0.03)


def test_a_unit_that_does_not_exist_is_refused() -> None:
    with pytest.raises(probes.ProbeError, match="unit 5 of a layer with 5"):
        configured("activation_percentiles", units=(5,))(looked_at())


@pytest.mark.oracle("wasserstein_drift")
def test_wasserstein_distance_agrees_with_scipy() -> None:
    now, then = torch.randn(2, 50, 3).double(), 2 * torch.randn(2, 50, 3).double() + 1
    found = wasserstein(now, then)
    for i in range(2):
        for c in range(3):
            expected = wasserstein_distance(now[i, :, c].numpy(), then[i, :, c].numpy())
            assert found[i, c].item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.oracle("mean_drift", "wasserstein_drift")
@pytest.mark.parametrize("name", ["wasserstein_drift", "mean_drift"])
def test_drift_of_a_pure_shift_is_the_shift_in_standard_deviations(name: str) -> None:
    s = looked_at()
    then = [torch.randn(2, 40, 6).double() for _ in range(3)]
    shift = 0.7
    s.previous = Trace(linear=then, inputs=then, outputs=then)
    moved = [z + shift for z in then]
    s.activations = Trace(linear=moved, inputs=moved, outputs=moved)
    expected = [(shift / z.std(1, correction=0)).mean().item() for z in then]
    values = probes.get(name)()(s)
    assert values[:, 0].mean(0).tolist() == pytest.approx(expected, rel=0.1)
    exact = torch.stack([(shift / z.std(1, correction=0)).mean(1) for z in then], 1)
    for site in range(3):
        torch.testing.assert_close(values[:, site], exact)


def test_drift_has_nothing_to_say_at_the_first_look() -> None:
    assert probes.get("mean_drift")()(population().snapshot()).isnan().all()


def test_a_unit_that_was_constant_is_left_out_of_the_drift() -> None:
    s = looked_at()
    then = torch.randn(2, 40, 6).double()
    then[:, :, 0] = 1.0
    s.previous = Trace(linear=[then], inputs=[then], outputs=[then])
    s.activations = Trace(linear=[then + 1], inputs=[then + 1], outputs=[then + 1])
    assert probes.get("mean_drift")()(s).isfinite().all()


def moved_below(s: probes.Snapshot, layer: int) -> dict[str, Tensor]:
    """Parameters after the SGD step with momentum, for the layers below `layer` only."""
    rates = torch.tensor([m.learning_rate for m in MEMBERS], dtype=torch.float64)
    velocity = TRAINED[id(s)].state["velocity"]
    after = dict(s.params)
    for name, value in s.params.items():
        if name.startswith(tuple(f"layers.{i}." for i in range(layer))):
            grads = []
            for i in range(2):
                net = member(s, i)
                loss = F.cross_entropy(net.train()(s.batch[0][i]), s.batch[1][i])
                grads.append(torch.autograd.grad(loss, net.get_parameter(name))[0])
            step = 0.5 * velocity[name] + torch.stack(grads)
            after[name] = value - rates.view(-1, *[1] * (value.dim() - 1)) * step
    return after


TRAINED: dict[int, Population] = {}


@pytest.mark.oracle("gradient_shift", "gradient_difference", "gradient_cosine")
def test_gradient_ics_is_the_change_of_a_gradient_when_the_layers_below_take_their_step() -> None:
    trained = population()
    s = trained.snapshot()
    TRAINED[id(s)] = trained
    shift, difference, cosine = (
        probes.get(f"gradient_{n}")()(s) for n in ("shift", "difference", "cosine")
    )
    for layer in range(4):
        params = moved_below(s, layer)
        for i in range(2):
            x, y = s.batch[0][i], s.batch[1][i]
            g = gradients(member(s, i), x, y)[layer].flatten()
            h = gradients(member(s, i, params), x, y)[layer].flatten()
            assert difference[i, layer].item() == pytest.approx((g - h).norm().item(), abs=1e-12)
            assert shift[i, layer].item() == pytest.approx(
                ((g - h).norm() / g.norm()).item(), abs=1e-11
            )
            assert cosine[i, layer].item() == pytest.approx(
                (g @ h / (g.norm() * h.norm())).item(), abs=1e-11
            )


def test_gradient_ics_of_the_first_layer_is_zero() -> None:
    values = probes.get("gradient_shift")()(looked_at())
    assert values[:, 0].tolist() == [0.0, 0.0]
    assert (values[:, 1:] > 0).all()


def test_gradient_ics_vanishes_with_the_learning_rate() -> None:
    trained = population()
    trained.base_rate *= 1e-6
    assert probes.get("gradient_shift")()(trained.snapshot()).max() < 1e-4


@pytest.mark.oracle("coupling")
def test_coupling_is_the_elasticity_found_by_finite_differences() -> None:
    s = looked_at()
    values = probes.get("coupling")()(s)
    names, step = s.weight_names, 1e-6
    for moved in range(4):
        for i in range(2):
            x, y = s.batch[0][i], s.batch[1][i]
            net = member(s, i)
            grads = gradients(net, x, y)
            weight = net.get_parameter(names[moved])
            direction = grads[moved] / grads[moved].norm() * weight.norm()
            with torch.no_grad():
                weight.add_(step * direction.detach())
            after = gradients(net, x, y)
            for layer in range(4):
                change = (after[layer] - grads[layer]).norm() / step / grads[layer].norm()
                assert values[i, moved, layer].item() == pytest.approx(change.item(), rel=1e-3)


@pytest.mark.oracle("accuracy", "loss")
@pytest.mark.parametrize("split", ["train", "test"])
def test_accuracy_and_loss_are_those_of_each_kind_of_statistics(split: str) -> None:
    s = looked_at()
    part = getattr(s.data, split)
    x, y = part.x.double(), part.y
    found = {
        n: probes.get(n)()(s)[:, probes.base.SPLITS.index(split)] for n in ("accuracy", "loss")
    }
    for i in range(2):
        net = member(s, i)
        batches = x.split(16)[: len(x) // 16]
        logits = {"batch": torch.cat([net.train()(batch) for batch in batches])}
        logits["population"] = member(s, i).eval()(x)
        precise = member(s, i)
        set_exact_moments(precise, s.data.train.x.double())
        logits["precise"] = precise.eval()(x)
        for k, kind in enumerate(probes.base.STATISTICS):
            right = (logits[kind].argmax(1) == y[: len(logits[kind])]).double().mean()
            loss = F.cross_entropy(logits[kind], y[: len(logits[kind])])
            assert found["accuracy"][i, k].item() == pytest.approx(right.item())
            assert found["loss"][i, k].item() == pytest.approx(loss.item(), rel=1e-9)


def set_exact_moments(net: MultilayerPerceptron, x: Tensor) -> None:
    """Moments of the whole set, layer by layer, written with nothing but linear algebra."""
    h = x
    for layer in net.layers:
        z = h @ layer.linear.weight.T
        mean, var = z.mean(0), z.var(0, correction=0)
        layer.norm.running_mean.copy_(mean)
        layer.norm.running_var.copy_(var)
        normalised = (z - mean) / torch.sqrt(var + layer.norm.eps)
        h = torch.tanh(normalised * layer.norm.weight + layer.norm.bias)


def test_the_kinds_of_statistics_agree_where_there_are_none() -> None:
    values = probes.get("loss")()(looked_at("none"))
    assert torch.equal(values[..., 0], values[..., 1])
    assert torch.equal(values[..., 1], values[..., 2])


@pytest.mark.parametrize("name", ["accuracy", "loss"])
def test_only_what_is_asked_for_is_predicted(name: str) -> None:
    s = looked_at()
    some = configured(name, splits=("test",), statistics=("population", "batch"))
    values = some(s)
    assert set(predictions(s).found) == {("test", "population"), ("test", "batch")}
    labels = probes.base.coords(some, some.dims)
    assert labels == {"split": ["test"], "statistics": ["population", "batch"]}
    assert torch.equal(values, probes.get(name)()(s)[:, 1:, [1, 0]])


@pytest.mark.parametrize("name", probes.names())
def test_a_probe_sees_of_each_member_the_examples_of_its_own_seed(name: str) -> None:
    """What a probe says of a member among others, whose examples differ, is what it says of it
    alone, where the examples of its seed are the only ones there are.
    """
    x = torch.randn(120, 8, generator=torch.Generator().manual_seed(2))
    y = (x[:, 0] > 0).long() + (x[:, 1] > 1)
    pooled = from_tensors("toy", (x[:80], y[:80]), (x[80:], y[80:]), tuple("abc"), pooled=True)
    spec, instrument = MLP((6, 5), "tanh", "batch"), probes.get(name)()
    members = [Member("a", seed, 0.1) for seed in (0, 1)]

    def looked(chosen: list[Member], given: Dataset) -> torch.Tensor:
        population = Population(spec, SGD(), 16, chosen, given, dtype=torch.float64)
        first = population.snapshot()
        instrument(first)
        population.step()
        return instrument(population.snapshot(first)).double()

    together = looked(members, pooled)
    for i, member in enumerate(members):
        alone = looked([member], pooled.split(member.seed))
        torch.testing.assert_close(together[i], alone[0], rtol=1e-6, atol=1e-9, equal_nan=True)
