"""Time per network and step of a population against plain loops.

The network is that of the first chapter: 784 inputs, 3 × 100 sigmoid units with batch
normalization, batches of 60, SGD. All on one thread, as groups are trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from bench.timing import Ratios, Times, interleaved, one_thread, ratio
from bnbook import data
from bnbook.data.vision import torchvision_datasets
from bnbook.nets import MLP
from bnbook.train import SGD, Member, Population

Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]
WIDTHS, BATCH, MEMBERS = (100, 100, 100), 60, (8, 32, 64)
TUTORIAL, PLAIN = "tutorial loop, DataLoader", "plain loop, batches in memory"


def torch_net(inputs: int, classes: int) -> nn.Sequential:
    """The network as a tutorial writes it, with torch's own layers."""
    fans = [inputs, *WIDTHS]
    stages: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise(fans):
        stages += [nn.Linear(fan_in, fan_out), nn.BatchNorm1d(fan_out), nn.Sigmoid()]
    return nn.Sequential(*stages, nn.Linear(fans[-1], classes))


def plain(dataset: data.Dataset, batches: Batches) -> Callable[[], object]:
    """One step of one module, with torch.optim, on the next of `batches`."""
    net = torch_net(dataset.train.x[0].numel(), len(dataset.classes))
    rule = torch.optim.SGD(net.parameters(), lr=0.1)

    def step() -> object:
        x, y = next(batches)
        rule.zero_grad()
        F.cross_entropy(net(x), y).backward()
        return rule.step()

    return step


class Images(Dataset[tuple[torch.Tensor, int]]):
    """Digits as torchvision hands them out: a PIL image each, turned into a tensor when asked."""

    def __init__(self, split: data.Split) -> None:
        torchvision_datasets()  # makes torchvision importable beside a CPU build of torch
        from torchvision import transforms

        low, high = split.x.min(), split.x.max()
        pixels = ((split.x - low) / (high - low) * 255).round().byte().squeeze(1)
        self.images = [Image.fromarray(image.numpy()) for image in pixels]
        self.labels = split.y.tolist()
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


def loaded(dataset: data.Dataset) -> Batches:
    """Batches of a shuffling DataLoader over images and the usual transforms, for ever."""
    loader = DataLoader(Images(dataset.train), BATCH, shuffle=True, drop_last=True)
    while True:
        yield from loader


def gathered(dataset: data.Dataset, batch_size: int = BATCH) -> Batches:
    """Batches gathered from memory by a permutation, for ever."""
    while True:
        for rows in torch.randperm(len(dataset.train)).split(batch_size)[:-1]:
            yield dataset.train.x[rows], dataset.train.y[rows]


def population(dataset: data.Dataset, members: int) -> Callable[[], object]:
    """One step of a population."""
    spec = MLP(WIDTHS, "sigmoid", "batch")
    who = [Member("batch", seed, 0.1) for seed in range(members)]
    return Population(spec, SGD(), BATCH, who, dataset).step


def products(dataset: data.Dataset, members: int) -> Callable[[], object]:
    """The matrix products of such a step alone, forward and backward, as `torch.bmm`."""
    fans = [dataset.train.x[0].numel(), *WIDTHS, len(dataset.classes)]
    layers = []
    for i, (fan_in, fan_out) in enumerate(pairwise(fans)):
        h = torch.randn(members, BATCH, fan_in, requires_grad=i > 0)
        w = torch.randn(members, fan_in, fan_out, requires_grad=True)
        layers.append((h, w, torch.randn(members, BATCH, fan_out)))

    def run() -> None:
        for h, w, gradient in layers:
            wanted = [t for t in (w, h) if t.requires_grad]
            torch.autograd.grad(torch.bmm(h, w), wanted, gradient)

    return run


@one_thread()
def compare(repeats: int = 15) -> dict[str, Times]:
    """Seconds per network and step of every subject, from one interleaved run."""
    dataset = data.load("mnist-5k")
    subjects = {
        TUTORIAL: plain(dataset, loaded(dataset)),
        PLAIN: plain(dataset, gathered(dataset)),
    }
    networks = dict.fromkeys(subjects, 1)
    for members in MEMBERS:
        for name, make in (("population", population), ("matrix products", products)):
            subjects[f"{name} of {members}"] = make(dataset, members)
            networks[f"{name} of {members}"] = members
    times = interleaved(subjects, repeats)
    return {name: seen.per(networks[name]) for name, seen in times.items()}


def ratios(times: dict[str, Times]) -> Ratios:
    """Loops over the population, and the population over its products."""
    found = {}
    for members in MEMBERS:
        ours, bare = times[f"population of {members}"], times[f"matrix products of {members}"]
        for loop in (TUTORIAL, PLAIN):
            found[f"{loop} / population of {members}"] = ratio(times[loop], ours)
        found[f"population / matrix products of {members}"] = ratio(ours, bare)
    return found
