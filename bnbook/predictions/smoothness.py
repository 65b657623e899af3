"""What readers of the chapter on the smoothness of the loss are asked to predict."""

from bnbook.predictions._prediction import Which

PREDICTIONS = (
    Which(
        id="predict-smooth-1",
        claim="smooth-3",
        question=(
            "Is the loss smoother with batch normalization, at one layer, at four, at twelve, "
            "and with convolutions?"
        ),
        options={"yes, in every network": Which.yes, "no, not in each": Which.no},
    ),
    Which(
        id="predict-smooth-2",
        claim="smooth-6",
        question="At the left end, the lowest learning rate: does the gap in accuracy close?",
        options={"yes": Which.yes, "no, it stays": Which.no},
    ),
    Which(
        id="predict-smooth-3",
        claim="smooth-5",
        question=(
            "At the right end, the highest of three rates: does only the network with batch "
            "normalization train?"
        ),
        options={"yes": Which.yes, "no": Which.no},
    ),
)
