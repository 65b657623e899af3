"""Networks from frozen specifications."""

from bnbook.nets.base import ACTIVATIONS, NetError, Network, Spec, Trace
from bnbook.nets.dropout import Dropout
from bnbook.nets.mlp import MLP, ORDERS, Layer, MultilayerPerceptron

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "ORDERS",
    "Dropout",
    "Layer",
    "MultilayerPerceptron",
    "NetError",
    "Network",
    "Spec",
    "Trace",
]
