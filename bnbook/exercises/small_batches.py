"""Exercises of the chapter on small batches."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from bnbook import experiments
from bnbook.exercises import Behaviour, Called, Case, Exercise, Function, Numeric, Unusable
from bnbook.outcomes.small_batches import by_size


def renormalised() -> Iterator[Case]:
    """x̂·r + d of a batch, given the running mean and standard deviation and the bounds."""
    z, mean, std = np.random.default_rng(0).normal(1.0, 2.0, 6), 0.4, 1.1
    for r_max, d_max, otherwise in (
        (1.0, 0.0, "with r_max = 1 and d_max = 0 nothing is corrected: it must be plain BN"),
        (100.0, 100.0, "with wide bounds it must be what population statistics give"),
        (1.2, 0.3, "with narrow bounds r or d is not clipped as it should be"),
    ):
        r = min(max(z.std() / std, 1 / r_max), r_max)
        d = min(max((z.mean() - mean) / std, -d_max), d_max)
        yield Case((z, mean, std, r_max, d_max), (z - z.mean()) / z.std() * r + d, otherwise)


def pooled() -> Iterator[Case]:
    """Mean and biased variance of all examples together, from those of each device."""
    rng = np.random.default_rng(1)
    for sizes in ((4, 4), (2, 6, 3)):
        parts = [rng.normal(rng.normal(0, 2), 1 + i, size) for i, size in enumerate(sizes)]
        mean, var = (np.array([of(part) for part in parts]) for of in (np.mean, np.var))
        together, share = np.concatenate(parts), np.array(sizes) / sum(sizes)
        yield Case(
            (mean, var, np.array(sizes)),
            (together.mean(), together.var()),
            f"for devices with {', '.join(map(str, sizes))} examples they are not the moments of "
            "all of them",
            {
                "the devices' means differ too: that is a part of the variance": (
                    together.mean(),
                    share @ var,
                ),
                "the mean is right, the variance is not": (together.mean(), None),
                "a device with more examples counts for more": (mean.mean(), None),
            },
        )


def won_by_precise() -> float:
    """Accuracy that precise statistics add to running ones, BN at m = 2."""
    found = by_size(experiments.run("batch-sizes", progress=False)).accuracy.sel(
        setting="η tuned", budget="equal examples", arm="batch", m=2, split="test"
    )
    gain = found.sel(statistics="precise") - found.sel(statistics="population")
    return float(gain.mean())


def fair_order(answer: Called) -> str | None:
    """An order in which every batch holds equally many examples of each class."""
    labels = np.random.default_rng(2).permutation(np.repeat(np.arange(5), 12))
    for m in (5, 10):
        order = answer(labels, m)
        if order.shape != labels.shape or set(order.tolist()) != set(range(len(labels))):
            raise Unusable("The order must hold the index of every example once.")
        for batch in labels[order.astype(int)].reshape(-1, m):
            if set(np.bincount(batch, minlength=5)) != {m // 5}:
                return f"with m = {m} some batch has more examples of one class than of another"
    if np.array_equal(answer(labels, 5), answer(labels, 5)):
        return "every epoch would have the same batches: shuffle within the classes"
    return None


EXERCISES = (
    Exercise(
        id="ex-batch-1",
        answer=Numeric(
            2,
            "no batch of five has that as its largest normalised value",
            {
                "all of the batch's variance in one value is not possible: the mean moves with "
                "it": math.sqrt(5)
            },
        ),
        hints=(
            "Let four values be equal and move the fifth away. What do the mean and σ do?",
            "The bound stands in the section on exact laws; put m in.",
        ),
        wrong=math.sqrt(5),
        difficulty="warm-up",
        minutes=5,
    ),
    Exercise(
        id="ex-batch-2",
        answer=Numeric(
            1 - 1 / math.sqrt(3),
            "that is not the share of the law of m = 4 beyond one standard deviation",
            {"that is the share of a Gaussian: four values do not make one": 0.3173},
        ),
        hints=(
            "At m = 4 every value between the two ends is equally likely.",
            "What share of the interval lies further than one from its middle?",
        ),
        wrong=0.3173,
        difficulty="practice",
        minutes=8,
    ),
    Exercise(
        id="ex-batch-3",
        answer=Numeric(
            (-1, 3),
            "the two values stand one standard deviation from their mean, whatever they are",
            {"these are the normalised values; γ and β are still to come": (-1, 1)},
            expects="two numbers, for the first example and for the second",
            names=("first example", "second example"),
        ),
        hints=(
            "Which of the two is above their mean?",
            "Normalise first: the sign is all that is left. Then scale and shift.",
        ),
        wrong=[-1.0, 1.0],
        difficulty="warm-up",
        minutes=3,
    ),
    Exercise(
        id="ex-batch-4",
        answer=Numeric(
            0.8,
            "that is not the mean of examples of which each side gives its number",
            {"that is the weight of the source: it counts for fewer examples than were seen": 0.2},
        ),
        hints=(
            "The source counts for N examples beside the n that were seen.",
            "The weight of the target is n/(N + n).",
        ),
        wrong=0.2,
        difficulty="warm-up",
        minutes=3,
    ),
    Exercise(
        id="ex-batch-5",
        answer=Function(
            "a function of a numpy array z (m,), mean, std, r_max and d_max that returns (m,)",
            renormalised,
        ),
        hints=(
            "r is a ratio of standard deviations, d a difference of means in running σ.",
            "r stays between 1/r_max and r_max, d between ±d_max; the biased σ of the batch.",
        ),
        wrong=lambda z, mean, std, r_max, d_max: (z - z.mean()) / z.std(),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-batch-6",
        answer=Function(
            "a function of three numpy arrays (k,), mean, var and count, that returns the mean and "
            "the variance",
            pooled,
        ),
        hints=(
            "Undo the divisions: sums, and sums of squares, of the devices simply add.",
            "The variance of all is the mean variance within a device, plus the variance of the "
            "devices' means, both weighted by the numbers of examples.",
        ),
        wrong=lambda mean, var, count: (mean.mean(), var.mean()),
        difficulty="practice",
        minutes=12,
    ),
    Exercise(
        id="ex-batch-7",
        answer=Numeric(
            won_by_precise,
            "that is not the mean over seeds of the difference on test examples",
            {"that is what is lost; the question is what is won": lambda: -won_by_precise()},
            abs=1e-4,
        ),
        hints=(
            "Start from `table`, and select setting, budget, arm, m and split.",
            "Subtract the statistics within each seed, then average.",
        ),
        wrong=0.5,
        difficulty="challenge",
        minutes=15,
    ),
    Exercise(
        id="ex-batch-8",
        answer=Behaviour(
            "a function of a numpy array labels (n,) and m that returns an order (n,) of indices",
            fair_order,
        ),
        hints=(
            "Shuffle the examples of each class by themselves, and put the classes side by side.",
            "An array (rounds, classes) read row by row has one example of each class in turn.",
        ),
        wrong=lambda labels, m: np.random.permutation(len(labels)),
        difficulty="project",
        minutes=45,
    ),
)
