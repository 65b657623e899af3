"""What holds for every name in the registry, for dense and convolutional activations."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, grad_and_value, stack_module_state, vmap

from bnbook import norms
from bnbook.norms import NormError

NAMES = norms.names()
CHANNELS = 6
SHAPES = [(16, CHANNELS), (16, CHANNELS, 5), (16, CHANNELS, 4, 3)]
KEEP_STATISTICS = [name for name in NAMES if norms.get(name).keeps_statistics]
WITHOUT_EPS = {"none", "affine", "weight-std", "scaled-weight-std", "weight-norm"}
EPS = [name for name in NAMES if name not in WITHOUT_EPS | {"mean-only", "weight-norm+mean", "dyt"}]
NEED_POSITIONS = ("instance", "frn")
STOP_GRADIENTS = ("detached",)  # whose derivative is not that of what they compute
OWN_PARAMETERS = {"dyt": 1}  # beside γ and β


def takes(name: str, shape: tuple[int, ...]) -> bool:
    return name not in NEED_POSITIONS or len(shape) > 2


FITTING = [(name, shape) for name in NAMES for shape in SHAPES if takes(name, shape)]


def prepared(name: str, dtype: torch.dtype = torch.float64) -> norms.Norm:
    """A normaliser whose parameters and statistics are not those it starts with."""
    norm = norms.make(name, CHANNELS).to(dtype)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in norm.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=generator, dtype=dtype))
        for _ in range(3):
            norm(1 + 2 * torch.randn(16, CHANNELS, 5, generator=generator, dtype=dtype))
    return norm


def state(norm: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in norm.state_dict().items()}


def test_the_registry_holds_every_normaliser_of_the_story() -> None:
    story = {
        *("none", "affine", "batch", "noisy-batch", "frozen", "renorm", "ghost"),
        *("layer", "group", "instance", "weight-std", "weight-std+batch", "weight-std+group"),
        *("whitening-zca", "whitening-iterative", "rms", "dyt", "frn", "weight-norm"),
        *("mean-only", "variance-only", "detached", "reference", "scaled-weight-std"),
        "weight-norm+mean",
    }
    assert story <= set(NAMES)


@pytest.mark.parametrize("mode", ["train", "batch", "population", "collect"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("name", "shape"), FITTING)
def test_the_output_has_the_shape_and_dtype_of_the_input(
    name: str, shape: tuple[int, ...], dtype: torch.dtype, mode: norms.Mode
) -> None:
    norm = prepared(name, dtype)
    with norms.using(norm, mode):
        y = norm(torch.randn(shape, dtype=dtype))
    assert y.shape == shape
    assert y.dtype == dtype
    assert y.isfinite().all()
    assert {b.dtype for b in norm.buffers() if b.is_floating_point()} <= {dtype}


@pytest.mark.parametrize(
    ("name", "shape"), [each for each in FITTING if each[0] not in STOP_GRADIENTS]
)
def test_gradients_are_those_of_finite_differences(name: str, shape: tuple[int, ...]) -> None:
    norm = prepared(name)
    z = torch.randn(shape, requires_grad=True)
    with norms.using(norm, "batch"):
        assert torch.autograd.gradcheck(norm, z, fast_mode=True)


@pytest.mark.parametrize(("name", "shape"), FITTING)
def test_batch_mode_computes_what_training_does(name: str, shape: tuple[int, ...]) -> None:
    norm, z = prepared(name), torch.randn(shape)
    with norms.using(norm, "batch"):
        y = norm(z)
    torch.testing.assert_close(norm(z), y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mode", ["batch", "population"])
@pytest.mark.parametrize("name", NAMES)
def test_only_training_and_collecting_change_the_statistics(name: str, mode: norms.Mode) -> None:
    norm = prepared(name)
    before = state(norm)
    with norms.using(norm, mode):
        norm(torch.randn(16, CHANNELS, 5))
    for key, value in norm.state_dict().items():
        assert torch.equal(value, before[key])


@pytest.mark.parametrize("name", [name for name in KEEP_STATISTICS if name != "frozen"])
def test_training_moves_the_statistics_and_counts_the_batch(name: str) -> None:
    norm = prepared(name)
    before = state(norm)
    norm(torch.randn(16, CHANNELS, 5))
    changed = {
        key for key, value in norm.state_dict().items() if not torch.equal(value, before[key])
    }
    assert len(changed) == 3
    assert norm.num_batches_tracked == before["num_batches_tracked"] + 1


@pytest.mark.parametrize("name", NAMES)
def test_eval_chooses_population_statistics_and_train_those_of_the_batch(name: str) -> None:
    norm = norms.make(name, CHANNELS)
    assert norm.mode == "train"
    assert norm.eval().mode == "population"
    assert norm.train().mode == "train"


@pytest.mark.parametrize(("name", "shape"), FITTING)
def test_in_population_mode_an_example_does_not_depend_on_the_others(
    name: str, shape: tuple[int, ...]
) -> None:
    norm, z = prepared(name).eval(), torch.randn(shape)
    alone = torch.cat([norm(z[i : i + 1]) for i in range(len(z))])
    torch.testing.assert_close(norm(z), alone, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_state_dict_carries_everything_over(name: str) -> None:
    old, new = prepared(name), norms.make(name, CHANNELS)
    new.load_state_dict(old.state_dict())
    z = torch.randn(16, CHANNELS, 5)
    for mode in ("batch", "population", "train", "population"):
        with norms.using(old, mode), norms.using(new, mode):
            assert torch.equal(old(z), new(z))


@pytest.mark.parametrize("name", KEEP_STATISTICS)
@pytest.mark.parametrize("shape", SHAPES)
def test_precise_statistics_are_the_moments_of_all_the_data(
    name: str, shape: tuple[int, ...]
) -> None:
    batches = [i + (i + 1) * torch.randn(n, *shape[1:]) for i, n in enumerate([16, 32, 8])]
    norm = prepared(name)
    steps = norm.num_batches_tracked.clone()
    norms.precise_statistics(norm, batches)
    rows = torch.cat(batches).transpose(0, 1).reshape(CHANNELS, -1)
    mean, spread = norm.statistics()
    cov = torch.cov(rows, correction=0)
    torch.testing.assert_close(mean, rows.mean(1), rtol=1e-13, atol=1e-13)
    exact = cov[None] if spread.dim() == 3 else cov.diagonal()
    torch.testing.assert_close(spread, exact, rtol=1e-13, atol=1e-13)
    assert norm.num_batches_tracked == steps
    assert norm.mode == "train"


@pytest.mark.parametrize("name", NAMES)
def test_resetting_returns_the_statistics_to_the_start(name: str) -> None:
    norm, fresh = prepared(name), norms.make(name, CHANNELS)
    norm.reset_statistics()
    for moment, first in zip(norm.statistics(), fresh.statistics(), strict=True):
        assert torch.equal(moment, first)
    assert len(norm.statistics()) == 2 * (name in KEEP_STATISTICS)


@pytest.mark.parametrize(("name", "shape"), FITTING)
def test_a_bias_changes_nothing_and_gets_no_gradient_exactly_where_it_is_absorbed(
    name: str, shape: tuple[int, ...]
) -> None:
    norm, z, g = prepared(name), torch.randn(shape), torch.randn(shape)

    def loss(bias: Tensor) -> Tensor:
        return (norm(z + bias.view(-1, *[1] * (z.dim() - 2))) * g).sum()

    zero = torch.zeros(CHANNELS)
    with norms.using(norm, "batch"):
        change = (loss(torch.arange(1.0, CHANNELS + 1) ** 2) - loss(zero)).abs()
        size = grad(loss)(zero).abs().min()
    assert (change < 1e-11) == norm.absorbs_bias
    assert (size < 1e-12) == (norm.absorbs_bias and name not in STOP_GRADIENTS)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "none"])
def test_affine_is_an_option_of_all(name: str, affine: bool) -> None:
    norm = norms.make(name, CHANNELS, affine=affine)
    assert len(list(norm.parameters())) == 2 * affine + OWN_PARAMETERS.get(name, 0)
    z = torch.randn(16, CHANNELS, 5)
    y = norm(z)
    if affine:
        twin = norms.make(name, CHANNELS, affine=False)
        scale, shift = torch.randn(CHANNELS), torch.randn(CHANNELS)
        for mode in ("batch", "population", "collect"):
            with torch.no_grad():
                norm.weight.copy_(scale)
                norm.bias.copy_(shift)
            if name == "noisy-batch" and mode == "batch":
                continue  # its noise comes after γ and β: see its own tests
            norm.reset_statistics()
            twin.reset_statistics()
            with norms.using(norm, mode), norms.using(twin, mode):
                expected = scale[:, None] * twin(z) + shift[:, None]
                torch.testing.assert_close(norm(z), expected, rtol=1e-12, atol=1e-12)
    assert y.isfinite().all()


@pytest.mark.parametrize(("name", "shape"), FITTING)
def test_where_nothing_varies_values_and_gradients_are_finite(
    name: str, shape: tuple[int, ...]
) -> None:
    norm = prepared(name)
    z = torch.full(shape, 3.0, requires_grad=True)
    for mode in ("batch", "population", "collect"):
        with norms.using(norm, mode):
            y = norm(z)
        (slope,) = torch.autograd.grad(y.square().sum(), z)
        assert y.isfinite().all()
        assert slope.isfinite().all()
    if norm.absorbs_bias and name != "noisy-batch":
        norm = prepared(name)
        with norms.using(norm, "batch"):
            y = norm(z).transpose(0, 1).flatten(1)
        torch.testing.assert_close(y, norm.bias[:, None].expand_as(y))


# Stacked and alone: the same training, as a population trains.


class Net(nn.Module):
    """A layer, its normaliser, a nonlinearity, and a linear head over the mean of positions."""

    def __init__(self, name: str, dense: bool, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.layer = nn.Linear(5, CHANNELS) if dense else nn.Conv2d(2, CHANNELS, 3)
        self.norm = norms.make(name, CHANNELS)
        self.head = nn.Linear(CHANNELS, 3)
        with torch.no_grad():
            for p in (*self.layer.parameters(), *self.head.parameters()):
                p.copy_(0.5 * torch.randn(p.shape, generator=generator))
        self.norm.seed_noise(generator)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.norm.transform_weight(self.layer.weight), self.layer.bias
        z = F.linear(x, weight, bias) if x.dim() == 2 else F.conv2d(x, weight, bias)
        h = torch.tanh(self.norm(z)).flatten(2) if z.dim() > 2 else torch.tanh(self.norm(z))
        return self.head(h.mean(2) if h.dim() > 2 else h)


def training_step(net: nn.Module) -> Callable[..., tuple[dict[str, Tensor], Tensor]]:
    def loss(p: dict[str, Tensor], b: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(net, (p, b), (x,)), y)

    return grad_and_value(loss)


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_members_trained_stacked_equal_each_trained_alone(name: str, dense: bool) -> None:
    if dense and name in NEED_POSITIONS:
        pytest.skip(f"{name} needs positions")
    members, steps, rate = 3, 4, 0.2
    x = torch.randn(steps, members, 16, *((5,) if dense else (2, 5, 4)))
    y = torch.randint(3, (steps, members, 16))
    alone = [Net(name, dense, seed) for seed in range(members)]
    stacked = Net(name, dense, 0)
    params, buffers = stack_module_state(alone)
    params = {key: p.detach().clone() for key, p in params.items()}
    buffers = {key: b.clone() for key, b in buffers.items()}
    step = vmap(training_step(stacked))
    for t in range(steps):
        slopes, _ = step(params, buffers, x[t], y[t])
        params = {key: p - rate * slopes[key] for key, p in params.items()}
        for i, net in enumerate(alone):
            net.zero_grad()
            F.cross_entropy(net(x[t, i]), y[t, i]).backward()
            with torch.no_grad():
                for p in net.parameters():
                    if p.grad is not None:
                        p.sub_(rate * p.grad)
    expected = stack_module_state(alone)
    for found, wanted in zip((params, buffers), expected, strict=True):
        for key, value in wanted.items():
            torch.testing.assert_close(found[key], value.detach(), rtol=1e-10, atol=1e-11)
    evaluate = vmap(lambda p, b, x: functional_call(stacked, (p, b), (x,)), in_dims=(0, 0, None))
    with norms.using(stacked, "population"):
        together = evaluate(params, buffers, x[0, 0])
    apart = torch.stack([net.eval()(x[0, 0]) for net in alone])
    torch.testing.assert_close(together, apart, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_member_that_diverges_leaves_the_others_alone(name: str) -> None:
    nets = [Net(name, False, seed) for seed in range(3)]
    params, buffers = stack_module_state(nets)
    params = {key: p.detach().clone() for key, p in params.items()}
    x, y = torch.randn(3, 16, 2, 5, 4), torch.randint(3, (3, 16))
    step = vmap(training_step(nets[0]))
    healthy, losses = step(params, {k: b.clone() for k, b in buffers.items()}, x, y)
    params["layer.weight"][1] = math.nan
    others, spoilt = step(params, {k: b.clone() for k, b in buffers.items()}, x, y)
    assert spoilt[1].isnan()
    assert torch.equal(spoilt[::2], losses[::2])
    for key, slopes in healthy.items():
        torch.testing.assert_close(others[key][::2], slopes[::2], rtol=1e-10, atol=1e-12)


# Bad input.


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(16, CHANNELS + 1), (16, CHANNELS - 1, 4), (CHANNELS,)])
def test_a_wrong_number_of_channels_is_explained(name: str, shape: tuple[int, ...]) -> None:
    if takes(name, shape) or len(shape) != 2:
        with pytest.raises(NormError, match=r"takes \(N, 6, …\): channels are dimension 1"):
            norms.make(name, CHANNELS)(torch.randn(shape))


@pytest.mark.parametrize("name", NAMES)
def test_no_channels_at_all_is_an_error(name: str) -> None:
    with pytest.raises(NormError, match="num_features is 0"):
        norms.make(name, 0)


@pytest.mark.parametrize("eps", [0.0, -1e-5, math.nan, math.inf])
@pytest.mark.parametrize("name", EPS)
def test_eps_must_be_positive(name: str, eps: float) -> None:
    with pytest.raises(NormError, match=r"eps is .*; it must be positive"):
        norms.make(name, CHANNELS, eps=eps)


@pytest.mark.parametrize("momentum", [0.0, -0.1, 1.1, math.nan])
@pytest.mark.parametrize("name", [name for name in KEEP_STATISTICS if name != "frozen"])
def test_momentum_must_lie_in_its_range(name: str, momentum: float) -> None:
    with pytest.raises(NormError, match=r"momentum is .*; it must lie in \(0, 1\]"):
        norms.make(name, CHANNELS, momentum=momentum)
    norms.make(name, CHANNELS, momentum=1.0)


@pytest.mark.parametrize("mode", ["train", "batch", "collect"])
@pytest.mark.parametrize("name", [name for name in KEEP_STATISTICS if name != "frozen"])
def test_one_value_per_channel_is_an_error_but_in_population_mode(
    name: str, mode: norms.Mode
) -> None:
    options = {"ghost_size": 1} if name == "ghost" else {}
    norm = norms.make(name, CHANNELS, **options)
    with norms.using(norm, mode), pytest.raises(NormError, match="one value per channel"):
        norm(torch.randn(1, CHANNELS))
    assert norm.eval()(torch.randn(1, CHANNELS)).isfinite().all()
    assert norm.num_batches_tracked == 0


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(NormError, match="did you mean 'renorm'"):
        norms.make("renrom", 3)


def test_an_unknown_option_names_the_normaliser() -> None:
    with pytest.raises(NormError, match=r"normaliser 'layer': .*momentum"):
        norms.make("layer", 3, momentum=0.1)


def test_an_unknown_mode_is_an_error() -> None:
    net = norms.make("batch", 3)
    with (
        pytest.raises(NormError, match="mode 'precise' is none of train"),
        norms.using(net, "precise"),
    ):
        pass


def test_modes_are_restored_after_an_error() -> None:
    net = nn.Sequential(norms.make("batch", 3), norms.make("layer", 3)).eval()
    with pytest.raises(ZeroDivisionError), norms.using(net, "batch"):
        _ = 1 / 0
    assert [norm.mode for norm in net] == ["population", "population"]


def test_nan_spreads_to_what_shares_a_moment_with_it() -> None:
    z = torch.randn(16, 6, 4)
    z[3, 2, 1] = math.nan
    reached = {
        "batch": (slice(None), [2]),
        "layer": ([3], slice(None)),
        "instance": ([3], [2]),
        "affine": ([3], [2], [1]),
        "whitening-zca": (slice(None), [0, 1, 2]),
    }
    for name, where in reached.items():
        options = {"groups": 2} if name == "whitening-zca" else {}
        expected = torch.zeros(16, 6, 4, dtype=torch.bool)
        expected[where] = True
        assert torch.equal(norms.make(name, 6, **options)(z).isnan(), expected), name


@pytest.mark.parametrize(("name", "shape"), FITTING)
def test_a_normaliser_mixes_examples_and_channels_where_it_says_so(
    name: str, shape: tuple[int, ...]
) -> None:
    norm, z = prepared(name), torch.randn(shape, requires_grad=True)
    with norms.using(norm, "batch"):
        (gradient,) = torch.autograd.grad(norm(z)[3, 1].square().sum(), z)
    reached = gradient.flatten(2).norm(dim=2) if z.dim() > 2 else gradient.abs()
    other_examples, other_channels = reached.clone(), reached[3].clone()
    other_examples[3], other_channels[1] = 0, 0
    assert bool(other_examples.any()) == norm.mixes_examples
    assert bool(other_channels.any()) == norm.mixes_channels
