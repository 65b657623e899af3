"""The map that a normaliser tells is what population mode does; no map means there is none."""

import pytest
import torch
from torch import Tensor, nn

from bnbook import norms
from bnbook.norms import Norm
from bnbook.norms.affine import Affine
from bnbook.norms.batch import BatchNorm

CHANNELS = 6
SHAPES = [(9, CHANNELS, 5), (9, CHANNELS, 4, 3), (9, CHANNELS)]
Map = tuple[Tensor, Tensor]


def used(norm: Norm) -> Norm:
    """In population mode, with parameters and statistics that are not those of the start."""
    with torch.no_grad():
        for p in norm.parameters():
            p.add_(0.3 * torch.randn_like(p))
        for _ in range(3):
            norm(1 + 2 * torch.randn(16, CHANNELS, 5))
    return norm.eval()


def takes(norm: Norm, z: Tensor) -> bool:
    try:
        norm(z)
    except norms.NormError:
        return False
    return True


def apply(map_: Map, z: Tensor) -> Tensor:
    scale, shift = map_
    matrix = scale if scale.dim() == 2 else torch.diag(scale)
    rows = torch.einsum("dc,nc...->nd...", matrix.to(z), z)
    return rows + shift.to(z).view(-1, *[1] * (z.dim() - 2))


def assert_the_map_is_told(norm: Norm) -> None:
    """Its own evaluation decides: the map told, or none where half way is not half way."""
    told = norm.population_map()
    for shape in SHAPES:
        z, other = 2 * torch.randn(shape) + 1, 3 * torch.randn(shape)
        if not takes(norm, z):
            continue
        if told is not None:
            torch.testing.assert_close(norm(z), apply(told, z), rtol=1e-11, atol=1e-11)
        else:
            bend = norm((z + other) / 2) - (norm(z) + norm(other)) / 2
            assert bend.abs().max() > 1e-6, "an affine map, but population_map() is None"


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("name", norms.names())
def test_every_normaliser_tells_the_map_of_its_population_mode(name: str, affine: bool) -> None:
    options = {} if affine or name == "none" else {"affine": False}
    assert_the_map_is_told(used(norms.make(name, CHANNELS, **options)))


# The test above must fail where a map is wrong: as inherited, or as told.


class Rectified(Affine):
    """Inherits nothing, for it has a forward of its own."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.relu(super().forward(z))


class Halved(BatchNorm):
    """Changes what forward calls, and inherits the map of another."""

    def with_running_statistics(self, z: Tensor) -> Tensor:
        return 0.5 * super().with_running_statistics(z)


class Untold(BatchNorm):
    """An affine map that it does not tell."""

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z)


@pytest.mark.parametrize("wrong", [Halved, Untold])
def test_a_map_that_is_wrong_or_untold_fails(wrong: type[Norm]) -> None:
    with pytest.raises(AssertionError):
        assert_the_map_is_told(used(wrong(CHANNELS)))


def test_a_forward_of_its_own_needs_a_map_of_its_own() -> None:
    assert Rectified(CHANNELS).population_map() is None
    assert_the_map_is_told(used(Rectified(CHANNELS)))
    assert Affine(CHANNELS).population_map() is not None


def test_a_norm_is_a_module_without_a_map_until_it_tells_one() -> None:
    class Plain(Norm):
        def forward(self, z: Tensor) -> Tensor:
            return z.tanh()

    assert isinstance(Plain(3), nn.Module)
    assert Plain(3).population_map() is None
