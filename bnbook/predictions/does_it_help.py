"""What readers of the chapter on whether it helps are asked to predict."""

from bnbook.predictions._prediction import Which

PREDICTIONS = (
    Which(
        id="predict-help-1",
        claim="help-3",
        question="Does batch normalization help with every activation?",
        options={"yes, with each": Which.yes, "no, not with each": Which.no},
    ),
    Which(
        id="predict-help-2",
        claim="help-4",
        question="Is it the sigmoid that it helps most?",
        options={"yes": Which.yes, "no, or another as much": Which.no},
    ),
    Which(
        id="predict-help-3",
        claim="help-5",
        question=(
            "Once batch normalization is there, does the activation matter more than the optimizer?"
        ),
        options={"yes": Which.yes, "no": Which.no},
    ),
)
