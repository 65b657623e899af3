"""The clinic's cases: networks that fail in a way people have reported, and the same ones cured."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.fusion import fuse_linear_bn_eval

from bnbook import data as datasets
from bnbook import norms
from bnbook.data import Batched
from bnbook.folding import fold
from bnbook.nets import adopt

UNITS = 64
Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Visit:
    """A model as it comes to the clinic.

    data      what it is trained and tested on; `options` what else `bnbook.diagnose` is told
    used      the model that is put to use, if that is another one
    used_on   examples of its use, if they are not the test examples
    """

    model: nn.Module
    data: Batched
    options: dict[str, Any] = field(default_factory=dict)
    used: nn.Module | None = None
    used_on: Batch | None = None

    @torch.no_grad()
    def accuracy(self) -> float:
        """Share of right answers in use: after `eval()`, on examples not trained on."""
        x, y = self.used_on or (self.data.test.x, self.data.test.y)
        model = copy.deepcopy(self.used or self.model).eval()
        return float((model(x).argmax(1) == y).double().mean())


@dataclass(frozen=True)
class Case:
    """A failure: its symptom in a user's words, the sign that names its cause, and both visits.

    `visits(seed)` gives the model that fails and the cured one.
    """

    name: str
    symptom: str
    sign: str
    cure: str
    visits: Callable[[int], tuple[Visit, Visit]]


@lru_cache(maxsize=1)
def digits() -> tuple[Batch, Batch]:
    """Training and test digits, halved to 14 × 14 pixels."""
    found = datasets.load("mnist-5k")
    train, test = ((F.avg_pool2d(s.x, 2), s.y) for s in (found.train, found.test))
    return train, test


def dense(norm: Callable[[int], nn.Module], classes: int = 10) -> nn.Sequential:
    """Two hidden layers of 64 ReLU units, a normaliser before each nonlinearity."""
    return nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(196, UNITS, bias=False), norm(UNITS), nn.ReLU()),
        *(nn.Linear(UNITS, UNITS, bias=False), norm(UNITS), nn.ReLU()),
        nn.Linear(UNITS, classes),
    )


def epoch(size: int, seed: int, examples: int = 2000, drop_last: bool = True) -> list[Batch]:
    """Training batches of one shuffled epoch."""
    (x, y), _ = digits()
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))[:examples]
    batches = [(x[rows], y[rows]) for rows in order.split(size)]
    return batches[:-1] if drop_last and len(batches[-1][1]) < size else batches


def endless(size: int, seed: int, examples: int = 2000) -> Iterator[Batch]:
    """Epoch after epoch."""
    while True:
        yield from epoch(size, seed, examples)
        seed += 1_000_003


def seen_as(train: list[Batch], test: Batch | None = None) -> Batched:
    """The data set of a case, in the words of a loader."""
    return datasets.from_batches(train, test or digits()[1], 10, name="digits")


def fit(
    model: Any,
    batches: Iterator[Batch],
    steps: int,
    rate: float,
    *,
    together: int = 1,
    falls: bool = True,
) -> Any:
    """SGD with momentum 0.9 on the mean cross-entropy, each step over so many batches together.

    The rate falls in a straight line to 0, as where a training is to end.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, rate, momentum=0.9)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps if falls else 1)
        optimizer.zero_grad()
        for _ in range(together):
            x, y = next(batches)
            (F.cross_entropy(model(x), y) / together).backward()
        optimizer.step()
    return model


def seeded(seed: int, make: Callable[[], Any]) -> Any:
    """A model with the initial weights of a seed; torch's own random numbers are left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def healthy(seed: int, steps: int = 150, momentum: float = 0.1) -> Any:
    """A dense network with BN, trained as it should be."""
    model = seeded(seed, partial(dense, partial(nn.BatchNorm1d, momentum=momentum)))
    return fit(model, endless(32, seed), steps, 0.05)


def refreshed(model: nn.Module, batches: list[Batch]) -> nn.Module:
    """A copy with precise statistics over some batches."""
    net = adopt(model)
    norms.precise_statistics(net, [x for x, _ in batches])
    return _taken_over(model, net)


def _taken_over(model: nn.Module, net: nn.Module) -> nn.Module:
    """A copy of the model with the numbers of the network that adopted it."""
    mine, numbers = copy.deepcopy(model), net.state_dict()
    mine.load_state_dict({name: numbers[f"model.{name}"] for name in mine.state_dict()})
    return mine


def averaged_weights(seed: int) -> tuple[Visit, Visit]:
    """Weights averaged over the last half of training, with the statistics of the last step."""
    model = healthy(seed, 30)
    batches = endless(32, seed + 7)
    mean = torch.optim.swa_utils.AveragedModel(model)
    for _ in range(40):
        fit(model, batches, 8, 0.5, falls=False)
        mean.update_parameters(model)
    last = copy.deepcopy(mean.module)
    for name, buffer in model.named_buffers():
        last.get_buffer(name).copy_(buffer)
    known = epoch(32, seed)
    return Visit(last, seen_as(known)), Visit(refreshed(last, known), seen_as(known))


def few_steps(seed: int) -> tuple[Visit, Visit]:
    """Forty steps, with a momentum that needs some hundreds."""
    model, known = healthy(seed, 40, momentum=0.01), epoch(32, seed)
    return Visit(model, seen_as(known)), Visit(refreshed(model, known), seen_as(known))


def images() -> nn.Sequential:
    """Three convolutions with BN; the last one sees maps of 2 × 2."""

    def layer(below: int, above: int) -> list[nn.Module]:
        conv = nn.Conv2d(below, above, 3, padding=1, bias=False)
        return [conv, nn.BatchNorm2d(above), nn.ReLU()]

    return nn.Sequential(
        *(*layer(1, 8), nn.MaxPool2d(3), *layer(8, 16), nn.MaxPool2d(2), *layer(16, 32)),
        *(nn.Flatten(), nn.Linear(128, 10)),
    )


def batch_of_one(seed: int) -> tuple[Visit, Visit]:
    """An epoch that ends with one example."""
    found = []
    for drop_last in (False, True):
        model = seeded(seed, images)
        known = epoch(32, seed, 1601, drop_last)
        fit(model, iter(3 * known), 3 * len(known), 0.05)
        found.append(Visit(model, seen_as(known)))
    return found[0], found[1]


def frozen(seed: int) -> tuple[Visit, Visit]:
    """A trained body with gradients off, under a new head that learns from darker pictures."""
    found = []
    for still in (False, True):
        body = healthy(seed)
        old_head = copy.deepcopy(body[-1])
        for parameter in body.parameters():
            parameter.requires_grad_(False)
        body[-1] = seeded(seed + 1, lambda: nn.Linear(UNITS, 10))
        body.train()
        if still:
            for layer in body:
                layer.train(not isinstance(layer, nn.BatchNorm1d))
        darker = [(0.6 * x - 0.4, y) for x, y in epoch(32, seed + 5)]
        fit(body, iter(3 * darker), 3 * len(darker), 0.05)
        x, y = digits()[1]
        old = copy.deepcopy(body)
        old[-1] = old_head
        mine = seen_as(darker, (0.6 * x - 0.4, y))
        found.append(Visit(body, mine, used=old, used_on=(x, y)))
    return found[0], found[1]


def other_convention(seed: int) -> tuple[Visit, Visit]:
    """momentum=0.9, which means 0.1 elsewhere."""
    found = []
    for momentum in (0.9, 0.1):
        model = seeded(seed, partial(dense, partial(nn.BatchNorm1d, momentum=momentum)))
        fit(model, endless(16, seed), 150, 0.05)
        found.append(Visit(model, seen_as(epoch(16, seed))))
    return found[0], found[1]


def lost_buffers(seed: int) -> tuple[Visit, Visit]:
    """A checkpoint of the parameters alone, loaded with strict=False."""
    model, known = healthy(seed), epoch(32, seed)
    loaded = dense(nn.BatchNorm1d)
    loaded.load_state_dict(dict(model.named_parameters()), strict=False)
    return Visit(loaded, seen_as(known)), Visit(model, seen_as(known))


class Recurrent(nn.Module):
    """One linear map used twice, with a normaliser for each use."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Linear(196, UNITS)
        self.again = nn.Linear(UNITS, UNITS)
        self.norms = nn.ModuleList(nn.BatchNorm1d(UNITS) for _ in range(2))
        self.head = nn.Linear(UNITS, 10)

    def forward(self, x: Any) -> Any:
        h = torch.relu(self.enter(x.flatten(1)))
        for norm in self.norms:
            h = torch.relu(norm(self.again(h)))
        return self.head(h)


class Unrolled(nn.Module):
    """The same with a copy of the linear map for every use."""

    def __init__(self, shared: Recurrent) -> None:
        super().__init__()
        self.enter, self.head = shared.enter, shared.head
        self.uses = nn.ModuleList(copy.deepcopy(shared.again) for _ in shared.norms)
        self.norms = shared.norms

    def forward(self, x: Any) -> Any:
        h = torch.relu(self.enter(x.flatten(1)))
        for linear, norm in zip(self.uses, self.norms, strict=True):
            h = torch.relu(norm(linear(h)))
        return self.head(h)


def fused_twice(seed: int) -> tuple[Visit, Visit]:
    """A linear map fused with one normaliser after the other."""
    shared = seeded(seed, Recurrent)
    fit(shared, endless(32, seed), 150, 0.05)
    fused: Any = copy.deepcopy(shared).eval()
    for i, norm in enumerate(fused.norms):
        fused.again = fuse_linear_bn_eval(fused.again, norm)
        fused.norms[i] = nn.Identity()
    apart = copy.deepcopy(Unrolled(shared))
    known = seen_as(epoch(32, seed))
    return (
        Visit(shared, known, used=fused),
        Visit(apart, known, used=fold(copy.deepcopy(apart).eval())),
    )


def accumulated(seed: int) -> tuple[Visit, Visit]:
    """Batches of 2, with the gradients of 8 of them added up."""
    found = []
    for norm in (nn.BatchNorm1d, nn.LayerNorm):
        model = seeded(seed, partial(dense, norm))
        fit(model, endless(2, seed), 150, 0.05, together=8)
        found.append(Visit(model, seen_as(epoch(2, seed, 1000))))
    return found[0], found[1]


class Sharded(nn.Module):
    """What nn.DataParallel computes in training: each replica normalises by its own examples.

    Only the first replica's buffers survive a pass.
    """

    def __init__(self, module: nn.Module, replicas: int) -> None:
        super().__init__()
        self.module, self.replicas = module, replicas

    def forward(self, x: Any) -> Any:
        first, *others = x.tensor_split(self.replicas)
        buffers = [{n: b.clone() for n, b in self.module.named_buffers()} for _ in others]
        out = [
            functional_call(self.module, b, (part,))
            for b, part in zip(buffers, others, strict=True)
        ]
        return torch.cat([self.module(first), *out])


def sharded(seed: int) -> tuple[Visit, Visit]:
    """Batches of 16 on 8 devices; then with synchronised normalisers."""
    found = []
    for together in (False, True):
        model = seeded(seed, lambda: dense(nn.BatchNorm1d))
        if together:
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        fit(model if together else Sharded(model, 8), endless(16, seed), 150, 0.05)
        found.append(Visit(model, seen_as(epoch(16, seed)), {"replicas": 8}))
    return found[0], found[1]


def other_camera(seed: int) -> tuple[Visit, Visit]:
    """Test pictures with half the contrast, and brighter; statistics adapted to 300 of them."""
    model, known = healthy(seed), epoch(32, seed)
    x, y = digits()[1]
    x = 0.5 * x + 0.7
    net = adopt(model)
    norms.adapt_statistics(net, [x[:300]], 0.0)
    adapted = _taken_over(model, net)
    there = (x[300:], y[300:])
    here = list(zip(x[:288].split(32), y[:288].split(32), strict=True))
    return (
        Visit(model, seen_as(known, (x, y)), used_on=there),
        Visit(adapted, seen_as(here, there)),
    )


CASES = (
    Case(
        "averaged weights",
        "The average of my checkpoints is worse than each of them.",
        "stale-statistics",
        "statistics collected anew",
        averaged_weights,
    ),
    Case(
        "few steps",
        "Training accuracy is fine; after eval() it is much lower.",
        "young-statistics",
        "statistics collected anew",
        few_steps,
    ),
    Case(
        "a batch of one",
        "Validation jumps at the end of some epochs.",
        "last-batch",
        "drop_last=True",
        batch_of_one,
    ),
    Case(
        "a frozen body",
        "I froze the body, and the old task got worse all the same.",
        "frozen-but-moving",
        "eval() on the frozen normalisers",
        frozen,
    ),
    Case(
        "the other convention",
        "Ported from Keras, evaluation is erratic.",
        "reversed-momentum",
        "momentum=0.1 for 0.9",
        other_convention,
    ),
    Case(
        "a lean checkpoint",
        "The loaded network is not the one I saved.",
        "never-updated",
        "buffers saved too",
        lost_buffers,
    ),
    Case(
        "a reused layer",
        "After fusing, the network is wrong.",
        "reused-layer",
        "a copy for every use",
        fused_twice,
    ),
    Case(
        "gradients added up",
        "Eight batches of 2 do not train like one of 16.",
        "small-batch",
        "a normaliser of single examples",
        accumulated,
    ),
    Case(
        "many devices",
        "On eight devices the same batch gives a worse network.",
        "small-shards",
        "synchronised normalisers",
        sharded,
    ),
    Case(
        "another camera",
        "On the new camera's pictures it fails.",
        "shifted-test-data",
        "statistics adapted without labels",
        other_camera,
    ),
)
"""Ten cases, each rebuilt in the small from what people have reported."""

BY_NAME = {case.name: case for case in CASES}
