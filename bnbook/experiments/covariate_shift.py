"""Black cats and coloured cats: the same rule for the label, other inputs at test time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from bnbook.factors import crossed
from bnbook.study import Experiment, Measurement

FITS = ("source", "weighted", "target")
DOMAINS = ("source", "target")
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Cats:
    """Two Gaussian clouds at distance `shift` along the first feature, and one curved rule.

    Feature 1 is the coat: source (black) cats are N(−shift/2, 1), target (coloured) ones
    N(+shift/2, 1). Feature 2, N(0, 1) in both, is the shape of the ears, and the label is 1
    (a cat) with probability 1/(1 + exp(−sharpness·(x₂ − bend·x₁²/2))), wherever x comes from.
    The classifier is a line: no line follows the curve everywhere, so it matters where the
    training examples lie.
    """

    shifts: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
    bend: float = 1.0
    sharpness: float = 6.0
    train_examples: int = 2000
    test_examples: int = 20_000

    def sample(
        self, domain: str, shift: float, n: int, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """n inputs (n, 2) of a domain and their labels (n,) in {0, 1}."""
        centre = shift / 2 if domain == "target" else -shift / 2
        x = rng.normal(size=(n, 2)) + np.array([centre, 0.0])
        return x, (rng.uniform(size=n) < self.rule(x)).astype(float)

    def rule(self, x: Array) -> Array:
        """P(y = 1 | x), the same in both domains."""
        return np.asarray(expit(self.sharpness * (x[..., 1] - self.bend * x[..., 0] ** 2 / 2)))

    def weights(self, x: Array, shift: float) -> Array:
        """Importance weights p_target(x)/p_source(x) = exp(shift·x₁) of inputs (n, 2).

        Source: shimodaira2000improving.
        """
        return np.exp(shift * x[..., 0])


def measure(cats: Cats, seed: int) -> xr.Dataset:
    """Accuracy of three lines in both domains, by shift; and what the weights cost.

    Arms: fitted to source examples as they are; to the same examples weighted; to target
    examples. The effective number of examples under weights w is (Σw)²/Σw².
    """
    accuracy = np.empty((len(FITS), len(cats.shifts), len(DOMAINS)))
    line = np.empty((len(FITS), len(cats.shifts), 3))
    effective = np.empty((len(FITS), len(cats.shifts)))
    for i, shift in enumerate(cats.shifts):
        rng = np.random.default_rng([seed, i])
        source = cats.sample("source", shift, cats.train_examples, rng)
        target = cats.sample("target", shift, cats.train_examples, rng)
        tests = [cats.sample(d, shift, cats.test_examples, rng) for d in DOMAINS]
        flat = np.ones(cats.train_examples)
        weights = cats.weights(source[0], shift)
        fits = ((*source, flat), (*source, weights), (*target, flat))
        for a, (x, y, w) in enumerate(fits):
            fit = LogisticRegression(C=1e6).fit(x, y, sample_weight=w / w.mean())
            accuracy[a, i] = [fit.score(*test) for test in tests]
            line[a, i] = [*fit.intercept_, *fit.coef_[0]]
            effective[a, i] = w.sum() ** 2 / (w**2).sum()
    coords = {"arm": list(FITS), "shift": list(cats.shifts), "domain": list(DOMAINS)}
    return xr.Dataset(
        {
            "accuracy": (("arm", "shift", "domain"), accuracy, {"units": "1"}),
            "line": (("arm", "shift", "coefficient"), line, {"units": "1"}),
            "effective_examples": (("arm", "shift"), effective, {"units": "examples"}),
        },
        coords | {"coefficient": ["intercept", "coat", "ears"]},
    ).assign_coords(shift=("shift", list(cats.shifts), {"units": "σ"}))


def plan(scale: str) -> Measurement:
    """Three fits a shift; more seeds at larger scales."""
    seeds = {"smoke": 5, "book": 20, "paper": 200}[scale]
    return Measurement(crossed(fit=FITS), tuple(range(seeds)), measure, Cats(), seeds_per_task=20)


EXPERIMENT = Experiment(
    name="covariate-shift",
    question="What does a classifier lose when its inputs move and the rule does not?",
    plan=plan,
)
