"""What readers of the chapter on the rate that batch normalization sets are asked to predict."""

from bnbook.predictions._prediction import Which

PREDICTIONS = (
    Which(
        id="predict-rate-1",
        claim="rate-1",
        question=(
            "Plain gradient descent without decay, before a normalizer: can a filter ever "
            "become shorter?"
        ),
        options={"never": Which.yes, "at times": Which.no},
    ),
    Which(
        id="predict-rate-2",
        claim="rate-2",
        question="With decay, what decides how fast the weights turn in the long run?",
        options={
            "the learning rate and the decay alone": Which.yes,
            "the network and its data as well": Which.no,
        },
    ),
    Which(
        id="predict-rate-3",
        claim="rate-4",
        question="Its first weights were three times as long. Does that matter in the long run?",
        options={"no": Which.yes, "yes": Which.no},
    ),
    Which(
        id="predict-rate-4",
        claim="rate-8",
        question=(
            "With decay, and all examples in every step, so that nothing is random: how far do "
            "the weights turn in the long run?"
        ),
        options={"as far as noise would turn them": Which.yes, "less, or not at all": Which.no},
    ),
)
