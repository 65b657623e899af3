"""Networks from frozen specifications."""

from bnbook.nets.adopted import AdoptedNetwork, AdoptError, adopt
from bnbook.nets.base import ACTIVATIONS, NetError, Network, Spec, Trace
from bnbook.nets.convolution import ConvLayer
from bnbook.nets.dropout import Dropout
from bnbook.nets.mlp import MLP, ORDERS, Layer, MultilayerPerceptron
from bnbook.nets.reference import ReferencedNet, WithReference
from bnbook.nets.residual import Residual, ResidualNetwork
from bnbook.nets.resnet import ResidualNet, ResNet
from bnbook.nets.vgg import VGG, VGGNet
from bnbook.nets.vit import VisionTransformer, ViT

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "ORDERS",
    "VGG",
    "AdoptError",
    "AdoptedNetwork",
    "ConvLayer",
    "Dropout",
    "Layer",
    "MultilayerPerceptron",
    "NetError",
    "Network",
    "ReferencedNet",
    "ResNet",
    "Residual",
    "ResidualNet",
    "ResidualNetwork",
    "Spec",
    "Trace",
    "VGGNet",
    "ViT",
    "VisionTransformer",
    "WithReference",
    "adopt",
]
