"""What readers of the chapter on regularization noise are asked to predict."""

from bnbook.predictions._prediction import Which

PREDICTIONS = (
    Which(
        id="predict-noise-1",
        claim="noise-2",
        question=(
            "The gradient is taken over the whole batch, the statistics over a part of it. Does a "
            "larger part regularize less?"
        ),
        options={"yes, in every setting": Which.yes, "no, not in every one": Which.no},
    ),
    Which(
        id="predict-noise-2",
        claim="noise-3",
        question=(
            "Can dropout of the same variance take the place of the noise of batch normalization?"
        ),
        options={"yes, it does the same": Which.yes, "no, the two differ": Which.no},
    ),
    Which(
        id="predict-noise-3",
        claim="noise-7",
        question=(
            "Only the direction of the weights matters to such a network. Can weight decay do "
            "anything but change its effective learning rate?"
        ),
        options={"no, nothing else": Which.yes, "yes, something else": Which.no},
    ),
)
