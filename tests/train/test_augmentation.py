"""Augmented images are windows of the padded ones, evenly drawn, and the same for every arm."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bnbook.data import Dataset, Split
from bnbook.nets import MLP
from bnbook.train import SGD, FlipAndCrop, Member, PlanError, Population


def images(members: int = 2, count: int = 5) -> Tensor:
    return torch.randn(members, count, 2, 4, 6, generator=torch.Generator().manual_seed(0))


def windows(image: Tensor, padding: int, flip: bool) -> dict[tuple[int, int, bool], Tensor]:
    """Every window of one padded image (C, H, W), cut out one after the other."""
    padded = F.pad(image, [padding] * 4)
    height, width = image.shape[1:]
    found = {}
    for top in range(2 * padding + 1):
        for left in range(2 * padding + 1):
            cut = padded[:, top : top + height, left : left + width]
            found[top, left, False] = cut
            if flip:
                found[top, left, True] = torch.flip(cut, [2])
    return found


@pytest.mark.parametrize("flip", [True, False])
def test_windows_and_mirror_images_are_drawn_evenly(flip: bool) -> None:
    image, count = images()[0, 0], 6000
    x = image.expand(1, count, 2, 4, 6)
    changed = FlipAndCrop(padding=1, flip=flip)(x, [3], step=7)[0]
    cuts = windows(image, padding=1, flip=flip)
    seen = torch.stack([(changed == cut).flatten(1).all(1) for cut in cuts.values()])
    assert (seen.sum(0) == 1).all()
    expected = count / len(cuts)
    assert ((seen.sum(1) - expected).abs() < 5 * expected**0.5).all()


def test_places_and_flips_of_neighbouring_examples_and_steps_are_unrelated() -> None:
    where = torch.arange(81.0).view(1, 1, 1, 9, 9).expand(1, 4000, 1, 9, 9) + 1
    corners = torch.stack(
        [FlipAndCrop(4, flip=False)(where, [0], step)[0, :, 0, 4, 4] for step in (5, 6)]
    )
    assert torch.corrcoef(corners)[0, 1].abs() < 0.06
    assert torch.corrcoef(torch.stack([corners[0, :-1], corners[0, 1:]]))[0, 1].abs() < 0.06


def test_members_of_one_seed_see_the_same_images_and_others_do_not() -> None:
    x = images()[:1].expand(3, -1, -1, -1, -1)
    changed = FlipAndCrop()(x, [4, 9, 4], step=2)
    assert torch.equal(changed[0], changed[2])
    assert not torch.equal(changed[0], changed[1])
    assert torch.equal(FlipAndCrop()(x[:1], [9], step=2)[0], changed[1])
    assert not torch.equal(FlipAndCrop()(x[:1], [9], step=3)[0], changed[1])


def test_without_padding_and_flips_images_stay() -> None:
    assert torch.equal(FlipAndCrop(padding=0, flip=False)(images(), [0, 1], step=0), images())


def test_the_global_generator_is_left_alone() -> None:
    state = torch.get_rng_state()
    FlipAndCrop()(images(), [0, 1], step=0)
    assert torch.equal(state, torch.get_rng_state())


def test_a_population_trains_on_augmented_images_and_probes_see_them() -> None:
    x, y = images(1, 40)[0], torch.arange(40) % 2
    data = Dataset("toy", Split(x, y), Split(x, y), ("a", "b"), "0" * 16)
    members = [Member("a", 3, 0.1), Member("b", 3, 0.1)]
    plain = Population(MLP((4,)), SGD(), 8, members, data)
    changed = Population(MLP((4,)), SGD(), 8, members, data, augmentation=FlipAndCrop(1))
    expected = FlipAndCrop(1)(plain.next_batch()[0], [3, 3], 0)
    assert torch.equal(changed.next_batch()[0], expected)
    assert torch.equal(changed.snapshot().batch[0], expected)
    assert torch.equal(plain.next_batch()[1], changed.next_batch()[1])


def test_what_cannot_be_cropped_is_refused() -> None:
    with pytest.raises(PlanError, match="images"):
        FlipAndCrop()(torch.randn(2, 5, 7), [0, 1], step=0)
    with pytest.raises(PlanError, match="padding"):
        FlipAndCrop(padding=-1)
