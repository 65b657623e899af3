"""Claims of the chapter on whether batch normalization helps, and what decides."""

from __future__ import annotations

import math

from bnbook.claims import Claim
from bnbook.outcomes import does_it_help as outcomes

TITLE = "Does it help, and what decides?"
POSITION = 3
QUESTION = "Where does BN help, where does it not, and what decides?"


CLAIMS = (
    Claim(
        id="help-1",
        says="Batch normalization trains faster: a 3 × 100 sigmoid network on MNIST reaches 90 % "
        "in fewer steps.",
        source="notes2015ioffe, replication, ioffe2015batch",
        experiment="internal-shift",
        statistic=outcomes.fewer_steps,
        unit="log ratio of steps",
        matters=math.log(1.25),
    ),
    Claim(
        id="help-2",
        says="There it also ends more accurate.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="internal-shift",
        statistic=outcomes.final_gain,
        unit="accuracy",
        matters=0.01,
        note="A replication finds the opposite, 90.7 % with and 94 % without.",
    ),
    Claim(
        id="help-3",
        says="Batch normalization helps with every activation.",
        source="chang2017why",
        experiment="activations",
        statistic=outcomes.gain_by_activation,
        unit="accuracy",
        matters=0.01,
        stratified_by="case",
        quantifier="all",
    ),
    Claim(
        id="help-4",
        says="It helps the sigmoid most.",
        source="chang2017why",
        experiment="activations",
        statistic=outcomes.sigmoid_gains_most,
        unit="accuracy",
        matters=0.01,
        stratified_by="seen",
        quantifier="best",
        note="The sigmoid's gain minus the largest gain of another activation.",
    ),
    Claim(
        id="help-5",
        says="With batch normalization, the activation matters more than the optimizer.",
        source="chang2017why",
        experiment="activations",
        statistic=outcomes.activation_over_optimizer,
        unit="share of variance",
        matters=0.1,
        stratified_by="measure",
        quantifier="all",
        note="The intervals are over jackknife pseudo-values of the shares.",
    ),
    Claim(
        id="help-6",
        says="ReLU with plain SGD and batch normalization is as good as ReLU with Adam and none.",
        source="chang2017why",
        experiment="activations",
        statistic=outcomes.plain_sgd_against_adam,
        unit="accuracy",
        matters=0.01,
        stratified_by="seen",
        quantifier="all",
        kind="at-least",
    ),
    Claim(
        id="help-7",
        says="Batch normalization lets deep networks of saturating units train.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="saturating-depth",
        statistic=outcomes.deep_gain,
        unit="accuracy",
        matters=0.05,
        stratified_by="network",
        quantifier="all",
    ),
    Claim(
        id="help-8",
        says="Batch normalization tolerates higher learning rates.",
        source="notes2015ioffe, debrief2018, ioffe2015batch",
        experiment="robustness",
        statistic=outcomes.highest_rate,
        unit="log ratio of rates",
        matters=math.log(2),
        stratified_by="activation",
        quantifier="all",
        centre="median",
    ),
    Claim(
        id="help-9",
        says="Batch normalization tolerates worse initial weights.",
        source="notes2015ioffe, replication, ioffe2015batch",
        experiment="robustness",
        statistic=outcomes.lost_to_bad_weights,
        unit="accuracy",
        matters=0.05,
        stratified_by="case",
        quantifier="all",
    ),
    Claim(
        id="help-10",
        says="Batch normalization helps on a table of numbers too, BNG(glass).",
        source="replication",
        experiment="tabular",
        statistic=outcomes.on_the_table,
        unit="accuracy",
        matters=0.01,
        stratified_by="network",
        quantifier="all",
        note="Each arm at a learning rate tuned on other seeds. Below the paper scale the table "
        "is not BNG(glass) but one made in its likeness.",
    ),
    Claim(
        id="help-11",
        says="Batch normalization costs time in every training step.",
        source="replication",
        experiment="step-cost",
        statistic=outcomes.dearer_step,
        unit="log ratio of time",
        matters=math.log(1.05),
        note="3 × 100 sigmoid units, batches of 60, torch's own layers on one thread of a CPU. "
        "The source reports 1,079 s against 932 s, a ratio of 1.16.",
    ),
    Claim(
        id="help-12",
        says="On every class of that table the ROC curve with batch normalization has at least "
        "the area of that without.",
        source="replication",
        experiment="tabular",
        statistic=outcomes.area_by_class,
        unit="area",
        matters=0.01,
        kind="at-least",
        stratified_by="class",
        quantifier="all",
        note="One class against the rest, the sigmoid network, at the end of training.",
    ),
)
