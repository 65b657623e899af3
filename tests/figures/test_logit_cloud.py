"""The cloud of one example's logits says how often its answer is wrong."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bnbook.figures.plates.logit_cloud import logit_cloud


def record() -> xr.Dataset:
    rng = np.random.default_rng(0)
    logit = rng.normal(size=(1, 1, 1, 1, 2, 40, 2))
    logit[..., 0, :, 0] += 20  # the first example's own class always wins
    logit[..., 1, :10, 1] += 20  # the second's rival wins in ten batches of forty
    logit[..., 1, 10:, 0] += 20
    return xr.Dataset(
        {"logit": (("arm", "seed", "step", "m", "example", "draw", "class"), logit)},
        {
            "arm": ["batch"],
            "seed": [0],
            "step": [5],
            "m": [8],
            "example": ["ordinary", "doubtful"],
            "class": ["its class", "its strongest rival"],
        },
    )


def test_the_words_say_the_size_the_step_and_the_share_of_wrong_answers() -> None:
    alt = logit_cloud(record(), m=8, step=5).alt
    assert "m = 8, step 5" in alt
    assert "0% of the ordinary and 25% of the doubtful" in alt
    assert "40 points (0 wrong answer and 40 right answer)" in alt
    assert "40 points (10 wrong answer and 30 right answer)" in alt
    assert "the answer changes" in alt
