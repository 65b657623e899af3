"""Claims of the chapter on whether batch normalization helps, and what decides."""

from __future__ import annotations

import math

from bnbook.claims import Claim
from bnbook.outcomes import does_it_help as outcomes

MULTIPLIED = (
    "Steps until the test accuracy, by precise statistics, is 95 % of what the plain network ends "
    "with on average; ReLU units. The plain network's best of five rates is chosen on other seeds "
    "by examples put aside."
)

CLAIMS = (
    Claim(
        id="help-1",
        says="Batch normalization trains faster: a 3 × 100 sigmoid network on digits is accurate "
        "in fewer steps.",
        source="notes2015ioffe, replication, ioffe2015batch",
        experiment="first-race",
        statistic=outcomes.fewer_steps,
        unit="log ratio of steps",
        matters=math.log(1.25),
        stratified_by="race",
        quantifier="all",
        note="Steps until the test accuracy, by running statistics, is 95 % of what the best of "
        "these networks ends with; from Glorot's initial weights and from He's; at one learning "
        "rate for both, and each at the one tuned on other seeds.",
    ),
    Claim(
        id="help-2",
        says="A 3 × 100 sigmoid network on digits ends more accurate with batch normalization.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="first-race",
        statistic=outcomes.final_gain,
        unit="accuracy",
        matters=0.01,
        stratified_by="race",
        quantifier="all",
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
        says="Batch normalization helps the sigmoid more than any other activation.",
        source="chang2017why",
        experiment="activations",
        statistic=outcomes.sigmoid_gains_most,
        unit="accuracy",
        matters=0.01,
        stratified_by="rival",
        quantifier="best",
        note="The sigmoid's gain minus that of each other activation, over both optimizers.",
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
        note="Final test accuracy with BN and plain SGD, minus that of the plain network, and "
        "minus that of one with Glorot's weights times 1/φ′(0) and Adam. Each at its own rate.",
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
        says="Batch normalization helps on a table of numbers too.",
        source="replication",
        experiment="tabular",
        statistic=outcomes.on_the_table,
        unit="accuracy",
        matters=0.01,
        stratified_by="network",
        quantifier="all",
        note="Each arm at a learning rate tuned on other seeds. The source's table is BNG(glass), "
        "which the paper scale takes; below it the table is one made in its likeness.",
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
        says="On every class of a table of numbers the ROC curve with batch normalization has at "
        "least the area of that without.",
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
    Claim(
        id="help-13",
        says="At the best learning rate of the plain convolutional network, the one with batch "
        "normalization is as accurate in fewer steps.",
        source="ioffe2015batch",
        experiment="multiplied-rates",
        statistic=lambda record: outcomes.as_accurate_as_plain(record, 1),
        unit="log ratio of steps",
        matters=math.log(1.25),
        note=MULTIPLIED,
    ),
    Claim(
        id="help-14",
        says="At five times the best learning rate of the plain convolutional network, the one "
        "with batch normalization needs fewer steps than at that rate.",
        source="ioffe2015batch, notes2015ioffe",
        experiment="multiplied-rates",
        statistic=lambda record: outcomes.as_accurate_as_plain(record, 5, outcomes.AT[1]),
        unit="log ratio of steps",
        matters=math.log(1.25),
        note=MULTIPLIED,
    ),
    Claim(
        id="help-15",
        says="At thirty times the best learning rate of the plain convolutional network, the one "
        "with batch normalization ends more accurate than at that rate.",
        source="ioffe2015batch, notes2015ioffe",
        experiment="multiplied-rates",
        statistic=lambda record: outcomes.more_accurate_at(record, 30, outcomes.AT[1]),
        unit="accuracy",
        matters=0.01,
        note="Test accuracy by precise statistics after the last step, ReLU units.",
    ),
    Claim(
        id="help-16",
        says="With sigmoids in the place of ReLUs the convolutional network needs batch "
        "normalization to train.",
        source="ioffe2015batch, notes2015ioffe",
        experiment="multiplied-rates",
        statistic=lambda record: outcomes.more_accurate_at(record, 5, activation="sigmoid"),
        unit="accuracy",
        matters=0.1,
        note="Test accuracy after the last step, at five times the plain network's best rate minus "
        "that of the plain network at its own.",
    ),
    Claim(
        id="help-17",
        says="On every digit the ROC curve with batch normalization has at least the area of that "
        "without.",
        source="replication",
        experiment="digit-roc",
        statistic=outcomes.digit_areas,
        unit="area",
        matters=0.005,
        kind="at-least",
        stratified_by="class",
        quantifier="all",
        note="One class against the rest, a 3 × 100 sigmoid network at the end of training, each "
        "arm at the learning rate tuned on other seeds.",
    ),
    Claim(
        id="help-18",
        says="Batch normalization reaches the target in less training time, and not only in fewer "
        "steps.",
        source="replication, ioffe2015batch",
        experiment="race-by-clock",
        statistic=outcomes.less_time,
        unit="log ratio of time",
        matters=math.log(1.25),
        stratified_by="race",
        quantifier="all",
        controls=("shared rate, in steps", "tuned rate, in steps"),
        note="The race of help-1 from Glorot's weights, with torch's own layers on one thread of a "
        "CPU. Time is steps to the target times the median time of a step of that arm; all arms "
        "of a seed take their steps in turn.",
    ),
)
