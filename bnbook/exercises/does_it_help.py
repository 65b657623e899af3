"""Exercises of the chapter on whether batch normalization helps, and what decides."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import mannwhitneyu

from bnbook import experiments
from bnbook.exercises import Exercise
from bnbook.stats import paired

TITLE = "Does it help, and what decides?"
POSITION = 3


def area_by_counting(answer: Callable[[Any, Any], float]) -> str | None:
    """Chance that a positive outranks a negative, a tie counting half."""
    rng = np.random.default_rng(0)
    for decimals in (8, 1):
        positive = rng.random(60) < 0.3
        scores = (rng.normal(size=60) + positive).round(decimals)
        found = float(answer(scores, positive))
        wins = mannwhitneyu(scores[positive], scores[~positive]).statistic
        expected = float(wins / (positive.sum() * (~positive).sum()))
        if math.isclose(found, expected, rel_tol=1e-9):
            continue
        if math.isclose(found, 1 - expected, rel_tol=1e-9):
            return "that is the area for the other side: who should outrank whom?"
        if decimals == 1:
            return "it is right as long as no two scores are equal; what is a tie worth?"
        return "it is not the share of pairs in which the positive has the higher score"
    return None


def accuracy_and_macro(answer: tuple[float, float]) -> str | None:
    """Accuracy and macro recall of a classifier that never answers one rare class."""
    accuracy, macro = (float(each) for each in answer)
    expected = 0.8 * (1 - 0.0023), 0.8 * 6 / 7
    if math.isclose(macro, expected[0], rel_tol=0.01) and math.isclose(
        accuracy, expected[1], rel_tol=0.01
    ):
        return "these are the two numbers, the wrong way round"
    if not math.isclose(accuracy, expected[0], rel_tol=0.002):
        return "the accuracy is the mean of the recalls weighted by the classes' shares"
    if not math.isclose(macro, expected[1], rel_tol=0.002):
        return "in the macro average every class counts alike, also the one that is never found"
    return None


def worst_class_of_relu(answer: float) -> str | None:
    """Smallest difference over the classes of the mean area, relu with BN minus without."""
    record = experiments.run("tabular", progress=False)
    area = record.class_auc.isel(step=-1)
    gains = {a: paired(area, f"{a}+batch", a).mean("seed") for a in ("relu", "sigmoid")}
    if math.isclose(answer, float(gains["relu"].min()), rel_tol=0.01, abs_tol=1e-5):
        return None
    if math.isclose(answer, float(gains["sigmoid"].min()), rel_tol=0.01, abs_tol=1e-5):
        return "that is the sigmoid network's"
    if math.isclose(answer, float(gains["relu"].max()), rel_tol=0.01, abs_tol=1e-5):
        return "that is the class that gains most; asked is the one that gains least"
    return "that is not the smallest, over classes, of the mean difference over seeds"


EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        id="help-21",
        check=area_by_counting,
        hints=(
            "scores[positive][:, None] - scores[~positive] holds every pair.",
            "A pair is worth 1 if the positive is higher, ½ if the two are equal, else 0.",
        ),
        wrong=lambda scores, positive: float(
            (scores[positive][:, None] > scores[~positive]).mean()
        ),
        expects="a function of scores (n,) and of booleans (n,), true for the class, to a number",
    ),
    Exercise(
        id="help-22",
        check=accuracy_and_macro,
        hints=(
            "Write down the recall of each of the seven classes.",
            "One mean weights them by the share of rows, the other by 1/7.",
        ),
        wrong=(0.8, 0.8),
        expects="two numbers, (accuracy, macro recall)",
    ),
    Exercise(
        id="help-23",
        check=worst_class_of_relu,
        hints=(
            "The areas are in table.class_auc; take the last step.",
            "bnbook.stats.paired(area, 'relu+batch', 'relu'), mean over seeds, then the minimum.",
        ),
        wrong=0.5,
        expects="a number",
    ),
)
