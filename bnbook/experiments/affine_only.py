"""Training γ and β alone: everything else stays as it was drawn."""

from __future__ import annotations

from dataclasses import dataclass

from bnbook import probes
from bnbook.nets import MLP
from bnbook.study import Experiment
from bnbook.train import SGD, Arm, Optimizer, Plan, Tuned, log_spaced
from bnbook.train.optimizers import Tensors

TRAINED = {
    "everything": ("",),
    "γ and β": (".norm.",),
    "head": ("head.",),
    "γ, β and head": (".norm.", "head."),
}
"""What an arm trains: the parameters whose names hold one of these."""


@dataclass(frozen=True)
class Only:
    """A rule for the parameters whose names hold one of `parts`; the others stay as they are."""

    rule: Optimizer
    parts: tuple[str, ...]

    def chosen(self, tensors: Tensors) -> Tensors:
        return {n: t for n, t in tensors.items() if any(part in n for part in self.parts)}

    def init(self, params: Tensors) -> dict[str, Tensors]:
        return self.rule.init(self.chosen(params))

    def step(
        self, params: Tensors, grads: Tensors, state: dict[str, Tensors], learning_rate: object
    ) -> None:
        self.rule.step(self.chosen(params), grads, state, learning_rate)  # type: ignore[arg-type]


def plan(scale: str) -> Plan:
    """Four hidden layers of ReLUs with BN, each arm at its own rate."""
    data, widths, tuned, seeds, steps, looks = {
        "smoke": ("mnist-5k", (48,) * 4, Tuned((0.1, 1.0), (100,), 4), 2, 6, 3),
        "book": ("mnist-5k", (48,) * 4, Tuned((0.1, 0.3, 1.0, 3.0), (100, 101), 150), 8, 300, 7),
        "paper": (
            "mnist",
            (200,) * 4,
            Tuned((0.03, 0.1, 0.3, 1.0, 3.0), (100, 101), 2_000),
            20,
            20_000,
            12,
        ),
    }[scale]
    arms = [
        Arm({"trained": name}, MLP(widths, norm="batch"), tuned, 32, Only(SGD(), parts))
        for name, parts in TRAINED.items()
    ]
    return Plan(
        data=data,
        arms=tuple(arms),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=(probes.get("accuracy")(),),
        probe_steps=log_spaced(steps, looks),
    )


EXPERIMENT = Experiment(
    name="affine-only",
    question="How much can γ and β learn, where nothing else may?",
    plan=plan,
)
