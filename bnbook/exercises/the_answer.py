"""Exercises of the chapter that takes batch normalization apart."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F

from bnbook import experiments
from bnbook.exercises import Case, Exercise, Function, Numeric
from bnbook.outcomes.the_answer import studied


def shares() -> Iterator[Case]:
    """mean(part)/mean(whole), where the mean of the seeds' ratios is another number."""
    rng = np.random.default_rng(0)
    for n in (3, 8):
        whole = rng.uniform(0.05, 0.6, n)
        part = whole * rng.uniform(0.2, 0.9, n)
        yield Case(
            (part, whole),
            part.sum() / whole.sum(),
            "that is not the gain of the part, on average, over that of the whole, on average",
            {
                "that averages the seeds' own ratios: one small denominator decides": (
                    float(np.mean(part / whole))
                )
            },
        )


def standardised() -> Iterator[Case]:
    """The weights and bias under which every output has mean 0 and variance 1 over X."""
    rng = np.random.default_rng(1)
    for n, out in ((20, 3), (50, 6)):
        x, w, b = rng.normal(1, 2, (n, 5)), rng.normal(size=(out, 5)), rng.normal(size=out)
        cov = np.cov(x.T, bias=True)
        sigma = np.sqrt(np.einsum("oi,ij,oj->o", w, cov, w))
        mean = w @ x.mean(0) + b
        yield Case(
            (w, b, x),
            (w / sigma[:, None], (b - mean) / sigma),
            "the outputs X·Wᵀ + b do not have mean 0 and variance 1 for every unit",
            {
                "the weights are right, and the bias still is that of the old ones": (
                    w / sigma[:, None],
                    b - mean,
                )
            },
        )


def detached() -> Iterator[Case]:
    """∂L/∂z of (z − μ)/σ whose μ and σ are constants to backpropagation, by autograd."""
    rng = np.random.default_rng(2)
    z, g = rng.normal(3, 2, 12), rng.normal(size=12)
    leaf = torch.tensor(z).requires_grad_()
    out = (leaf - leaf.mean().detach()) / leaf.std(correction=0).detach()
    (slope,) = torch.autograd.grad((out * torch.tensor(g)).sum(), leaf)
    yield Case(
        (z, g),
        slope,
        "constants have no derivative: what is left is a division",
        {"that is the gradient of batch normalization, whose statistics move with z": _bn(z, g)},
    )


def taken_out() -> Iterator[Case]:
    """What BN's backward pass takes out of g/σ."""
    rng = np.random.default_rng(3)
    for m in (4, 12):
        z, g = rng.normal(3, 2, m), rng.normal(size=m)
        kept = _bn(z, g)
        yield Case(
            (z, g),
            g / z.std() - kept,
            "g/σ minus what you return should be the gradient of batch normalization",
            {
                "that is what stays, not what goes": kept,
                "the mean goes, and so does what lies along x̂": np.full(m, g.mean() / z.std()),
            },
        )


def _bn(z: np.ndarray, g: np.ndarray) -> np.ndarray:
    """∂L/∂z of batch normalization with γ = 1 and hardly any ε, by torch's own kernel."""
    leaf = torch.tensor(z).requires_grad_()
    x = F.batch_norm(leaf[:, None], None, None, training=True, eps=1e-12)[:, 0]
    (slope,) = torch.autograd.grad((x * torch.tensor(g)).sum(), leaf)
    return slope.numpy()


def lengths() -> Iterator[Case]:
    """One step of gradient descent, and every row back to its length."""
    rng = np.random.default_rng(4)
    for rate in (0.1, 5.0):
        w, g = rng.normal(size=(4, 6)), rng.normal(size=(4, 6))
        moved = w - rate * g
        rows = np.sqrt((w**2).sum(1) / (moved**2).sum(1))
        yield Case(
            (w, g, rate),
            moved * rows[:, None],
            "each row of what you return should be as long as it was in W",
            {
                "that puts the whole matrix back to its length, and not each row": (
                    moved * np.linalg.norm(w) / np.linalg.norm(moved)
                ),
                "no row has been put back to its length": moved,
            },
        )


def shrinking() -> Iterator[Case]:
    """Mean and standard error of a difference of differences within seeds that vary a lot."""
    rng = np.random.default_rng(5)
    for n in (5, 9):
        seeds = rng.normal(0, 0.1, n)
        arms = [level + seeds + rng.normal(0, 0.02, n) for level in (0.3, 0.7, 0.5, 0.6)]
        gains = (arms[1] - arms[0], arms[3] - arms[2])
        lost = gains[0] - gains[1]
        mean, spread = lost.mean(), math.sqrt(((lost - lost.mean()) ** 2).sum() / (n - 1))
        apart = math.sqrt(sum(arm.var(ddof=1) for arm in arms) / n)
        yield Case(
            tuple(arms),
            (mean, spread / math.sqrt(n)),
            "that is not the mean of (batch − none) minus (batch_there − none_there), and its "
            "standard error",
            {
                "that is how much one seed varies, not their mean": (mean, spread),
                "the four arms share their seeds: subtract within a seed first": (mean, apart),
                "a standard error from n values divides by n − 1 first": (
                    mean,
                    lost.std() / math.sqrt(n),
                ),
                "that is how much the gain grows": (-mean, spread / math.sqrt(n)),
            },
        )


def gain_of_batch(network: str = "4 sigmoid layers", outcome: str = "speed") -> float:
    """Mean over seeds of BN's gain in an outcome."""
    found = studied(experiments.run("dissection", progress=False))[outcome].sel(network=network)
    return float((found.sel(part="batch") - found.sel(part="none")).mean("seed"))


EXERCISES = (
    Exercise(
        id="ex-answer-1",
        answer=Numeric(
            0.75,
            "that is not the part's gain over BN's gain",
            {
                "that is a ratio of accuracies, not of gains: take off what none has": 0.7 / 0.8,
                "that is the gain itself; divide by that of batch normalization": 0.3,
            },
        ),
        hints=("A gain is what an arm has more than none.", "0.70 − 0.40 over 0.80 − 0.40."),
        wrong=0.7 / 0.8,
        difficulty="warm-up",
        minutes=3,
    ),
    Exercise(
        id="ex-answer-2",
        answer=Numeric(
            2.5,
            "scaling alone divides by σ",
            {"that is centred too, which this arm does not do": 1.0},
        ),
        hints=("It divides by the standard deviation, and subtracts nothing.",),
        wrong=1.0,
        difficulty="warm-up",
        minutes=3,
    ),
    Exercise(
        id="ex-answer-3",
        answer=Function(
            "a function of two numpy arrays (n,), part and whole, that returns a number", shares
        ),
        hints=(
            "Average over seeds first, divide afterwards.",
            "A seed in which BN gains hardly anything would decide a mean of ratios alone.",
        ),
        wrong=lambda part, whole: np.mean(part / whole),
        difficulty="practice",
        minutes=8,
    ),
    Exercise(
        id="ex-answer-4",
        answer=Function(
            "a function of numpy arrays W (out, in), b (out,) and X (n, in) that returns W′ and b′",
            standardised,
        ),
        hints=(
            "Compute z = X·Wᵀ + b, and the mean and standard deviation of each column.",
            "(w·x + b − μ)/σ is linear in x: read off its weight and its bias.",
        ),
        wrong=lambda w, b, x: (w / np.linalg.norm(w, axis=1, keepdims=True), b),
        difficulty="practice",
        minutes=12,
    ),
    Exercise(
        id="ex-answer-5",
        answer=Function(
            "a function of two numpy arrays (m,), z and g = ∂L/∂x̂, that returns (m,)", detached
        ),
        hints=("With μ and σ constant, x̂ is a line in z.", "What is its slope?"),
        wrong=lambda z, g: (g - g.mean()) / z.std(),
        difficulty="practice",
        minutes=8,
    ),
    Exercise(
        id="ex-answer-6",
        answer=Function(
            "a function of two numpy arrays (m,), z and g = ∂L/∂x̂, that returns (m,)", taken_out
        ),
        hints=(
            "Start from the backward pass of batch normalization, three terms over σ.",
            "The second and the third of them are what goes: along 1 and along x̂.",
        ),
        wrong=lambda z, g: np.full(len(z), g.mean() / z.std()),
        difficulty="practice",
        minutes=12,
    ),
    Exercise(
        id="ex-answer-7",
        answer=Function(
            "a function of numpy arrays W and G (out, in) and a number η that returns (out, in)",
            lengths,
        ),
        hints=(
            "Step first, then look at the length of each row before and after.",
            "numpy.linalg.norm has an axis, and keepdims.",
        ),
        wrong=lambda w, g, rate: w - rate * g,
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-answer-8",
        answer=Numeric(
            math.atan(0.25),
            "draw the triangle: the step is orthogonal to the weights it is added to",
            {"that is the angle's tangent": 0.25, "a step is η times the gradient": math.atan(2.5)},
            unit="rad",
        ),
        hints=(
            "The step has length η‖g‖, and is orthogonal to w.",
            "Putting the weights back to their length does not turn them.",
        ),
        wrong=0.25,
        difficulty="practice",
        minutes=6,
    ),
    Exercise(
        id="ex-answer-9",
        answer=Function(
            "a function of four numpy arrays (n,), none, batch, none_there and batch_there, that "
            "returns two numbers",
            shrinking,
        ),
        hints=(
            "Make one number of each seed first: its gain here minus its gain there.",
            "The standard error of a mean is the standard deviation, with n − 1, over √n.",
        ),
        wrong=lambda none, batch, none_there, batch_there: (
            np.mean(batch - none - batch_there + none_there),
            np.sqrt(
                sum(np.var(a, ddof=1) for a in (none, batch, none_there, batch_there)) / len(none)
            ),
        ),
        difficulty="challenge",
        minutes=12,
    ),
    Exercise(
        id="ex-answer-10",
        answer=Numeric(
            gain_of_batch,
            "that is not the mean over seeds of batch minus none, in speed, for 4 sigmoid layers",
            {
                "that is the accuracy at the end; speed is its average over the looks": (
                    lambda: gain_of_batch(outcome="accuracy")
                ),
                "the sign is that of none over batch": lambda: -gain_of_batch(),
            },
            abs=0.002,
        ),
        hints=(
            "bnbook.outcomes.the_answer.studied(record).speed has dimensions network, part, seed.",
            "Select the network and the two parts by name, and average over seeds.",
        ),
        wrong=5.0,
        difficulty="project",
        minutes=120,
    ),
)
