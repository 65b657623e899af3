"""Layer, instance and group normalization: moments within one example."""

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from bnbook import norms
from bnbook.norms import NormError

SHAPES = [(5, 12), (5, 12, 4), (5, 12, 4, 3)]
SPATIAL = SHAPES[1:]


def with_random_affine(norm: norms.Norm) -> norms.Norm:
    with torch.no_grad():
        for p in norm.parameters():
            p.copy_(torch.randn(p.shape))
    return norm


def by_hand(norm: norms.Norm, z: Tensor, groups: int, eps: float) -> np.ndarray:
    """Example by example and group by group, in numpy."""
    out = np.empty(z.shape)
    size = z.shape[1] // groups
    for i, example in enumerate(z.numpy()):
        for g in range(groups):
            part = example[g * size : (g + 1) * size]
            x = (part - part.mean()) / np.sqrt(part.var() + eps)
            for c in range(size):
                k = g * size + c
                out[i, k] = norm.weight[k].item() * x[c] + norm.bias[k].item()
    return out


@pytest.mark.parametrize("groups", [1, 3, 4])
@pytest.mark.parametrize("shape", SHAPES)
def test_group_norm_is_its_definition_and_torchs(shape: tuple[int, ...], groups: int) -> None:
    norm = with_random_affine(norms.make("group", 12, groups=groups, eps=0.1))
    z = torch.randn(shape)
    expected = torch.from_numpy(by_hand(norm, z, groups, 0.1))
    torch.testing.assert_close(norm(z), expected, rtol=1e-12, atol=1e-12)
    theirs = nn.GroupNorm(groups, 12, eps=0.1)
    theirs.load_state_dict(norm.state_dict())
    torch.testing.assert_close(norm(z), theirs(z), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_one_group_is_layer_norm_over_channels_and_positions(shape: tuple[int, ...]) -> None:
    z = torch.randn(shape)
    layer, group = norms.make("layer", 12), norms.make("group", 12, groups=1)
    torch.testing.assert_close(layer(z), group(z))
    torch.testing.assert_close(layer(z), nn.LayerNorm(shape[1:])(z), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", SPATIAL)
def test_as_many_groups_as_channels_is_instance_norm(shape: tuple[int, ...]) -> None:
    z = torch.randn(shape)
    instance, group = norms.make("instance", 12), norms.make("group", 12, groups=12)
    torch.testing.assert_close(instance(z), group(z))
    theirs = nn.InstanceNorm1d(12) if len(shape) == 3 else nn.InstanceNorm2d(12)
    torch.testing.assert_close(instance(z), theirs(z), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["layer", "group", "instance", "weight-std+group"])
def test_all_modes_are_the_same_and_nothing_is_kept(name: str) -> None:
    norm, z = with_random_affine(norms.make(name, 12)), torch.randn(5, 12, 4)
    assert not norm.keeps_statistics
    assert list(norm.buffers()) == []
    outputs = []
    for mode in ("train", "batch", "population", "collect"):
        with norms.using(norm, mode):
            outputs.append(norm(z))
    assert all(torch.equal(outputs[0], y) for y in outputs)


matrices = arrays.arrays(float, (4, 6), elements=st.floats(-3, 3, width=16)).map(
    lambda z: torch.from_numpy(z) + 10 * torch.arange(6.0, dtype=torch.float64)
)


@given(matrices, matrices)
@settings(max_examples=40, deadline=None)
def test_layer_norm_of_an_example_does_not_depend_on_the_rest_of_the_batch(
    z: Tensor, other: Tensor
) -> None:
    norm = norms.make("layer", 6).double()
    mixed = torch.cat([z[:1], other[1:]])
    torch.testing.assert_close(norm(z)[0], norm(mixed)[0], rtol=1e-12, atol=1e-12)


@given(matrices, st.floats(0.1, 10), st.floats(-5, 5))
@settings(max_examples=40, deadline=None)
def test_layer_norm_forgets_the_scale_and_shift_of_an_example(
    z: Tensor, scale: float, shift: float
) -> None:
    norm = norms.make("layer", 6, eps=1e-30).double()
    torch.testing.assert_close(norm(scale * z + shift), norm(z), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("channels", "groups"),
    [
        (6, 1),
        (10, 1),
        (32, 2),
        (45, 1),
        (48, 3),
        (528, 24),
        (64, 4),
        (100, 5),
        (256, 16),
        (512, 32),
        (1024, 32),
    ],
)
def test_the_default_is_the_most_groups_up_to_32_of_16_channels_or_more(
    channels: int, groups: int
) -> None:
    assert norms.make("group", channels).groups == groups
    assert norms.make("weight-std+group", channels).groups == groups


@pytest.mark.parametrize("name", ["group", "weight-std+group", "whitening-zca"])
@pytest.mark.parametrize("groups", [0, -2, 5, 24])
def test_groups_that_do_not_divide_the_channels_are_refused_with_those_that_do(
    name: str, groups: int
) -> None:
    with pytest.raises(NormError, match="groups can be 1, 2, 3, 4, 6, 12"):
        norms.make(name, 12, groups=groups)


def test_instance_norm_refuses_what_has_no_positions() -> None:
    with pytest.raises(NormError, match=r"a dense layer has none\. Use 'layer' or 'group'"):
        norms.make("instance", 12)(torch.randn(5, 12))
    with pytest.raises(NormError, match="one value per example and group"):
        norms.make("instance", 12)(torch.randn(5, 12, 1, 1))


def test_one_value_per_group_is_refused() -> None:
    with pytest.raises(NormError, match="one value per example and group"):
        norms.make("group", 12, groups=12)(torch.randn(5, 12))
    with pytest.raises(NormError, match="one value per example and group"):
        norms.make("layer", 1)(torch.randn(5, 1))
