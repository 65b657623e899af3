"""Why batch normalization works, measured.

    >>> import bnbook
    >>> record = bnbook.run("internal-shift", scale="smoke")  # doctest: +SKIP

`run` is `bnbook.experiments.run`, `check` is `bnbook.exercises.check`, `fold` is
`bnbook.folding.fold`. Submodules load when they are first named, so that `import bnbook` costs
nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnbook.exercises import check as check
    from bnbook.exercises import solution as solution
    from bnbook.experiments import run as run
    from bnbook.folding import fold as fold
    from bnbook.measuring import measure as measure
    from bnbook.measuring import watch as watch
    from bnbook.nets import adopt as adopt
    from bnbook.reports import diagnose as diagnose

__version__ = "0.2.0"

_HOME = {
    "adopt": "nets",
    "check": "exercises",
    "diagnose": "reports",
    "fold": "folding",
    "measure": "measuring",
    "run": "experiments",
    "solution": "exercises",
    "watch": "measuring",
}
_SUBMODULES = (
    "claims",
    "data",
    "diagnosis",
    "exercises",
    "experiments",
    "explore",
    "figures",
    "jacobian",
    "journal",
    "nets",
    "norms",
    "predictions",
    "probes",
    "record",
    "stats",
    "store",
    "train",
)


def __getattr__(name: str) -> Any:
    """Import a submodule, or the function that lives in one, when it is first asked for."""
    if name in _HOME:
        return getattr(import_module(f"bnbook.{_HOME[name]}"), name)
    if name in _SUBMODULES:
        return import_module(f"bnbook.{name}")
    raise AttributeError(f"module 'bnbook' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_SUBMODULES})
