"""Every sign is given by a network that has it, and not by the same network without."""

from __future__ import annotations

import copy
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import bnbook
from bnbook import cases, diagnosis, healthy
from bnbook.cases import dense, digits, epoch, fit, seen_as
from bnbook.diagnosis.coming_step import turns

FAST = ("few steps", "a lean checkpoint", "a reused layer", "another camera", "a frozen body")


@lru_cache(maxsize=1)
def well() -> nn.Sequential:
    """A healthy dense network; every test changes a copy."""
    return cases.healthy(3)


@lru_cache(maxsize=1)
def known() -> bnbook.data.Batched:
    return seen_as(epoch(32, 3))


def found(model: nn.Module, data: Any = None, **options: Any) -> list[str]:
    torch.set_num_threads(1)
    report = bnbook.diagnose(model, data or known(), **options)
    assert not report.refused
    return report.names


def test_a_healthy_network_has_none_and_is_left_alone() -> None:
    model = copy.deepcopy(well())
    before = copy.deepcopy(model.state_dict())
    assert found(model) == []
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training


@pytest.mark.parametrize("name", FAST)
def test_a_case_is_named_before_its_cure_and_not_after(name: str) -> None:
    case = cases.BY_NAME[name]
    sick, cured = case.visits(5)
    assert case.sign in found(sick.model, sick.data, **sick.options)
    assert case.sign not in found(cured.model, cured.data, **cured.options)
    assert bnbook.diagnose(cured.model, cured.data, **cured.options).healthy
    assert cured.accuracy() > sick.accuracy()


def norms_of(model: nn.Module) -> list[nn.BatchNorm1d]:
    return [m for m in model.modules() if isinstance(m, nn.BatchNorm1d)]


def not_finite() -> nn.Module:
    model = copy.deepcopy(well())
    norms_of(model)[0].running_var[3] = torch.nan
    return model


class Shared(nn.Module):
    """One normaliser for two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Linear(196, 32), nn.Linear(32, 32), nn.Linear(32, 10)
        self.norm = nn.BatchNorm1d(32)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.norm(self.a(x.flatten(1))))
        return self.head(torch.relu(self.norm(self.b(h))))


class Stubborn(nn.Sequential):
    """A network whose normalisers do not obey eval()."""

    def train(self, mode: bool = True) -> Stubborn:
        super().train(mode)
        for norm in norms_of(self):
            norm.train()
        return self


def stubborn() -> nn.Module:
    return Stubborn(*copy.deepcopy(well()))


def forgetful() -> nn.Module:
    torch.manual_seed(0)
    net = dense(lambda c: nn.BatchNorm1d(c, track_running_stats=False))
    return fit(net, iter(epoch(32, 1)), 30, 0.05)


def dropped() -> nn.Module:
    torch.manual_seed(0)
    net = dense(nn.BatchNorm1d)
    net.insert(4, nn.Dropout(0.5))
    return fit(net, iter(epoch(32, 1)), 60, 0.05)


def dead() -> nn.Module:
    model = copy.deepcopy(well())
    with torch.no_grad():
        norms_of(model)[0].bias[:40] = -20
    return model


def wide_epsilon() -> nn.Module:
    model = copy.deepcopy(well())
    with torch.no_grad():
        model[1].weight.mul_(1e-4)
        norms_of(model)[0].running_mean.mul_(1e-4)
        norms_of(model)[0].running_var.mul_(1e-8)
    return model


def biased() -> nn.Module:
    model = copy.deepcopy(well())
    linear = nn.Linear(196, 64)
    linear.weight = model.get_parameter("1.weight")
    nn.init.zeros_(linear.bias)
    model[1] = linear
    return model


def halved() -> nn.Module:
    model = copy.deepcopy(well())
    for norm in norms_of(model):
        norm.running_mean = norm.running_mean.half()
        norm.running_var = norm.running_var.half()
    return model


def saturated() -> nn.Module:
    torch.manual_seed(0)
    return fit(bent(gamma=60.0), iter(epoch(32, 1)), 40, 0.01)


def bent(gamma: float) -> nn.Sequential:
    """A network of tanh whose first normaliser has this γ."""
    net = dense(nn.BatchNorm1d)
    for name, layer in list(net.named_children()):
        if isinstance(layer, nn.ReLU):
            setattr(net, name, nn.Tanh())
    with torch.no_grad():
        norms_of(net)[0].weight.fill_(gamma)
    return net


SICK = {
    "not-finite": not_finite,
    "shared-normaliser": Shared,
    "depends-in-use": stubborn,
    "dropout-before-norm": dropped,
    "dead-channels": dead,
    "epsilon-dominates": wide_epsilon,
    "redundant-bias": biased,
    "saturated-channels": saturated,
}


@pytest.mark.parametrize("name", sorted(SICK))
def test_a_sign_is_given_where_it_is(name: str) -> None:
    torch.manual_seed(0)
    assert name in found(SICK[name]())


def test_a_network_without_memory_depends_on_its_batch() -> None:
    assert "depends-in-use" in found(forgetful())


def test_sorted_batches_are_unfair() -> None:
    (x, y), _ = digits()
    order = y[:2000].argsort()
    batches = [(x[rows], y[rows]) for rows in order.split(32)][:-1]
    assert "unfair-batches" in found(well(), seen_as(batches))


@pytest.mark.parametrize("momentum", [0.9, 0.1])
def test_a_momentum_is_named_by_its_value(momentum: float) -> None:
    model = copy.deepcopy(well())
    for norm in norms_of(model):
        norm.momentum = momentum
    assert ("reversed-momentum" in found(model)) is (momentum == 0.9)


def test_a_small_rest_is_named_where_maps_are_small() -> None:
    data = seen_as(epoch(32, 3, 1601, drop_last=False))
    assert "last-batch" in found(well(), data)
    assert "last-batch" not in found(well(), seen_as(epoch(32, 3, 1616, drop_last=False)))


def test_few_examples_make_noise_and_replicas_make_them_few() -> None:
    assert "small-batch" in found(well(), batch_size=4)
    assert "small-shards" in found(well(), batch_size=16, replicas=4)
    together = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(well()))
    assert "small-shards" not in found(together, batch_size=16, replicas=4)


def test_a_decayed_scale_is_a_remark() -> None:
    model = copy.deepcopy(well())
    decays = torch.optim.SGD(model.parameters(), 0.1, weight_decay=1e-4)
    report = bnbook.diagnose(model, known(), optimizer=decays)
    assert report.healthy
    assert report.names == ["decayed-scale"]
    plain = torch.optim.SGD(model.parameters(), 0.1)
    assert found(model, optimizer=plain) == []


def rated(rate: float, **options: Any) -> list[str]:
    """Signs of the healthy network with plain SGD of this rate."""
    model = copy.deepcopy(well())
    return found(model, optimizer=torch.optim.SGD(model.parameters(), rate, **options))


def test_a_bent_network_that_is_not_flat_has_no_sign() -> None:
    assert found(fit(bent(1.0), iter(epoch(32, 1)), 60, 0.05)) == []


def test_rates_that_turn_filters_too_far_or_not_at_all_are_remarks() -> None:
    assert "effective-rate" in rated(100.0)
    assert rated(0.05, momentum=0.9) == []
    sick = copy.deepcopy(well())
    with torch.no_grad():
        sick[-1].weight.zero_()  # nothing is known yet, and a step of this size learns nothing
        sick[-1].bias.zero_()
    still = torch.optim.SGD(sick.parameters(), 1e-9)
    assert "effective-rate" in found(sick, optimizer=still)


def test_the_coming_step_is_that_of_the_optimizer_and_changes_nothing() -> None:
    model, data = copy.deepcopy(well()), known()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    before = copy.deepcopy(model.state_dict())
    patient = diagnosis.Patient(model, data, 32, 1, optimizer)
    turn = turns(patient)["1"]
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not optimizer.state
    x, y = (each[0] for each in patient.snapshot.batch)
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
    old, new = before["1.weight"].double(), model[1].weight.detach().double()
    cosines = nn.functional.cosine_similarity(old, new, dim=1)
    assert turn.angle == pytest.approx(float(torch.acos(cosines).median()), rel=1e-3)
    assert turn.growth == pytest.approx(float(new.norm() / old.norm()), rel=1e-6)


def test_weights_that_grow_are_a_remark_and_decay_stops_them() -> None:
    from bnbook.diagnosis.growing_weights import growing_weights

    torch.manual_seed(0)
    model = dense(nn.BatchNorm1d)
    seen = {}
    for decay in (0.0, 0.2):
        optimizer = torch.optim.SGD(model.parameters(), 0.5, weight_decay=decay)
        seen[decay] = growing_weights(diagnosis.Patient(model, known(), 32, 1, optimizer))
    assert seen[0.0] is not None
    assert seen[0.2] is None


def test_a_rate_beyond_the_edge_is_a_remark() -> None:
    from bnbook.diagnosis.sharp_on_sphere import sharp_on_sphere

    model = copy.deepcopy(well())
    seen = {}
    for rate in (1e-3, 50.0):
        optimizer = torch.optim.SGD(model.parameters(), rate)
        seen[rate] = sharp_on_sphere(diagnosis.Patient(model, known(), 32, 1, optimizer))
    assert seen[1e-3] is None
    assert seen[50.0] is not None
    assert "beyond 2(1 + momentum) = 2" in seen[50.0].seen


def test_a_normaliser_that_cannot_fold_is_a_remark() -> None:
    visit = healthy.trained("residual, norm first", 3, steps=30)
    report = bnbook.diagnose(visit.model, visit.data)
    assert "not-foldable" in report.names
    assert report["not-foldable"].kind == "remark"


def test_averaged_weights_need_new_statistics() -> None:
    model = copy.deepcopy(well())
    with torch.no_grad():
        for norm in norms_of(model):
            norm.running_var.mul_(30)
            norm.running_mean.add_(2)
    assert found(model) == ["stale-statistics"]


def test_half_precision_is_a_remark() -> None:
    from bnbook.diagnosis.half_precision import half_precision

    patient = diagnosis.Patient(halved(), known(), 32)
    assert half_precision(patient) is not None
    assert half_precision(diagnosis.Patient(well(), known(), 32)) is None


def test_every_sign_is_tried_here() -> None:
    by_case = {case.sign for case in cases.CASES}
    here = {*SICK, "unfair-batches", "half-precision", "decayed-scale", "not-foldable"}
    here |= {"effective-rate", "growing-weights", "sharp-on-sphere"}
    missing = set(diagnosis.names()) - by_case - here
    assert not missing, f"add a network that has it to SICK above: {missing}"
    assert by_case | here == set(diagnosis.names())


def test_what_is_no_number_of_devices_is_an_error() -> None:
    with pytest.raises(diagnosis.DiagnosisError, match="replicas is 0"):
        bnbook.diagnose(well(), known(), replicas=0)


def test_a_report_is_words_numbers_and_a_file(tmp_path: Path) -> None:
    report = bnbook.diagnose(biased(), known())
    assert "redundant-bias" in str(report)
    assert f"{report.scores['test', 'population'][0]:.1%}" in report._repr_html_()
    page = report.save(tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "redundant-bias" in page
    import json

    data = json.loads(report.save(tmp_path / "report.json").read_text(encoding="utf-8"))
    assert data["healthy"]
    assert data["findings"][0]["name"] == "redundant-bias"
