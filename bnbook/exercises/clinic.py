"""Exercises of the clinic: five broken networks, judged by whether the cure works."""

from __future__ import annotations

from torch import nn

from bnbook.data import Batched
from bnbook.exercises import Exercise
from bnbook.exercises._wards import TRIED, WARDS, Cure
from bnbook.text import unknown


def patient(exercise: str) -> tuple[nn.Module, Batched]:
    """The broken network of an exercise, and its data; unknown is a `ValueError`."""
    if exercise not in WARDS:
        raise ValueError(unknown("patient", exercise, WARDS))
    visit, _ = WARDS[exercise].admit(TRIED[0])
    return visit.model, visit.data


def accuracy(exercise: str, model: nn.Module) -> float:
    """Share of test digits on which `model` is right when it is used as in that exercise."""
    _, data = patient(exercise)
    return WARDS[exercise].accuracy(model, data)


EXERCISES = (
    Exercise(
        id="ex-clinic-1",
        answer=Cure(WARDS["ex-clinic-1"]),
        hints=(
            "Diagnose it: which statistics is it good with, and which spoil it?",
            "The weights are fine. Collect the statistics anew at these weights.",
        ),
        wrong=lambda model, data: model.eval(),
        difficulty="warm-up",
        minutes=10,
    ),
    Exercise(
        id="ex-clinic-2",
        answer=Cure(WARDS["ex-clinic-2"]),
        hints=(
            "An average that has seen infinity once does not forget it; look at every buffer.",
            "Start the statistics from nothing, and collect them over training batches.",
        ),
        wrong=lambda model, data: model.train(),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-clinic-3",
        answer=Cure(WARDS["ex-clinic-3"]),
        hints=(
            "After eval(), is every module in evaluation mode? Somebody wrote train() anew.",
            "The layers are ordinary ones. Put them into a container that obeys.",
        ),
        wrong=lambda model, data: model.eval(),
        difficulty="practice",
        minutes=15,
    ),
    Exercise(
        id="ex-clinic-4",
        answer=Cure(WARDS["ex-clinic-4"]),
        hints=(
            "How much of the running statistics is the last batch? Print the momentum.",
            "Mend the momentum, and then the statistics: collect them over many batches.",
        ),
        wrong=lambda model, data: model.eval(),
        difficulty="challenge",
        minutes=20,
    ),
    Exercise(
        id="ex-clinic-5",
        answer=Cure(WARDS["ex-clinic-5"]),
        hints=(
            "Training examples fare well by all statistics. Which examples do not?",
            "The test examples have no labels in use, but they have means and variances.",
        ),
        wrong=lambda model, data: model.eval(),
        difficulty="practice",
        minutes=15,
    ),
)
