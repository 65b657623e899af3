"""Training and curvature by well-known packages and recipes, beside ours.

Training is of the first chapter's network, as in `bench.population`; curvature is the largest
eigenvalue of the Hessian of its loss on two batches of 60, in training mode. A package that is not
installed is left out, and `absent` says so; `requirements-bench.txt` has them.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from scipy.sparse.linalg import eigsh
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.utils.data import DataLoader, TensorDataset

from bench.population import BATCH, WIDTHS, gathered, plain, population, torch_net
from bench.timing import Ratios, Times, interleaved, one_thread, ratio
from bnbook import data
from bnbook.data.vision import torchvision_datasets
from bnbook.nets import MLP
from bnbook.probes import Snapshot
from bnbook.probes.curvature import LANCZOS_STEPS, ritz
from bnbook.train import SGD, Member, Population

MEMBERS, FIT, RATE = 32, 100, 0.1
TOLERANCE = 0.02
PLAIN, OURS = "plain loop, batches in memory", f"population of {MEMBERS}"
VMAP = f"torch.func.vmap of {MEMBERS}, as its tutorial has it"
LIGHTNING = f"Lightning's Trainer, a fit of {FIT} steps"
BARE, COCKPIT = "plain loop without BN", "cockpit, economy, every step, without BN"
CURVATURE = f"sharpness of {MEMBERS} by bnbook, {LANCZOS_STEPS} Lanczos steps"
CURVLINOPS, PYHESSIAN = "curvlinops and scipy's eigsh", "PyHessian"
EIGENTHINGS = f"hessian-eigenthings, {LANCZOS_STEPS} Lanczos steps"
NEEDS = {
    LIGHTNING: "pytorch_lightning",
    COCKPIT: "cockpit",
    CURVLINOPS: "curvlinops",
    PYHESSIAN: "pyhessian",
    EIGENTHINGS: "hessian_eigenthings",
}


def absent() -> dict[str, str]:
    """What is left out here, and why."""
    return {
        name: f"{package} is not installed"
        for name, package in NEEDS.items()
        if importlib.util.find_spec(package) is None
    }


def with_vmap(dataset: data.Dataset) -> Callable[[], object]:
    """A step of many networks as torch's tutorial on ensembles writes it, then SGD by hand."""
    nets = [torch_net(dataset.train.x[0].numel(), len(dataset.classes)) for _ in range(MEMBERS)]
    params, buffers = stack_module_state(list(nets))
    params = {name: p.detach() for name, p in params.items()}
    batches = [gathered(dataset) for _ in nets]

    def loss(params: Any, buffers: Any, x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(nets[0], (params, buffers), (x,)), y)

    gradients = vmap(grad(loss))

    def step() -> None:
        nonlocal params
        x, y = map(torch.stack, zip(*(next(each) for each in batches), strict=True))
        found = gradients(params, buffers, x, y)
        params = {name: p - RATE * found[name] for name, p in params.items()}

    return step


def with_lightning(dataset: data.Dataset) -> Callable[[], object]:
    """A fit of `FIT` steps by a Trainer that neither logs nor stores anything."""
    torchvision_datasets()  # makes torchvision importable beside a CPU build of torch
    import pytorch_lightning as lightning

    class Module(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = torch_net(dataset.train.x[0].numel(), len(dataset.classes))

        def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
            x, y = batch
            return F.cross_entropy(self.net(x), y)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=RATE)

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    examples = TensorDataset(dataset.train.x, dataset.train.y)
    loader = DataLoader(examples, BATCH, shuffle=True, drop_last=True)
    module = Module()

    def fit() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lightning.Trainer(
                max_steps=FIT,
                accelerator="cpu",
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
            ).fit(module, loader)

    return fit


def without_bn(dataset: data.Dataset, watched: bool) -> Callable[[], object]:
    """A step of a network without BN, which BackPACK cannot take, watched by cockpit or not."""
    net = nn.Sequential(
        *(
            layer
            for layer in torch_net(dataset.train.x[0].numel(), len(dataset.classes))
            if not isinstance(layer, nn.BatchNorm1d)
        )
    )
    rule, batches = torch.optim.SGD(net.parameters(), lr=RATE), gathered(dataset)
    if not watched:

        def step() -> object:
            x, y = next(batches)
            rule.zero_grad()
            F.cross_entropy(net(x), y).backward()
            return rule.step()

        return step
    from backpack import extend
    from cockpit import Cockpit
    from cockpit.utils.configuration import configuration

    extended = extend(net)
    loss_of = extend(nn.CrossEntropyLoss(reduction="mean"))
    each = nn.CrossEntropyLoss(reduction="none")
    cockpit = Cockpit(extended.parameters(), quantities=configuration("economy"))
    steps = iter(range(10**9))

    def seen() -> object:
        x, y = next(batches)
        rule.zero_grad()
        logits = extended(x)
        loss, now = loss_of(logits, y), next(steps)
        info = {
            "batch_size": len(y),
            "individual_losses": each(logits.detach(), y),
            "loss": loss,
            "optimizer": rule,
        }
        with cockpit(now, info=info):
            loss.backward(create_graph=cockpit.create_graph(now))
        return rule.step()

    return seen


class Curved:
    """A snapshot of a trained population, and its first member as torch's own network."""

    def __init__(self, dataset: data.Dataset) -> None:
        who = [Member("batch", seed, RATE) for seed in range(MEMBERS)]
        self.population = Population(MLP(WIDTHS, "sigmoid", "batch"), SGD(), BATCH, who, dataset)
        for _ in range(100):
            self.population.step()
        self.found: dict[str, float] = {}
        x, y = self.population.data.train[slice(2 * BATCH)]
        self.batches = list(zip(x[0].split(BATCH), y[0].split(BATCH), strict=True))
        self.net = torch_net(x[0, 0].numel(), len(dataset.classes))
        ours: Any = self.population.network(0)
        mine: Iterator[Any] = iter(self.net.children())
        next(mine)
        with torch.no_grad():
            for layer in ours.layers:
                linear, norm, _ = next(mine), next(mine), next(mine)
                linear.weight.copy_(layer.linear.weight)
                linear.bias.zero_()
                norm.weight.copy_(layer.norm.weight)
                norm.bias.copy_(layer.norm.bias)
                norm.track_running_stats = False  # which curvlinops must not see move
                norm.running_mean = norm.running_var = norm.num_batches_tracked = None
            next(mine).load_state_dict(ours.head.state_dict())
        self.net.train()

    def ours(self) -> None:
        """All members at once."""
        snapshot: Snapshot = self.population.snapshot()
        largest = ritz(snapshot, "training", "raw").largest
        self.found[CURVATURE] = float(largest[0])

    def by_curvlinops(self) -> None:
        """One network: the operator, and Lanczos' method by ARPACK."""
        from curvlinops import HessianLinearOperator

        params = [p for p in self.net.parameters() if p.requires_grad]
        operator = HessianLinearOperator(
            self.net, nn.CrossEntropyLoss(), params, self.batches, check_deterministic=False
        ).to_scipy()
        self.found[CURVLINOPS] = float(eigsh(operator, 1, which="LA", tol=TOLERANCE)[0][0])

    def by_pyhessian(self) -> None:
        """One network: power iterations until the eigenvalue changes by less than 0.1 %."""
        from pyhessian import hessian

        operator = hessian(self.net, nn.CrossEntropyLoss(), dataloader=self.batches, cuda=False)
        self.net.train()
        self.found[PYHESSIAN] = operator.eigenvalues(maxIter=100, tol=1e-3)[0][0]

    def by_eigenthings(self) -> None:
        """One network: its own Lanczos method, as many steps as ours takes."""
        from hessian_eigenthings import HessianOperator, lanczos, supervised_loss

        operator = HessianOperator(self.net, self.batches, supervised_loss(nn.CrossEntropyLoss()))
        found = lanczos(operator, k=1, max_iter=LANCZOS_STEPS, which="LA", seed=0)
        self.found[EIGENTHINGS] = float(found.eigenvalues[0])

    def check(self) -> None:
        """Raise an error if somebody's eigenvalue is not ours."""
        ours = self.found[CURVATURE]
        for name, theirs in self.found.items():
            if abs(theirs - ours) > TOLERANCE * ours:
                raise AssertionError(f"{name} finds {theirs:g}, and ours is {ours:g}")


@one_thread()
def compare(repeats: int = 7) -> dict[str, Times]:
    """Seconds per network, and per step where networks are trained, from one interleaved run."""
    dataset, missing = data.load("mnist-5k"), absent()
    curved = Curved(dataset)
    makers: dict[str, tuple[Callable[[], Callable[[], object]], int]] = {
        PLAIN: (lambda: plain(dataset, gathered(dataset)), 1),
        OURS: (lambda: population(dataset, MEMBERS), MEMBERS),
        VMAP: (lambda: with_vmap(dataset), MEMBERS),
        LIGHTNING: (lambda: with_lightning(dataset), FIT),
        BARE: (lambda: without_bn(dataset, watched=False), 1),
        COCKPIT: (lambda: without_bn(dataset, watched=True), 1),
        CURVATURE: (lambda: curved.ours, MEMBERS),
        CURVLINOPS: (lambda: curved.by_curvlinops, 1),
        PYHESSIAN: (lambda: curved.by_pyhessian, 1),
        EIGENTHINGS: (lambda: curved.by_eigenthings, 1),
    }
    present = {name: maker for name, maker in makers.items() if name not in missing}
    times = interleaved({name: make() for name, (make, _) in present.items()}, repeats)
    curved.check()
    return {name: seen.per(present[name][1]) for name, seen in times.items()}


def ratios(times: dict[str, Times]) -> Ratios:
    """Theirs over ours, and cockpit's step over one that is not watched."""
    pairs = [
        (PLAIN, OURS),
        (VMAP, OURS),
        (LIGHTNING, OURS),
        (COCKPIT, BARE),
        (CURVLINOPS, CURVATURE),
        (PYHESSIAN, CURVATURE),
        (EIGENTHINGS, CURVATURE),
    ]
    return {
        f"{theirs} / {ours}": ratio(times[theirs], times[ours])
        for theirs, ours in pairs
        if theirs in times
    }
