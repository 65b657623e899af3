"""What an experiment is, a question with a plan for each scale, and how its plan is carried out."""

from bnbook.study.base import (
    NATURAL,
    SCALES,
    Comparison,
    Experiment,
    ExperimentError,
    Measurement,
    Plan,
    draws,
)

__all__ = [
    "NATURAL",
    "SCALES",
    "Comparison",
    "Experiment",
    "ExperimentError",
    "Measurement",
    "Plan",
    "draws",
]
