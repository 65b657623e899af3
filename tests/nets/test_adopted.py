"""Any module as a network of ours: the same numbers, and the same state afterwards."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import bnbook
from bnbook import nets, norms
from bnbook.data.vision import torchvision_datasets
from bnbook.nets import AdoptError
from tests.nets.foreign import BATCH_NORMS, BLOCKS, Branching, batch_norm, stack, stirred

X = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(1)).double()


def same_in_both_modes(model: nn.Module, x: Tensor, example: Tensor | None = None) -> None:
    """Outputs, gradients and state agree to 1e-10 in float64: order of sums, and no more."""
    model = model.double()
    for training in (True, False):
        mine = copy.deepcopy(model).train(training)
        net = bnbook.adopt(mine, example)
        found = []
        for each in (mine, net):
            logits = each(x)
            y = torch.arange(len(x)) % logits.shape[1]
            grads = torch.autograd.grad(F.cross_entropy(logits, y), list(each.parameters()))
            found.append((logits, grads))
        torch.testing.assert_close(found[0], found[1], rtol=1e-10, atol=1e-10)
        own = mine.state_dict()
        theirs = {n.removeprefix("model."): b for n, b in net.state_dict().items()}
        for name, buffer in own.items():
            torch.testing.assert_close(theirs[name], buffer, rtol=1e-10, atol=1e-10)
        with norms.using(net, "batch"):
            trace = net(x, trace=True)
            torch.testing.assert_close(trace.logits, net(x))
        assert len(trace.linear) == len(net.weight_names()) - 1


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from(sorted(BLOCKS)), min_size=1, max_size=3), st.integers(0, 99))
def test_random_networks_compute_the_same(names: list[str], seed: int) -> None:
    same_in_both_modes(stack(names, seed), X)


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_every_block_computes_the_same(name: str) -> None:
    same_in_both_modes(stack([name], 0), X)


@pytest.mark.parametrize("options", BATCH_NORMS, ids=str)
@pytest.mark.parametrize("dims", [0, 1, 3])
def test_batch_normalization_of_every_dimension(dims: int, options: dict[str, Any]) -> None:
    kind = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 3: nn.BatchNorm3d}[dims]
    first = nn.Linear(5, 4) if not dims else {1: nn.Conv1d, 3: nn.Conv3d}[dims](5, 4, 2)
    layers = [first, batch_norm(kind, 4, **options), nn.ReLU(), nn.Flatten()]
    x = torch.randn(7, 5, *[3] * dims).double()
    width = nn.Sequential(*copy.deepcopy(layers)).double()(x).shape[1]
    same_in_both_modes(stirred(nn.Sequential(*layers, nn.Linear(width, 3))), x)


@pytest.mark.parametrize("name", ["mobilenet_v3_small"])
def test_networks_of_torchvision(name: str) -> None:
    torchvision_datasets()  # declares what torchvision's import needs
    import torchvision

    torch.manual_seed(0)
    model = getattr(torchvision.models, name)(weights=None, num_classes=4)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0  # its random numbers are not torch's
    same_in_both_modes(model, torch.randn(3, 3, 32, 32).double())


def test_a_network_that_cannot_be_traced_is_watched() -> None:
    with pytest.raises(AdoptError, match="example=x"):
        bnbook.adopt(Branching())
    model, x = stirred(Branching()), torch.randn(6, 12).double()
    same_in_both_modes(model, x, x[:2])
    net = bnbook.adopt(model, x)
    trace = net(x, trace=True)
    weight, bias = (net.get_parameter(f"model.norm.{name}") for name in ("weight", "bias"))
    hidden = F.batch_norm(trace.linear[0], None, None, weight, bias, True)
    torch.testing.assert_close(trace.inputs[0], hidden)
    torch.testing.assert_close(trace.outputs[0], hidden.relu())


def twin(spec: nets.MLP, model: nn.Module) -> tuple[nets.Network, nn.Module]:
    """Our network, and torch's with its numbers."""
    net = spec.build((6,), 3, 0).double()
    for mine, theirs in zip(net.parameters(), model.double().parameters(), strict=True):
        theirs.data.copy_(mine)
    return net, model


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.na = nn.Linear(6, 6, bias=False), nn.BatchNorm1d(6)
        self.b, self.nb = nn.Linear(6, 6, bias=False), nn.BatchNorm1d(6)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.na(self.a(x)), inplace=True)
        h = h + F.relu(self.nb(self.b(h)))
        return self.head(h)


class After(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.na, self.drop = nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(0.0)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.na(self.a(x).tanh())))


@pytest.mark.parametrize(
    ("spec", "model"),
    [
        (nets.MLP((6, 6), "relu", "batch", residual=True), Residual()),
        (nets.MLP((6,), "tanh", "batch", order="after"), After()),
    ],
    ids=["residual sum", "normaliser after"],
)
def test_the_trace_is_that_of_our_own_network(spec: nets.MLP, model: nn.Module) -> None:
    net, model = twin(spec, model)
    adopted, x = bnbook.adopt(model), torch.randn(9, 6).double()
    for mode in ("batch", "population"):
        with norms.using(net, mode), norms.using(adopted, mode):
            ours, theirs = net(x, trace=True), adopted(x, trace=True)
        torch.testing.assert_close(vars(theirs), vars(ours))


def test_gradients_reach_what_a_trace_holds() -> None:
    adopted = bnbook.adopt(stack(["basic"], 0).double())
    trace = adopted(X, trace=True)
    grads = torch.autograd.grad(trace.logits.sum(), trace.linear + trace.outputs)
    assert all(bool(g.isfinite().all()) and g.abs().sum() > 0 for g in grads)


def test_an_add_belongs_to_the_deeper_branch() -> None:
    net = bnbook.adopt(stack(["basic"], 0).double())
    trace = net(X, trace=True)
    block = net.model[1]
    expected = block.second_norm(block.second(trace.outputs[1])) + trace.outputs[0]
    torch.testing.assert_close(trace.inputs[2], expected)
    torch.testing.assert_close(trace.outputs[2], expected.relu())


def test_every_reason_is_in_one_error() -> None:
    class Own(nn.BatchNorm1d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + 1

    model = nn.Sequential(nn.Linear(3, 4), Own(4), nn.AlphaDropout(0.1), nn.Linear(4, 2))
    hooked = nn.BatchNorm1d(4)
    hooked.register_forward_hook(lambda m, x, y: y * 2)
    model.insert(2, hooked)
    with pytest.raises(AdoptError) as error:
        bnbook.adopt(model)
    for part in ("Own '1'", "AlphaDropout '3'", "BatchNorm1d '2'", "hooks"):
        assert part in str(error.value)


def test_what_depends_on_the_mode_elsewhere_is_refused() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(F.dropout(x, 0.5, self.training))

    with pytest.raises(AdoptError, match="one thing in training"):
        bnbook.adopt(Noisy())


def test_other_outputs_than_logits_are_named() -> None:
    net = bnbook.adopt(nn.Sequential(nn.Conv2d(3, 4, 1)))
    with pytest.raises(AdoptError, match="logits"):
        net(torch.randn(2, 3, 4, 4))


@pytest.mark.parametrize(
    ("layer", "shape", "constant_over"),
    [
        (nn.Dropout2d(0.5), (64, 8, 3, 3), (2, 3)),
        (nn.Dropout(0.5), (64, 8, 3, 3), ()),
    ],
)
def test_dropout_drops_what_torch_drops(
    layer: nn.Module, shape: tuple[int, ...], constant_over: tuple[int, ...]
) -> None:
    net = bnbook.adopt(nn.Sequential(layer, nn.Flatten(), nn.Linear(72, 2)))
    h = net.model[0](torch.ones(shape))
    assert abs(h.mean() - 1) < 0.2
    assert set(h.unique().tolist()) == {0.0, 2.0}
    if constant_over:
        assert (h.amax(constant_over) == h.amin(constant_over)).all()


def test_a_frozen_layer_of_a_network_in_training_stays_frozen() -> None:
    model = stirred(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)))
    model.train()
    model[1].eval()
    net, x = bnbook.adopt(model), torch.randn(5, 3)
    with norms.using(net, "train"):
        torch.testing.assert_close(net(x), model(x))


def test_the_model_is_left_alone() -> None:
    model = stack(["basic"], 0)
    before = copy.deepcopy(model.state_dict())
    net = bnbook.adopt(model)
    net.train()(X.float())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert isinstance(model[1].first_norm, nn.BatchNorm2d)


def test_an_adopted_network_folds() -> None:
    for name in ("basic", "batch {'bias': False}", "batch {'momentum': None}"):
        net = bnbook.adopt(stack([name], 0).double().eval())
        folded = bnbook.fold(net)
        assert not any(isinstance(m, norms.get("batch")) for m in folded.modules())
        torch.testing.assert_close(folded(X), net(X), rtol=1e-10, atol=1e-10)


def test_tied_weights_are_not_folded() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.enc, self.bn = nn.Linear(4, 4), nn.BatchNorm1d(4)

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(torch.relu(self.bn(self.enc(x))), self.enc.weight.t())

    with pytest.raises(bnbook.folding.FoldError, match="tied"):
        bnbook.fold(bnbook.adopt(stirred(Tied()).eval()))
