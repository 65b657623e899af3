"""Pictures that are made for one place in one chapter, each of one of the shapes of `figures`."""

from bnbook.figures.plates.bounds import bounds
from bnbook.figures.plates.cats import cats
from bnbook.figures.plates.logit_cloud import logit_cloud
from bnbook.figures.plates.one_batch import one_batch
from bnbook.figures.plates.two_units import two_units

__all__ = ["bounds", "cats", "logit_cloud", "one_batch", "two_units"]
