"""Claims of the chapter on the rate that batch normalization sets."""

from __future__ import annotations

import math

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
        says="With weight decay, weights before batch normalization in networks that learn settle "
        "at a rotation that the learning rate and the decay alone decide.",
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
    Claim(
        id="rate-5",
        says="Full-batch descent with batch normalization and decay settles where the sharpness at "
        "length 1, times the effective rate, is 2.",
        source="lyu2022understanding, cohen2021gradient",
        experiment="edge-of-stability",
        statistic=lambda record: outcomes.edge_gap(record, "batch"),
        unit="log ratio of the product to 2",
        matters=0.1,
        kind="equivalent",
        stratified_by="setting",
        quantifier="all",
        note="The product is averaged over the last quarter of the steps.",
    ),
    Claim(
        id="rate-6",
        says="Without a normalizer too, full-batch descent settles where sharpness times learning "
        "rate is 2.",
        source="cohen2021gradient",
        experiment="edge-of-stability",
        statistic=lambda record: outcomes.edge_gap(record, "none"),
        unit="log ratio of the product to 2",
        matters=0.1,
        kind="equivalent",
        stratified_by="setting",
        quantifier="all",
        note="As for rate-5, with decay and without.",
    ),
    Claim(
        id="rate-7",
        says="Weight decay before batch normalization lowers the sharpness of the solution, at "
        "length 1.",
        source="lyu2022understanding",
        experiment="edge-of-stability",
        statistic=outcomes.flattened,
        unit="log ratio of sharpness",
        matters=math.log(1.1),
        stratified_by="rate",
        quantifier="all",
        note="No decay over ηλ = 0.002, both averaged over the last quarter of the steps.",
    ),
    Claim(
        id="rate-8",
        says="Weights at the edge turn by √(2ηλ) at each step, though a full batch has no noise.",
        source="wan2021spherical",
        experiment="edge-of-stability",
        statistic=outcomes.turning,
        unit="log ratio of rotation to the formula",
        matters=0.1,
        kind="equivalent",
        stratified_by="rate",
        quantifier="all",
        note="Batch normalization with ηλ = 0.002; all hidden weights as one vector.",
    ),
    Claim(
        id="rate-9",
        says="At one training loss, a larger learning rate leaves a lower test loss with batch "
        "normalization.",
        source="bjorck2018understanding, keskar2017large",
        experiment="large-rates",
        statistic=lambda record: outcomes.larger_rate(record).sel(norm="batch", drop=True),
        unit="log ratio of test losses",
        matters=math.log(1.05),
        note="η = 0.02 over η = 0.3, batches of 32, 480 examples, where the training loss is 0.05.",
    ),
    Claim(
        id="rate-10",
        says="At one training loss, a larger learning rate leaves a lower test loss with batch "
        "normalization only: how much it helps depends on the normalizer.",
        source="bjorck2018understanding",
        experiment="large-rates",
        statistic=outcomes.larger_rate,
        unit="log ratio of test losses",
        matters=math.log(1.05),
        stratified_by="norm",
        quantifier="by",
        note="η = 0.02 over η = 0.3, batches of 32, 480 examples, where the training loss is 0.05.",
    ),
    Claim(
        id="rate-11",
        says="What a larger learning rate takes from the test loss is due to the noise of "
        "gradients, η/m: it is gone where batches are larger by as much as the rate.",
        source="bjorck2018understanding, smith2018bayesian",
        experiment="large-rates",
        statistic=outcomes.same_noise,
        unit="log ratio of test losses",
        matters=math.log(1.05),
        kind="equivalent",
        stratified_by="norm",
        quantifier="all",
        note="η = 0.3 on batches of 480 over η = 0.02 on batches of 32; statistics are of 32 "
        "examples in both.",
    ),
)
