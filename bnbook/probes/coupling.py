"""How strongly one layer's gradient depends on where another layer's weights are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import grad, jvp, vmap

from bnbook.probes.base import Probe, Snapshot, Tensors, probe


@probe(unit="1", dims=("moved", "layer"), source="ng2017why")
@dataclass(frozen=True)
class Coupling(Probe):
    """Elasticity of layer j's gradient to layer i's weights, ‖∂²L/∂W_j∂W_i · v‖·‖W_i‖/‖G_j‖.

    v = G_i/‖G_i‖ is the direction in which gradient descent is about to move layer i, so a value
    of 1 says: when W_i moves by 1 % of its size, G_j changes by 1 % of its own. Dimension
    `moved` is i, `layer` is j; both run over the weights, the head last. The measure does not
    depend on the scale of any scale-invariant weights. It is the book's own form of the claim in
    ng2017why that batch normalization lets layers learn more independently of each other.
    """

    def __call__(self, s: Snapshot) -> Float[Tensor, "member moved layer"]:
        rows = [self._response(s, name) for name in s.weight_names]
        return torch.stack(rows, dim=1)

    def _response(self, s: Snapshot, moved: str) -> Tensor:
        def gradient(weights: Tensors, rest: Tensors, buffers: Tensors, x: Tensor, y: Tensor):  # type: ignore[no-untyped-def]
            return grad(lambda w: s.loss(rest | w, buffers, x, y))(weights)

        def response(params: Tensors, grads: Tensors, buffers: Tensors, x: Tensor, y: Tensor):  # type: ignore[no-untyped-def]
            weights = {name: params[name] for name in s.weight_names}
            move = {name: torch.zeros_like(w) for name, w in weights.items()}
            move[moved] = grads[moved] * (weights[moved].norm() / grads[moved].norm())
            g, change = jvp(  # type: ignore[misc]
                lambda w: gradient(w, params, buffers, x, y), (weights,), (move,)
            )
            return torch.stack([change[name].norm() / g[name].norm() for name in s.weight_names])

        return vmap(response)(s.params, s.gradients, s.buffers, *s.batch)
