"""Probes on foreign networks: the numbers of our own, and a model that does not notice."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import bnbook
from bnbook import data, nets, probes
from bnbook.measuring import MeasureError, Watch
from tests.nets.foreign import stack

DENSE_ONLY = {"isometry", "jacobian_density", "jacobian_histogram"}
COSTLY = {"loss_slice", "spectral_density", "hessian_trace", "coupling"}


@pytest.fixture(scope="module")
def rows() -> data.Batched:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(96, 12, generator=generator), torch.arange(96) % 3
    x = x + F.one_hot(y, 12) * 2
    batches = [(x[i : i + 16], y[i : i + 16]) for i in range(0, 64, 16)]
    return data.from_batches(batches, (x[64:], y[64:]), 3)


class Dense(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.na = nn.Linear(12, 8, bias=False), nn.BatchNorm1d(8)
        self.b, self.nb = nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.na(self.a(x)))
        return self.head(torch.relu(self.nb(self.b(h))))


def twins() -> tuple[nets.Network, nn.Module]:
    ours, theirs = nets.MLP((8, 8), "relu", "batch").build((12,), 3, 0).double(), Dense().double()
    for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
        its.data.copy_(mine)
    return ours, theirs


@pytest.mark.parametrize("name", sorted(set(probes.names()) - DENSE_ONLY - COSTLY))
def test_a_probe_sees_in_a_foreign_network_what_it_sees_in_ours(
    name: str, rows: data.Batched
) -> None:
    ours, theirs = twins()
    found = [bnbook.measure(net, rows, [name])[name] for net in (ours, theirs)]
    assert found[0].dims == found[1].dims
    mine, its = (torch.from_numpy(each.values) for each in found)
    torch.testing.assert_close(its, mine, rtol=1e-6, atol=1e-9, equal_nan=True)


def test_a_record_is_labelled_as_that_of_a_run(rows: data.Batched) -> None:
    record = bnbook.measure(twins()[1], rows, ["accuracy"])
    assert record.accuracy.dims == ("arm", "seed", "step", "split", "statistics")
    assert record.arm.values.tolist() == ["Dense"]
    assert record.attrs["fingerprint"]
    assert record.accuracy.attrs["units"] == "1"
    assert record.accuracy.attrs["seconds"] > 0


def test_an_image_network_is_measured() -> None:
    x, y = torch.randn(32, 3, 8, 8), torch.arange(32) % 5
    mine = data.from_batches((x[:16], y[:16]), (x[16:], y[16:]))
    names = ["accuracy", "loss", "weight_norm", "gradient_shift", "sharpness", "wasserstein_drift"]
    record = bnbook.measure(stack(["basic", "group"], 0), mine, names)
    assert record.weight_norm.sizes["layer"] == 5
    assert bool(record.sharpness.notnull().all())


def trained(rows: data.Batched, watched: bool) -> tuple[nn.Module, Watch | None]:
    torch.manual_seed(3)
    model = nn.Sequential(Dense(), nn.Dropout(0.2))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def loop() -> None:
        for i in range(25):
            chosen = torch.arange(16) + 16 * (i % 4)
            loss = F.cross_entropy(model(rows.train.x[chosen]), rows.train.y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    if not watched:
        loop()
        return model, None
    with bnbook.watch(model, rows, every=10, optimizer=optimizer, probes=["accuracy"]) as seen:
        loop()
    return model, seen


def test_watching_does_not_change_what_is_watched(rows: data.Batched) -> None:
    alone, _ = trained(rows, watched=False)
    beside, seen = trained(rows, watched=True)
    for name, value in alone.state_dict().items():
        assert torch.equal(value, beside.state_dict()[name])
    assert seen.record.step.values.tolist() == [0, 10, 20, 25]
    found = seen.record.accuracy.isel(step=-1).sel(statistics="batch", split="train")
    assert found.item() > 0.5
    last = bnbook.measure(beside, rows, ["accuracy"])
    assert (seen.record.accuracy.isel(step=-1) == last.accuracy.isel(step=0)).all()


def test_measuring_leaves_the_model_alone(rows: data.Batched) -> None:
    model = Dense()
    before = copy.deepcopy(model.state_dict())
    bnbook.measure(model, rows)
    assert all(torch.equal(v, model.state_dict()[n]) for n, v in before.items())


def test_what_cannot_be_measured_is_named(rows: data.Batched) -> None:
    with pytest.raises(MeasureError, match="no probe"):
        bnbook.measure(Dense(), rows, [])
    watch = Watch(Dense(), rows, ["loss"])
    watch.look(5)
    with pytest.raises(MeasureError, match="not after"):
        watch.look(5)
    with pytest.raises(MeasureError, match="every is 0"), bnbook.watch(Dense(), rows, every=0):
        pass
