"""What readers of the chapter on Jacobian isometry and gradient flow are asked to predict."""

from bnbook.predictions._prediction import Which

PREDICTIONS = (
    Which(
        id="predict-jac-1",
        claim="jac-2",
        question=(
            "Does batch normalization bring the singular values of a layer's Jacobian nearer to 1?"
        ),
        options={"yes, with every activation": Which.yes, "no, not with each": Which.no},
    ),
    Which(
        id="predict-jac-2",
        claim="jac-4",
        question="Does it keep gradients from vanishing with depth?",
        options={"yes, in every network": Which.yes, "no, not in each": Which.no},
    ),
    Which(
        id="predict-jac-3",
        claim="jac-6",
        question="Does it keep the representation of a deep network from collapsing?",
        options={"yes, in every network": Which.yes, "no, not in each": Which.no},
    ),
)
