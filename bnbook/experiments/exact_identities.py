"""What is exact about batch normalization: residuals of its identities on a trained network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
import xarray as xr
from torch import Tensor

from bnbook import data
from bnbook.factors import crossed
from bnbook.folding import fold
from bnbook.nets import MLP, Layer, MultilayerPerceptron
from bnbook.norms.batch import BatchNorm
from bnbook.study import Experiment, Measurement

NORMS = ("none", "batch")
WHERE = ("the same batch", "a fresh batch", "population statistics")
LAYER = 1  # the hidden layer that is looked at; one layer stands before it, one behind


@dataclass(frozen=True)
class Identities:
    """A small sigmoid network, a few steps of training, and what is varied afterwards.

    The network is trained because γ = 1, β = 0 and an untouched running mean make identities
    hold that do not hold in general. Everything is float64.
    """

    data: str = "mnist-5k"
    widths: tuple[int, ...] = (30, 30, 30)
    batch_size: int = 64
    learning_rate: float = 0.5
    steps: int = 40
    factors: tuple[float, ...] = (0.1, 0.5, 2.0, 10.0)
    eps: tuple[float, ...] = (1e-20, 1e-16, 1e-12, 1e-8, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)


def measure(settings: Identities, seed: int) -> xr.Dataset:
    """Residuals of five identities for a network without and one with BN; 0 is exact.

    folding          largest |logit of `fold(net)` − logit|, in evaluation mode
    bias_gradient    ‖∂L/∂b‖/‖∂L/∂W‖ of the looked-at layer, b added before the normaliser
    scaling          ‖a·∇L(aW) − ∇L(W)‖/‖∇L(W)‖ over the layer's weights, for factors a and for ε
    identity         rms of BN(z) − z in units of σ, with γ and β set to undo one batch: on that
                     batch, on a fresh one, and with its statistics as population statistics
    """
    parts = []
    for arm in NORMS:
        net, batches = _trained(settings, arm, seed)
        batch, fresh = batches[:2]
        parts.append(
            xr.Dataset(
                {
                    "folding": _folding(net, batch[0]),
                    "bias_gradient": _bias_gradient(net, *batch),
                    "scaling": (("factor", "eps"), _scaling(net, settings, *batch)),
                    "identity": ("where", _identity(net, batch[0], fresh[0])),
                },
                {"factor": list(settings.factors), "eps": list(settings.eps)},
            )
        )
    record = xr.concat(parts, "arm").assign_coords(arm=list(NORMS), where=list(WHERE))
    for name, unit in (("folding", "1"), ("bias_gradient", "1"), ("scaling", "1")):
        record[name].attrs["units"] = unit
    record["identity"].attrs["units"] = "σ"
    record["eps"].attrs["long_name"] = "ε"
    return record


def _trained(
    settings: Identities, arm: str, seed: int
) -> tuple[MultilayerPerceptron, list[tuple[Tensor, Tensor]]]:
    """The network after its training, and batches it has not seen."""
    train = data.load(settings.data).split(seed).train
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    spec = MLP(settings.widths, "sigmoid", arm)
    net = spec.build(tuple(train.x.shape[1:]), 10, seed).double()
    optimizer = torch.optim.SGD(net.parameters(), settings.learning_rate)
    batches = [
        (train.x[chosen].double(), train.y[chosen]) for chosen in order.split(settings.batch_size)
    ]
    for x, y in batches[: settings.steps]:
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    return net, batches[settings.steps :]


def _layer(net: MultilayerPerceptron) -> Layer:
    layer = net.layers[LAYER]
    assert isinstance(layer, Layer)
    return layer


@torch.no_grad()
def _folding(net: MultilayerPerceptron, x: Tensor) -> float:
    net.eval()
    gap = (fold(net)(x) - net(x)).abs().max().item()
    net.train()
    return gap


def _bias_gradient(net: MultilayerPerceptron, x: Tensor, y: Tensor) -> float:
    """With a bias before the normaliser, which our networks leave out where BN would absorb it."""
    linear = _layer(net).linear
    before = linear.bias
    start = torch.zeros(len(linear.weight), dtype=x.dtype) if before is None else before.detach()
    linear.bias = torch.nn.Parameter(start)
    loss = F.cross_entropy(net(x), y)
    of_bias, of_weight = torch.autograd.grad(loss, [linear.bias, linear.weight])
    linear.bias = before
    return (of_bias.norm() / of_weight.norm()).item()


def _scaling(net: MultilayerPerceptron, settings: Identities, x: Tensor, y: Tensor) -> Tensor:
    """(factor, ε); without BN the second does nothing."""
    layer, norm = _layer(net), _layer(net).norm
    original, usual = layer.linear.weight.detach().clone(), getattr(norm, "eps", 0.0)
    residuals = torch.empty(len(settings.factors), len(settings.eps))
    for j, eps in enumerate(settings.eps):
        if isinstance(norm, BatchNorm):
            norm.eps = eps
        at_one = _gradient_at(net, original, x, y)
        for i, factor in enumerate(settings.factors):
            scaled = factor * _gradient_at(net, factor * original, x, y)
            residuals[i, j] = (scaled - at_one).norm() / at_one.norm()
    if isinstance(norm, BatchNorm):
        norm.eps = usual
    layer.linear.weight.data.copy_(original)
    return residuals


def _gradient_at(net: MultilayerPerceptron, weight: Tensor, x: Tensor, y: Tensor) -> Tensor:
    parameter = _layer(net).linear.weight
    parameter.data.copy_(weight)
    return torch.autograd.grad(F.cross_entropy(net(x), y), parameter)[0]


@torch.no_grad()
def _identity(net: MultilayerPerceptron, x: Tensor, fresh: Tensor) -> list[float]:
    """Rms of BN(z) − z over units and examples, in σ of the unit; without BN there is nothing."""
    norm = _layer(net).norm
    if not isinstance(norm, BatchNorm):
        return [0.0] * len(WHERE)
    z, z_fresh = (net(each, trace=True).linear[LAYER] for each in (x, fresh))
    mean, var = z.mean(0), z.var(0, correction=0)
    undoing = BatchNorm(len(mean), eps=norm.eps).double()
    undoing.weight = torch.nn.Parameter((var + norm.eps).sqrt())
    undoing.bias = torch.nn.Parameter(mean)
    same, other = undoing(z), undoing(z_fresh)
    undoing.running_mean.copy_(mean)
    undoing.running_var.copy_(var)
    found = ((same, z), (other, z_fresh), (undoing.eval()(z_fresh), z_fresh))
    return [((a - b) / var.sqrt()).square().mean().sqrt().item() for a, b in found]


def plan(scale: str) -> Measurement:
    """The same network at every scale; more seeds at larger ones."""
    seeds = {"smoke": 5, "book": 10, "paper": 50}[scale]
    return Measurement(
        crossed(norm=NORMS), tuple(range(seeds)), measure, Identities(), data="mnist-5k"
    )


EXPERIMENT = Experiment(
    name="exact-identities",
    question="Which properties of batch normalization are exact, and to how many digits?",
    plan=plan,
)
