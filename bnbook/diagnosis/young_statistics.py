"""Running statistics that still remember how they began."""

from __future__ import annotations

from bnbook.diagnosis.base import HARM, Finding, Patient, listed, sign

SHARE = 0.02


@sign("young-statistics", page="bn-math", unless=("not-finite", "never-updated"))
def young_statistics(p: Patient) -> Finding | None:
    """(1 − α)^t, the share of the initial 0 and 1 after t batches, above 2 %, and it costs."""
    shares = {}
    for name, norm in p.remembering.items():
        batches = int(norm.num_batches_tracked)
        if batches and norm.momentum is not None:
            shares[name] = ((1 - norm.momentum) ** batches, batches, norm.momentum)
    young = {name: each for name, each in shares.items() if each[0] > SHARE}
    if not young or not p.excess("train", "population", "precise").exceeds(HARM / 5):
        return None
    share, batches, momentum = max(young.values())
    return Finding(
        seen=f"{listed(young)} saw {batches} batches with momentum {momentum:g}: "
        f"{share:.0%} of the running statistics are still the 0 and 1 that they began with",
        sure=f"certain: (1 − {momentum:g})^{batches} = {share:.2g}; measured: it costs "
        f"{p.excess('train', 'population', 'precise')} on training examples",
        why="evaluation normalises by a mixture of what the layer sees and of nothing. Training "
        "does not notice, because it uses the batch",
        cure="collect precise statistics after training (bnbook.norms.precise_statistics on "
        "bnbook.adopt(model)), train longer, or choose momentum=None, which takes the plain mean",
        check="population and batch statistics give the same accuracy on training examples",
    )
