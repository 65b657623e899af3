"""Claims of the chapter on covariate shift, of the inputs and inside the network."""

from __future__ import annotations

import math

from bnbook.claims import Claim
from bnbook.outcomes import covariate_shift as outcomes

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
)
