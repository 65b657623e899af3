"""The ways of the data through a network: told by the network, or traced by `torch.fx`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor, fx, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from bnbook.norms import Norm

Chain: TypeAlias = list[Any]
"""What data pass through, one after the other, without a side branch: modules, and whatever else
happens to them (a function, a node of a traced graph)."""

LINEAR = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
MOVING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
MOVING_OF_ONE = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
OF_THE_INPUT = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm)
TORCH_NORMS = MOVING + MOVING_OF_ONE + OF_THE_INPUT
"""The normalisers of torch: with running statistics, with them if asked for, without."""

UNREAD = {"shape", "size", "ndim", "dim", "numel", "dtype", "device", "requires_grad"}
"""What is asked of a tensor without a look at its numbers."""


class GraphError(ValueError):
    """The way of the data through a network cannot be told; the message says why."""


@dataclass(frozen=True)
class Graph:
    """The chains of a network, and which tensors its own code reads.

    told      chains that the network, or networks within it, tell by a method `chains()`
    traced    chains of the graph that `torch.fx` traced of everything else
    read      storages of the parameters and buffers that the traced code reads itself, outside
              the call of the layer that they belong to
    """

    told: list[Chain]
    traced: list[Chain]
    read: frozenset[int]

    @property
    def chains(self) -> list[Chain]:
        """All of them."""
        return [*self.traced, *self.told]

    def reads(self, module: nn.Module) -> bool:
        """Whether a number of `module` is used besides in its own call."""
        return not self.read.isdisjoint(_storages(module))


def graph_of(net: nn.Module) -> Graph:
    """The `Graph` of a network in its present mode; a `GraphError` where it has none.

    A network tells its ways by a method `chains()`: a list of chains, or the `Graph` of a network
    inside it. Any other is traced on symbols: what its code does may depend on no value and no
    shape.
    """
    if any(map(is_lazy, (*net.parameters(), *net.buffers()))):
        raise GraphError(
            f"{type(net).__name__} has layers whose shapes are still open: run it once"
        )
    if tells(net):
        tell: Any = net.chains
        told = tell()
        return told if isinstance(told, Graph) else Graph(told, [], frozenset())
    touched = _Touched()
    try:
        with touched:
            traced = _Tracer().trace(net)
    except Exception as error:
        raise GraphError(
            f"{type(net).__name__} has no method chains() that tells the way of its data, and "
            f"torch.fx cannot trace it: {error}"
        ) from error
    chains = [[_step(net, node) for node in path] for path in _paths(traced)]
    read = touched.storages | _read_in_graph(net, traced)
    told = []
    for module in {step: None for chain in chains for step in chain if isinstance(step, nn.Module)}:
        if tells(module):
            inner = graph_of(module)
            told, chains, read = told + inner.told, chains + inner.traced, read | inner.read
        elif any(module.children()) and not isinstance(module, Norm):
            read |= _storages(module)  # one of torch's own that is made of others, as attention is
    return Graph(told, chains, frozenset(read))


def tells(net: nn.Module) -> bool:
    """Whether a network has the method `chains()`."""
    return callable(getattr(net, "chains", None))


def is_linear(step: Any) -> bool:
    """Whether `step` is one of torch's linear maps or convolutions, called as torch calls it."""
    return _works_as(step, LINEAR)


def is_torch_norm(step: Any) -> bool:
    """Whether `step` is one of torch's normalisers, called as torch calls it."""
    return _works_as(step, TORCH_NORMS)


def is_unknown_norm(step: Any) -> bool:
    """Whether `step` normalises by its name, and is none of torch's and of this package's."""
    if isinstance(step, Norm) or is_torch_norm(step) or any(step.children()):
        return False
    if type(step).__module__.startswith("torch.nn.utils"):
        return False  # what a parametrization computes a weight by
    return any("norm" in kind.__name__.lower() for kind in type(step).__mro__)


def _works_as(step: Any, kinds: tuple[type[nn.Module], ...]) -> bool:
    """Whether `step` is of one of `kinds`, or of a subclass that leaves its computation alone."""
    names = ("forward", "_conv_forward", "__call__", "__getattr__", "weight", "bias")
    return any(
        isinstance(step, kind)
        and not {"forward", "_conv_forward"} & vars(step).keys()
        and all(getattr(type(step), name, None) is getattr(kind, name, None) for name in names)
        for kind in kinds
    )


class _Tracer(fx.Tracer):
    """Does not look into layers, normalisers and networks that tell their chains."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = isinstance(m, Norm) or tells(m)
        known = known or is_linear(m) or is_torch_norm(m) or is_unknown_norm(m)
        return known or super().is_leaf_module(m, module_qualified_name)


class _Touched(TorchFunctionMode):
    """Notes the storages of the tensors, no symbols, that torch's functions are given."""

    def __init__(self) -> None:
        super().__init__()
        self.storages: set[int] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        attribute = getattr(func, "__self__", func)  # of a method, or of `__get__`
        if getattr(attribute, "__name__", "") not in UNREAD:
            given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
            self.storages |= {_storage(tensor) for tensor in given}
        return func(*args, **kwargs)


def _step(net: nn.Module, node: fx.Node) -> Any:
    return net.get_submodule(str(node.target)) if node.op == "call_module" else node


def _read_in_graph(net: nn.Module, graph: fx.Graph) -> set[int]:
    """Storages of the tensors that a traced graph takes from the network."""
    read = set()
    for node in graph.nodes:
        if node.op == "get_attr" and not all(map(_asks_no_number, node.users)):
            value: Any = net
            for name in str(node.target).split("."):
                value = getattr(value, name)
            read |= {_storage(value)} if isinstance(value, Tensor) else set()
    return read


def _asks_no_number(node: fx.Node) -> bool:
    if node.op == "call_method":
        return node.target in UNREAD
    return node.op == "call_function" and node.target is getattr and node.args[1] in UNREAD


def _storages(module: nn.Module) -> set[int]:
    tensors = (*module.parameters(), *module.buffers())
    return {_storage(tensor) for tensor in tensors if not is_lazy(tensor)}


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _paths(graph: fx.Graph) -> Iterator[list[fx.Node]]:
    """The graph cut into its longest paths whose inner edges have no alternative."""
    follower = {}
    for node in graph.nodes:
        if len(node.users) == 1:
            (user,) = node.users
            if user.all_input_nodes == [node]:
                follower[node] = user
    inner = set(follower.values())
    for node in graph.nodes:
        if node not in inner:
            path = [node]
            while path[-1] in follower:
                path.append(follower[path[-1]])
            yield path
