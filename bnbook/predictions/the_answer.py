"""What readers of the chapter on the dissection are asked to predict."""

from bnbook.predictions._prediction import Which

PREDICTIONS = (
    Which(
        id="predict-answer-1",
        claim="answer-1",
        question=(
            "Mean 0 and variance 1 at the start of training, and then left alone: is that as "
            "fast as batch normalization?"
        ),
        options={"yes, in every network": Which.yes, "no, not in each": Which.no},
    ),
    Which(
        id="predict-answer-2",
        claim="answer-7",
        question=(
            "The gradient takes the batch's mean and variance for constants. Does that slow "
            "training?"
        ),
        options={"yes, in every network": Which.yes, "no, not in each": Which.no},
    ),
    Which(
        id="predict-answer-3",
        claim="answer-6",
        question="Are the learned γ and β needed for speed?",
        options={"no, in no network": Which.yes, "yes, in some": Which.no},
    ),
)
