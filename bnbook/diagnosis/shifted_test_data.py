"""Test examples that are unlike the training examples."""

from __future__ import annotations

from bnbook.diagnosis.base import HARM, Finding, Patient, sign
from bnbook.diagnosis.stale_statistics import CAUSES


@sign("shifted-test-data", page="small-batches", unless=(*CAUSES, "stale-statistics"))
def shifted_test_data(p: Patient) -> Finding | None:
    """Running statistics fit the training examples, and cost a lot on the test examples."""
    if not p.remembering:
        return None
    lost = p.excess("test", "population", "batch")
    at_home = p.excess("train", "population", "batch")
    if not lost.exceeds(max(HARM, 2 * abs(at_home.mean))):
        return None
    return Finding(
        seen=f"on test examples the loss is {lost.mean:.2f} nat higher by the running statistics "
        f"than by those of test batches ({at_home.mean:.2f} on training examples); accuracy "
        f"{p.accuracy('test', 'population'):.0%} instead of {p.accuracy('test', 'batch'):.0%}",
        sure=f"measured: {lost} over {len(p.losses('test', 'population'))} examples",
        why="the running statistics are those of the training data. What the network is given now "
        "has other means and variances: another camera, other light, other scaling of the inputs",
        cure="first compare the preprocessing of training and test; where the shift is real, adapt "
        "the statistics to unlabelled test examples by bnbook.norms.adapt_statistics",
        check="population and batch statistics agree on test examples",
    )
