"""Time of a training step of a small VGG network against the same one written with torch.nn.

The networks of the studies at book scale: 28 × 28 digits averaged to 14 × 14, six convolutions,
batch normalization, batches of 64, SGD. All on one thread, as groups are trained.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from bench.population import gathered
from bench.timing import Ratios, Times, interleaved, one_thread, ratio
from bnbook import data
from bnbook.nets import VGG, members
from bnbook.train import SGD, Member, Population

STAGES, BATCH, MEMBERS = ((8, 2), (16, 2), (32, 2)), 64, 5
PLAIN, LAST = "plain loop", "plain loop, channels last"
OURS, STACKED = "population, one by one", "population, stacked"


def torch_net(dataset: data.Dataset) -> nn.Sequential:
    """The network as one would write it with torch's own layers."""
    channels, height, width = dataset.input_shape
    stages: list[nn.Module] = [nn.AvgPool2d(2)]
    for above, repeats in STAGES:
        for _ in range(repeats):
            conv = nn.Conv2d(channels, above, 3, padding=1, bias=False)
            stages += [conv, nn.BatchNorm2d(above), nn.ReLU()]
            channels = above
        stages.append(nn.MaxPool2d(2))
    pixels = (height // 2 ** (1 + len(STAGES))) * (width // 2 ** (1 + len(STAGES)))
    return nn.Sequential(*stages, nn.Flatten(), nn.Linear(channels * pixels, len(dataset.classes)))


def plain(dataset: data.Dataset, memory: torch.memory_format) -> Callable[[], object]:
    """One step of one module, with torch.optim, on batches gathered from memory."""
    net = torch_net(dataset).to(memory_format=memory)  # type: ignore[call-overload]
    rule = torch.optim.SGD(net.parameters(), lr=0.1)
    batches = gathered(dataset, BATCH)

    def step() -> object:
        x, y = next(batches)
        rule.zero_grad()
        F.cross_entropy(net(x.contiguous(memory_format=memory)), y).backward()
        return rule.step()

    return step


def population(dataset: data.Dataset, stacked: bool) -> Callable[[], object]:
    """One step of a population of convolutional networks."""
    spec = VGG(STAGES, norm="batch", input_shrink=2)
    who = [Member("batch", seed, 0.1) for seed in range(MEMBERS)]
    choose = members.one_by_one
    members.one_by_one = lambda net: not stacked
    try:
        return Population(spec, SGD(), BATCH, who, dataset).step
    finally:
        members.one_by_one = choose


@one_thread()
def compare(repeats: int = 15) -> dict[str, Times]:
    """Seconds per network and step of every subject, from one interleaved run."""
    dataset = data.load("mnist-5k")
    subjects = {
        PLAIN: plain(dataset, torch.contiguous_format),
        LAST: plain(dataset, torch.channels_last),
        OURS: population(dataset, stacked=False),
        STACKED: population(dataset, stacked=True),
    }
    networks = {PLAIN: 1, LAST: 1, OURS: MEMBERS, STACKED: MEMBERS}
    times = interleaved(subjects, repeats)
    return {name: seen.per(networks[name]) for name, seen in times.items()}


def ratios(times: dict[str, Times]) -> Ratios:
    """Ours over each of the others."""
    return {
        f"{OURS} / {other}": ratio(times[OURS], times[other]) for other in (PLAIN, LAST, STACKED)
    }
