"""What readers of the chapter on the mathematics of batch normalization are asked to predict."""

from bnbook.predictions._prediction import Which

PREDICTIONS = (
    Which(
        id="predict-math-1",
        claim="math-5",
        question=(
            "All weights before a batch normalization become twice as large. What becomes of "
            "their gradient?"
        ),
        options={"half as large": Which.yes, "the same, or twice as large": Which.no},
    ),
    Which(
        id="predict-math-2",
        claim="math-6",
        question=(
            "Does batch normalization make the activations of a network more nearly Gaussian?"
        ),
        options={"yes, in every setting": Which.yes, "no, not in every one": Which.no},
    ),
)
