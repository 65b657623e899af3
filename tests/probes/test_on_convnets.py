"""Every probe on networks whose activations are images."""

from __future__ import annotations

import pytest
import torch

from bnbook import probes
from bnbook.data import Dataset, Split
from bnbook.nets import VGG, ResNet, Spec, members
from bnbook.train import SGD, Member, Population

MEMBERS = (Member("slow", 0, 0.05), Member("fast", 1, 0.2))
SPECS = (VGG(((5, 1), (6, 1)), norm="batch"), ResNet(8, 0.3, "project", norm="batch"))
DENSE_ONLY = {"isometry", "jacobian_density", "jacobian_histogram"}
"""Probes that refuse convolutions, and say so."""

SITES = ("linear", "inputs", "outputs")


def toy_data() -> Dataset:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(72, 2, 8, 8, generator=generator), torch.arange(72) % 3
    return Dataset("toy", Split(x[:48], y[:48]), Split(x[48:], y[48:]), ("a", "b", "c"), "0" * 16)


def looked_at(spec: Spec) -> probes.Snapshot:
    """A snapshot that has a previous one to compare with."""
    population = Population(spec, SGD(), 16, MEMBERS, toy_data(), dtype=torch.float64)
    for _ in range(2):
        population.step()
    earlier = population.snapshot()
    assert earlier.activations
    population.step()
    return population.snapshot(earlier)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)
@pytest.mark.parametrize("name", probes.names())
def test_a_probe_measures_a_convolutional_network_or_says_that_it_cannot(
    name: str, spec: Spec
) -> None:
    instrument, s = probes.get(name)(), looked_at(spec)
    if name in DENSE_ONLY:
        with pytest.raises(probes.ProbeError, match=r"dense|convolution"):
            instrument(s)
        return
    values = instrument(s)
    assert values.shape[0] == len(MEMBERS)
    assert values.dim() == 1 + len(instrument.dims)
    assert values.isfinite().all()


def test_activations_are_those_of_one_position_of_each_example() -> None:
    s = looked_at(SPECS[0])
    net = SPECS[0].build((2, 8, 8), 3, seed=0).double()
    x = s.whole_batches(s.examples("test")[0])
    for i in range(len(MEMBERS)):
        state = s.params | s.buffers
        net.load_state_dict({name: value[i].clone() for name, value in state.items()})
        trace = net(x[i], trace=True)
        for site in SITES:
            for layer, found in enumerate(getattr(s.activations, site)):
                images = getattr(trace, site)[layer].flatten(2)
                same = (images - found[i, :, :, None]).abs() < 1e-9
                assert same.all(1).any(1).all()  # some position has all channels of the example
    torch.testing.assert_close(s.activations.logits[1], trace.logits)


def test_positions_are_drawn_evenly() -> None:
    where = torch.arange(12.0).view(1, 1, 3, 4).expand(4000, 2, 3, 4)
    chosen = probes.base.one_position(where)
    assert torch.equal(chosen[:, 0], chosen[:, 1])
    counts = torch.bincount(chosen[:, 0].long(), minlength=12)
    assert (counts - 4000 / 12).abs().max() < 5 * (4000 / 12) ** 0.5
    assert torch.equal(chosen, probes.base.one_position(where))


@pytest.mark.parametrize("name", ["accuracy", "loss", "gradient_norm", "wasserstein_drift"])
def test_members_one_by_one_measure_as_the_stacked_ones(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for alone in (True, False):
        monkeypatch.setattr(members, "one_by_one", lambda net, alone=alone: alone)
        found.append(probes.get(name)()(looked_at(SPECS[1])))
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["loss_variation", "gradient_change", "relative_loss"])
def test_one_mode_of_a_walk_along_the_gradient_is_that_row_of_both(name: str) -> None:
    s, kind = looked_at(SPECS[0]), probes.get(name)
    alone = kind(modes=("evaluation",))(s)  # type: ignore[call-arg]
    assert torch.equal(alone[:, 0], kind()(s)[:, 1])
    assert alone.shape[1] == 1
