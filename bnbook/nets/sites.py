"""Where the layers of a foreign module begin and end, on a graph that torch.fx traces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import add, iadd, isub, sub
from typing import Any

import torch
from torch import Tensor, fx, nn

from bnbook.nets.chains import LINEAR
from bnbook.norms import Moded, Norm

SUMS = {torch.add, torch.sub, add, iadd, sub, isub, "add", "add_", "sub", "sub_"}
NONLINEAR = {
    *("relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu"),
    *("mish", "softplus", "softsign", "sigmoid", "logsigmoid", "hardsigmoid", "tanh", "hardtanh"),
    *("hardswish", "hardshrink", "softshrink", "tanhshrink", "threshold"),
}
"""Names of functions of torch that bend each value by itself; in place they end in "_"."""


class _Tracer(fx.Tracer):
    """Does not look into normalisers and dropout, nor into layers of torch that hold none."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, Moded):
            return True
        holds = any(isinstance(child, Moded) for child in m.modules())
        return super().is_leaf_module(m, module_qualified_name) and not holds


@dataclass(frozen=True, eq=False)
class Site:
    """A linear map on the way of the data, and where its `Trace` entries are found.

    linear    the node of the map
    inputs    the node that the next nonlinearity is given; where there is none, that of `outputs`
    outputs   the node that the layer hands on
    norms     names of the normalisers between linear map and outputs
    """

    name: str
    linear: fx.Node
    inputs: fx.Node
    outputs: fx.Node
    norms: tuple[str, ...]


def trace(model: nn.Module) -> fx.Graph:
    """The graph of a model; whatever torch.fx raises where it cannot be traced."""
    return _Tracer().trace(model)


def sites(model: nn.Module, graph: fx.Graph) -> list[Site]:
    """The linear maps in the order of a pass, the first use of each, with what follows them.

    What follows a map belongs to its layer as long as nothing else uses it: normalisers, dropout,
    the sum with another branch, and one nonlinearity. A sum belongs to the branch with more linear
    maps behind it, and to the first where they are equal.
    """
    modules = dict(model.named_modules())
    depth = _depths(graph, modules)
    found: dict[str, Site] = {}
    for node in graph.nodes:
        name = str(node.target)
        if _is_call(node, modules, LINEAR) and name not in found:
            found[name] = _site(name, node, modules, depth)
    return list(found.values())


def _site(
    name: str, linear: fx.Node, modules: dict[str, nn.Module], depth: dict[fx.Node, int]
) -> Site:
    here, inputs, norms = linear, None, []
    while len(here.users) == 1:
        (user,) = here.users
        if _is_call(user, modules, Moded):
            norms += [str(user.target)] if isinstance(modules[str(user.target)], Norm) else []
        elif is_nonlinear(user, modules) and inputs is None:
            inputs = here
        elif not (_is_call(user, modules, nn.Identity) or _owns(here, user, depth)):
            break
        here = user
    return Site(name, linear, inputs or here, here, tuple(norms))


def _owns(branch: fx.Node, user: fx.Node, depth: dict[fx.Node, int]) -> bool:
    """Whether `user` is a sum of two branches that belongs to `branch`."""
    if user.op not in ("call_function", "call_method") or user.target not in SUMS:
        return False
    others = [node for node in user.all_input_nodes if node is not branch]
    if len(others) != 1:
        return False
    first = user.args[0] is branch
    return depth[branch] > depth[others[0]] or (first and depth[branch] == depth[others[0]])


def _depths(graph: fx.Graph, modules: dict[str, nn.Module]) -> dict[fx.Node, int]:
    """The largest number of linear maps on a way from the input to each node."""
    depth: dict[fx.Node, int] = {}
    for node in graph.nodes:
        below = max((depth[each] for each in node.all_input_nodes), default=0)
        depth[node] = below + _is_call(node, modules, LINEAR)
    return depth


def _is_call(node: fx.Node, modules: dict[str, nn.Module], kind: Any) -> bool:
    return node.op == "call_module" and isinstance(modules[str(node.target)], kind)


def is_nonlinear(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a node bends each value by itself, as module, function or method of a tensor."""
    if node.op == "call_module":
        return is_activation(modules[str(node.target)])
    name = getattr(node.target, "__name__", str(node.target)).removesuffix("_")
    return node.op in ("call_function", "call_method") and name in NONLINEAR


def is_activation(module: nn.Module) -> bool:
    """Whether a module is one of torch's nonlinearities of single values."""
    kind = type(module)
    whole = (nn.MultiheadAttention, nn.Softmax, nn.Softmax2d, nn.LogSoftmax, nn.Softmin, nn.GLU)
    return kind.__module__ == nn.ReLU.__module__ and not isinstance(module, whole)


class Recorder(fx.Interpreter):
    """Runs a graph and keeps what chosen nodes give, safe from being changed in place later."""

    def __init__(self, model: nn.Module, graph: fx.Graph, nodes: set[fx.Node]) -> None:
        super().__init__(model, graph=graph)
        self.nodes = nodes
        self.seen: dict[fx.Node, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if n not in self.nodes:
            return value
        self.seen[n] = value
        return value.clone()  # on the way to the loss, so that gradients by `value` exist


def difference(one: fx.Graph, other: fx.Graph) -> str | None:
    """What two graphs do differently, the first such thing in words; None if nothing."""
    pairs = zip(_described(one), _described(other), strict=False)
    for mine, yours in pairs:
        if mine != yours:
            return f"{mine} against {yours}"
    if len(one.nodes) != len(other.nodes):
        return f"{len(one.nodes)} steps against {len(other.nodes)}"
    return None


def _described(graph: fx.Graph) -> Iterator[str]:
    for node in graph.nodes:
        if node.op != "placeholder":
            yield node.format_node() or f"{node.op} {node.target} {node.args} {node.kwargs}"
