"""Claims of the chapter on Jacobian isometry and gradient flow."""

from __future__ import annotations

import math

from bnbook.claims import Claim
from bnbook.outcomes import jacobian_isometry as outcomes

CLAIMS = (
    Claim(
        id="jac-1",
        says="Batch normalization raises the gradient of the first layer of a sigmoid network.",
        source="chang2017why",
        experiment="jacobian-spectra",
        statistic=outcomes.first_gradient,
        unit="log ratio of ‖∂L/∂W₁‖",
        matters=math.log(1.1),
        stratified_by="when",
        quantifier="average",
        note="Of the mean loss. The source reports a factor of about 5, of its summed loss.",
    ),
    Claim(
        id="jac-2",
        says="Batch normalization moves the singular values of a layer's Jacobian towards 1.",
        source="chang2017why",
        experiment="jacobian-spectra",
        statistic=outcomes.nearer_to_one,
        unit="log ratio of √mean (σ − 1)²",
        matters=math.log(1.1),
        stratified_by="network",
        quantifier="all",
        note="Per-example Jacobians of the second hidden layer; a fall of the distance counts as "
        "positive.",
    ),
    Claim(
        id="jac-3",
        says="The Jacobian of sums over the batch tells the same of batch normalization as the "
        "Jacobian of examples.",
        source="chang2017why",
        experiment="jacobian-spectra",
        statistic=outcomes.two_answers,
        unit="log ratio of mean singular values",
        matters=math.log(1.1),
        stratified_by="activation",
        quantifier="all",
        kind="equivalent",
        note="The difference of two effects of BN on the mean singular value; the source does not "
        "claim this, its code takes it for granted.",
    ),
    Claim(
        id="jac-4",
        says="Batch normalization keeps gradients from vanishing with depth.",
        source="chang2017why, notes2015ioffe",
        experiment="deep-gradients",
        statistic=outcomes.kept_from_vanishing,
        unit="log ratio of ‖∂L/∂z‖",
        matters=math.log(2),
        stratified_by="network",
        quantifier="all",
        controls=tuple(f"{phi}, He, {n} layers" for phi in ("relu", "tanh") for n in (5, 20)),
        note="At initialisation. He's weights are the control of ReLU and tanh: they are made so "
        "that nothing vanishes. What a gradient loses on its way down through so many layers, "
        "without BN minus with it; a gradient that grows has lost nothing.",
    ),
    Claim(
        id="jac-5",
        says="Without skip connections, gradients in networks with batch normalization explode at "
        "initialisation, by E[φ′²]/Var φ per layer.",
        source="yang2019mean",
        experiment="gradient-explosion",
        statistic=outcomes.off_the_rate,
        unit="log ratio of measured to predicted growth",
        matters=0.02,
        stratified_by="activation",
        quantifier="all",
        kind="equivalent",
        note="The prediction is multiplied by (m − 2)/(m − 3), which is exact for linear layers: "
        "our batches are finite.",
    ),
    Claim(
        id="jac-6",
        says="Batch normalization prevents the rank of the representation from collapsing with "
        "depth.",
        source="daneshmand2020batch",
        experiment="deep-gradients",
        statistic=outcomes.kept_rank,
        unit="log ratio of effective rank",
        matters=math.log(2),
        stratified_by="network",
        quantifier="all",
        note="At initialisation, at the input of the nonlinearity.",
    ),
    Claim(
        id="jac-7",
        says="Under Adam, too, batch normalization moves the singular values of a layer's Jacobian "
        "towards 1.",
        source="chang2017why",
        experiment="jacobian-adam",
        statistic=outcomes.nearer_after_training,
        unit="log ratio of √mean (σ − 1)²",
        matters=math.log(1.1),
        stratified_by="network",
        quantifier="all",
        note="As jac-2, after training alone: at the start no optimizer has done anything yet, and "
        "the networks are those of jac-2. Adam's usual rate of 0.001 in every arm.",
    ),
    Claim(
        id="jac-8",
        says="Without batch normalization the activations of a deep sigmoid network shrink on "
        "their way up.",
        source="notes2015ioffe",
        experiment="amplified-changes",
        statistic=outcomes.shrunk,
        unit="log ratio of standard deviation",
        matters=math.log(2),
        stratified_by="activation",
        quantifier="all",
        controls=("relu",),
        note="At initialisation: the standard deviation of activations over the batch, at the "
        "first layer against the last. Sigmoids have Glorot's weights. ReLU with He's is the "
        "control: these weights are made to keep the mean square.",
    ),
    Claim(
        id="jac-9",
        says="A small change of the first layer is amplified on its way up through a deep network, "
        "and with batch normalization less.",
        source="ioffe2015batch, notes2015ioffe",
        experiment="amplified-changes",
        statistic=outcomes.amplified,
        unit="log ratio of relative change",
        matters=math.log(1.1),
        stratified_by="change",
        quantifier="all",
        note="At initialisation: how far the input of a layer's nonlinearity is moved, in units of "
        "its own spread over the batch, at the last layer against the first. Without BN: how much "
        "that grows. Less with BN: how much more it grows without.",
    ),
)
