"""The probes of noise against closed forms and against batches drawn by hand."""

from __future__ import annotations

import pytest
import torch

from bnbook import probes
from bnbook.data import Dataset, Split
from bnbook.nets import MLP
from bnbook.probes import Snapshot, logit_noise
from bnbook.probes.logit_noise import noise_share
from bnbook.probes.variance_shift import variance_ratio
from bnbook.train import SGD, Member, Population

MEMBERS = (Member("slow", 0, 0.1), Member("fast", 1, 0.5))
BATCH = 16


def looked_at(spec: MLP, examples: int = 1000, features: int = 40, steps: int = 0) -> Snapshot:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(examples + 64, features, generator=generator), torch.arange(examples + 64)
    parts = Split(x[:64], y[:64] % 3), Split(x[64:], y[64:] % 3)
    data = Dataset("toy", *parts, ("a", "b", "c"), "0" * 16)
    trained = Population(spec, SGD(), BATCH, MEMBERS, data, dtype=torch.float64)
    for _ in range(steps):
        trained.step()
    return trained.snapshot()


def test_the_share_of_noise_is_its_variance_over_that_of_all() -> None:
    generator = torch.Generator().manual_seed(1)
    signal = 3 * torch.randn(1, 1, 20_000, 1, generator=generator).double()
    noise = 0.5 * torch.randn(4, 1, 20_000, 1, generator=generator).double()
    assert noise_share(signal + noise).item() == pytest.approx(0.25 / 9.25, rel=0.03)


def test_a_network_without_batch_and_without_dropout_has_no_noise() -> None:
    assert (probes.get("logit_noise")()(looked_at(MLP((8,)))) < 1e-24).all()


def test_dropout_before_the_head_adds_p_over_keep_of_every_squared_term(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logit_noise, "DRAWS", 500)
    s = looked_at(MLP((30,), "tanh", dropout=0.4, dropout_at="last"))
    found = probes.get("logit_noise")()(s)
    for i in range(2):
        params = {name: p[i] for name, p in s.params.items()}
        h = torch.tanh(s.examples("train")[0][i] @ params["layers.0.linear.weight"].T)
        head = params["head.weight"]
        noise = 0.4 / 0.6 * (h.square() @ head.square().T).mean()
        signal = (h @ head.T).var(0).mean()
        assert found[i].item() == pytest.approx((noise / (noise + signal)).item(), rel=0.02)


@pytest.mark.oracle("logit_noise")
def test_the_noise_of_bn_is_that_of_batches_drawn_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logit_noise, "DRAWS", 600)
    spec = MLP((12,), "relu", "batch")
    s = looked_at(spec, steps=10)
    found = probes.get("logit_noise")()(s)
    net = spec.build((40,), 3, 0).double()
    net.load_state_dict({name: v[1].clone() for name, v in (s.params | s.buffers).items()})
    x, drawn = s.examples("train")[0][1], []
    generator = torch.Generator().manual_seed(5)
    for _ in range(600):
        order = torch.randperm(64, generator=generator)
        parts = [net(x[rows]).detach() for rows in order.split(BATCH)]
        drawn.append(torch.cat(parts)[order.argsort()])
    by_hand = torch.stack(drawn)
    share = by_hand.var(0).mean() / (by_hand.var(0) + by_hand.mean(0).var(0)).mean()
    assert found[1].item() == pytest.approx(share.item(), rel=0.04)


@pytest.mark.oracle("variance_shift")
def test_dropout_before_a_linear_map_of_white_inputs_multiplies_variances_by_1_over_keep() -> None:
    for keep in (0.5, 0.8):
        spec = MLP((40, 40), "identity", init="orthogonal", dropout=1 - keep)
        shift = probes.get("variance_shift")()(looked_at(spec, examples=1000))
        torch.testing.assert_close(shift[:, 0], torch.ones(2, dtype=torch.float64))
        assert shift[:, 1].tolist() == pytest.approx([1 / keep] * 2, rel=0.025)


def test_without_dropout_and_normaliser_nothing_shifts() -> None:
    shift = probes.get("variance_shift")()(looked_at(MLP((9, 7), "relu")))
    torch.testing.assert_close(shift, torch.ones(2, 2, dtype=torch.float64))


def test_a_ratio_of_variances_is_a_geometric_mean_over_units_that_vary() -> None:
    z = torch.randn(1, 50, 3, dtype=torch.float64)
    z[..., 2] = 4.0
    scale = torch.tensor([2.0, 3.0, 1.0])
    assert variance_ratio(scale * z, z).item() == pytest.approx(6.0, rel=1e-12)
