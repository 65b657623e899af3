"""What readers of the chapter on what came after batch normalization are asked to predict."""

from bnbook.predictions._prediction import Which

PREDICTIONS = (
    Which(
        id="predict-after-1",
        claim="after-1",
        question=(
            "A residual network without a normalizer, whose branches start at nothing: does it "
            "train as fast as with batch normalization, whatever the network?"
        ),
        options={"as fast": Which.yes, "more slowly somewhere": Which.no},
    ),
    Which(
        id="predict-after-2",
        claim="after-12",
        question=(
            "Do the logits of the others in its batch betray the class of an example that one "
            "does not see?"
        ),
        options={"yes": Which.yes, "no": Which.no},
    ),
)
