"""Claims of the chapter on small batches, and the decision table that it ends with."""

from __future__ import annotations

from bnbook.claims import Advice, Claim
from bnbook.outcomes import small_batches as outcomes

MATTERS = 0.02  # accuracy

FINAL = "Test accuracy by population statistics, after equally many examples, each arm at the best "
FINAL += "of its learning rates, chosen on other seeds by training examples put aside."

RACED = "Test accuracy by running statistics, after equally many examples, each arm at its own "
RACED += "rate, chosen on other seeds by examples put aside."

CLAIMS = (
    Claim(
        id="batch-1",
        says="Batch normalization degrades when batches are small.",
        source="chang2017why, replication, wu2018group",
        experiment="batch-sizes",
        statistic=outcomes.degradation,
        unit="accuracy",
        matters=MATTERS,
        stratified_by="comparison",
        quantifier="all",
        note="The lead over no normalizer at m = 32 minus that at m = 2, in test accuracy by "
        "population statistics.",
    ),
    Claim(
        id="batch-2",
        says="What a normalized value can be follows an exact law at m = 2 (±1) and at m = 4 "
        "(uniform).",
        source="thompson1935criterion",
        experiment="normalised-values",
        statistic=outcomes.law_distance,
        unit="σ (1-Wasserstein distance from the law)",
        matters=None,
        tolerance=0.01,
        stratified_by="values",
        quantifier="all",
        controls=("trained values, m = 4",),
        note="The law at m = 4 is that of Gaussian values; at m = 2 it holds for any. The "
        "tolerance covers the Monte Carlo error and ε = 1e-5.",
    ),
    Claim(
        id="batch-3",
        says="Layer normalization does not degrade at small batches.",
        source="replication, ba2016layer",
        experiment="batch-sizes",
        statistic=outcomes.kept_by_layer,
        unit="accuracy",
        matters=MATTERS,
        kind="at-least",
        note=FINAL,
    ),
    Claim(
        id="batch-4",
        says="Group normalization does not degrade at small batches.",
        source="wu2018group",
        experiment="batch-sizes",
        statistic=outcomes.kept_by_group,
        unit="accuracy",
        matters=MATTERS,
        kind="at-least",
        note=FINAL,
    ),
    Claim(
        id="batch-5",
        says="Weight Standardization is steadier than batch normalization, but weaker at large "
        "batches.",
        source="replication, qiao2019micro",
        experiment="batch-sizes",
        statistic=outcomes.weight_std,
        unit="accuracy",
        matters=MATTERS,
        stratified_by="part",
        quantifier="all",
        note=FINAL + " At the largest batch, after equally many steps.",
    ),
    Claim(
        id="batch-6",
        says="Weight Standardization with batch normalization is best overall, and does not cure "
        "tiny batches.",
        source="replication",
        experiment="batch-sizes",
        statistic=outcomes.both_together,
        unit="accuracy",
        matters=MATTERS,
        stratified_by="part",
        quantifier="all",
        note=FINAL,
    ),
    Claim(
        id="batch-7",
        says="Batch Renormalization cures small batches.",
        source="chang2017why, ioffe2017batch",
        experiment="batch-sizes",
        statistic=outcomes.renorm,
        unit="accuracy",
        matters=MATTERS,
        stratified_by="part",
        quantifier="all",
        note=FINAL,
    ),
    Claim(
        id="batch-8",
        says="Batches that are no fair sample break batch normalization; Batch Renormalization or "
        "ghost groups cure it.",
        source="ioffe2017batch",
        experiment="few-classes",
        statistic=outcomes.few_classes,
        unit="accuracy",
        matters=MATTERS,
        stratified_by="part",
        quantifier="all",
        note="Batches of 20 from two of ten classes, against shuffled ones.",
    ),
    Claim(
        id="batch-9",
        says="A mismatch of training and test data breaks batch normalization; adapting the "
        "statistics repairs it, and so does Batch Renormalization.",
        source="chang2017why, schneider2020improving",
        experiment="mismatch",
        statistic=outcomes.mismatch,
        unit="accuracy",
        matters=MATTERS,
        stratified_by="part",
        quantifier="all",
        note="At level 3 of 4 of each mismatch: what BN loses beyond no normalizer, what adapting "
        "to 64 examples with N = 16 wins back, and what Batch Renorm has more than BN.",
    ),
    Claim(
        id="batch-10",
        says="The loss at small batches is made of training noise, of a discrepancy between batch "
        "and population statistics, and of the lag of running averages.",
        source="wu2021rethinking",
        experiment="batch-sizes",
        statistic=outcomes.excess,
        unit="nat",
        matters=0.05,
        stratified_by="part",
        quantifier="all",
        note="What each part of the test loss adds at m = 2 to what it is at m = 32. The split is "
        "exact; the claim is that every part counts.",
    ),
    Claim(
        id="batch-11",
        says="Layer normalization keeps its lead over batch normalization on data with correlated "
        "rows.",
        source="replication",
        experiment="correlated-rows",
        statistic=outcomes.layer_on_films,
        unit="accuracy",
        matters=MATTERS,
        stratified_by="rows",
        quantifier="all",
        controls=("independent",),
        note="Batches of 32 frames: of any films, or of four films with eight frames each.",
    ),
    Claim(
        id="batch-12",
        says="Under Adam, too, batch normalization ends less accurate at batches of 2 than at "
        "batches of 32.",
        source="chang2017why",
        experiment="batch-sizes-adam",
        statistic=outcomes.lost_under_adam,
        unit="accuracy",
        matters=MATTERS,
        note=RACED,
    ),
    Claim(
        id="batch-13",
        says="In a network of convolutions, too, batch normalization loses of its lead over no "
        "normalizer when batches are small.",
        source="wu2018group",
        experiment="convolutional-batch-sizes",
        statistic=outcomes.lost_by_convolutions,
        unit="accuracy",
        matters=MATTERS,
        note="The lead over no normalizer at m = 32 minus that at m = 2. " + RACED,
    ),
    Claim(
        id="batch-14",
        says="In a network of convolutions group normalization keeps its lead over no normalizer "
        "when batches are small.",
        source="wu2018group",
        experiment="convolutional-batch-sizes",
        statistic=outcomes.kept_by_groups_in_convolutions,
        unit="accuracy",
        matters=MATTERS,
        kind="at-least",
        note="Its lead over no normalizer at m = 32 minus that at m = 2. " + RACED,
    ),
    Claim(
        id="batch-15",
        says="In a network of convolutions batch normalization loses more of its lead than group "
        "normalization when batches are small.",
        source="wu2018group",
        experiment="convolutional-batch-sizes",
        statistic=outcomes.lost_beyond_groups_in_convolutions,
        unit="accuracy",
        matters=MATTERS,
        note="A lead also shrinks because the network without a normalizer catches up, in sixteen "
        "times as many steps. That is the same for both. " + RACED,
    ),
    Claim(
        id="batch-16",
        says="In a network of convolutions batch normalization ends less accurate than no "
        "normalizer when batches hold two images.",
        source="wu2018group",
        experiment="convolutional-batch-sizes",
        statistic=outcomes.behind_in_convolutions,
        unit="accuracy",
        matters=MATTERS,
        note="The source finds that errors grow as batches shrink; that nothing would be better is "
        "the extreme of it. " + RACED,
    ),
)

ADVICE = (
    Advice(
        "Batches are small, and you have no normalizer yet",
        "batch-1",
        "not batch normalization",
        "batch normalization will do",
        "η tuned, equal examples",
    ),
    Advice(
        "Batches may be of any size, down to one example",
        "batch-3",
        "layer normalization",
        "not layer normalization",
    ),
    Advice(
        "The same, and channels fall into groups",
        "batch-4",
        "group normalization",
        "not group normalization",
    ),
    Advice(
        "Batches are large",
        "batch-5",
        "batch normalization before weight standardization",
        "weight standardization will do as well",
        "weaker at the largest m",
    ),
    Advice(
        "Batches are tiny, and you hope for weight standardization under batch normalization",
        "batch-6",
        "do not: it needs a batch as well",
        "it will do",
        "not cured at m = 2",
    ),
    Advice(
        "Batches are tiny, and the network must become one affine map per layer at inference",
        "batch-7",
        "Batch Renorm instead of batch normalization",
        "Batch Renorm brings nothing",
        "better than BN at m = 2",
    ),
    Advice(
        "The same, and you want back what small batches cost",
        "batch-7",
        "Batch Renorm gives more than half of it",
        "Batch Renorm gives less than half of it: take larger batches, or another normalizer",
        "over half of BN's loss at m = 2 recovered",
    ),
    Advice(
        "Batch normalization was trained on small batches, and goes into use",
        "batch-10",
        "recompute precise statistics first",
        "the running averages will do",
        "EMA",
    ),
    Advice(
        "A batch holds few classes at a time",
        "batch-8",
        "Batch Renorm rather than batch normalization",
        "shuffle better: Batch Renorm does not help",
        "Batch Renorm is better than BN",
    ),
    Advice(
        "The same, and you think of ghost groups",
        "batch-8",
        "ghost groups rather than one batch",
        "no: a part of an unfair batch is unfair too",
        "Ghost groups are better than BN",
    ),
    Advice(
        "Test pictures have another contrast",
        "batch-9",
        "adapt the statistics to them",
        "leave the statistics as they are",
        "contrast, adapting",
    ),
    Advice(
        "Test pictures are noisier",
        "batch-9",
        "adapt the statistics to them",
        "leave the statistics as they are",
        "noise, adapting",
    ),
    Advice(
        "Test classes come in other proportions",
        "batch-9",
        "adapt the statistics to them",
        "leave the statistics as they are",
        "labels, adapting",
    ),
    Advice(
        "Rows of a batch are frames of a few films",
        "batch-11",
        "layer normalization before batch normalization",
        "layer normalization has no lead",
        "correlated",
    ),
)
