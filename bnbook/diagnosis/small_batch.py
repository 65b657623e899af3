"""Too few examples to normalise by."""

from __future__ import annotations

from bnbook.diagnosis.base import Finding, Patient, sign
from bnbook.probes.logit_noise import LogitNoise

LARGEST = 8
NOISE = 0.1


@sign("small-batch", page="small-batches")
def small_batch(p: Patient) -> Finding | None:
    """8 examples or fewer to normalise by, and a tenth of the logits' variance is the batch's."""
    if p.replicas > 1 or not _in_training(p):
        return None
    return found(p, p.batch_size, f"batches have {p.batch_size} examples", ACCUMULATING)


ACCUMULATING = (
    "accumulating gradients over several batches does not help: each is normalised by itself. "
    "Take larger batches (smaller images, checkpointing), or a normaliser of single examples "
    "(GroupNorm), or freeze the statistics"
)


def found(p: Patient, examples: int, seen: str, cure: str) -> Finding | None:
    """The finding where so few examples make so much noise; None otherwise."""
    if examples > LARGEST or p.found & {"not-finite"}:
        return None
    values = min(p.values_per_channel(name, examples) for name in _in_training(p))
    noise = logit_noise(p, examples) if values > 1 else float("nan")
    if noise < NOISE:
        return None
    return Finding(
        seen=f"{seen}: {values} values per channel where they are fewest. {noise:.0%} of the "
        "variance of the logits is the company an example is in, and not the example",
        sure=f"measured over 8 ways to deal the examples; by the law of small batches a normalised "
        f"value can be no larger than √(m − 1) = {max(values - 1, 0) ** 0.5:.1f}",
        why="the moments of so few values are noise: their mean has the variance σ²/m, and the "
        "running statistics, an average over many batches, are another function than training's",
        cure=cure,
        check="the share of noise is below a tenth, and population and batch accuracies agree",
    )


def _in_training(p: Patient) -> list[str]:
    return [n for n, m in p.remembering.items() if m.mixes_examples and p.in_training(n)]


def logit_noise(p: Patient, examples: int) -> float:
    """Share of the variance of logits that batches of so many examples make."""
    s = p.watch.snapshot_at(0)
    x, y = s.batch
    rows = p.data.train.x[:examples], p.data.train.y[:examples]
    s.batch = (rows[0][None].to(x), rows[1][None].to(y))
    return float(LogitNoise()(s)[0])
