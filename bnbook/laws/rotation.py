"""How far weights before a normaliser turn at each step, once they have settled."""

from __future__ import annotations

import math


def settled_rotation(
    learning_rate: float, decay: float, *, momentum: float = 0.0, adam: bool = False
) -> float:
    """Root mean square angle per step, in radians, of scale-invariant weights at equilibrium.

    √(2ηλ/(1 + α)) for SGD with momentum α and decay λ inside the gradient, as torch has it, and
    √(2ηλ(1 − β)/(1 + β)) for AdamW with β₁ = β, given as `momentum`. For ηλ ≪ 1 and gradients of
    independent noise; neither the loss nor the size of gradients or weights enters.
    Source: wan2021spherical, kosson2024rotational.

    >>> f"{settled_rotation(0.1, 0.05):.3f}", f"{settled_rotation(0.1, 0.05, momentum=0.9):.4f}"
    ('0.100', '0.0725')
    """
    if adam:
        return math.sqrt(2 * learning_rate * decay * (1 - momentum) / (1 + momentum))
    return math.sqrt(2 * learning_rate * decay / (1 + momentum))
