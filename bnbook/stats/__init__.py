"""Effects paired by seed, their uncertainty, and the verdict on a claim.

effects      arms compared within each seed
times        steps to a target, which a run may not reach
intervals    the mean (Student's t, the bootstrap-t beside it), the median, the ratio of two means
counts       shares and signs by exact binomial laws
verdicts     what one effect says: evidence for each verdict, and the decision
quantifiers  what several effects say together, and corrections for having looked at many

>>> effect = interval([0.21, 0.25, 0.19, 0.23, 0.22, 0.24, 0.20, 0.22])
>>> print(effect)
0.220 [0.203, 0.237]
>>> decide([0.21, 0.25, 0.19, 0.23, 0.22, 0.24, 0.20, 0.22], matters=0.02).verdict
'supported'
"""

from bnbook.stats.counts import allowed_exceptions, fisher, share, sign_test
from bnbook.stats.effects import StatsError, final, kendall, log_ratio, paired
from bnbook.stats.intervals import (
    LEVEL,
    Interval,
    bootstrap_t,
    interval,
    median_interval,
    number,
    ratio_of_means,
)
from bnbook.stats.quantifiers import (
    FDR,
    Quantifier,
    combine,
    contrasts,
    depends,
    false_discoveries,
    holm,
)
from bnbook.stats.times import logrank, restricted, steps_to
from bnbook.stats.verdicts import (
    MIN_SEEDS,
    Decision,
    Kind,
    Verdict,
    decide,
    decide_identity,
    evidence,
)

__all__ = [
    "FDR",
    "LEVEL",
    "MIN_SEEDS",
    "Decision",
    "Interval",
    "Kind",
    "Quantifier",
    "StatsError",
    "Verdict",
    "allowed_exceptions",
    "bootstrap_t",
    "combine",
    "contrasts",
    "decide",
    "decide_identity",
    "depends",
    "evidence",
    "false_discoveries",
    "final",
    "fisher",
    "holm",
    "interval",
    "kendall",
    "log_ratio",
    "logrank",
    "median_interval",
    "number",
    "paired",
    "ratio_of_means",
    "restricted",
    "share",
    "sign_test",
    "steps_to",
]
