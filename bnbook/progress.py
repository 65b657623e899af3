"""How work that takes long says how far it is."""

from collections.abc import Callable

Progress = Callable[[int], object]
"""Called with what was done since the last call, in the units in which the work is counted."""
