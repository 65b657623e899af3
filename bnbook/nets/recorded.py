"""The operations of a function, written down once and done again without what led to them.

`torch.func.vmap` finds out at every call which operations on stacked tensors a function comes to.
In networks as small as ours that takes as long as a third of the operations themselves, and it
comes to the same each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

REFUSED = (
    torch.Tag.data_dependent_output,
    torch.Tag.dynamic_output_shape,
    torch.Tag.nondeterministic_seeded,
)
"""Operations whose outcome decides about others, or is another at every call."""
LIFT, COPY = torch.ops.aten.lift_fresh.default, torch.ops.aten.lift_fresh_copy.default


class Recorded:
    """`function` of nested tensors, whose first call is recorded and then done again.

    Every call gives to the last bit what the function gives, and writes into its arguments what
    it writes. What it reads besides must be constant, and its arguments keep their shapes. A
    function that looks at the values of its tensors, or draws random numbers, is called as it is.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.again: Callable[..., Any] | None = None
        self.shape: Any = None
        self.plain = False

    @torch.no_grad()
    def __call__(self, *arguments: Any) -> Any:
        if self.plain:
            return self.function(*arguments)
        leaves, _ = tree_flatten(arguments)
        if self.again is not None:
            return tree_unflatten(list(self.again(*leaves)), self.shape)
        with _Recorder(leaves) as recorder:
            result = self.function(*arguments)
        found, self.shape = tree_flatten(result)
        self.again = recorder.function(found)
        self.plain = self.again is None
        return result


class _Recorder(TorchDispatchMode):
    """Writes the operations on some tensors, and on what comes of them, into a graph."""

    def __init__(self, inputs: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = fx.Graph()
        self.constants = torch.nn.Module()
        self.held: list[Tensor] = []  # or another tensor might get the name of one that is gone
        self.nodes: dict[int, fx.Node] = {}
        self.storages = {x.untyped_storage()._cdata for x in inputs}
        self.refused = False
        for i, x in enumerate(inputs):
            self._name(x, self.graph.placeholder(f"x{i}"))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        self.refused = self.refused or any(tag in REFUSED for tag in func.tags)
        if func is LIFT:  # a tensor of the function's own, which it may go on to write into
            self._name(args[0], self._constant(args[0].clone()))
        symbols = tree_map(self._node_of, (args, kwargs))
        result = func(*args, **kwargs)
        if func is not LIFT and isinstance(result, Tensor) and _does_nothing(func, result, args):
            self._name(result, self.nodes[id(args[0])])
            return result
        node = self.graph.call_function(COPY if func is LIFT else func, *symbols)
        if isinstance(result, Tensor):
            self._name(result, node)
        else:
            for i, each in enumerate(tree_leaves(result)):
                if isinstance(each, Tensor):
                    item = self.graph.call_function(_item, (node, i))
                    self._name(each, item)
        return result

    def function(self, results: list[Tensor]) -> Callable[..., Any] | None:
        """What was recorded, from the inputs to the tensors `results`; None where it cannot be."""
        self.graph.output(tuple(map(self._node_of, results)))
        if self.refused:
            return None
        self.graph.eliminate_dead_code(_matters)
        return fx.GraphModule(self.constants, self.graph)

    def _name(self, tensor: Tensor, node: fx.Node) -> None:
        self.held.append(tensor)
        self.nodes[id(tensor)] = node

    def _node_of(self, value: Any) -> Any:
        """The symbol of a tensor, a constant if it is nobody's result; other values as they are."""
        if not isinstance(value, Tensor):
            return value
        if id(value) not in self.nodes:
            self.refused = self.refused or value.untyped_storage()._cdata in self.storages
            self._name(value, self._constant(value))
        return self.nodes[id(value)]

    def _constant(self, value: Tensor) -> fx.Node:
        name = f"c{len(self.held)}"
        self.constants.register_buffer(name, value)
        return self.graph.get_attr(name)


def _item(values: Any, i: int) -> Any:
    return tree_leaves(values)[i]


def _does_nothing(func: Any, result: Tensor, args: Any) -> bool:
    """Whether an operation gave its first argument again, as another view of the same numbers."""
    given = args[0] if args else None
    return (
        isinstance(given, Tensor)
        and not func._schema.is_mutable
        and result.dtype == given.dtype
        and result.untyped_storage()._cdata == given.untyped_storage()._cdata
        and result.storage_offset() == given.storage_offset()
        and result.shape == given.shape
        and result.stride() == given.stride()
    )


def _matters(node: fx.Node) -> bool:
    """Whether an operation is needed though nobody takes its result: it writes into a tensor."""
    if node.op in ("placeholder", "output"):
        return True
    schema = getattr(node.target, "_schema", None)
    return schema is not None and (schema.is_mutable or "batch_norm" in schema.name)
