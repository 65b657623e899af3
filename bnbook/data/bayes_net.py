"""A made table in the likeness of BNG(glass), for where that cannot be fetched.

It is not glass and is never called so. Like BNG(glass) it has nine numbers a row and seven
classes, is sampled from a Bayesian network, and keeps one class very rare. Unlike it, nothing is
fitted: we may not redistribute what we cannot fetch, and the 214 rows that BNG(glass) was fitted
to come with no package that the book needs. In return the best possible classifier is known
exactly, `posterior`, so that "no model gets this class" can be told from "nobody can".

The network: the class k has the shares of UCI's 214 pieces of glass with half a row added to
each, so that the class without any row has 0.23 %. A hidden value hangs on the class and on the
one before it,

    z₁ = m_k1 + s_k1 ε₁,    z_j = m_kj + w_kj (z_{j−1} − m_k,j−1) + s_kj ε_j,    ε ~ N(0, 1),

and every second feature is shown as exp(z_j/2), skewed like a concentration, the others as they
are. The first four classes are near each other, as the four kinds of windows are. The numbers m,
w and s are drawn once. Features have `DECIMALS` decimals, as a table has: the last bits of exp and
log are another processor's own, and would make another data set of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64

from bnbook.data.base import Raw, Source

NAME = "bayes-net"
CLASSES = tuple("ABCDEFG")
COUNTS = (70, 76, 17, 0, 13, 9, 29)  # of UCI Glass, by class
FEATURES = 9
SKEWED = np.arange(FEATURES) % 2 == 1
DECIMALS = 5
ALIKE = 4  # the first classes, which differ little from each other
TRAIN, TEST = 40_000, 20_000


@dataclass(frozen=True, eq=False)
class BayesNet:
    """The network's numbers: `shares` (class,), and `means`, `weights`, `scales` (class, feature).

    `weights[:, 0]` is 0: the first feature hangs on the class alone.
    """

    shares: Float64[np.ndarray, " kind"]
    means: Float64[np.ndarray, "kind attribute"]
    weights: Float64[np.ndarray, "kind attribute"]
    scales: Float64[np.ndarray, "kind attribute"]

    def sample(
        self, rows: int, random: np.random.RandomState
    ) -> tuple[Float64[np.ndarray, "rows attribute"], Int64[np.ndarray, " rows"]]:
        """Draw features (rows, FEATURES) and labels (rows,)."""
        y = random.choice(len(self.shares), rows, p=self.shares)
        noise = random.standard_normal((rows, FEATURES))
        z, before = np.empty((rows, FEATURES)), np.zeros(rows)
        for j in range(FEATURES):
            before = self.weights[y, j] * before + self.scales[y, j] * noise[:, j]
            z[:, j] = self.means[y, j] + before
        return np.where(SKEWED, np.exp(z / 2), z).round(DECIMALS), y.astype(np.int64)

    def posterior(
        self, x: Float64[np.ndarray, "rows attribute"]
    ) -> Float64[np.ndarray, "rows kind"]:
        """P(class | x) (rows, class) of features x (rows, FEATURES), by Bayes' rule, exactly."""
        z = np.where(SKEWED, 2 * np.log(x, where=SKEWED, out=x.copy()), x)
        centred = z[:, None, :] - self.means
        before = np.concatenate([np.zeros_like(centred[..., :1]), centred[..., :-1]], axis=2)
        noise = (centred - self.weights * before) / self.scales
        log_joint = np.log(self.shares) - (noise**2 / 2 + np.log(self.scales)).sum(2)
        joint = np.exp(log_joint - log_joint.max(1, keepdims=True))
        return np.asarray(joint / joint.sum(1, keepdims=True))


@cache
def network() -> BayesNet:
    """The one network, from a generator whose stream numpy has promised to keep."""
    random = np.random.RandomState(0)
    shape = (len(CLASSES), FEATURES)
    shares = (np.array(COUNTS) + 0.5) / (sum(COUNTS) + 0.5 * len(COUNTS))
    means = random.standard_normal(shape)
    means[:ALIKE] = 0.3 * means[:ALIKE] + random.standard_normal(FEATURES)
    weights = random.uniform(-0.7, 0.7, shape)
    weights[:, 0] = 0
    scales = np.exp(0.2 * random.standard_normal(shape))
    return BayesNet(shares, means, weights, scales)


def draw(
    rows: int, seed: int
) -> tuple[Float64[np.ndarray, "rows attribute"], Int64[np.ndarray, " rows"]]:
    """`rows` rows of the network's, others for every seed; seed 0 is that of the data set."""
    return network().sample(rows, np.random.RandomState(1 + seed))


def read(where: Path) -> tuple[Raw, Raw]:
    """Make the rows: training first, then test."""
    x, y = (torch.from_numpy(each) for each in draw(TRAIN + TEST, seed=0))
    return (x[:TRAIN], y[:TRAIN]), (x[TRAIN:], y[TRAIN:])


SOURCES = {
    NAME: Source(
        train=TRAIN,
        test=TEST,
        shape=(FEATURES,),
        classes=CLASSES,
        origin="made: bnbook.data.bayes_net",
        read=read,
    ),
}
