"""What makes folding wrong is refused, kind by kind, with the module's name and what to do."""

import re
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, spectral_norm
from torch.utils.hooks import RemovableHandle

from bnbook.folding import FoldError, fold
from bnbook.nets import MLP, Dropout
from bnbook.nets.chains import Graph, graph_of
from bnbook.norms.affine import Affine
from tests.nets.foreign import batch_norm


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def used(net: nn.Module, *shape: int) -> nn.Module:
    """In evaluation mode, with statistics and parameters that are not those of the start."""
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            with torch.no_grad():
                module.running_mean.normal_()
                module.running_var.uniform_(0.2, 3)
                module.weight.uniform_(0.5, 2)
    return net.eval()


def assert_equal(net: nn.Module, *shape: int) -> nn.Module:
    x = torch.randn(5, *shape)
    folded = fold(net)
    torch.testing.assert_close(folded(x), net(x), rtol=1e-5, atol=1e-5)
    return folded


# --- a layer's tensors are read outside its own call ---


class Encoder(nn.Module):
    """A linear layer with BN; each case below reads one of their tensors in another way."""

    def __init__(self) -> None:
        super().__init__()
        self.enc, self.bn = nn.Linear(4, 3), nn.BatchNorm1d(3)
        self.other = nn.Linear(3, 3)

    def code(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn(self.enc(x)))

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.code(x))

    def decode(self, h: Tensor) -> Tensor:
        return self.other(h)


class Tied(Encoder):
    def decode(self, h: Tensor) -> Tensor:
        return F.linear(h, self.enc.weight.t())


class TiedByItsName(Encoder):
    def decode(self, h: Tensor) -> Tensor:
        return h @ dict(self.named_parameters())["enc.weight"]


class TiedByData(Encoder):
    def decode(self, h: Tensor) -> Tensor:
        return h @ next(iter(self.enc.parameters())).data


class WithItsBias(Encoder):
    def decode(self, h: Tensor) -> Tensor:
        return h + self.enc.bias


class WithTheRunningMean(Encoder):
    def decode(self, h: Tensor) -> Tensor:
        return h * self.bn.running_var.sqrt() + self.bn.running_mean


class WithGamma(Encoder):
    def decode(self, h: Tensor) -> Tensor:
        return h / self.bn.weight


class WithANumber(Encoder):
    def decode(self, h: Tensor) -> Tensor:
        return h * self.bn.state_dict()["running_var"][0].item()


class UnderAnotherName(Encoder):
    def __init__(self) -> None:
        super().__init__()
        self.shared = self.enc.weight

    def decode(self, h: Tensor) -> Tensor:
        return h @ self.shared


READERS = [
    *(Tied, TiedByItsName, TiedByData, WithItsBias, WithTheRunningMean),
    *(WithGamma, WithANumber, UnderAnotherName),
]


@pytest.mark.parametrize("kind", READERS)
def test_tensors_that_are_read_outside_their_layers_call_are_refused(
    kind: Callable[[], Encoder],
) -> None:
    with pytest.raises(FoldError, match=r"uses a tensor of .*'(enc|bn)' outside"):
        fold(used(kind()))


class Wrapped(nn.Module):
    """Tells the ways of the network inside it, which torch.fx finds."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def chains(self) -> Graph:
        return graph_of(self.inner)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


def test_a_network_may_tell_the_graph_of_one_inside_it() -> None:
    assert_equal(used(Wrapped(Encoder())), 4)
    assert_equal(used(nn.Sequential(nn.ReLU(), Wrapped(Encoder()))), 4)
    for net in (Wrapped(Tied()), nn.Sequential(nn.ReLU(), Wrapped(Tied()))):
        with pytest.raises(FoldError, match=r"uses a tensor of .*'(0|1|inner|\.)+enc' outside"):
            fold(used(net))


class ReadsTheShape(Encoder):
    def decode(self, h: Tensor) -> Tensor:
        return h.to(self.enc.weight.dtype) / self.enc.weight.size(0)


class ReadsAnother(Encoder):
    def decode(self, h: Tensor) -> Tensor:
        return F.linear(self.other(h), self.other.weight.t())


@pytest.mark.parametrize("kind", [Encoder, ReadsTheShape, ReadsAnother])
def test_what_is_not_folded_or_not_a_number_may_be_read(kind: Callable[[], Encoder]) -> None:
    assert_equal(used(kind()), 4)


def test_two_layers_that_share_a_parameter_fold_apart() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 3))
    net[3].weight = net[0].weight
    assert_equal(used(net), 3)


class CallsAPart(nn.Module):
    """Attention calls its own output layer; this network calls it once more, before BN."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.bn = nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        h = self.attention(x, x, x)[0].mean(1)
        return self.bn(self.attention.out_proj(h))


def test_a_layer_that_another_module_reads_is_refused() -> None:
    with pytest.raises(FoldError, match="outside that layer's own call"):
        fold(used(CallsAPart()))


# --- hooks ---

HOOKS: dict[str, Callable[[nn.Module], RemovableHandle]] = {
    "forward": lambda m: m.register_forward_hook(lambda m, i, o: F.relu(o)),
    "forward pre": lambda m: m.register_forward_pre_hook(lambda m, i: (2 * i[0],)),
    "with keywords": lambda m: m.register_forward_hook(lambda m, i, k, o: o + 1, with_kwargs=True),
    "backward": lambda m: m.register_full_backward_hook(lambda m, i, o: None),
}


def hooked_network() -> nn.Sequential:
    block = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Identity(), nn.BatchNorm2d(3))
    return nn.Sequential(block, nn.ReLU(), nn.Flatten(), nn.Linear(48, 2))


@pytest.mark.parametrize("where", ["0.0", "0.1", "0.2", "0", ""])
@pytest.mark.parametrize("kind", HOOKS)
def test_a_hook_on_what_is_folded_or_crossed_or_holds_it_is_refused(kind: str, where: str) -> None:
    net = used(hooked_network())
    handle = HOOKS[kind](net.get_submodule(where))
    with pytest.raises(FoldError, match="has a hook"):
        fold(net)
    handle.remove()
    assert_equal(net, 2, 6, 6)


def test_a_hook_elsewhere_stays_and_works() -> None:
    net = used(hooked_network())
    net[3].register_forward_hook(lambda m, i, o: F.relu(o))
    assert_equal(net, 2, 6, 6)


def test_a_hook_for_all_modules_is_refused() -> None:
    hook = nn.modules.module.register_module_forward_hook(lambda m, i, o: None)
    try:
        with pytest.raises(FoldError, match="a hook for all modules"):
            fold(used(hooked_network()))
    finally:
        hook.remove()


def test_a_hook_in_a_network_that_tells_its_chains_is_refused() -> None:
    net = MLP((4,), norm="batch").build((3,), 2, seed=0).eval()
    net.layers[0].register_forward_hook(lambda m, i, o: F.relu(o))
    with pytest.raises(FoldError, match=r"Layer 'layers\.0' has a hook"):
        fold(net)


# --- weights that are computed anew at each call ---


def by_hand(layer: nn.Linear) -> nn.Linear:
    layer.forward = lambda x: F.linear(x, 2 * layer.weight, layer.bias)  # type: ignore[method-assign, assignment]
    return layer


def half_as_wide(layer: nn.Linear) -> nn.Linear:
    return prune.ln_structured(layer, "weight", amount=0.5, n=2, dim=0)


COMPUTED: dict[str, Callable[[nn.Linear], nn.Module]] = {
    "weight norm": parametrizations.weight_norm,
    "spectral norm": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
    "pruned": lambda m: prune.l1_unstructured(m, "weight", amount=0.3),
    "pruned bias": lambda m: prune.l1_unstructured(m, "bias", amount=0.3),
    "pruned rows": half_as_wide,
    "spectral norm by hooks": spectral_norm,
}


@pytest.mark.filterwarnings("ignore:.*spectral_norm.* is deprecated:FutureWarning")
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("how", COMPUTED)
def test_a_layer_that_computes_its_weight_is_refused(how: str, place: str) -> None:
    layer = COMPUTED[how](nn.Linear(3, 3))
    rest = [nn.BatchNorm1d(3)]
    net = nn.Sequential(layer, *rest) if place == "before" else nn.Sequential(*rest, layer)
    with pytest.raises(FoldError, match=r"computes its weight|made a plain one|remove"):
        fold(used(net))


def test_a_pruned_layer_folds_once_the_pruning_is_made_permanent() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    prune.l1_unstructured(net[0], "weight", amount=0.3)
    prune.remove(net[0], "weight")
    assert_equal(used(net), 3)


def test_a_computed_weight_far_from_any_normaliser_stays() -> None:
    head = parametrizations.weight_norm(nn.Linear(3, 2))
    assert_equal(used(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.ReLU(), head)), 3)


def test_a_layer_whose_forward_was_replaced_is_no_linear_layer() -> None:
    net = nn.Sequential(by_hand(nn.Linear(3, 3)), nn.BatchNorm1d(3))
    with pytest.raises(FoldError, match="no linear or convolutional layer"):
        fold(used(net))


class Standardised(nn.Conv2d):
    """A convolution of standardised weights, as many repositories have one."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        std, mean = torch.std_mean(weight, (1, 2, 3), keepdim=True)
        return super()._conv_forward(input, (weight - mean) / std, bias)


def test_a_subclass_that_computes_in_its_own_way_is_no_linear_layer() -> None:
    with pytest.raises(FoldError, match="no linear or convolutional layer"):
        fold(used(nn.Sequential(Standardised(2, 3, 3), nn.BatchNorm2d(3))))


class Small(nn.BatchNorm2d):
    """Only another default."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3)


class SmallConv(nn.Conv2d):
    """Only another default."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__(inputs, channels, 3, padding=1)


def test_a_subclass_that_computes_as_its_parent_folds() -> None:
    folded = assert_equal(used(nn.Sequential(SmallConv(2, 3), Small(3))), 2, 5, 5)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())


# --- part of the network is in training mode ---


@pytest.mark.parametrize("module", [nn.Dropout(0.5), nn.Identity(), nn.BatchNorm1d(3)])
def test_any_part_that_is_still_in_training_mode_is_named(module: nn.Module) -> None:
    net = nn.Sequential(nn.Linear(3, 3), module, nn.BatchNorm1d(3)).eval()
    net[1].train()
    with pytest.raises(FoldError, match=f"{type(module).__name__} '1' is in training mode"):
        fold(net)


def test_a_mode_of_this_package_other_than_population_is_training() -> None:
    net = MLP((4,), norm="batch", dropout=0.5).build((3,), 2, seed=0).eval()
    dropout = net.get_submodule("layers.0.dropout")
    assert isinstance(dropout, Dropout)
    dropout.mode = "batch"
    with pytest.raises(FoldError, match=r"Dropout 'layers\.0\.dropout' is in training mode"):
        fold(net)


# --- normalisers that are not known ---


class Mine(nn.BatchNorm2d):
    """Named after one that is known, and computes something else."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).abs()


class FrozenBatchNorm2d(nn.Module):
    """As detection libraries have it: statistics that are buffers of a class of their own."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.randn(channels, 1, 1))
        self.register_buffer("running_var", torch.rand(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.running_mean) * torch.rsqrt(self.running_var + 1e-5)


class ConvNormActivation(nn.Sequential):
    """A block of layers, and no normaliser itself."""


class MyNorm(nn.Module):
    """Known to nobody."""

    def forward(self, x: Tensor) -> Tensor:
        return x / x.norm()


UNKNOWN: dict[str, Callable[[], nn.Module]] = {
    "RMSNorm": lambda: nn.RMSNorm(6),
    "LocalResponseNorm": lambda: nn.LocalResponseNorm(2),
    "LayerNorm": lambda: nn.LayerNorm((3, 6, 6)),
    "GroupNorm": lambda: nn.GroupNorm(1, 3),
    "InstanceNorm2d": lambda: nn.InstanceNorm2d(3),
    "FrozenBatchNorm2d": lambda: FrozenBatchNorm2d(3),
    "Mine": lambda: Mine(3),
    "MyNorm": MyNorm,
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_normaliser_without_a_known_map_is_named(name: str) -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 3), UNKNOWN[name](), nn.ReLU())
    with pytest.raises(FoldError, match=f"{name} '1' cannot be folded"):
        fold(used(net))
    beside = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), UNKNOWN[name]())
    with pytest.raises(FoldError, match=f"{name} '3'"):
        fold(used(beside))


def test_a_lazy_layer_has_to_be_run_once() -> None:
    net = nn.Sequential(nn.LazyConv2d(3, 3), nn.LazyBatchNorm2d())
    with pytest.raises(FoldError, match="run it once"):
        fold(net.eval())
    net(torch.randn(2, 2, 5, 5))
    assert_equal(used(net), 2, 5, 5)


TORCHS: dict[str, Callable[[], nn.Module]] = {
    "no β": lambda: batch_norm(nn.BatchNorm2d, 3, bias=False),
    "no γ and β": lambda: nn.InstanceNorm2d(3, track_running_stats=True),
    "γ and β": lambda: nn.InstanceNorm2d(3, affine=True, track_running_stats=True),
    "synchronised": lambda: nn.SyncBatchNorm(3),
    "a block whose name says norm": lambda: ConvNormActivation(nn.BatchNorm2d(3), nn.ReLU()),
}


@pytest.mark.parametrize("name", TORCHS)
def test_torchs_own_fold_with_whatever_parameters_they_have(name: str) -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 3), TORCHS[name](), nn.ReLU(), nn.Conv2d(3, 2, 1))
    for module in net.modules():
        if getattr(module, "running_mean", None) is not None:
            module.running_mean.normal_()
    assert_equal(net.eval(), 2, 6, 6)


# --- a normaliser's map belongs to its forward ---


def test_a_normaliser_with_a_forward_of_its_own_inherits_no_map() -> None:
    class Doubled(Affine):
        def forward(self, z: Tensor) -> Tensor:
            return 2 * super().forward(z)

    assert Doubled(3).population_map() is None
    with pytest.raises(FoldError, match="Doubled '1' cannot be folded"):
        fold(nn.Sequential(nn.Linear(4, 3), Doubled(3)).eval())


# --- a linear layer acts on the last dimension, BN on the second ---


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_a_folded_network_refuses_what_its_fold_does_not_hold_for(order: list[int]) -> None:
    """(N, L, features) with L = features: shapes fit, and a folded layer would be wrong."""
    parts = [nn.Linear(3, 3), nn.BatchNorm1d(3)]
    net = used(nn.Sequential(*[parts[i] for i in order]))
    folded = assert_equal(net, 3)
    with pytest.raises(FoldError, match=r"tensors of 2 dimensions.* given \(5, 3, 3\)"):
        folded(torch.randn(5, 3, 3))


def test_a_folded_network_can_be_traced_and_keeps_its_check() -> None:
    net = used(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)))
    traced = torch.fx.symbolic_trace(fold(net))
    x = torch.randn(5, 3)
    torch.testing.assert_close(traced(x), net(x), rtol=1e-5, atol=1e-5)
    with pytest.raises(FoldError, match="2 dimensions"):
        traced(torch.randn(5, 3, 3))


# --- the rest ---


def test_one_normaliser_under_two_names_is_folded_under_both() -> None:
    class Alias(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.bn = nn.Linear(3, 3), nn.BatchNorm1d(3)
            self.same = self.bn

        def forward(self, x: Tensor) -> Tensor:
            return self.same(self.linear(x))

    assert_equal(used(Alias()), 3)


def test_what_cannot_be_copied_is_refused() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).eval()
    net.seen = net.get_parameter("0.weight") * 2
    with pytest.raises(FoldError, match="cannot be copied"):
        fold(net)


def test_the_graph_of_a_network_has_its_chains_and_what_its_code_reads() -> None:
    net = Tied().eval()
    graph = graph_of(net)
    assert [net.enc, net.bn] == [s for c in graph.traced for s in c if isinstance(s, nn.Module)]
    assert graph.reads(net.enc)
    assert not graph.reads(net.bn)
    assert graph.told == []


def every_refusal() -> Iterator[nn.Module]:
    yield from (used(kind()) for kind in READERS)
    yield from (used(nn.Sequential(nn.Linear(6, 6), make())) for make in UNKNOWN.values())


def test_every_refusal_names_a_module_of_the_network() -> None:
    for net in every_refusal():
        with pytest.raises(FoldError) as caught:
            fold(net)
        named = set(re.findall(r"'([\w.]+)'", str(caught.value)))
        assert named & {name for name, _ in net.named_modules()}
