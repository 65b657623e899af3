"""Exercises of the chapter on whether batch normalization helps, and what decides."""

from __future__ import annotations

from bnbook.exercises import Exercise

TITLE = "Does it help, and what decides?"
POSITION = 3

EXERCISES: tuple[Exercise, ...] = ()
