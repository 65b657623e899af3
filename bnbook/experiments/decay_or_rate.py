"""Is it the decay, or the learning rate that it makes? Networks with one, the other, neither."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import xarray as xr
from torch import Tensor

from bnbook import data, probes
from bnbook.factors import names_of
from bnbook.nets import MLP
from bnbook.probes import Snapshot
from bnbook.study import Experiment, Measurement
from bnbook.train import Member, Population, log_spaced
from bnbook.train.optimizers import Tensors, per_member

PLAIN, DECAY, MATCHED = "plain", "decay", "matched rate"
EVERYWHERE, MATCHED_EVERYWHERE = "decay everywhere", "matched to everywhere"
TREATMENTS = {
    "none": (PLAIN, DECAY, MATCHED),
    "batch": (PLAIN, DECAY, MATCHED, EVERYWHERE, MATCHED_EVERYWHERE),
}
ARMS = tuple(
    {"norm": norm, "treatment": how}
    for norm, treatments in TREATMENTS.items()
    for how in treatments
)
TWINS = {MATCHED: DECAY, MATCHED_EVERYWHERE: EVERYWHERE}
MEASURED = {"loss": "nat", "accuracy": "1", "weight_norm": "1", "effective_rate": "1"}


@dataclass(frozen=True)
class Decay:
    """Two hidden ReLU layers, plain SGD, the same batches in every arm of a seed, in float64.

    plain               θ ← θ − η·g
    decay               w ← (1 − ηλ)·w − η·g for the weights of the hidden layers
    decay everywhere    the same for every parameter: also γ, β, the head and all biases
    matched rate        no decay; a hidden layer's learning rate is at each step the η_t for which
                        η_t/‖W‖² is what the arm with decay has, η/((1 − ηλ)·‖W‖²); everything
                        else has η. "matched to everywhere" follows "decay everywhere".

    ε is 1e-30, so that BN networks are scale-invariant to rounding.
    """

    data: str = "mnist-5k"
    widths: tuple[int, ...] = (50, 50)
    batch_size: int = 64
    learning_rate: float = 0.1
    decay: float = 0.007
    steps: int = 600
    looks: int = 6


@dataclass(frozen=True)
class DecayOrRate:
    """An optimizer whose members are the treatments, side by side, so that one can follow another.

    `hidden` names the weights whose norm the matched treatments look at.
    """

    treatments: tuple[str, ...]
    hidden: tuple[str, ...]
    decay: float

    def init(self, params: Tensors) -> dict[str, Tensors]:
        return {}

    @torch.no_grad()
    def step(
        self, params: Tensors, grads: Tensors, state: dict[str, Tensors], learning_rate: Tensor
    ) -> None:
        for name, p in params.items():
            rate = self.rates(p, learning_rate) if name in self.hidden else learning_rate
            decays = {EVERYWHERE, DECAY} if name in self.hidden else {EVERYWHERE}
            chosen = torch.tensor([how in decays for how in self.treatments], device=p.device)
            shrink = 1 - chosen * learning_rate * self.decay
            p.mul_(per_member(shrink, p)).sub_(per_member(rate, p) * grads[name])

    def rates(self, weight: Tensor, learning_rate: Tensor) -> Tensor:
        """The learning rate (member,) of a hidden layer's weights (member, …), before a step."""
        size = weight.flatten(1).norm(dim=1)
        rates = learning_rate.clone()
        for i, how in enumerate(self.treatments):
            if how in TWINS:
                then = size[self.treatments.index(TWINS[how])]
                shrink = 1 - learning_rate[i] * self.decay
                rates[i] = learning_rate[i] / shrink * (size[i] / then) ** 2
        return rates


def measure(settings: Decay, seed: int) -> xr.Dataset:
    """Of every arm, at a few steps: what the probes of the names in `MEASURED` say, and

    effective_rate   η_t/‖W‖² of the first layer
    """
    steps = log_spaced(settings.steps, settings.looks)
    parts = [_train(settings, norm, seed, steps) for norm in TREATMENTS]
    variables = {}
    for name, unit in MEASURED.items():
        values = torch.cat([part[name] for part in parts])
        dims = ("arm", "step", *(probes.get(name).dims if name in probes.names() else ()))
        variables[name] = (dims, values, {"units": unit, "long_name": name.replace("_", " ")})
    coords = {"arm": list(names_of(ARMS)), "step": list(steps), "split": list(probes.base.SPLITS)}
    return xr.Dataset(variables, {**coords, "statistics": list(probes.base.STATISTICS)})


def _train(settings: Decay, norm: str, seed: int, steps: tuple[int, ...]) -> dict[str, Tensor]:
    """(treatment, step, …) of the networks of one seed, in step with each other."""
    options = (("eps", 1e-30),) if norm == "batch" else ()
    spec = MLP(settings.widths, "relu", norm, options)
    hidden = tuple(f"layers.{i}.linear.weight" for i in range(len(settings.widths)))
    rule = DecayOrRate(TREATMENTS[norm], hidden, settings.decay)
    members = [Member(how, seed, settings.learning_rate) for how in TREATMENTS[norm]]
    population = Population(
        spec, rule, settings.batch_size, members, data.load(settings.data), dtype=torch.float64
    )
    seen: dict[str, list[Tensor]] = {name: [] for name in MEASURED}
    for step in range(settings.steps + 1):
        if step in steps:
            for name, values in _look(population.snapshot(), rule, population).items():
                seen[name].append(values)
        population.step()
    return {name: torch.stack(values, dim=1) for name, values in seen.items()}


def _look(s: Snapshot, rule: DecayOrRate, population: Population) -> dict[str, Tensor]:
    found = {name: probes.get(name)()(s) for name in MEASURED if name in probes.names()}
    first = s.params[rule.hidden[0]]
    rates = rule.rates(first, population.learning_rate)
    return {**found, "effective_rate": rates / first.flatten(1).norm(dim=1) ** 2}


def plan(scale: str) -> Measurement:
    """The same network; more steps and seeds at larger scales."""
    seeds, steps, looks = {"smoke": (2, 24, 3), "book": (8, 600, 6), "paper": (20, 6000, 12)}[scale]
    settings = Decay(steps=steps, looks=looks)
    return Measurement(
        ARMS, tuple(range(seeds)), measure, settings, data=settings.data, seeds_per_task=1
    )


EXPERIMENT = Experiment(
    name="decay-or-rate",
    question="Does weight decay before BN do anything but set the effective learning rate?",
    plan=plan,
)
