"""Folding: the same function without normalisers, or a reason why not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from bnbook import norms
from bnbook.folding import FoldError, fold
from bnbook.nets import MLP, VGG, ResNet

FIXED_MAPS = [
    *("affine", "batch", "noisy-batch", "frozen", "renorm", "ghost", "weight-std"),
    *("weight-std+batch", "whitening-zca", "whitening-iterative", "weight-norm", "reference"),
    *("mean-only", "variance-only", "detached", "scaled-weight-std", "weight-norm+mean"),
]
OF_THE_INPUT = ["layer", "group", "weight-std+group", "rms", "dyt"]


def trained(net: nn.Module, *shape: int) -> nn.Module:
    """Nothing at its start: random parameters, and statistics that have seen shifted batches."""
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.3 * torch.randn_like(p))
        for _ in range(3):
            net(1 + 2 * torch.randn(16, *shape))
    return net.eval()


def left(net: nn.Module) -> list[nn.Module]:
    kinds = norms.Norm | nn.BatchNorm1d | nn.BatchNorm2d | nn.InstanceNorm2d | nn.LayerNorm
    return [m for m in net.modules() if isinstance(m, kinds)]


def assert_folded(net: nn.Module, *shape: int) -> nn.Module:
    """`fold` gives the same function to 1e-12 without a normaliser, and leaves `net` as it was."""
    before = {key: value.clone() for key, value in net.state_dict().items()}
    x = 2 * torch.randn(9, *shape)
    y = net(x)
    folded = fold(net)
    torch.testing.assert_close(folded(x), y, rtol=1e-12, atol=1e-12)
    assert {type(m).__name__ for m in left(folded)} <= {"NoNorm", "Folded"}
    assert {key: value.shape for key, value in net.state_dict().items()} == {
        key: value.shape for key, value in before.items()
    }
    torch.testing.assert_close(dict(net.state_dict()), before, rtol=0, atol=0)
    assert not folded.training
    return folded


@pytest.mark.parametrize("name", FIXED_MAPS)
def test_a_residual_perceptron_folds_inside_its_branches(name: str) -> None:
    spec = MLP((7, 7, 5, 5), "tanh", name, residual=True)
    assert_folded(trained(spec.build((6,), 3, seed=0), 6), 6)


def test_a_normaliser_whose_output_meets_a_skip_connection_is_refused() -> None:
    spec = MLP((7, 7), "tanh", "batch", order="after", residual=True)
    with pytest.raises(FoldError, match=r"layers\.0\.norm.*no linear or convolutional layer"):
        fold(trained(spec.build((6,), 3, seed=0), 6))


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("name", FIXED_MAPS)
def test_a_multilayer_perceptron_folds(name: str, order: str) -> None:
    spec = MLP(widths=(7, 5), activation="tanh", norm=name, order=order)
    folded = assert_folded(trained(spec.build((6,), 3, seed=0), 6), 6)
    assert folded(torch.randn(2, 6), trace=True).logits.shape == (2, 3)


CONVOLUTIONAL: dict[str, VGG | ResNet] = {
    "vgg": VGG(((3, 1), (4, 2))),
    "resnet, padded shortcuts": ResNet(8, scale=0.25),
    "resnet, projections": ResNet(14, scale=0.25, shortcut="project"),
}


@pytest.mark.parametrize("kind", CONVOLUTIONAL)
@pytest.mark.parametrize("name", FIXED_MAPS)
def test_a_convolutional_network_folds_branch_by_branch(name: str, kind: str) -> None:
    spec = replace(CONVOLUTIONAL[kind], norm=name)
    folded = assert_folded(trained(spec.build((2, 8, 8), 3, seed=0), 2, 8, 8), 2, 8, 8)
    assert folded(torch.randn(2, 2, 8, 8), trace=True).logits.shape == (2, 3)


@pytest.mark.parametrize("kind", CONVOLUTIONAL)
@pytest.mark.parametrize("name", [*OF_THE_INPUT, "instance", "frn"])
def test_a_convolutional_network_that_cannot_be_folded_says_why(name: str, kind: str) -> None:
    net = replace(CONVOLUTIONAL[kind], norm=name).build((2, 8, 8), 3, seed=0)
    with pytest.raises(FoldError, match="in evaluation mode too it normalises"):
        fold(net.eval())


@pytest.mark.parametrize("affine", [True, False])
def test_folding_follows_its_formula(affine: bool) -> None:
    net = trained(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, affine=affine)), 4)
    linear, bn = net[0], net[1]
    scale = 1 / torch.sqrt(bn.running_var + bn.eps)
    gamma, beta = (bn.weight, bn.bias) if affine else (torch.ones(3), torch.zeros(3))
    folded = fold(net)[0]
    torch.testing.assert_close(folded.weight, (gamma * scale)[:, None] * linear.weight)
    torch.testing.assert_close(folded.bias, beta + gamma * (linear.bias - bn.running_mean) * scale)


CONVS: dict[str, Callable[..., nn.Module]] = {
    "plain": lambda i, o: nn.Conv2d(i, o, 3),
    "padded": lambda i, o: nn.Conv2d(i, o, 3, padding=1),
    "same": lambda i, o: nn.Conv2d(i, o, 3, padding="same"),
    "reflecting": lambda i, o: nn.Conv2d(i, o, 3, padding=1, padding_mode="reflect"),
    "strided": lambda i, o: nn.Conv2d(i, o, (3, 2), stride=(2, 1)),
    "grouped": lambda i, o: nn.Conv2d(i, o, 3, groups=2),
    "depthwise": lambda i, o: nn.Conv2d(i, o, 3, groups=i),
    "dilated": lambda i, o: nn.Conv2d(i, o, 2, dilation=2),
    "no bias": lambda i, o: nn.Conv2d(i, o, 3, bias=False),
    "pointwise": lambda i, o: nn.Conv2d(i, o, 1, padding="same"),
    "valid": lambda i, o: nn.Conv2d(i, o, 3, padding="valid"),
}
ZERO_PADDED = {"padded", "same"}


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, lambda c: norms.make("batch", c)])
@pytest.mark.parametrize("kind", CONVS)
def test_a_normaliser_after_any_convolution_folds(
    kind: str, norm: Callable[[int], nn.Module]
) -> None:
    net = nn.Sequential(CONVS[kind](4, 8), norm(8), nn.ReLU(), nn.Conv2d(8, 2, 1))
    assert_folded(trained(net, 4, 6, 6), 4, 6, 6)


@pytest.mark.parametrize("kind", sorted(set(CONVS) - ZERO_PADDED))
def test_a_normaliser_after_the_nonlinearity_folds_into_the_next_convolution(kind: str) -> None:
    net = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.BatchNorm2d(4), CONVS[kind](4, 8))
    assert_folded(trained(net, 4, 6, 6), 4, 6, 6)


@pytest.mark.parametrize("kind", sorted(ZERO_PADDED))
def test_a_shift_before_padding_with_zeros_is_refused(kind: str) -> None:
    net = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.BatchNorm2d(4), CONVS[kind](4, 8))
    with pytest.raises(FoldError, match=r"BatchNorm2d '2' cannot be folded: .* pads with zeros"):
        fold(trained(net, 4, 6, 6))


@pytest.mark.parametrize("name", ["whitening-zca", "whitening-iterative"])
def test_whitening_folds_into_convolutions_without_groups(name: str) -> None:
    first = nn.Sequential(norms.make(name, 4), nn.Conv2d(4, 6, 3, stride=2))
    assert_folded(trained(first, 4, 6, 6), 4, 6, 6)
    last = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), norms.make(name, 6, groups=2))
    assert_folded(trained(last, 4, 6, 6), 4, 6, 6)
    for net in (
        nn.Sequential(norms.make(name, 4), nn.Conv2d(4, 6, 3, groups=2)),
        nn.Sequential(nn.Conv2d(4, 6, 3, groups=2), norms.make(name, 6)),
    ):
        with pytest.raises(FoldError, match=r"mixes channels that the layer (before|after) keeps"):
            fold(trained(net, 4, 6, 6))


def test_one_dimensional_and_three_dimensional_convolutions_fold() -> None:
    line = nn.Sequential(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Conv1d(3, 2, 2))
    assert_folded(trained(line, 2, 8), 2, 8)
    solid = nn.Sequential(nn.BatchNorm3d(2), nn.Conv3d(2, 4, 2, groups=2), nn.BatchNorm3d(4))
    assert_folded(trained(solid, 2, 4, 4, 4), 2, 4, 4, 4)


def test_several_normalisers_in_a_row_and_what_does_nothing_between_fold() -> None:
    net = nn.Sequential(
        nn.BatchNorm1d(4),
        nn.Dropout(0.5),
        nn.Linear(4, 5),
        nn.Identity(),
        nn.BatchNorm1d(5),
        norms.make("batch", 5),
        norms.make("none", 5),
    )
    assert_folded(trained(net, 4), 4)


class Residual(nn.Module):
    """Two branches, each with a normaliser; the sum goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, padding=1), norms.make("batch", 4)
        self.short = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))

    def forward(self, x: Tensor) -> Tensor:
        h = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(h + self.short(x))


def test_a_network_with_branches_is_traced() -> None:
    assert_folded(trained(nn.Sequential(Residual(), nn.AdaptiveAvgPool2d(1)), 3, 6, 6), 3, 6, 6)


class Told(nn.Module):
    """A network that `torch.fx` could not trace, with standardised weights, that tells its way."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), norms.make(name, 4)
        self.last = nn.Conv2d(4, 2, 1)

    def chains(self) -> list[list[Any]]:
        return [[self.conv, self.norm, torch.tanh, self.last]]

    def forward(self, x: Tensor) -> Tensor:
        if x.abs().max() > 1e9:
            raise OverflowError
        weight = self.norm.transform_weight(self.conv.weight)
        return self.last(torch.tanh(self.norm(F.conv2d(x, weight, self.conv.bias))))


@pytest.mark.parametrize("name", FIXED_MAPS)
def test_a_network_that_tells_its_chains_folds_alone_and_within_another(name: str) -> None:
    assert_folded(trained(Told(name), 3, 6, 6), 3, 6, 6)
    within = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), Told(name))
    assert_folded(trained(within, 3, 6, 6), 3, 6, 6)


def test_precision_and_need_of_gradients_are_kept() -> None:
    net = trained(nn.Sequential(nn.Linear(4, 3, bias=False), nn.BatchNorm1d(3)), 4).float()
    net[0].weight.requires_grad_(False)
    folded = fold(net)[0]
    assert folded.weight.dtype == folded.bias.dtype == torch.float32
    assert not folded.weight.requires_grad
    assert folded.weight.is_leaf


def test_a_network_without_normalisers_is_copied() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU()).eval()
    assert_folded(net, 4)
    assert fold(net) is not net


# Refusals.


def test_training_mode_is_refused() -> None:
    net = nn.Sequential(nn.Linear(4, 3), norms.make("batch", 3))
    with pytest.raises(FoldError, match=r"training mode, .* call net\.eval\(\)"):
        fold(net)
    net.eval()[1].train()
    with pytest.raises(FoldError, match="training mode"):
        fold(net)
    net.eval()
    with norms.using(net, "batch"), pytest.raises(FoldError, match="training mode"):
        fold(net)


@pytest.mark.parametrize(
    "norm",
    [
        *[lambda name=name: norms.make(name, 3) for name in OF_THE_INPUT],
        lambda: nn.LayerNorm(3),
        lambda: nn.BatchNorm1d(3, track_running_stats=False),
    ],
)
def test_statistics_of_the_input_are_refused(norm: Callable[[], nn.Module]) -> None:
    net = nn.Sequential(nn.Linear(4, 3), norm())
    with pytest.raises(FoldError, match=r"'1' cannot be folded: in evaluation mode too"):
        fold(net.eval())


@pytest.mark.parametrize("between", [nn.ReLU(), nn.Flatten(), nn.ConvTranspose2d(3, 3, 1)])
def test_a_normaliser_with_no_layer_beside_it_is_refused(between: nn.Module) -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 1), between, nn.BatchNorm2d(3), nn.ReLU())
    with pytest.raises(FoldError, match="no linear or convolutional layer stands right before"):
        fold(net.eval())


class Both(nn.Module):
    """What comes before the normaliser is used a second time."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.bn = nn.Linear(3, 3), nn.BatchNorm1d(3)

    def forward(self, x: Tensor) -> Tensor:
        z = self.linear(x)
        return z + torch.relu(self.bn(z))


class Twice(Both):
    """The layer before the normaliser serves twice."""

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.linear(self.linear(x)))


class Steered(Both):
    """The way of the data depends on the data."""

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.linear(x)) if x.sum() > 0 else x


class Silent(Both):
    """Tells chains without its normaliser."""

    def chains(self) -> list[list[Any]]:
        return [[self.linear]]


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (Both, "with no other use of what passes between"),
        (Twice, "Linear 'linear' is used 2 times"),
        (Steered, r"Steered has no method chains\(\) .* cannot trace it"),
        (Silent, "BatchNorm1d 'bn' is in no chain"),
    ],
)
def test_networks_that_would_come_out_wrong_are_refused(
    net: Callable[[], nn.Module], message: str
) -> None:
    with pytest.raises(FoldError, match=message):
        fold(net().eval())


def test_a_computed_weight_is_refused() -> None:
    net = nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 3)), nn.BatchNorm1d(3))
    with pytest.raises(FoldError, match="remove_parametrizations"):
        fold(net.eval())


def test_channels_that_do_not_match_are_refused() -> None:
    """A linear layer over (N, L, features) before BN over L is not a map of the same channels."""
    net = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(3)).eval()
    assert net(torch.randn(2, 3, 4)).shape == (2, 3, 5)
    with pytest.raises(FoldError, match="the layer before it gives another number of channels"):
        fold(net)
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(4, 5)).eval()
    with pytest.raises(FoldError, match="the layer after it takes another number of channels"):
        fold(net)
