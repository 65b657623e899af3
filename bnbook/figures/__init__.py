"""From a record to a picture with its words: one function for each shape of data."""

from bnbook.figures.contours import contours
from bnbook.figures.curves import curves
from bnbook.figures.density import density
from bnbook.figures.dots import dots
from bnbook.figures.effects import effects
from bnbook.figures.figure import Drawing, Figure
from bnbook.figures.functions import functions
from bnbook.figures.heatmap import heatmap
from bnbook.figures.histogram import histogram
from bnbook.figures.percentiles import percentiles
from bnbook.figures.roc import roc
from bnbook.figures.scatter import scatter
from bnbook.figures.shares import shares

__all__ = [
    "Drawing",
    "Figure",
    "contours",
    "curves",
    "density",
    "dots",
    "effects",
    "functions",
    "heatmap",
    "histogram",
    "percentiles",
    "roc",
    "scatter",
    "shares",
]
