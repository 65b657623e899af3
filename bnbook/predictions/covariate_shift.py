"""What readers of the chapter on covariate shift are asked to predict."""

from bnbook.predictions._prediction import HowMuch, Which

PREDICTIONS = (
    HowMuch(
        id="predict-shift-1",
        claim="shift-3",
        question=(
            "Without batch normalization the inputs of a hidden unit drift more from look to "
            "look than with it. How many times as much?"
        ),
        within=2.0,
    ),
    Which(
        id="predict-shift-2",
        claim="shift-5",
        question=(
            "Shake the output of every normalization layer, anew at each step. Does the network"
            " train more slowly than with plain batch normalization?"
        ),
        options={"yes, in both networks": Which.yes, "no, not in both": Which.no},
    ),
    Which(
        id="predict-shift-3",
        claim="shift-6",
        question="Does the shaken network still beat one without any normalization?",
        options={"yes, in both networks": Which.yes, "no, not in both": Which.no},
    ),
)
