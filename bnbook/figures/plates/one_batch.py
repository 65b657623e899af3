"""One small batch of one channel on its way through BN, and its gradient on the way back."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike

from bnbook.figures.figure import Figure
from bnbook.figures.stems import stems
from bnbook.laws import batch_norm_backward, kept_share
from bnbook.norms.batch import moments, standardise
from bnbook.stats import number

ROWS = {
    "z, the batch": (-3.6, 3.6),
    "x̂, normalised": (-3.6, 3.6),
    "g, the gradient that arrives": (-1.3, 1.3),
    "lost: the mean of g": (-1.3, 1.3),
    "lost: the part along x̂": (-1.3, 1.3),
    "∂L/∂z, what is left ÷ √(σ² + ε)": (-2.2, 2.2),
}


def one_batch(values: ArrayLike, eps: float = 1e-5, gradient: ArrayLike | None = None) -> Figure:
    """Values (m,) of a batch, what BN with γ = 1 makes of them, and of a gradient (m,).

    `gradient` is that of the loss by BN's output; by default a fixed one. The rows "lost" are
    what the backward pass takes out of it: mean(g), and (1 − ρ) of its part along x̂.
    """
    z = torch.as_tensor(np.asarray(values, dtype=float))[:, None]
    m = len(z)
    given = 0.35 + 0.65 * np.cos(1.3 * np.arange(1, m + 1)) if gradient is None else gradient
    g = torch.as_tensor(np.asarray(given, dtype=float))[:, None]
    mean, var = moments(z)
    x, rho = standardise(z, mean, var, eps), kept_share(var, eps)
    back = batch_norm_backward(z, g, torch.ones(1, dtype=z.dtype), eps)
    level = g.mean().expand_as(g)
    along = x * (g * x).mean()
    quantities = (z, x, g, level, along, back)
    rows = {name: each[:, 0].numpy() for name, each in zip(ROWS, quantities, strict=True)}
    return stems(
        rows,
        limits={name: _reaching(limit, rows[name]) for name, limit in ROWS.items()},
        faint=[name for name in rows if name.startswith("lost")],
        marked=(1, 2),
        note=f"m = {m}, σ² = {number(var.item())}, ρ = ε/(σ² + ε) = {number(rho.item())}",
    )


def _reaching(limits: tuple[float, float], values: np.ndarray) -> tuple[float, float]:
    """The limits, or wider ones where values would leave them."""
    reach = max(limits[1], 1.1 * float(np.abs(values).max()))
    return (-reach, reach)
