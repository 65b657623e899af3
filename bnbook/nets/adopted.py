"""Any torch module as a network of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, fx, nn

from bnbook.nets import sites as graphs
from bnbook.nets.base import NetError, Network, Trace
from bnbook.nets.chains import LINEAR, Graph, graph_of
from bnbook.nets.dropout import Dropout
from bnbook.nets.sites import Recorder, Site
from bnbook.norms import Moded, Norm, NormError
from bnbook.norms.batch import BatchNorm
from bnbook.norms.from_torch import from_torch
from bnbook.norms.frozen import FrozenBatchNorm


class AdoptError(NetError):
    """A module cannot become a network of this package; the message names every reason."""


def adopt(model: nn.Module, example: Shaped[Tensor, " ..."] | None = None) -> Network:
    """A copy of `model`, a classifier (N, …) → logits (N, classes), as a `Network`.

    Torch's normalisers and dropout become this package's, with their state and under their names,
    so that every mode of `bnbook.norms.using` reaches them; all else stays. In training and in
    evaluation the copy computes what `model` does, dropout apart, whose random numbers are its
    own. BN that is in evaluation mode within a model in training becomes "frozen": that is what
    the model trains with. The parameters' names are the model's with "model." before them.

    The linear maps (Linear, Conv1d to 3d) and what follows them are found by torch.fx. A model
    that it cannot trace is watched on `example`, a batch (N, …), by hooks: then sums and functions
    between modules are not seen, and a layer ends with the last module that takes what the module
    before it gave. A `Network` is returned as a copy. Raises `AdoptError`.
    """
    if isinstance(model, Network):
        return deepcopy(model)
    copy = _with_our_layers(deepcopy(model))
    graph = _graph(copy, example)
    sites = graphs.sites(copy, graph) if graph else []
    layers = [site.name for site in sites] if graph else _order_of_use(copy, example)
    if not layers:
        raise AdoptError(f"{type(model).__name__} holds no Linear, Conv1d, Conv2d or Conv3d")
    net = AdoptedNetwork(copy, layers, graph, sites)
    net.training = copy.training
    return net


class AdoptedNetwork(Network):
    """A foreign module whose normalisers and dropout are this package's; see `adopt`.

    `layers` are the names of its linear maps in the order of a pass, the head last; `graph` and
    `sites` are how the data go through them, None and empty where torch.fx cannot tell.
    """

    stacks = False

    def __init__(
        self, model: nn.Module, layers: list[str], graph: fx.Graph | None, sites: list[Site]
    ) -> None:
        super().__init__()
        self.model, self.layers, self.graph, self.sites = model, layers, graph, sites

    def forward(
        self, x: Shaped[Tensor, " ..."], trace: bool = False
    ) -> Float[Tensor, "n classes"] | Trace:
        if not trace:
            logits = self.model(x)
        elif self.graph is None:
            return _by_hooks(self.model, x, self.layers[:-1])
        else:
            hidden = self.sites[:-1]
            nodes = {node for s in hidden for node in (s.linear, s.inputs, s.outputs)}
            recorder = Recorder(self.model, self.graph, nodes)
            logits = recorder.run(x)
            seen = recorder.seen
            layers = [(s, type(self.model.get_submodule(s.name))) for s in hidden]
            linear, inputs, outputs = (
                [_channels_second(seen[getattr(s, where)], kind) for s, kind in layers]
                for where in ("linear", "inputs", "outputs")
            )
            return Trace(linear, inputs, outputs, _checked(logits))
        return _checked(logits)

    def weight_names(self) -> list[str]:
        """Parameter names of the linear maps' weights, in the order of a pass, the head last."""
        return [f"model.{name}.weight" for name in self.layers]

    def layer_prefixes(self, weight: str) -> tuple[str, ...]:
        """Names of the layer's modules: the linear map and the normalisers that follow it."""
        layer = weight.removeprefix("model.").removesuffix(".weight")
        norms = [name for site in self.sites if site.name == layer for name in site.norms]
        return tuple(f"model.{name}." for name in (layer, *norms))

    def chains(self) -> Graph:
        """The ways of the data, for `bnbook.fold`; a `GraphError` where they cannot be told."""
        return graph_of(self.model)


def _checked(logits: Any) -> Tensor:
    if not isinstance(logits, Tensor) or logits.dim() != 2:
        given = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise AdoptError(
            f"the model gives {given}; it must give logits (N, classes), one tensor. Wrap it in a "
            "module that returns them"
        )
    return logits


def _channels_second(h: Tensor, kind: type[nn.Module]) -> Tensor:
    """What a Linear gives has its channels last: (N, …, C) → (N, C, …)."""
    return h.movedim(-1, 1) if issubclass(kind, nn.Linear) else h


def _with_our_layers(model: nn.Module) -> nn.Module:
    """`model` with every layer that has a mode replaced by ours; all refusals in one error."""
    refused: list[str] = []
    known: dict[nn.Module, nn.Module] = {}
    generator = torch.Generator().manual_seed(0)
    for name, layer in list(model.named_modules()):
        try:
            ours = _ours(layer, model)
        except (NormError, NetError) as error:
            refused.append(f"{type(layer).__name__} {name!r}: {error}")
            continue
        if ours is not None:
            ours.seed_noise(generator)
            known[layer] = ours
    if refused:
        raise AdoptError(
            f"{type(model).__name__} cannot be adopted:\n  " + "\n  ".join(dict.fromkeys(refused))
        )
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):
            if child in known:
                setattr(parent, name, known[child])
    return known.get(model, model)


def _ours(layer: nn.Module, model: nn.Module) -> Moded | None:
    """What stands in for a layer, None where it stays."""
    if isinstance(layer, Norm):
        return None
    norm = from_torch(layer)
    if norm is not None:
        return _as_it_trains(norm, frozen=model.training and not layer.training)
    dropout = _dropout(layer)
    if dropout is not None:
        dropout.train(layer.training)
        return dropout
    if _draws(layer):
        raise AdoptError("it draws random numbers in training that cannot be repeated")
    return None


def _as_it_trains(norm: Norm, frozen: bool) -> Norm:
    if not (frozen and type(norm) is BatchNorm):
        return norm
    still = FrozenBatchNorm(norm.num_features)
    still.eps, still.weight, still.bias = norm.eps, norm.weight, norm.bias
    still.running_mean, still.running_var = norm.running_mean, norm.running_var
    still.num_batches_tracked = norm.num_batches_tracked
    return still


def _dropout(layer: nn.Module) -> Dropout | None:
    kind, found = type(layer), None
    if kind in (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d):
        per = "value" if kind is nn.Dropout else "channel"
        found = Dropout(_rate(layer, "p"), per)
    elif kind.__name__ == "StochasticDepth" and kind.__module__.startswith("torchvision."):
        found = Dropout(_rate(layer, "p"), {"row": "example"}.get(str(layer.mode), "batch"))
    elif isinstance(layer, nn.modules.dropout._DropoutNd):
        raise AdoptError("it draws random numbers in training that cannot be repeated")
    return found


def _rate(layer: nn.Module, name: str) -> float:
    return float(getattr(layer, name))


def _draws(layer: nn.Module) -> bool:
    """Whether one of torch's layers draws random numbers in training, inside itself."""
    if isinstance(layer, nn.RNNBase | nn.MultiheadAttention):
        return layer.dropout > 0
    return isinstance(layer, nn.RReLU | nn.FractionalMaxPool2d | nn.FractionalMaxPool3d)


def _graph(model: nn.Module, example: Tensor | None) -> fx.Graph | None:
    """The model's graph, None where it has none; one that depends on the mode is refused."""
    try:
        found = []
        for mode in (True, False):
            with _flag(model, mode):
                found.append(graphs.trace(model))
    except Exception as error:
        if example is None:
            raise AdoptError(
                f"torch.fx cannot trace {type(model).__name__} ({_first_line(error)}); give a "
                "batch to watch it on instead: adopt(model, example=x)"
            ) from error
        return None
    if (unlike := graphs.difference(*found)) is not None:
        raise AdoptError(
            f"{type(model).__name__} does one thing in training and another in evaluation, outside "
            f"of torch's normalisers and dropout: {unlike}. Use layers for it, such as nn.Dropout, "
            "nn.BatchNorm2d, or torchvision's StochasticDepth"
        )
    return found[0]


@contextmanager
def _flag(model: nn.Module, mode: bool) -> Iterator[None]:
    """Set the flag `training` of all modules, without the `train` that a model may override."""
    before = [(module, module.training) for module in model.modules()]
    try:
        for module, _ in before:
            module.training = mode
        yield
    finally:
        for module, was in before:
            module.training = was


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]


def _order_of_use(model: nn.Module, example: Tensor | None) -> list[str]:
    """Names of the linear maps in the order in which a pass over the example meets them."""
    assert example is not None
    for module in model.modules():
        if graphs.is_activation(module) and hasattr(module, "inplace"):
            module.inplace = False  # type: ignore[assignment]  # or the hooks would see its input changed
    calls: list[str] = []
    names: dict[nn.Module, str] = {
        m: name for name, m in model.named_modules() if isinstance(m, LINEAR)
    }
    with ExitStack() as hooks, _flag(model, False), torch.no_grad():
        modes = [(m, m.mode) for m in model.modules() if isinstance(m, Moded)]
        for layer, mode in modes:
            layer.mode = "population"
            hooks.callback(setattr, layer, "mode", mode)
        for linear, name in names.items():
            note: Callable[..., None] = lambda *_, name=name: calls.append(name)  # noqa: E731
            hooks.callback(linear.register_forward_hook(note).remove)
        _checked(model(example))
    return list(dict.fromkeys(calls))


def _by_hooks(model: nn.Module, x: Tensor, hidden: list[str]) -> Trace:
    """The trace of a pass by what each module is given and gives, linked by the tensors."""
    calls: list[tuple[nn.Module, Tensor, Tensor]] = []
    with ExitStack() as hooks:
        for module in model.modules():
            if isinstance(module, (*LINEAR, Moded, nn.Identity)) or graphs.is_activation(module):
                hooks.callback(module.register_forward_hook(_note_in(calls)).remove)
        logits = _checked(model(x))
    seen = Trace(logits=logits)
    for name in hidden:
        layer = model.get_submodule(name)
        at = next(i for i, call in enumerate(calls) if call[0] is layer)
        z, inputs, here = calls[at][2], None, calls[at][2]
        for module, given, gave in calls[at + 1 :]:
            if given is not here or isinstance(module, LINEAR):
                continue
            if graphs.is_activation(module):
                if inputs is not None:
                    break
                inputs = here
            here = gave
        parts = (z, here if inputs is None else inputs, here)
        for entries, h in zip((seen.linear, seen.inputs, seen.outputs), parts, strict=True):
            entries.append(_channels_second(h, type(layer)))
    return seen


def _note_in(calls: list[tuple[nn.Module, Tensor, Tensor]]) -> Callable[..., None]:
    def note(module: nn.Module, given: tuple[Tensor, ...], gave: Tensor) -> None:
        calls.append((module, given[0], gave))

    return note
