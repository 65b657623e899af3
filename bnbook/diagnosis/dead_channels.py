"""Channels that say the same of every example."""

from __future__ import annotations

from bnbook.diagnosis.base import Finding, Patient, listed, sign

SHARE = 0.5


@sign("dead-channels", page="does-it-help", unless=("not-finite", "never-updated"))
def dead_channels(p: Patient) -> Finding | None:
    """Layers in which half of the channels or more give one value for all training examples."""
    dead = {}
    for name, outputs in zip(p.net.weight_names(), p.traced.outputs, strict=False):
        spread = outputs[0].double().std(0, correction=0)
        share = float((spread <= 1e-6 * outputs[0].double().abs().max()).double().mean())
        if share >= SHARE:
            dead[name.removeprefix("model.").removesuffix(".weight")] = share
    if not dead:
        return None
    worst = max(dead, key=lambda name: dead[name])
    return Finding(
        seen=f"{dead[worst]:.0%} of the channels after '{worst}' give the same value for all "
        f"examples; half or more in {listed(dead)}",
        sure="measured over the test examples, by batch statistics",
        why="such a channel gets no gradient and carries nothing. Behind ReLU it has a β so far "
        "below 0 that no normalised value lifts it, or weights that a large step threw off",
        cure="a smaller learning rate or warm-up, no decay on β, another initial scale; a channel "
        "of BN revives when its β is set back to 0",
        check="the share falls below a half after some training",
    )
