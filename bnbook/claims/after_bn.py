"""Claims of the chapter on what came after batch normalization, and what it costs."""

from __future__ import annotations

import math

from bnbook.claims import Claim
from bnbook.outcomes import after_bn as outcomes

SPEED_MATTERS, ACCURACY_MATTERS = outcomes.MATTERS["speed"], outcomes.MATTERS["accuracy"]
HALF_DECADE = 0.25  # decades: half of the way from one rate of the grid to the next

SPEED = (
    "Speed is the test accuracy averaged over looks evenly spaced in the logarithm of the step. "
)
OWN = "Each arm at its own rate, chosen on other seeds by examples put aside."
ALL = ("residual MLP", "convnet", "transformer")

CLAIMS = (
    Claim(
        id="after-1",
        says="A residual network without any normaliser, whose branches start at nothing, trains "
        "as fast as one with batch normalization.",
        source="de2020batch, bachlechner2021rezero",
        experiment="successors",
        statistic=outcomes.difference("speed", "rezero", "batch", *ALL),
        unit="accuracy",
        matters=SPEED_MATTERS,
        kind="at-least",
        stratified_by="network",
        quantifier="all",
        note=SPEED + OWN,
    ),
    Claim(
        id="after-2",
        says="Fixup's initial weights alone train a residual network as fast as batch "
        "normalization does.",
        source="zhang2019fixup",
        experiment="successors",
        statistic=outcomes.difference("speed", "fixup", "batch", "residual MLP"),
        unit="accuracy",
        matters=SPEED_MATTERS,
        kind="at-least",
        stratified_by="network",
        quantifier="all",
        note=SPEED + OWN,
    ),
    Claim(
        id="after-3",
        says="Standardised weights, scaled branches and adaptive clipping are as accurate as "
        "batch normalization.",
        source="brock2021high",
        experiment="successors",
        statistic=outcomes.difference(
            "accuracy", "scaled weights", "batch", "residual MLP", "convnet"
        ),
        unit="accuracy",
        matters=ACCURACY_MATTERS,
        kind="at-least",
        stratified_by="network",
        quantifier="all",
        note="Test accuracy at the end. " + OWN,
    ),
    Claim(
        id="after-4",
        says="Centring is not needed in layer normalization: root mean square normalization is "
        "as fast.",
        source="zhang2019root",
        experiment="successors",
        statistic=outcomes.difference("speed", "rms", "layer", "residual MLP", "transformer"),
        unit="accuracy",
        matters=SPEED_MATTERS,
        kind="at-least",
        stratified_by="network",
        quantifier="all",
        note=SPEED + OWN,
    ),
    Claim(
        id="after-5",
        says="A bounded function in its place makes a transformer as accurate as layer "
        "normalization does.",
        source="zhu2025transformers",
        experiment="successors",
        statistic=outcomes.difference("accuracy", "dyt", "layer", "transformer"),
        unit="accuracy",
        matters=ACCURACY_MATTERS,
        kind="at-least",
        stratified_by="network",
        quantifier="all",
        note="Test accuracy at the end. " + OWN,
    ),
    Claim(
        id="after-6",
        says="In a transformer layer normalization is more accurate than batch normalization.",
        source="shen2020powernorm",
        experiment="successors",
        statistic=outcomes.difference("accuracy", "layer", "batch", "transformer"),
        unit="accuracy",
        matters=ACCURACY_MATTERS,
        stratified_by="network",
        quantifier="all",
        note="Test accuracy at the end. The source speaks of language, these are digits. " + OWN,
    ),
    Claim(
        id="after-7",
        says="Filter response normalization is as accurate as batch normalization in a convnet.",
        source="singh2020filter",
        experiment="successors",
        statistic=outcomes.difference("accuracy", "frn", "batch", "convnet"),
        unit="accuracy",
        matters=ACCURACY_MATTERS,
        kind="at-least",
        stratified_by="network",
        quantifier="all",
        note="Without the source's thresholded unit. Test accuracy at the end. " + OWN,
    ),
    Claim(
        id="after-8",
        says="Batch normalization bears higher learning rates than branches that start at nothing.",
        source="de2020batch",
        experiment="successors",
        statistic=outcomes.difference(
            "tolerance", "batch", "rezero", "residual MLP", "transformer"
        ),
        unit="decades",
        matters=HALF_DECADE,
        stratified_by="network",
        quantifier="all",
        centre="median",
        note="The highest rate of a grid of half decades at which a network ends with half of the "
        "test digits right.",
    ),
    Claim(
        id="after-9",
        says="Which of batch normalization and branches that start at nothing is more accurate "
        "depends on the number of examples.",
        source="de2020batch",
        experiment="fewer-examples",
        statistic=outcomes.by_examples("batch", "rezero"),
        unit="accuracy",
        matters=ACCURACY_MATTERS,
        stratified_by="examples",
        quantifier="by",
        note="The source: BN also regularises, and large networks without it need something "
        "else that does. The same number of steps at every size. " + OWN,
    ),
    Claim(
        id="after-10",
        says="The attack takes from a linear network all of the margin that any can, ε·‖w‖₁.",
        source="goodfellow2015explaining",
        experiment="adversarial",
        statistic=outcomes.attack_excess,
        unit="ε·‖w‖₁",
        matters=None,
        tolerance=1e-9,
        stratified_by="norm",
        quantifier="all",
        note="The margin of the right class over the strongest other one, in float64; with BN in "
        "use, whose map is affine then, and without.",
    ),
    Claim(
        id="after-11",
        says="Networks with batch normalization are easier to deceive than those without.",
        source="galloway2019batch",
        experiment="adversarial",
        statistic=outcomes.more_deceived("batch", "none"),
        unit="accuracy",
        matters=0.02,
        stratified_by="size",
        quantifier="all",
        note="Accuracy under projected gradient ascent, by ε as a share of black to white; one "
        "learning rate for both.",
    ),
    Claim(
        id="after-12",
        says="In training mode the others of a batch betray the class of an example.",
        source="he2020momentum",
        experiment="leaked-labels",
        statistic=outcomes.told(),
        unit="accuracy",
        matters=0.05,
        stratified_by="size",
        quantifier="all",
        note="Beyond chance: how often a ridge classifier tells an example's class by the logits "
        "of the others, by the size of the batch.",
    ),
    Claim(
        id="after-13",
        says="Where clients hold few classes each, averaging costs batch normalization more than "
        "group normalization.",
        source="hsieh2020noniid",
        experiment="averaged-clients",
        statistic=outcomes.costs_clients("batch", "group"),
        unit="accuracy",
        matters=0.02,
        note="Test accuracy lost, from clients with all classes to clients with two, after the "
        "last round.",
    ),
    Claim(
        id="after-14",
        says="Averaged networks need statistics of their own: averaged ones are not theirs.",
        source="izmailov2018averaging, jordan2023repair",
        experiment="averaged-clients",
        statistic=outcomes.fresh_statistics,
        unit="accuracy",
        matters=ACCURACY_MATTERS,
        stratified_by="deal",
        quantifier="all",
        note="What precise statistics at the averaged weights add, after the last round.",
    ),
    Claim(
        id="after-15",
        says="On one fixed shuffle a network with batch normalization ends at another, higher "
        "loss than where data are shuffled anew.",
        source="wu2023training",
        experiment="one-shuffle",
        statistic=outcomes.shuffled_once("batch"),
        unit="log ratio of losses",
        matters=math.log(1.1),
        stratified_by="activation",
        quantifier="all",
        note="The loss of all training examples at once, by their own statistics, at the end.",
    ),
    Claim(
        id="after-16",
        says="Without batch normalization one fixed shuffle does no harm.",
        source="wu2023training",
        experiment="one-shuffle",
        statistic=outcomes.shuffled_once("none"),
        unit="log ratio of losses",
        matters=math.log(1.1),
        kind="equivalent",
        stratified_by="activation",
        quantifier="all",
        note="The same networks without a normaliser.",
    ),
    Claim(
        id="after-17",
        says="γ and β alone, on random weights, bring more than half of what training everything "
        "brings.",
        source="frankle2021training",
        experiment="affine-only",
        statistic=outcomes.beyond_half_of_training,
        unit="accuracy",
        matters=0.0,
        note="Test accuracy above the middle between guessing and training everything. The head "
        "stays as it was drawn. " + OWN,
    ),
    Claim(
        id="after-18",
        says="With orthogonal weights and linear units gradients behind batch normalization do "
        "not grow with depth.",
        source="meterez2024towards",
        experiment="bounded-gradients",
        statistic=outcomes.growth_of("orthogonal, identity"),
        unit="decades",
        matters=math.log10(2),
        kind="equivalent",
        stratified_by="weights",
        quantifier="all",
        note="First layer's over the last layer's, at the start, in the deepest stack against one "
        "of a fifth of its depth.",
    ),
    Claim(
        id="after-19",
        says="Where weights are not orthogonal or units not linear, gradients behind batch "
        "normalization grow with depth.",
        source="yang2019mean, meterez2024towards",
        experiment="bounded-gradients",
        statistic=outcomes.growth_of("gaussian, identity", "orthogonal, relu", "gaussian, relu"),
        unit="decades",
        matters=math.log10(2),
        stratified_by="weights",
        quantifier="all",
        note="First layer's over the last layer's, at the start, in the deepest stack against one "
        "of a fifth of its depth.",
    ),
    Claim(
        id="after-20",
        says="Whether statistics should move or stay in fine-tuning depends on the size of the "
        "batches.",
        source="wu2021rethinking",
        experiment="fine-tuning",
        statistic=outcomes.better_frozen,
        unit="accuracy",
        matters=ACCURACY_MATTERS,
        stratified_by="m",
        quantifier="by",
        note="Test accuracy with frozen statistics over that with moving ones, each at the rate "
        "that is best for the other seeds.",
    ),
)
