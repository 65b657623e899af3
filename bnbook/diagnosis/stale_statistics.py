"""Running statistics that are not those of the network as it is now."""

from __future__ import annotations

from bnbook.diagnosis.base import HARM, Finding, Patient, sign

CAUSES = (
    *("not-finite", "never-updated", "young-statistics", "reversed-momentum"),
    *("shared-normaliser", "last-batch", "small-batch", "small-shards", "unfair-batches"),
    *("frozen-but-moving", "dropout-before-norm"),
)


@sign("stale-statistics", page="bn-math", unless=CAUSES)
def stale_statistics(p: Patient) -> Finding | None:
    """Training examples fare worse by running than by precise statistics."""
    if not p.remembering:
        return None
    lost = p.excess("train", "population", "precise")
    if not lost.exceeds(HARM):
        return None
    momenta = sorted({m for norm in p.remembering.values() if (m := norm.momentum) is not None})
    memory = (
        f"momentum {', '.join(f'{m:g}' for m in momenta)} remembers about "
        f"{1 / momenta[0]:.0f} batches"
        if momenta
        else "without a momentum all batches count alike, the first ones too"
    )
    return Finding(
        seen=f"on training examples the loss is {lost.mean:.2f} nat higher by the running "
        "statistics than by precise ones, collected at the present weights; accuracy "
        f"{p.accuracy('train', 'population'):.0%} instead of {p.accuracy('train', 'precise'):.0%}",
        sure=f"measured: {lost} over {len(p.losses('train', 'population'))} examples",
        why="running statistics are an average over the past, and the weights have moved on; "
        f"{memory}",
        cure="collect precise statistics (bnbook.norms.precise_statistics on bnbook.adopt(model)); "
        "a larger momentum, or a smaller learning rate at the end",
        check="the two losses agree",
    )
