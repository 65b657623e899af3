"""Claims of the chapter on the rate that batch normalization sets."""

from __future__ import annotations

from bnbook.claims import Claim
from bnbook.outcomes import learning_rate as outcomes

CLAIMS = (
    Claim(
        id="rate-1",
        says="Before batch normalization every step lengthens the weights by exactly its own "
        "square: ‖w′‖² = ‖w‖² + ‖w′ − w‖².",
        source="arora2019theoretical, vanlaarhoven2017l2",
        experiment="growing-weights",
        statistic=outcomes.pythagoras,
        unit="share of the step's square",
        matters=None,
        tolerance=1e-6,
        note="Plain SGD, ε = 1e-30, float64; the largest over all steps and hidden layers.",
    ),
    Claim(
        id="rate-2",
        says="With weight decay a scale-invariant weight settles at a rotation that the learning "
        "rate and the decay alone decide.",
        source="wan2021spherical, kosson2024rotational",
        experiment="rotation",
        statistic=lambda record: outcomes.rotation_gap(record, "random walk"),
        unit="log ratio of rotation to the formula",
        matters=0.01,
        kind="equivalent",
        stratified_by="rule",
        quantifier="all",
        note="A random walk in 200 dimensions: gradients of nothing but noise.",
    ),
    Claim(
        id="rate-3",
        says="The same holds for the weights of networks that learn.",
        source="wan2021spherical, kosson2024rotational",
        experiment="rotation",
        statistic=lambda record: outcomes.rotation_gap(record, "network"),
        unit="log ratio of rotation to the formula",
        matters=0.1,
        kind="equivalent",
        stratified_by="rule",
        quantifier="all",
        note="The second hidden layer of a sigmoid network with BN, after it has settled.",
    ),
    Claim(
        id="rate-4",
        says="In the long run it does not matter how long the weights were at first.",
        source="vanlaarhoven2017l2",
        experiment="rotation",
        statistic=outcomes.forgotten,
        unit="log ratio of rotations",
        matters=0.05,
        kind="equivalent",
        note="Networks whose first weights are 3 times as long as usual, over those with a third.",
    ),
)
