"""Claims of the clinic, and the decision table that they decide."""

from __future__ import annotations

from bnbook.cases import CASES
from bnbook.claims import Advice, Claim
from bnbook.outcomes import clinic as outcomes

CLAIMS = (
    Claim(
        id="clinic-1",
        says="Statistics that are not those of training, or of too few examples, cost accuracy in "
        "use; the cure of the cause wins it back.",
        source="wu2021rethinking",
        experiment="clinic",
        statistic=outcomes.gain,
        unit="accuracy",
        matters=0.01,
        stratified_by="case",
        quantifier="all",
        note="Accuracy after eval(), on digits not trained on, after the cure minus before it.",
    ),
    Claim(
        id="clinic-2",
        says="Statistics adapted to unlabelled examples win back what a shift of the inputs costs.",
        source="schneider2020improving",
        experiment="clinic",
        statistic=lambda record: outcomes.gain(record).sel(case="another camera", drop=True),
        unit="accuracy",
        matters=0.02,
        note="Test digits with 0.5 of the contrast and 0.7 standard deviations brighter; 300 of "
        "them, without labels, for the statistics, the others to judge.",
    ),
    Claim(
        id="clinic-3",
        says="Averaged weights need statistics of their own.",
        source="izmailov2018averaging",
        experiment="clinic",
        statistic=lambda record: outcomes.gain(record).sel(case="averaged weights", drop=True),
        unit="accuracy",
        matters=0.01,
        note="Accuracy in use with statistics collected at the averaged weights, minus that with "
        "those of the last step.",
    ),
)

ADVICE = tuple(
    Advice(
        when=f"{case.symptom} ({case.sign})",
        claim="clinic-1",
        stratum=case.name,
        take=case.cure,
        otherwise="leave it as it is",
    )
    for case in CASES
)
"""A row a case: the cure is advised where it was seen to help."""
