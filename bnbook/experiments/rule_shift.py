"""Cats whose name changes hands: the rule for the label moves, with the inputs or without them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from bnbook.experiments.covariate_shift import FITS, Array, Cats
from bnbook.factors import crossed
from bnbook.study import Experiment, Measurement

INPUTS = {"inputs stay": 0.0, "inputs shift": 1.5}
"""Distance of the two clouds; the second is that at which the chapter judges its cats."""


@dataclass(frozen=True)
class NewRule:
    """The cats of `covariate-shift`, and a target whose rule has moved by each of `moves`.

    At the source x is a cat with probability 1/(1 + exp(−6·(x₂ − x₁²/2))), at the target with
    1/(1 + exp(−6·(x₂ − move − x₁²/2))): to be called one, an animal needs ears longer by `move`.
    """

    moves: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
    cats: Cats = Cats()

    def sample(
        self, domain: str, shift: float, move: float, n: int, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """n inputs (n, 2) of a domain, and their labels (n,) in {0, 1} by its rule."""
        x, _ = self.cats.sample(domain, shift, n, rng)
        chance = self.rule(x, move if domain == "target" else 0.0)
        return x, (rng.uniform(size=n) < chance).astype(float)

    def rule(self, x: Array, move: float) -> NDArray[np.float64]:
        """P(y = 1 | x) of inputs (n, 2) when the rule has moved."""
        edge = move + self.cats.bend * x[..., 0] ** 2 / 2
        return np.asarray(expit(self.cats.sharpness * (x[..., 1] - edge)))


def measure(new: NewRule, seed: int) -> xr.Dataset:
    """Accuracy at the target of three lines, (arm, inputs, move), and the lines.

    Arms as in `covariate-shift`: fitted to source examples as they are; to the same examples
    under the weights p_target(x)/p_source(x), which know of no label; to target examples.
    """
    shape = (len(FITS), len(INPUTS), len(new.moves))
    accuracy, line = np.empty(shape), np.empty((*shape, 3))
    cats = new.cats
    for i, shift in enumerate(INPUTS.values()):
        for j, move in enumerate(new.moves):
            rng = np.random.default_rng([seed, i, j])
            source = new.sample("source", shift, move, cats.train_examples, rng)
            target = new.sample("target", shift, move, cats.train_examples, rng)
            test = new.sample("target", shift, move, cats.test_examples, rng)
            flat = np.ones(cats.train_examples)
            fits = ((*source, flat), (*source, cats.weights(source[0], shift)), (*target, flat))
            for a, (x, y, w) in enumerate(fits):
                fit = LogisticRegression(C=1e6).fit(x, y, sample_weight=w / w.mean())
                accuracy[a, i, j] = fit.score(*test)
                line[a, i, j] = [*fit.intercept_, *fit.coef_[0]]
    words = "accuracy at the target"
    return xr.Dataset(
        {
            "accuracy": (
                ("arm", "inputs", "move"),
                accuracy,
                {"units": "1", "long_name": words},
            ),
            "line": (("arm", "inputs", "move", "coefficient"), line, {"units": "1"}),
        },
        {
            "arm": list(FITS),
            "inputs": list(INPUTS),
            "move": ("move", list(new.moves), {"units": "σ", "long_name": "move of the rule"}),
            "coefficient": ["intercept", "coat", "ears"],
        },
    )


def plan(scale: str) -> Measurement:
    """Three fits for each move, with the same inputs and with others; more seeds when larger."""
    seeds = {"smoke": 5, "book": 20, "paper": 200}[scale]
    return Measurement(
        crossed(fit=FITS), tuple(range(seeds)), measure, NewRule(), seeds_per_task=20
    )


EXPERIMENT = Experiment(
    name="rule-shift",
    question="Can importance weights win back what a classifier loses when the rule changes?",
    plan=plan,
)
