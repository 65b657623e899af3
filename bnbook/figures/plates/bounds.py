"""What being Lipschitz, or smooth, allows a function to do; and gradient descent at the edge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from bnbook.figures.figure import Figure
from bnbook.figures.functions import functions
from bnbook.stats import number

EXTENT = 3.0
Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Example:
    """A function on [−3, 3] with its slope, and the largest slope and curvature there."""

    value: Function
    slope: Function
    lipschitz: float
    smoothness: float


EXAMPLES: Mapping[str, Example] = MappingProxyType(
    {
        "bowl": Example(lambda x: x**2 / 2, lambda x: x, EXTENT, 1.0),
        "ripples": Example(
            lambda x: x**2 / 8 + 0.4 * np.sin(3 * x),
            lambda x: x / 4 + 1.2 * np.cos(3 * x),
            EXTENT / 4 + 1.2,  # an upper bound: the two parts peak nearly together
            0.25 + 3.6,
        ),
        "kink": Example(lambda x: np.abs(x), lambda x: np.sign(x), 1.0, np.inf),
    }
)
BOUNDS = ("Lipschitz", "smooth")


def bounds(name: str = "bowl", bound: str = "Lipschitz", at: float = 1.0) -> Figure:
    """A function, and the region that its bound leaves it once its value at `at` is known.

    "Lipschitz": |f(x) − f(a)| ≤ K·|x − a|. "smooth": f lies within β/2·(x − a)² of its tangent,
    which a slope that jumps has for no β.
    """
    f = EXAMPLES[name]
    x = np.linspace(-EXTENT, EXTENT, 401)
    here, slope = (float(each(np.array(at))) for each in (f.value, f.slope))
    curves = {f"the {name}": (x, f.value(x))}
    region = None
    if bound == "Lipschitz":
        region = (x, here - f.lipschitz * np.abs(x - at), here + f.lipschitz * np.abs(x - at))
        note = f"K = {number(f.lipschitz)}"
    else:
        curves["tangent"] = (x, here + slope * (x - at))
        note = "no β: the slope jumps"
        if np.isfinite(f.smoothness):
            reach = f.smoothness / 2 * (x - at) ** 2
            region = (x, here + slope * (x - at) - reach, here + slope * (x - at) + reach)
            note = f"β = {number(f.smoothness)}"
    return functions(
        curves,
        region=region,
        region_name=f"where the {bound} bound lets the function be",
        path=([at], [here]),
        xlabel="x",
        ylabel="f(x)",
        note=note,
        xlim=(-EXTENT, EXTENT),
        ylim=(-2, 5),
    )


def descent(product: float = 1.0, steps: int = 8) -> Figure:
    """Gradient descent on L = ½λθ² from θ = 1, for η·λ = `product`: θ is multiplied by 1 − ηλ."""
    x = np.linspace(-2.4, 2.4, 201)
    theta = (1 - product) ** np.arange(steps + 1)
    fate = "diverges" if product > 2 else "swings for ever" if product == 2 else "converges"
    return functions(
        {"L(θ) = λθ²/2": (x, x**2 / 2)},
        path=(theta, theta**2 / 2),
        ylabel="L(θ)/λ",
        note=f"ηλ = {number(product)}: every step multiplies θ by {number(1 - product)}; {fate}",
        xlim=(-2.4, 2.4),
        ylim=(-0.15, 2.9),
    )
