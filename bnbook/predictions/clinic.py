"""What readers of the chapter on the clinic are asked to predict."""

from bnbook.predictions._prediction import Which

PREDICTIONS = (
    Which(
        id="predict-clinic-1",
        claim="clinic-3",
        question=(
            "The average of forty checkpoints is worse than each of them. Does it need statistics "
            "of its own?"
        ),
        options={"yes": Which.yes, "no, something else is wrong": Which.no},
    ),
    Which(
        id="predict-clinic-2",
        claim="clinic-2",
        question="The inputs have shifted. Do examples without labels win back what that costs?",
        options={"yes": Which.yes, "no": Which.no},
    ),
)
