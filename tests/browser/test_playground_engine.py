"""The playground's engine, in Chromium, gives the numbers of the package.

Both start from the same weights and see the same batches; the package reckons in float64, the page
in float64 and in float32. A deviation is the largest difference of any entry, relative to the
largest entry of all that is compared at once: all parameters of a network, its whole gradient, all
its running statistics. Rounding alone sets them apart, and training enlarges it, so float32 (which
sums in float64) is held to 1e-5 and float64 to 1e-10.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from playwright.sync_api import Browser, Page

from bnbook.counter import hashed, normal, uniform
from bnbook.nets import MLP
from bnbook.norms import names, using
from bnbook.train import SGD, Adam, Optimizer

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "book" / "_static" / "playground" / "engine.js"
TABLE = ROOT / "_build" / "playground-numbers.md"
NORMS = ("none", "batch", "noisy-batch", "layer", "group", "rms")
ACTIVATIONS = ("identity", "relu", "sigmoid", "tanh")
CASES = [(n, a) for n in NORMS for a in ACTIVATIONS if n != "noisy-batch" or a == "sigmoid"]
"""All but those of noise, which is dear to draw in Python and adds nothing to the other three."""
STEPS, LOOKS = 100, (1, 2, 5, 10, 20, 50, 100)
BATCH, INPUTS, CLASSES, WIDTHS, RATE = 12, 5, 3, (16, 16), 0.02
TOLERANCE = {32: 1e-5, 64: 1e-10}
QUANTITIES = ("loss", "gradient", "parameters", "running statistics", "population logits")

# In float32 a gradient that is zero but for rounding, such as that of a β that the next BN removes,
# is divided by its own size by an Adam with ε = 1e-8, and walks; a larger ε holds it.
OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": SGD(),
    "momentum": SGD(momentum=0.9),
    "adam": Adam(eps=1e-3),
}


TRAIN = """async ({ shape, state, keys, batches, rows, rate, optimizer, looks, test }) => {
  const engine = bnEngine(), Float = shape.float === 64 ? Float64Array : Float32Array;
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const numbers = (text) => Float.from(new Float32Array(bytes(text)));
  const net = new engine.Network(shape);
  const named = Object.entries(state).map(([name, text]) => [name, numbers(text)]);
  net.load(Object.fromEntries(named));
  net.layers.forEach(({ norm }, l) => { norm.key = keys[l]; });
  const rule = engine.optimizers[optimizer](rate);
  if (optimizer === "adam") rule.eps = 1e-3;
  const read = (tensors) => Object.fromEntries(tensors.map(([n, t]) => [n, Array.from(t)]));
  const loss = [], seen = [];
  for (const [i, { x, y }] of batches.entries()) {
    loss.push(net.differentiate(numbers(x), Int32Array.from(y), rows));
    rule.step(net.parameters);
    if (!looks.includes(i + 1)) continue;
    seen.push({
      gradient: read(net.parameters.map((p) => [p.name, p.gradient])),
      parameters: read(net.parameters.map((p) => [p.name, p.value])),
      "running statistics": read(Object.entries(net.buffers)),
    });
  }
  const x = numbers(test.x);
  return { loss, seen, logits: Array.from(net.forward(x, test.rows, "population")) };
}"""


@dataclass
class Run:
    """What a network left: its losses, and at each look its tensors by kind and name."""

    loss: list[float]
    seen: list[dict[str, dict[str, Any]]]
    logits: Any


@pytest.fixture(scope="module")
def laboratory(browser: Browser) -> Iterator[Page]:
    """An empty page that has loaded the engine and nothing else."""
    page = browser.new_page()
    page.add_script_tag(path=ENGINE)
    yield page
    page.close()


@pytest.fixture(scope="module")
def table() -> Iterator[dict[tuple[str, str], dict[str, float]]]:
    """Worst deviations by normaliser and arithmetic, written for a person to read."""
    rows: dict[tuple[str, str], dict[str, float]] = {}
    yield rows
    lines = ["| normaliser | arithmetic | " + " | ".join(QUANTITIES) + " |"]
    lines.append("|" + "---|" * (2 + len(QUANTITIES)))
    for (norm, arithmetic), worst in sorted(rows.items()):
        cells = [f"{worst[each]:.0e}" if each in worst else "–" for each in QUANTITIES]
        lines.append(f"| {norm} | {arithmetic} | " + " | ".join(cells) + " |")
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def packed(tensor: torch.Tensor) -> str:
    """The bytes of a float32 tensor as text."""
    assert tensor.dtype == torch.float32
    return base64.b64encode(tensor.detach().contiguous().numpy().tobytes()).decode()


def halves(key: int) -> list[int]:
    """A 64-bit key as the engine holds it: two signed halves."""
    return np.array([key >> 32, key & 0xFFFFFFFF]).astype(np.uint32).astype(np.int32).tolist()


def trained(spec: MLP, optimizer: Optimizer) -> tuple[Run, dict[str, Any]]:
    """The package's run, and the start that the page is given."""
    net = spec.build((INPUTS,), CLASSES, seed=1)
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(STEPS, BATCH, INPUTS, generator=generator)
    test = torch.randn(40, INPUTS, generator=generator)
    y = (x @ torch.randn(INPUTS, CLASSES, generator=generator)).argmax(-1)
    state = {n: t for n, t in net.state_dict().items() if t.is_floating_point()}
    start = {
        "state": {name: packed(tensor) for name, tensor in state.items()},
        "keys": [halves(int(getattr(layer.norm, "noise_key", 0))) for layer in net.layers],
        "batches": [{"x": packed(a), "y": b.tolist()} for a, b in zip(x, y, strict=True)],
        "test": {"x": packed(test), "rows": len(test)},
    }
    net, x, test = net.double(), x.double(), test.double()
    sizes = {name: p.numel() for name, p in net.named_parameters()}
    flat = parameters_in_one(net)
    alone = {"all": flat[None]}  # a population of one, whose parameters are one tensor
    memory, rate = optimizer.init(alone), torch.tensor([RATE], dtype=torch.float64)
    run = Run([], [], None)
    for step in range(STEPS):
        loss = F.cross_entropy(net(x[step]), y[step])
        gradients = torch.autograd.grad(loss, list(net.parameters()))
        gradient = torch.cat([g.flatten() for g in gradients])
        kept = gradient.clone()
        optimizer.step(alone, {"all": gradient[None]}, memory, rate)
        run.loss.append(loss.item())
        if step + 1 in LOOKS:
            run.seen.append(
                {
                    "gradient": named(kept, sizes),
                    "parameters": named(flat.clone(), sizes),
                    "running statistics": {
                        n: b.clone() for n, b in net.named_buffers() if "running" in n
                    },
                }
            )
    with torch.no_grad(), using(net, "population"):
        run.logits = net(test).flatten()
    return run, start


def parameters_in_one(net: torch.nn.Module) -> torch.Tensor:
    """All parameters in one vector, of which those of the network become views."""
    flat = torch.cat([p.detach().flatten() for p in net.parameters()])
    pieces = flat.split([p.numel() for p in net.parameters()])
    for p, piece in zip(net.parameters(), pieces, strict=True):
        p.data = piece.view_as(p)
    return flat


def named(flat: torch.Tensor, sizes: dict[str, int]) -> dict[str, torch.Tensor]:
    """A vector cut into its named pieces."""
    return dict(zip(sizes, flat.split(list(sizes.values())), strict=True))


def deviation(ours: Any, theirs: Any) -> float:
    """Largest difference relative to the largest entry; not finite if any entry is not."""
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def deviations(page: Run, package: Run) -> dict[str, float]:
    """The worst deviation of each quantity over all looks."""
    worst = {
        "loss": max(map(deviation, page.loss, package.loss)),
        "population logits": deviation(page.logits, package.logits),
    }
    for ours, theirs in zip(page.seen, package.seen, strict=True):
        for kind, tensors in theirs.items():
            assert set(ours[kind]) == set(tensors)
            if tensors:
                both = [np.concatenate([run[kind][n] for n in tensors]) for run in (ours, theirs)]
                worst[kind] = max(worst.get(kind, 0.0), deviation(*both))
    return worst


@pytest.mark.parametrize(("norm", "activation"), CASES)
def test_a_hundred_steps_are_those_of_the_package(
    norm: str,
    activation: str,
    laboratory: Page,
    table: dict[tuple[str, str], dict[str, float]],
) -> None:
    options = (("groups", 2),) if norm == "group" else ()
    spec = MLP(WIDTHS, activation, norm, norm_options=options)
    shape = {"inputs": INPUTS, "widths": WIDTHS, "classes": CLASSES, "activation": activation}
    shape |= {"norm": norm, "normOptions": dict(options)}
    for name, optimizer in OPTIMIZERS.items():
        package, start = trained(spec, optimizer)
        assert np.isfinite(package.loss).all()
        for bits, tolerance in TOLERANCE.items():
            given = {"shape": {**shape, "float": bits}, "rows": BATCH, "looks": LOOKS}
            given |= start | {"rate": RATE, "optimizer": name}
            found = deviations(Run(**laboratory.evaluate(TRAIN, given)), package)
            row = table.setdefault((norm, f"float{bits}"), {})
            row |= {each: max(value, row.get(each, 0.0)) for each, value in found.items()}
            assert max(found.values()) <= tolerance, (bits, name, found)


def test_every_normaliser_of_the_engine_is_compared(laboratory: Page) -> None:
    offered = laboratory.evaluate("Object.keys(bnEngine().norms)")
    assert sorted(offered) == sorted(NORMS)
    assert set(offered) <= set(names())
    assert laboratory.evaluate("Object.keys(bnEngine().activations)") == [*ACTIVATIONS]
    assert laboratory.evaluate("Object.keys(bnEngine().optimizers)") == [*OPTIMIZERS]


@pytest.mark.parametrize("key", [0, 1, -7, 2**31 - 1, 2**40 + 5, -(2**63)])
def test_random_numbers_are_those_of_the_package(key: int, laboratory: Page) -> None:
    words = laboratory.evaluate("key => bnEngine().hashed(key)", halves(key))
    assert words == halves(int(hashed(torch.tensor(key))))
    draw = "([name, key]) => Array.from(bnEngine()[name](new Float64Array(1000), key))"
    like = torch.zeros(0, dtype=torch.float64)
    for name, law in {"uniform": uniform, "normal": normal}.items():
        ours = laboratory.evaluate(draw, [name, halves(key)])
        theirs = law(torch.tensor(key), (1000,), like)
        torch.testing.assert_close(torch.tensor(ours, dtype=torch.float64), theirs)
