"""Claims of the chapter on covariate shift, of the inputs and inside the network."""

from __future__ import annotations

import math

from bnbook.claims import Claim
from bnbook.outcomes import covariate_shift as outcomes

SPEED = "Speed is test accuracy averaged over looks evenly spaced in the logarithm of the step, "
SPEED += "each arm at its own learning rate, chosen on other seeds by examples put aside."
RESIDUAL = "While training: averaged over looks evenly spaced in the logarithm of the step. Each "
RESIDUAL += "arm at its own learning rate, chosen on other seeds by examples put aside."

CLAIMS = (
    Claim(
        id="shift-1",
        says="Under covariate shift a classifier loses accuracy although the rule that gives the "
        "labels is unchanged.",
        source="ng2017why",
        experiment="covariate-shift",
        statistic=outcomes.lost_to_shift,
        unit="accuracy",
        matters=0.02,
    ),
    Claim(
        id="shift-2",
        says="Weighting the training examples by their importance wins accuracy back.",
        source="shimodaira2000improving, chang2017why",
        experiment="covariate-shift",
        statistic=outcomes.won_back,
        unit="accuracy",
        matters=0.02,
    ),
    Claim(
        id="shift-3",
        says="Batch normalization makes the distribution of a hidden unit's input drift less "
        "during training.",
        source="ioffe2015batch, notes2015ioffe, replication",
        experiment="internal-shift",
        statistic=outcomes.less_drift,
        unit="log ratio of drift",
        matters=math.log(1.1),
        note="1-Wasserstein distance between looks, in standard deviations, at the input of the "
        "nonlinearity.",
    ),
    Claim(
        id="shift-4",
        says="Batch normalization lowers internal covariate shift when that is measured by the "
        "change of a layer's gradient.",
        source="santurkar2018how",
        experiment="internal-shift",
        statistic=outcomes.less_gradient_shift,
        unit="log ratio of gradient shift",
        matters=math.log(1.1),
        note="The source tests this, and finds that it does not.",
    ),
    Claim(
        id="shift-5",
        says="A network with batch normalization and injected, changing noise is worse than one "
        "with batch normalization alone.",
        source="santurkar2018how, debrief2018",
        experiment="shaken",
        statistic=outcomes.noise_costs,
        unit="accuracy",
        matters=0.01,
        stratified_by="seen",
        quantifier="all",
        note="A dense sigmoid network and a convolutional one. At the end: test digits by running "
        "statistics, without the noise; shaken too: by those of the batch, with it. The source "
        "tests this, and finds that it is not worse.",
    ),
    Claim(
        id="shift-6",
        says="A network with batch normalization and injected, changing noise still beats one "
        "without normalization.",
        source="santurkar2018how, debrief2018",
        experiment="shaken",
        statistic=outcomes.noise_leaves,
        unit="accuracy",
        matters=0.01,
        stratified_by="seen",
        quantifier="all",
    ),
    Claim(
        id="shift-7",
        says="Batch normalization weakens the coupling between early and late layers.",
        source="ng2017why",
        experiment="internal-shift",
        statistic=outcomes.weaker_coupling,
        unit="log ratio of coupling",
        matters=math.log(1.1),
        stratified_by="direction",
        quantifier="all",
    ),
    Claim(
        id="shift-8",
        says="Where the rule itself shifts, weighting the training examples by their importance "
        "does not win the lost accuracy back.",
        source="ng2017why, shimodaira2000improving",
        experiment="rule-shift",
        statistic=outcomes.left_by_weights,
        unit="accuracy",
        matters=0.02,
        stratified_by="shifts",
        quantifier="all",
        controls=("the inputs alone",),
        note="Accuracy at the target of the fit to target examples minus that of the weighted "
        "fit, for a rule that moved by 1 and inputs that moved by 1.5 or not at all.",
    ),
    Claim(
        id="shift-9",
        says="Without batch normalization a network learns faster from standardised inputs than "
        "from inputs off centre.",
        source="ng2017why, lecun1998efficient",
        experiment="input-scale",
        statistic=outcomes.slower_off_centre,
        unit="accuracy",
        matters=0.02,
        note=SPEED,
    ),
    Claim(
        id="shift-10",
        says="Inputs off centre slow a network with batch normalization less than one without.",
        source="ng2017why",
        experiment="input-scale",
        statistic=outcomes.spared_off_centre,
        unit="accuracy",
        matters=0.02,
        note="The source likens batch normalization to a normalization of the inputs; that the "
        "one spares the other is our reading. " + SPEED,
    ),
    Claim(
        id="shift-11",
        says="Residual networks of convolutions, too, learn faster and end more accurate with "
        "batch normalization, whether their images are whole or halved.",
        source="he2016deep",
        experiment="shaken-residual",
        statistic=outcomes.gain,
        unit="accuracy",
        matters=0.01,
        stratified_by="seen",
        quantifier="all",
        note=RESIDUAL,
    ),
    Claim(
        id="shift-12",
        says="Residual networks with batch normalization and injected, changing noise still beat "
        "those without normalization.",
        source="santurkar2018how",
        experiment="shaken-residual",
        statistic=outcomes.noise_leaves,
        unit="accuracy",
        matters=0.01,
        stratified_by="seen",
        quantifier="all",
        note=RESIDUAL,
    ),
    Claim(
        id="shift-13",
        says="What batch normalization is worth to a residual network is the same on whole images "
        "as on halved ones.",
        source="santurkar2018how",
        experiment="shaken-residual",
        statistic=outcomes.gain_of_whole_images,
        unit="accuracy",
        matters=0.02,
        kind="equivalent",
        stratified_by="seen",
        quantifier="all",
        note="The source's networks see whole images, our others halved ones, for speed: does that "
        "decide? " + RESIDUAL,
    ),
)
