"""Areas by digit: of arms that differ in BN alone, and those that scikit-learn counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from bnbook import data, experiments
from bnbook.nets import MLP
from bnbook.probes.one_vs_rest import ClassAuc
from bnbook.train import SGD, Member, Plan, Population


@pytest.mark.parametrize("scale", experiments.get("digit-roc").scales)
def test_the_arms_differ_in_the_normaliser_alone(scale: str) -> None:
    plan = experiments.get("digit-roc").plan(scale)
    assert isinstance(plan, Plan)
    none, batch = plan.arms
    assert isinstance(none.net, MLP)
    assert batch == replace(none, factors=batch.factors, net=replace(none.net, norm="batch"))


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_areas_are_those_of_scikit_learn_for_the_digits_of_each_seed(norm: str) -> None:
    digits = data.load("mnist-5k")
    spec = MLP((20, 20, 20), "sigmoid", norm, init="glorot")
    population = Population(spec, SGD(), 60, [Member(norm, s, 1.0) for s in (3, 4)], digits)
    for _ in range(30):
        population.step()
    areas = ClassAuc()(population.snapshot())
    for i, seed in enumerate((3, 4)):
        test = digits.split(seed).test
        with torch.no_grad():
            scores = population.network(i).eval()(test.x).double().softmax(1).numpy()
        alone = roc_auc_score(test.y.numpy(), scores, multi_class="ovr", average=None)
        np.testing.assert_allclose(areas[i], alone, atol=1e-3)
