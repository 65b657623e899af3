"""Claims of the chapter on the mathematics of batch normalization."""

from __future__ import annotations

import math

from bnbook.claims import Claim
from bnbook.outcomes import bn_math as outcomes

EXACT = 1e-12  # float64 rounding of a few hundred operations, with room to spare


CLAIMS = (
    Claim(
        id="math-1",
        says="With γ and β, batch normalization can represent the identity.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="exact-identities",
        statistic=outcomes.off_the_identity,
        unit="σ",
        matters=None,
        tolerance=EXACT,
        stratified_by="where",
        quantifier="all",
        controls=("a fresh batch",),
        note="Root mean square of BN(z) − z. γ and β are set to undo one batch; a fresh batch "
        "of the same size has other statistics.",
    ),
    Claim(
        id="math-2",
        says="At inference batch normalization is one affine map, which vanishes into the layer "
        "before it.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="exact-identities",
        statistic=outcomes.off_when_folded,
        unit="largest difference of a logit",
        matters=None,
        tolerance=EXACT,
    ),
    Claim(
        id="math-3",
        says="Normalizing outside the gradient step makes the bias diverge at constant loss.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="naive-normalization",
        statistic=outcomes.off_the_line,
        unit="relative residual",
        matters=None,
        tolerance=EXACT,
        note="The larger of two residuals: of the loss from its first value, and of the bias from "
        "the straight line b = kη·mean(t).",
    ),
    Claim(
        id="math-4",
        says="A bias before batch normalization is redundant: its gradient is zero.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="exact-identities",
        statistic=outcomes.bias_gradient,
        unit="‖∂L/∂b‖/‖∂L/∂W‖",
        matters=None,
        tolerance=EXACT,
    ),
    Claim(
        id="math-5",
        says="With batch normalization larger weights get smaller gradients, ∇L(aw) = ∇L(w)/a.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="exact-identities",
        statistic=outcomes.scaling_residual,
        unit="relative residual",
        matters=None,
        tolerance=EXACT,
        note="For a = 0.1, 0.5, 2 and 10, with ε = 1e-20. The usual ε = 1e-5 leaves a residual, "
        "which the chapter measures.",
    ),
    Claim(
        id="math-6",
        says="Batch normalization makes the activations of a network more nearly Gaussian.",
        source="notes2015ioffe",
        experiment="gaussian-units",
        statistic=outcomes.closer_to_gaussian,
        unit="log ratio of distance from a Gaussian",
        matters=math.log(1.1),
        stratified_by="network",
        quantifier="all",
        note="1-Wasserstein distance of a unit's standardised values from N(0, 1), at the input of "
        "the nonlinearity, averaged over three hidden layers.",
    ),
    Claim(
        id="math-7",
        says="Batch normalization before the nonlinearity is better than after it.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="norm-order",
        statistic=outcomes.before_over_after,
        unit="accuracy",
        matters=0.01,
        stratified_by="network",
        quantifier="all",
        note="Each order at the best of three learning rates, chosen on the other seeds.",
    ),
    Claim(
        id="math-8",
        says="Full whitening trains in fewer steps than batch normalization of each feature, at a "
        "higher cost per step.",
        source="chang2017why, notes2015ioffe",
        experiment="whitening",
        statistic=outcomes.bargain,
        unit="log ratio",
        matters=math.log(1.1),
        stratified_by="what",
        quantifier="all",
        note="Steps to a training loss of 0.2, each arm at the best of four learning rates, chosen "
        "on the other seeds; time of a step on this machine, the minimum over interleaved rounds.",
    ),
)
