"""What every normaliser does with input and options that are odd, as `Norm`'s docstring says."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from bnbook import norms
from bnbook.nets import Dropout
from bnbook.norms import Norm, NormError

NAMES = norms.names()
KEEP = [name for name in NAMES if norms.get(name).keeps_statistics]
CHANNELS = 6
MODES = ["train", "batch", "population", "collect"]
SHAPES = [(16, CHANNELS, 5), (16, CHANNELS, 4, 4), (16, CHANNELS)]
COARSE = {torch.float16: 2**-11, torch.bfloat16: 2**-8}
"""Half precision, and the rounding error u of each."""


def used(name: str, dtype: torch.dtype = torch.float32) -> Norm:
    """Parameters and statistics that are not those of the start."""
    norm = norms.make(name, CHANNELS).to(dtype)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in norm.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=generator, dtype=torch.float64).to(p))
        for _ in range(3):
            norm(1 + 2 * torch.randn(16, CHANNELS, 5, generator=generator, dtype=dtype))
    return norm


def takes(name: str, z: Tensor) -> bool:
    """Whether a normaliser takes the shape at all: some need positions."""
    try:
        used(name)(z)
    except NormError:
        return False
    return True


def has_momentum(name: str) -> bool:
    return "momentum" in inspect.signature(norms.get(name)).parameters


def state(norm: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in norm.state_dict().items()}


# --- no example, one example ---


@pytest.mark.parametrize("shape", [(0, CHANNELS, 4), (0, CHANNELS, 4, 3), (3, CHANNELS, 0)])
@pytest.mark.parametrize("name", NAMES)
def test_an_empty_batch_gives_an_empty_one_or_says_that_it_has_no_moments(
    name: str, shape: tuple[int, ...]
) -> None:
    for mode in MODES:
        norm, z = used(name), torch.randn(shape, dtype=torch.float32)
        before = state(norm)
        with norms.using(norm, mode):
            if norm.takes_batch_moments():
                with pytest.raises(NormError, match=r"no value to take moments of|positions"):
                    norm(z)
            else:
                assert norm(z).shape == shape
        torch.testing.assert_close(state(norm), before, rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_batch_is_in_order_in_population_mode(name: str) -> None:
    assert used(name).eval()(torch.empty(0, CHANNELS, 5)).shape == (0, CHANNELS, 5)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_batch_of_other_channels_is_still_refused(name: str) -> None:
    with pytest.raises(NormError, match=r"takes \(N, 6, …\)"):
        used(name).eval()(torch.empty(0, CHANNELS + 1, 5))


@pytest.mark.parametrize("shape", [(1, CHANNELS), (1, CHANNELS, 1), (1, CHANNELS, 5)])
@pytest.mark.parametrize("name", NAMES)
def test_one_example_is_normalised_or_refused_and_never_makes_nan(
    name: str, shape: tuple[int, ...]
) -> None:
    for mode in MODES:
        norm, z = used(name), torch.randn(shape, dtype=torch.float32)
        before = state(norm)
        with norms.using(norm, mode):
            try:
                assert norm(z).isfinite().all()
            except NormError:
                torch.testing.assert_close(state(norm), before, rtol=0, atol=0)
        assert all(value.isfinite().all() for value in norm.state_dict().values())


# --- half precision ---


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", COARSE)
@pytest.mark.parametrize("name", NAMES)
def test_half_precision_is_float32_but_for_what_comes_in_and_goes_out(
    name: str, dtype: torch.dtype, mode: norms.Mode
) -> None:
    coarse, fine = used(name).to(dtype), used(name)
    for shape in SHAPES:
        z = (3 + 5 * torch.randn(shape)).to(dtype)
        if not takes(name, z.float()):
            continue
        with norms.using(coarse, mode), norms.using(fine, mode):
            y, expected = coarse(z), fine(z.float())
        assert y.dtype == dtype
        torch.testing.assert_close(y.float(), expected, rtol=COARSE[dtype], atol=1e-6)
        torch.testing.assert_close(state(coarse), state(fine), rtol=0, atol=0)


@pytest.mark.parametrize("change", [nn.Module.half, nn.Module.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_statistics_stay_float32(
    name: str, change: Callable[[nn.Module], nn.Module]
) -> None:
    net = nn.Sequential(nn.Linear(3, CHANNELS), used(name))
    before = state(net[1])
    change(net)
    assert net[0].weight.dtype in COARSE
    torch.testing.assert_close(state(net[1]), before, rtol=0, atol=0)
    assert {v.dtype for v in net[1].double().state_dict().values()} <= {torch.float64, torch.int64}


@pytest.mark.parametrize("dtype", COARSE)
@pytest.mark.parametrize("name", NAMES)
def test_gradients_pass_in_the_dtype_of_what_they_are_of(name: str, dtype: torch.dtype) -> None:
    norm = used(name).to(dtype)
    z = torch.randn(16, CHANNELS, 5).to(dtype).requires_grad_()
    norm(z).float().square().sum().backward()
    assert z.grad is not None
    assert z.grad.dtype == dtype
    assert z.grad.isfinite().all()
    assert all(p.grad is None or p.grad.dtype == torch.float32 for p in norm.parameters())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NAMES)
def test_under_autocast_training_and_evaluation_hand_on_the_same_dtype(
    name: str, mode: norms.Mode
) -> None:
    layer, norm = nn.Conv1d(2, CHANNELS, 3, dtype=torch.float32), used(name)
    x = torch.randn(16, 2, 7, dtype=torch.float32)
    twin = used(name)
    with norms.using(norm, mode), norms.using(twin, mode):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            z = layer(x)
            y, wide = norm(z), norm.eval()(x.new_ones(2, CHANNELS, 3))
        assert z.dtype == y.dtype == torch.bfloat16
        assert wide.dtype == torch.float32
        torch.testing.assert_close(y.float(), twin(z.float()), rtol=2**-8, atol=1e-6)
    assert {p.dtype for p in norm.parameters()} <= {torch.float32}


def test_noise_in_half_precision_has_the_moments_that_it_should() -> None:
    """The reproducer: 24 random bits as a half-precision number are infinite."""
    norm = norms.make("noisy-batch", 64, shift=0.0, scale=1.0, spread=0.1).half()
    z = torch.randn(4096, 64).half()
    y = norm(z).detach().float()
    plain = norms.make("batch", 64).float()(z.float()).detach()
    rest = y - plain
    assert rest.isfinite().all()
    # d ~ U(±0.1) and (s − 1)·x̂ with s − 1 ~ N(0, 0.1²): variances 0.1²/3 and 0.1².
    expected = 0.1**2 / 3 + 0.1**2
    assert float(rest.var()) == pytest.approx(expected, rel=0.02)


def test_dropout_in_half_precision_keeps_its_rate() -> None:
    dropout = Dropout(0.1)
    found = dropout(torch.ones(1_000_000, 1, dtype=torch.bfloat16))
    assert found.dtype == torch.bfloat16
    assert float((found == 0).double().mean()) == pytest.approx(0.1, abs=0.001)


@pytest.mark.parametrize("dtype", COARSE)
@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("weight-std")])
def test_coarse_weights_are_standardised_in_float32(name: str, dtype: torch.dtype) -> None:
    weight = (100 + torch.randn(CHANNELS, 64)).to(dtype)
    norm = norms.make(name, CHANNELS)
    found = norm.transform_weight(weight)
    assert found.dtype == dtype
    expected = norm.transform_weight(weight.float())
    torch.testing.assert_close(found.float(), expected, rtol=COARSE[dtype], atol=1e-6)


# --- memory formats, constants ---


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 1000), size=st.integers(2, 5))
@pytest.mark.parametrize("name", NAMES)
def test_the_memory_format_does_not_matter(name: str, seed: int, size: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(16, CHANNELS, size, size, generator=generator, dtype=torch.float32)
    formats = [
        z.to(memory_format=torch.channels_last),
        z.transpose(0, 1).contiguous().transpose(0, 1),
        torch.stack([z, z], -1)[..., 0],
    ]
    for mode in MODES:
        expected, after = used(name), []
        with norms.using(expected, mode):
            y = expected(z)
        for form in formats:
            norm = used(name)
            with norms.using(norm, mode):
                torch.testing.assert_close(norm(form), y, rtol=1e-4, atol=1e-4)
            after.append(state(norm))
        for each in after:
            torch.testing.assert_close(each, state(expected), rtol=1e-4, atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(size=st.floats(0.0, 1e6), negative=st.booleans())
@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_vary_becomes_beta_up_to_the_rounding_of_its_mean(
    name: str, size: float, negative: bool
) -> None:
    value = -size if negative else size
    for dtype, unit in ((torch.float32, 2**-24), (torch.float64, 2**-53)):
        norm = norms.make(name, CHANNELS).to(dtype)
        z = torch.full((16, CHANNELS, 5), value, dtype=dtype, requires_grad=True)
        with norms.using(norm, "batch"):
            y = norm(z)
        (slope,) = torch.autograd.grad(y.sum(), z)
        assert y.isfinite().all()
        assert slope.isfinite().all()
        if norm.absorbs_bias and name != "noisy-batch" and hasattr(norm, "eps"):
            # 80 values are added before the mean is known: a few roundings, not one.
            assert y.abs().max() <= 8 * unit * size / norm.eps**0.5 + 1e-6


# --- options ---

BAD = {"float": ["'0.1'", "None", "[1]", "True"], "int": ["'2'", "2.0", "[1]"]}
SCRIPT = """
from bnbook import norms
for name, options in {cases}:
    try:
        norms.make(name, {channels}, **options)
    except norms.NormError as error:
        option, value = next(iter(options.items()))
        assert option in str(error) and repr(value) in str(error), str(error)
        assert "must be" in str(error) or "it is" in str(error), str(error)
        assert "supported between" not in str(error), str(error)
    else:
        raise SystemExit(f"{{name}} {{options}} was taken")
for count in (4.0, "4", None):
    try:
        norms.make("batch", count)
    except norms.NormError as error:
        assert "num_features" in str(error), str(error)
    else:
        raise SystemExit(f"num_features {{count}} was taken")
"""


def bad_options() -> list[tuple[str, dict[str, object]]]:
    """Values of a wrong type for each option of each normaliser, told by its default's type."""
    cases = []
    for name in NAMES:
        for option, parameter in inspect.signature(norms.get(name)).parameters.items():
            optional = option == "momentum" or parameter.default is None
            kind = "int" if option in ("groups", "reference_size") else ""
            kind = kind or type(parameter.default).__name__
            for written in BAD.get(kind, []):
                value = eval(written)
                if not (value is None and optional):
                    cases.append((name, {option: value}))
    return cases


def test_an_option_of_a_wrong_type_is_refused_when_it_is_given() -> None:
    """In a process of its own: the types of annotations are checked under pytest only."""
    cases = bad_options()
    assert {"eps", "momentum", "groups", "ghost_size"} <= {
        o for _, options in cases for o in options
    }
    script = SCRIPT.format(cases=cases, channels=CHANNELS)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "name", [n for n in KEEP if "momentum" in inspect.signature(norms.get(n)).parameters]
)
def test_without_a_momentum_running_moments_are_means_over_the_batches(name: str) -> None:
    norm, once = (norms.make(name, CHANNELS, momentum=momentum) for momentum in (None, 1.0))
    seen = []
    for _ in range(4):
        z = 1 + 2 * torch.randn(16, CHANNELS, 5)
        norm(z), once(z)
        seen.append([moment.clone() for moment in once.statistics()])
    assert norm.num_batches_tracked == 4
    for i, moment in enumerate(norm.statistics()):
        each = torch.stack([moments[i] for moments in seen])
        if name == "renorm" and i == 1:  # there it is σ that moves, and not σ²
            expected = (each + norm.eps).sqrt().mean(0).square() - norm.eps
        else:
            expected = each.mean(0)
        torch.testing.assert_close(moment, expected, rtol=1e-10, atol=1e-10)


def test_without_a_momentum_batch_is_torchs() -> None:
    ours, torchs = (
        norms.make("batch", CHANNELS, momentum=None),
        nn.BatchNorm1d(CHANNELS, momentum=None),
    )
    for _ in range(3):
        z = torch.randn(16, CHANNELS, 5)
        torch.testing.assert_close(ours(z), torchs(z), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(state(ours), state(torchs), rtol=1e-10, atol=1e-10)


# --- stacked members, old state_dicts ---


@pytest.mark.parametrize("name", [name for name in KEEP if name != "frozen"])
def test_statistics_that_members_would_share_are_explained(name: str) -> None:
    nets = [nn.Sequential(nn.Linear(3, CHANNELS), used(name).double()) for _ in range(2)]
    params, buffers = stack_module_state(nets)
    shared = dict(nets[0].named_buffers())
    x = torch.randn(2, 16, 3)

    def run(p: dict[str, Tensor], x: Tensor, b: dict[str, Tensor]) -> Tensor:
        return functional_call(nets[0], (p, b), (x,))

    with pytest.raises(NormError, match=r"stack the buffers .*stack_module_state"):
        vmap(run, (0, 0, None))(params, x, shared)
    assert vmap(run, (0, 0, 0))(params, x, buffers).shape == (2, 16, CHANNELS)
    with norms.using(nets[0], "batch"):
        assert vmap(run, (0, 0, None))(params, x, shared).shape == (2, 16, CHANNELS)


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("name", KEEP)
def test_a_state_dict_from_before_batches_were_counted_loads(name: str, plain: bool) -> None:
    old, new = used(name, torch.float64), norms.make(name, CHANNELS)
    saved: Any = old.state_dict()  # torch types it as a plain dictionary, and it knows versions
    del saved["num_batches_tracked"]
    if plain:
        saved = dict(saved)
    else:
        saved._metadata[""]["version"] = 1
    new.load_state_dict(saved)
    assert new.num_batches_tracked == 0
    torch.testing.assert_close(new.statistics(), old.statistics(), rtol=0, atol=0)


@pytest.mark.parametrize("name", KEEP)
def test_a_state_dict_that_should_count_batches_and_does_not_is_refused(name: str) -> None:
    saved = used(name).state_dict()
    del saved["num_batches_tracked"]
    with pytest.raises(RuntimeError, match="num_batches_tracked"):
        norms.make(name, CHANNELS).load_state_dict(saved)


def test_torchs_state_dicts_old_and_new_load() -> None:
    torchs = nn.BatchNorm1d(CHANNELS)
    torchs(torch.randn(16, CHANNELS))
    ours = norms.make("batch", CHANNELS)
    ours.load_state_dict(torchs.state_dict())
    assert ours.num_batches_tracked == 1
    old = {k: v for k, v in torchs.state_dict().items() if k != "num_batches_tracked"}
    ours.load_state_dict(old)
    z = torch.randn(8, CHANNELS)
    expected = F.batch_norm(z, old["running_mean"], old["running_var"])
    torch.testing.assert_close(ours.eval()(z), expected)
