"""What readers of the chapter on small-batch failure and its cures are asked to predict."""

from bnbook.predictions._prediction import Which

PREDICTIONS = (
    Which(
        id="predict-batch-1",
        claim="batch-1",
        question="Do networks with batch normalization get worse as batches become small?",
        options={"yes, in every setting": Which.yes, "no, not in every one": Which.no},
    ),
    Which(
        id="predict-batch-2",
        claim="batch-8",
        question=(
            "Batches that are no fair sample: do they break batch normalization, and do Batch "
            "Renormalization or ghost groups cure it?"
        ),
        options={"both": Which.yes, "not both": Which.no},
    ),
    Which(
        id="predict-batch-3",
        claim="batch-9",
        question=(
            "Test pictures with less contrast: does normalizing by what the network sees repair"
            " what remembered statistics break?"
        ),
        options={"yes, in every setting": Which.yes, "no, not in every one": Which.no},
    ),
)
