"""What a diagnosis looks at, and what a finding is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnbook import norms
from bnbook.data import Batched, Dataset
from bnbook.measuring import Watch
from bnbook.nets import AdoptedNetwork, Network
from bnbook.norms import Norm
from bnbook.norms.running import RunningNorm
from bnbook.probes.accuracy import predictions
from bnbook.text import unknown

Kind = Literal["fault", "remark"]

HARM = 0.1
"""A difference in loss, in nat, that is worth a finding: a tenth of the odds of the right class."""

Z = 4.0
"""Standard errors by which a difference must be clear of 0: for one test, 1 in 30,000 by chance."""


class DiagnosisError(ValueError):
    """A diagnosis was asked for that cannot be made; the message says what to change."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    seen       what was seen, with its numbers
    sure       how sure that is: what follows from the network as it is, or a measurement with its
               standard error
    why        why it matters
    cure       what to do
    check      how to see that it helped
    """

    seen: str
    sure: str
    why: str
    cure: str
    check: str
    name: str = ""
    kind: Kind = "fault"
    page: str = ""


Look = Callable[["Patient"], "Finding | None"]
"""What looks at a patient for one sign."""


@dataclass(frozen=True)
class Sign:
    """What can be found: its name, whether it is a fault or only worth knowing, and the look.

    `page` is the chapter that explains it. It is not looked for where one of `unless` was found,
    of which it would be a consequence.
    """

    name: str
    kind: Kind
    page: str
    unless: tuple[str, ...]
    look: Look


registry: dict[str, Sign] = {}


def sign(
    name: str, *, page: str, kind: Kind = "fault", unless: tuple[str, ...] = ()
) -> Callable[[Look], Look]:
    """Decorator: enter a look at a patient, which gives a finding or None, under a name."""

    def enter(look: Look) -> Look:
        if name in registry:
            raise DiagnosisError(f"two signs are called {name!r}")
        registry[name] = Sign(name, kind, page, unless, look)
        return look

    return enter


def in_order() -> list[Sign]:
    """All signs, causes before what they would explain; a circle is a `DiagnosisError`."""
    found: dict[str, Sign] = {}
    waiting = dict(sorted(registry.items()))
    while waiting:
        ready = [s for s in waiting.values() if not set(s.unless) & set(waiting)]
        if not ready:
            raise DiagnosisError(f"signs wait for each other: {', '.join(waiting)}")
        for each in ready:
            if strange := set(each.unless) - set(registry):
                raise DiagnosisError(unknown("sign", strange.pop(), registry))
            found[each.name] = waiting.pop(each.name)
    return list(found.values())


@dataclass(frozen=True)
class Difference:
    """Mean of paired differences over examples, with its standard error."""

    mean: float
    error: float

    @classmethod
    def of(cls, values: Tensor) -> Difference:
        values = values.double()
        return cls(float(values.mean()), float(values.std() / len(values) ** 0.5))

    def exceeds(self, least: float) -> bool:
        """Whether it is larger than `least`, and clear of 0 by `Z` standard errors."""
        return self.mean > least and self.mean > Z * self.error

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.error:.2f} nat"


@dataclass(eq=False)
class Patient:
    """A model, its data, and what is known of its training; what several looks need is made once.

    model      as it was given: its flags `training` are part of the evidence
    replicas   devices over which each batch is divided, by which BN normalises one by one
    optimizer  that of the training, if it was given
    """

    model: nn.Module
    data: Dataset
    batch_size: int
    replicas: int = 1
    optimizer: torch.optim.Optimizer | None = None
    found: set[str] = field(default_factory=set)

    @cached_property
    def watch(self) -> Watch:
        """The adopted network beside the model."""
        return Watch(self.model, self.data, ["loss"], self.batch_size)

    @cached_property
    def snapshot(self) -> Any:
        """What probes see."""
        return self.watch.snapshot_at(0)

    @property
    def net(self) -> Network:
        """The network with normalisers of this package."""
        return self.watch.net

    def name_of(self, module: nn.Module) -> str:
        """A module's name in the model."""
        names = {id(m): name for name, m in self.net.named_modules()}
        return names[id(module)].removeprefix("model.")

    @cached_property
    def remembering(self) -> dict[str, RunningNorm]:
        """The normalisers that keep running statistics, by their names in the model."""
        kept = [m for m in self.net.modules() if isinstance(m, RunningNorm)]
        return {self.name_of(m): m for m in kept}

    @cached_property
    def calls(self) -> dict[str, int]:
        """How often a pass uses each normaliser and linear map."""
        counts: dict[str, int] = {}
        watched = (Norm, nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
        with self._noting(watched, lambda name, *_: counts.update({name: counts.get(name, 0) + 1})):
            pass
        return counts

    @cached_property
    def positions(self) -> dict[str, int]:
        """Values that each normaliser is given per channel and example, at its first use."""
        found: dict[str, int] = {}

        def note(name: str, norm: Any, z: Tensor) -> None:
            found.setdefault(name, z[0, 0].numel() if z.dim() > 2 else 1)

        with self._noting((RunningNorm,), note):
            pass
        return found

    @contextmanager
    def _noting(self, kinds: Any, note: Callable[[str, nn.Module, Tensor], Any]) -> Iterator[None]:
        """A pass over a few examples in evaluation mode, `note` called for each use of `kinds`."""
        x = self.snapshot.examples("train")[0][0, :4]
        with ExitStack() as hooks:
            for module in self.net.modules():
                if isinstance(module, kinds):
                    hook = _hook(note, self.name_of(module))
                    hooks.callback(module.register_forward_hook(hook).remove)
            with norms.using(self.net, "population"), torch.no_grad():
                self.net(x)
        yield

    def losses(self, split: str, statistics: str) -> Tensor:
        """Cross-entropy (N,) of each example of a split under a kind of statistics."""
        logits, y = predictions(self.snapshot)[split, statistics]
        return F.cross_entropy(logits[0], y[0], reduction="none")

    def excess(self, split: str, one: str, other: str) -> Difference:
        """Loss under one kind of statistics above that under another, on the same examples."""
        a, b = self.losses(split, one), self.losses(split, other)
        n = min(len(a), len(b))
        return Difference.of(a[:n] - b[:n])

    def accuracy(self, split: str, statistics: str) -> float:
        """Share of right answers on a split under a kind of statistics."""
        logits, y = predictions(self.snapshot)[split, statistics]
        return float((logits[0].argmax(1) == y[0]).double().mean())

    def values_per_channel(self, name: str, examples: int) -> int:
        """Values over which a normaliser takes its moments in a batch of so many examples."""
        return examples * self.positions.get(name, 1)

    @property
    def traced(self) -> Any:
        """The trace of test examples as one batch, by batch statistics."""
        return self.snapshot.activations

    @property
    def shard(self) -> int:
        """Examples by which one device normalises."""
        return max(1, self.batch_size // self.replicas)

    @property
    def sites(self) -> list[Any]:
        """Where layers begin and end, if torch.fx can tell."""
        return self.net.sites if isinstance(self.net, AdoptedNetwork) else []

    def in_training(self, name: str) -> bool:
        """Whether the model's own module of that name is in training mode."""
        return bool(self.model.get_submodule(name).training)

    @cached_property
    def in_use(self) -> nn.Module:
        """A copy of the model after `eval()`."""
        return copy.deepcopy(self.model).eval()

    def batches(self) -> list[Tensor]:
        """Rows of the training batches as they came, where the data know them."""
        return list(self.data.batches) if isinstance(self.data, Batched) else []


def _hook(note: Callable[..., Any], name: str) -> Callable[..., None]:
    def hook(module: nn.Module, given: tuple[Tensor, ...], _: Any) -> None:
        note(name, module, given[0])

    return hook


def listed(names: Any, most: int = 3) -> str:
    """Names in a sentence, the first few of them."""
    names = [f"'{name}'" if name else "the model itself" for name in names]
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
