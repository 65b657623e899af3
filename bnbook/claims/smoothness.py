"""Claims of the chapter on the smoothness of the loss."""

from __future__ import annotations

import math

from bnbook.claims import Claim
from bnbook.outcomes import smoothness as outcomes
from bnbook.outcomes.covariate_shift import less_gradient_shift

GAUGE = (
    "By the directions of filters and in steps ‖Δw‖/‖w‖, which rescaling the weights before BN "
    "does not change; the source's own measures change with it. "
)
MODES = (
    "Training: the loss as it is trained, by the statistics of the batch at every place. "
    "Evaluation: the loss by running statistics, along its own gradient."
)

CLAIMS = (
    Claim(
        id="smooth-1",
        says="Batch normalization makes the loss vary less along the gradient.",
        source="santurkar2018how, debrief2018",
        experiment="loss-landscape",
        statistic=outcomes.less_variation,
        unit="log ratio of loss variation",
        matters=math.log(1.1),
        stratified_by="setting",
        quantifier="all",
        note=GAUGE + MODES,
    ),
    Claim(
        id="smooth-2",
        says="Batch normalization makes the gradient change less along itself.",
        source="santurkar2018how, debrief2018",
        experiment="loss-landscape",
        statistic=outcomes.less_change,
        unit="log ratio of gradient change",
        matters=math.log(1.1),
        stratified_by="setting",
        quantifier="all",
        note="The largest distance between gradients. " + GAUGE + MODES,
    ),
    Claim(
        id="smooth-3",
        says="Batch normalization lowers the effective β-smoothness along the gradient.",
        source="santurkar2018how, debrief2018",
        experiment="loss-landscape",
        statistic=outcomes.smaller_beta,
        unit="log ratio of effective β",
        matters=math.log(1.1),
        stratified_by="setting",
        quantifier="all",
        note=GAUGE + MODES,
    ),
    Claim(
        id="smooth-4",
        says="With batch normalization the relative loss grows more slowly with the size of a "
        "step, in the first minibatches.",
        source="bjorck2018understanding, debrief2018",
        experiment="loss-landscape",
        statistic=outcomes.longer_steps,
        unit="log ratio of the longest harmless step",
        matters=math.log(1.1),
        stratified_by="setting",
        quantifier="all",
        note="The longest step along the gradient that leaves the loss of its batch no higher "
        f"than it was, over updates 1 to {outcomes.FIRST_MINIBATCHES}. " + GAUGE + MODES,
    ),
    Claim(
        id="smooth-5",
        says="At the highest of three learning rates only the network with batch normalization "
        "trains.",
        source="bjorck2018understanding, debrief2018",
        experiment="three-rates",
        statistic=outcomes.only_one_trains,
        unit="accuracy",
        matters=0.05,
        centre="median",
        stratified_by="network",
        quantifier="all",
        note="A network trains if its final test accuracy is above one half, at a learning rate of "
        "0.1: with BN, how far above; without, how far below, by an exact test of signs. A network "
        "that has diverged is right by chance.",
    ),
    Claim(
        id="smooth-6",
        says="At the lowest of three learning rates the network without batch normalization ends "
        "as accurate as the one with it.",
        source="bjorck2018understanding, debrief2018",
        experiment="three-rates",
        statistic=outcomes.gap_below,
        unit="accuracy",
        matters=0.02,
        stratified_by="rate",
        quantifier="all",
        controls=("0.003",),
        kind="equivalent",
        note="The source chose its lowest rate, 0.0001, so that the network without BN converges. "
        "Whether it does depends on the length of the run, so the next rate stands beside it.",
    ),
    Claim(
        id="smooth-7",
        says="Batch normalization lowers the sharpness of the loss on the normalized sphere.",
        source="ghorbani2019investigation, yao2020pyhessian",
        experiment="sharpness",
        statistic=outcomes.less_sharp,
        unit="log ratio of λₘₐₓ",
        matters=math.log(1.1),
        stratified_by="setting",
        quantifier="all",
        note="The largest eigenvalue of the Hessian by the directions of the filters, on fixed "
        "batches. The first source says so of deep convolutional networks; the second finds that "
        "BN does not always, least in shallow ones. " + MODES,
    ),
    Claim(
        id="smooth-8",
        says="Smoothness of the loss, and not the stability of distributions, orders networks by "
        "the speed of their training.",
        source="santurkar2018how, debrief2018",
        experiment="noisy-convnet",
        statistic=outcomes.better_predictor,
        unit="Kendall's τ",
        matters=0.2,
        stratified_by="rivals",
        quantifier="best",
        note="Eight normalizers at three learning rates, ordered within a seed: Kendall's τ of "
        "speed with smoothness along the gradient, minus that with stability (1-Wasserstein drift "
        "at the nonlinearities' inputs).",
    ),
    Claim(
        id="smooth-9",
        says="In a network of convolutions, too, batch normalization lowers internal covariate "
        "shift when that is measured by the change of a layer's gradient.",
        source="santurkar2018how",
        experiment="convolutional-shift",
        statistic=less_gradient_shift,
        unit="log ratio of gradient shift",
        matters=math.log(1.1),
        note="As shift-4, which asks it of a dense network: ‖G − G′‖/‖G‖, averaged over looks and "
        "layers, the first left out. The source tests this, and finds that it does not.",
    ),
    Claim(
        id="smooth-10",
        says="Distributions inside a network of convolutions with batch normalization and "
        "injected, changing noise move further than those inside one without normalization.",
        source="santurkar2018how, debrief2018",
        experiment="convolutional-shift",
        statistic=outcomes.noise_moves,
        unit="log ratio of drift",
        matters=math.log(1.1),
        stratified_by="interval",
        quantifier="all",
        note="1-Wasserstein drift at the nonlinearities' inputs, in standard deviations, between "
        "looks that are one step apart and between looks that are many apart.",
    ),
)
