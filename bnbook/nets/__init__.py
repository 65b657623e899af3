"""Networks from frozen specifications."""

from bnbook.nets.base import ACTIVATIONS, NetError, Network, Spec, Trace
from bnbook.nets.mlp import MLP, ORDERS, Layer, MultilayerPerceptron

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "ORDERS",
    "Layer",
    "MultilayerPerceptron",
    "NetError",
    "Network",
    "Spec",
    "Trace",
]
