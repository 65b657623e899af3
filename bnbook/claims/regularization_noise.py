"""Claims of the chapter on the noise of batch statistics, and on the size of weights."""

from __future__ import annotations

import math

from bnbook.claims import Claim
from bnbook.experiments.half_thousand import NETWORKS
from bnbook.outcomes import regularization_noise as outcomes

CLAIMS = (
    Claim(
        id="noise-1",
        says="The noise of batch statistics falls as one over the size of the batch.",
        source="ng2017why",
        experiment="batch-noise",
        statistic=outcomes.falls_as_1_over_m,
        unit="exponent beyond 1",
        matters=0.1,
        kind="equivalent",
        stratified_by="of",
        quantifier="all",
        note="Slope of the logarithm of the variance of the batch's mean, and of that of its "
        "variance, over log m for m from 16 to 256, plus one, with the sign turned; averaged over "
        "units and hidden layers.",
    ),
    Claim(
        id="noise-2",
        says="A larger statistics batch regularises less.",
        source="ng2017why",
        experiment="ghost-dropout",
        statistic=outcomes.regularises_less,
        unit="nat of test loss",
        matters=0.01,
        stratified_by="fewer",
        quantifier="all",
        note="Test loss with statistics of 64 examples minus that with statistics of fewer, each "
        "where its training loss is what the slower of the two ends with; by population "
        "statistics. The gap between training and test loss shrinks as well where training is "
        "merely slower.",
    ),
    Claim(
        id="noise-3",
        says="The noise of batch normalization acts like dropout of matched variance.",
        source="ng2017why",
        experiment="ghost-dropout",
        statistic=outcomes.like_dropout,
        unit="nat",
        matters=0.01,
        kind="equivalent",
        stratified_by="measured",
        quantifier="all",
        note="Matched in the share of a logit's variance that is chance; the dropout stands behind "
        "every hidden layer of a network with BN over the whole batch.",
    ),
    Claim(
        id="noise-4",
        says="With batch normalization, dropout can be removed.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="ghost-dropout",
        statistic=outcomes.without_dropout,
        unit="accuracy",
        matters=0.005,
        kind="at-least",
        stratified_by="dropout",
        quantifier="all",
        controls=("0.3, without BN",),
        note="Test accuracy of BN alone minus that of BN with dropout. The control has neither BN: "
        "what dropout costs there says whether it was of any use to these networks at all.",
    ),
    Claim(
        id="noise-5",
        says="Dropout before batch normalization hurts, because the variance shifts between "
        "training and use.",
        source="li2019understanding",
        experiment="ghost-dropout",
        statistic=outcomes.hurt_by_dropout,
        unit="accuracy",
        matters=0.005,
        stratified_by="lost",
        quantifier="all",
        note="Rate 0.5. Lost to the shift: precise statistics, collected without dropout, minus "
        "running ones, on the same network.",
    ),
    Claim(
        id="noise-6",
        says="Batch normalization limits the growth of weights.",
        source="chang2017why",
        experiment="weight-growth",
        statistic=outcomes.less_growth,
        unit="log ratio of growth",
        matters=math.log(1.05),
        stratified_by="weights",
        quantifier="all",
        note="Growth is ‖W‖ at the end over ‖W‖ at the start, under plain SGD and under Adam, "
        "which the source took.",
    ),
    Claim(
        id="noise-7",
        says="Weight decay with batch normalization acts only through the effective learning rate.",
        source="vanlaarhoven2017l2",
        experiment="decay-or-rate",
        statistic=outcomes.decay_beyond_rate,
        unit="nat of test loss",
        matters=0.01,
        kind="equivalent",
        stratified_by="decays",
        quantifier="all",
        note="Precise statistics: the running ones trail, and so depend on how the size of the "
        "weights has changed.",
    ),
    Claim(
        id="noise-8",
        says="Batch normalization reduces overfitting: it narrows the gap between training and "
        "test accuracy.",
        source="chang2017why",
        experiment="activations",
        statistic=outcomes.narrower_gap,
        unit="accuracy",
        matters=0.005,
        stratified_by="network",
        quantifier="all",
        note="Gap without BN minus gap with it, at one training accuracy: the lower of the two "
        "highest that they come to. Each arm at the learning rate tuned on other seeds; running "
        "statistics.",
    ),
    Claim(
        id="noise-9",
        says="With dropout beside it, batch normalization regularises more: the test loss ends "
        "lower than with batch normalization alone.",
        source="ng2017why",
        experiment="decay-and-dropout",
        statistic=outcomes.dropout_beside,
        unit="nat of test loss",
        matters=0.01,
        stratified_by="beside",
        quantifier="all",
        controls=("without BN, no decay", "without BN, with decay"),
        note="400 training examples, 2 × 200 units, dropout of 0.3 behind each hidden layer, "
        "precise statistics; each arm at the rate with the lowest loss on other seeds and "
        "examples. The controls are what dropout gains without BN.",
    ),
    Claim(
        id="noise-10",
        says="With batch normalization weight decay gains less than without it.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="decay-and-dropout",
        statistic=outcomes.less_need_for_decay,
        unit="nat of test loss",
        matters=0.01,
        stratified_by="beside",
        quantifier="all",
        note="What decay of 0.01 takes from the test loss without BN, minus what it takes from it "
        "with BN. The same networks as those of noise-9.",
    ),
    Claim(
        id="noise-11",
        says="With batches of 512 an example's logits vary an eighth as much with their company as "
        "with batches of 64.",
        source="ng2017why",
        experiment="half-thousand",
        statistic=outcomes.eighth,
        unit="log ratio of variances",
        matters=math.log(1.2),
        kind="equivalent",
        stratified_by="network",
        quantifier="all",
        controls=tuple(f"{name}, first layer" for name in NETWORKS),
        note="Logarithm of the variance at 64 over that at 512, minus log 8. The controls are the "
        "units of the first hidden layer behind their BN.",
    ),
)
