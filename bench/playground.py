"""Time of a training step in the page's engine, in Chromium, against the package's own.

The network of the first chapter on the playground's digits: 196 inputs, 3 × 100 sigmoid units with
batch normalization, batches of 60, SGD; one thread each. Both are given the same batch again and
again. Needs Chromium, as the tests of the pages do.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from playwright.sync_api import Page

from bench.timing import Ratios, Times, interleaved, one_thread, ratio
from bnbook import playground
from bnbook.data import from_tensors
from bnbook.editions.chromium import chromium
from bnbook.nets import MLP
from bnbook.train import SGD, Member, Population

ENGINE = Path(__file__).parents[1] / "book" / "_static" / "playground" / "engine.js"
WIDTHS, BATCH, RATE, MEMBERS, STEPS = (100, 100, 100), 60, 0.5, 8, 10
PAGE, PLAIN, STACKED = "page, float32", "plain loop", f"population of {MEMBERS}"

SETUP = """([inputs, widths, rows, rate, pixels]) => {
  const engine = bnEngine(), labels = Int32Array.from({ length: rows }, (_, i) => i % 10);
  const shape = { inputs, widths, classes: 10, activation: "sigmoid", norm: "batch" };
  const net = new engine.Network(shape).initialise(0), rule = engine.optimizers.sgd(rate);
  const x = Float32Array.from(pixels);
  window.train = (steps) => {
    for (let i = 0; i < steps; i++) {
      net.differentiate(x, labels, rows);
      rule.step(net.parameters);
    }
  };
}"""


def digits() -> torch.Tensor:
    """One batch of the playground's digits (60, 1, 14, 14), standardised."""
    x = torch.from_numpy(playground.digits()).float()[:BATCH, None]
    return (x - x.mean()) / x.std()


def in_the_page(page: Page, x: torch.Tensor) -> Callable[[], object]:
    """Steps of the page's engine."""
    page.add_script_tag(path=ENGINE)
    page.evaluate(SETUP, [x[0].numel(), WIDTHS, BATCH, RATE, x.flatten().tolist()])
    return lambda: page.evaluate(f"train({STEPS})")


def alone(x: torch.Tensor) -> Callable[[], object]:
    """Steps of one of the package's networks by a plain loop."""
    net = MLP(WIDTHS, "sigmoid", "batch").build(tuple(x.shape[1:]), 10, seed=0)
    rule, y = torch.optim.SGD(net.parameters(), lr=RATE), torch.arange(BATCH) % 10

    def run() -> None:
        for _ in range(STEPS):
            rule.zero_grad()
            F.cross_entropy(net(x), y).backward()
            rule.step()

    return run


def stacked(x: torch.Tensor) -> Callable[[], object]:
    """Steps of a population of the package's networks."""
    split = x, torch.arange(BATCH) % 10
    dataset = from_tensors("batch", split, split, tuple(map(str, range(10))))
    members = [Member("batch", seed, RATE) for seed in range(MEMBERS)]
    population = Population(MLP(WIDTHS, "sigmoid", "batch"), SGD(), BATCH, members, dataset)

    def run() -> None:
        for _ in range(STEPS):
            population.step()

    return run


@one_thread()
def compare(repeats: int = 15) -> dict[str, Times]:
    """Seconds per network and step of every subject, from one interleaved run."""
    x = digits()
    with chromium() as browser:
        subjects = {
            PAGE: in_the_page(browser.new_page(), x),
            PLAIN: alone(x),
            STACKED: stacked(x),
        }
        times = interleaved(subjects, repeats)
    networks = {PAGE: STEPS, PLAIN: STEPS, STACKED: STEPS * MEMBERS}
    return {name: seen.per(networks[name]) for name, seen in times.items()}


def ratios(times: dict[str, Times]) -> Ratios:
    """The page over the package."""
    return {f"{PAGE} / {each}": ratio(times[PAGE], times[each]) for each in (PLAIN, STACKED)}
