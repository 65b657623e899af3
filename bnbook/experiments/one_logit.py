"""One example among ever other examples: what its logits are, batch after batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import xarray as xr
from torch import Tensor
from torch.func import functional_call, vmap

from bnbook import data, norms
from bnbook.factors import crossed
from bnbook.nets import MLP
from bnbook.study import Experiment, Measurement
from bnbook.train import descend

NORMS = ("batch",)
WATCHED = ("ordinary", "doubtful")
LOGITS = ("its class", "its strongest rival")


@dataclass(frozen=True)
class Crowd:
    """Two hidden ReLU layers with BN; the batches around an example are of training digits.

    Watched are two held-out digits, chosen at the end by population statistics: of those that are
    right, the one of median margin ("ordinary") and the one of the smallest ("doubtful").
    """

    data: str = "mnist-5k"
    widths: tuple[int, ...] = (100, 100)
    batch_size: int = 64
    learning_rate: float = 0.2
    looks: tuple[int, ...] = (0, 20, 100, 400)
    sizes: tuple[int, ...] = (4, 8, 16, 32, 64, 256)
    draws: int = 120


def measure(settings: Crowd, seed: int) -> xr.Dataset:
    """logit, by step, example, size m of the batch, draw, and class (its own, its rival).

    The rival is the class with the second logit at the end. The same draws at every step.
    """
    dataset = data.load(settings.data).split(seed)
    spec = MLP(settings.widths, "relu", "batch")
    net = spec.build(dataset.input_shape, len(dataset.classes), seed)
    run = descend(
        net,
        dataset.train,
        steps=settings.looks[-1],
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=seed,
    )
    states = []
    for step in run:
        if step in settings.looks:
            states.append({name: v.detach().clone() for name, v in net.state_dict().items()})
    with norms.using(net, "population"), torch.no_grad():
        rows, classes = watched(net(dataset.test.x), dataset.test.y)
    crowds = _crowds(settings, seed, dataset.train.x, dataset.test.x[rows])
    seen = [[_logits(net, state, crowd, classes) for crowd in crowds] for state in states]
    found = torch.stack([torch.stack(of_sizes) for of_sizes in seen]).unsqueeze(0)
    attrs = {"units": "1", "long_name": "logit"}
    coords = {"arm": list(NORMS), "step": list(settings.looks), "m": list(settings.sizes)}
    return xr.Dataset(
        {"logit": (("arm", "step", "m", "example", "draw", "class"), found, attrs)},
        {**coords, "example": list(WATCHED), "class": list(LOGITS)},
    )


def watched(logits: Tensor, labels: Tensor) -> tuple[list[int], Tensor]:
    """Rows of the ordinary and the doubtful example, and (2, 2) each one's class and its rival."""
    own = logits.gather(1, labels[:, None])[:, 0]
    others = logits.scatter(1, labels[:, None], -torch.inf)
    rival, margin = others.argmax(1), own - others.max(1).values
    right = torch.nonzero(margin > 0)[:, 0]
    ranked = right[margin[right].argsort()]
    rows = [int(ranked[len(ranked) // 2]), int(ranked[0])]
    return rows, torch.stack([labels[rows], rival[rows]], dim=1)


def _crowds(settings: Crowd, seed: int, train: Tensor, examples: Tensor) -> list[Tensor]:
    """For each size, batches (example, draw, m, …) whose first member is the example."""
    generator = torch.Generator().manual_seed(seed)
    crowds = []
    for m in settings.sizes:
        chosen = torch.randint(len(train), (settings.draws, m), generator=generator)
        batches = train[chosen].expand(len(examples), *[-1] * (train.dim() + 1)).clone()
        batches[:, :, 0] = examples[:, None]
        crowds.append(batches)
    return crowds


@torch.no_grad()
def _logits(
    net: torch.nn.Module, state: dict[str, Tensor], crowd: Tensor, classes: Tensor
) -> Tensor:
    """(example, draw, class) of the first member of each batch."""

    def first(x: Tensor) -> Tensor:
        return functional_call(net, state, (x,))[0]

    with norms.using(net, "batch"):
        logits = vmap(vmap(first), chunk_size=1)(crowd)
    return logits.gather(2, classes[:, None].expand(-1, logits.shape[1], -1))


def plan(scale: str) -> Measurement:
    """The same network; more draws and seeds at larger scales."""
    seeds, looks, draws = {
        "smoke": (2, (0, 5, 10, 20), 20),
        "book": (5, (0, 20, 100, 400), 120),
        "paper": (10, (0, 100, 1000, 10_000), 1000),
    }[scale]
    settings = Crowd(looks=looks, draws=draws)
    return Measurement(
        crossed(norm=NORMS),
        tuple(range(seeds)),
        measure,
        settings,
        data=settings.data,
        seeds_per_task=1,
    )


EXPERIMENT = Experiment(
    name="one-logit",
    question="How far does an example's answer depend on who else is in its batch?",
    plan=plan,
)
