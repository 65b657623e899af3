"""Exercises of the chapter on the rate that batch normalization sets."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from bnbook import experiments
from bnbook.exercises import Case, Exercise, Function, Numeric
from bnbook.laws.rotation import settled_rotation
from bnbook.outcomes.learning_rate import edge_gap, rotation_gap


def grown() -> Iterator[Case]:
    """‖w‖ after steps of lengths `moved`, all orthogonal to the weights they are added to."""
    for first, moved in ((3.0, [4.0]), (2.0, [0.5, 1.0, 0.2, 0.1])):
        yield Case(
            (first, np.array(moved)),
            math.sqrt(first**2 + sum(m**2 for m in moved)),
            "each step is a leg of a right triangle whose other leg is the weight before it",
            {"lengths at right angles do not add up; their squares do": first + sum(moved)},
        )


def turns() -> Iterator[Case]:
    """The angle between two vectors, small ones too: in two dimensions it is known."""
    for angle in (0.3, 1e-9, 2.5):
        a = 2.0 * np.array([1.0, 0.0])
        b = 5.0 * np.array([math.cos(angle), math.sin(angle)])
        yield Case(
            (a, b),
            angle,
            f"for two vectors {angle:g} rad apart it should be that",
            {"that is the cosine": math.cos(angle)},
        )


def measured_over_formula() -> float:
    """Mean over seeds of measured over predicted rotation, of AdamW in the network."""
    record = experiments.run("rotation", progress=False)
    return float(np.exp(rotation_gap(record, "network").sel(rule="AdamW")).mean())


def products() -> Iterator[Case]:
    """Sharpness at length 1 times effective rate, from the Hessian at w itself: ‖w‖ cancels."""
    hessian = np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, -5.0]])
    for length, rate, decay in ((2.0, 0.3, 0.1), (0.5, 0.1, 0.0)):
        w, right = np.array([0.0, 0.0, length]), 3 * rate / (1 - rate * decay)
        yield Case(
            (hessian, w, rate, decay),
            right,
            "what is the Hessian at w times as long, and which eigenvalue lets descent diverge?",
            {
                "the Hessian is that at w, not at length 1": right / length**2,
                "the Hessian at length 1 is ‖w‖² times it, the effective rate has 1/‖w‖²": right
                * length**2,
                "the largest eigenvalue, not the largest magnitude: along −5 no step overshoots": 5
                * rate
                / (1 - rate * decay),
            },
        )


def beyond_the_edge() -> float:
    """The settled product with BN at ηλ = 0.002 and η = 0.3, a mean over steps and seeds."""
    record = experiments.run("edge-of-stability", progress=False)
    gap = edge_gap(record, "batch").sel(setting="ηλ = 0.002, η = 0.3")
    return float((2 * np.exp(gap)).mean())


EXERCISES = (
    Exercise(
        id="ex-rate-1",
        answer=Numeric(
            5.0,
            "the step is orthogonal to the weights",
            {"lengths at right angles do not add up": 7.0, "that is the square of the length": 25},
        ),
        hints=("Draw the triangle.", "‖w′‖² = ‖w‖² + η²‖g‖²."),
        wrong=7.0,
        difficulty="warm-up",
        minutes=3,
    ),
    Exercise(
        id="ex-rate-2",
        answer=Numeric(
            4.0,
            "how does the gradient change, and how does the step compare with the weights?",
            {
                "the gradient shrinks too, by the same factor": 2.0,
                "it is the other way round: longer weights turn less": 0.25,
            },
        ),
        hints=(
            "∇L(2w) = ∇L(w)/2, and the same step turns weights twice as long half as far.",
            "The effective rate is η/‖w‖².",
        ),
        wrong=2.0,
        difficulty="warm-up",
        minutes=5,
    ),
    Exercise(
        id="ex-rate-3",
        answer=Function(
            "a function of a number ‖w₀‖ and a numpy array of steps' lengths, returning a number",
            grown,
        ),
        hints=("Add squares.", "math.sqrt(first**2 + (moved**2).sum())."),
        wrong=lambda first, moved: first + np.sum(moved),
        difficulty="practice",
        minutes=6,
    ),
    Exercise(
        id="ex-rate-4",
        answer=Function(
            "a function of two numpy arrays (d,) that returns the angle in radians",
            turns,
            rel=1e-6,
            abs=1e-15,
        ),
        hints=(
            "arccos of a number near 1 loses half of its digits: try it with an angle of 1e-9.",
            "For unit vectors a and b the angle is 2·atan2(‖a − b‖, ‖a + b‖).",
        ),
        wrong=lambda a, b: float(
            np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))
        ),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-rate-5",
        answer=Numeric(
            lambda: settled_rotation(0.1, 5e-4),
            "balance what a step adds to ‖w‖² with what decay takes away",
            {
                "close: that forgets the 2": math.sqrt(5e-5),
                "that is its square": 1e-4,
            },
            unit="rad",
        ),
        hints=("The angle is √(2ηλ).",),
        wrong=1e-4,
        difficulty="practice",
        minutes=4,
    ),
    Exercise(
        id="ex-rate-6",
        answer=Numeric(
            lambda: math.log(2) / (2 * 0.0005),
            "by which factor does decay change ‖w‖² at each step, and what does that do to η/‖w‖²?",
            {
                "that is when ‖w‖ has halved; the effective rate has ‖w‖²": math.log(2) / 0.0005,
                "it grows by a factor at each step, not by an amount": 1 / (2 * 0.0005),
            },
            unit="steps",
        ),
        hints=(
            "‖w‖ is multiplied by 1 − ηλ at each step, and ‖w‖² by the square of that.",
            "Solve (1 − ηλ)^(−2t) = 2 for t.",
        ),
        wrong=1000,
        difficulty="practice",
        minutes=6,
    ),
    Exercise(
        id="ex-rate-7",
        answer=Function(
            "a function of the Hessian (d, d) at w, w (d,), η and λ, returning a number",
            products,
        ),
        hints=(
            "L(aw) = L(w) makes the Hessian at w/‖w‖ be ‖w‖² times that at w.",
            "The effective rate is η/((1 − ηλ)‖w‖²): which factors cancel?",
            "np.linalg.eigvalsh returns eigenvalues in ascending order.",
        ),
        wrong=lambda hessian, w, rate, decay: float(
            np.linalg.eigvalsh(hessian)[-1] * rate / (w @ w)
        ),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-rate-8",
        answer=Numeric(
            measured_over_formula,
            "that is not the mean over seeds of rotation, measured over predicted, of AdamW in the "
            "network",
            abs=0.002,
        ),
        hints=(
            "walks.rotation has one arm for each place and rule.",
            "Select arm 'network, AdamW' and average over seeds.",
        ),
        wrong=2.0,
        difficulty="project",
        minutes=120,
    ),
    Exercise(
        id="ex-rate-9",
        answer=Numeric(
            beyond_the_edge,
            "that is not the mean over seeds, and over looks after three quarters of the steps, of "
            "sharpness times effective rate in that arm",
            {"that is the edge itself, and not what was measured": 2.0},
            abs=0.02,
        ),
        hints=(
            "Multiply edge.sharpness with edge.effective_rate, and keep the steps after 900.",
            "Select arm 'batch, decay = 0.002, rate = 0.3' and average over steps and seeds.",
        ),
        wrong=2.0,
        difficulty="project",
        minutes=120,
    ),
)
