"""The command line: list, run, claims, data, diagnose and bench, all of it also `python -m bnbook`.

Results go to standard output, everything else to standard error. What a command needs is
imported when it runs, so that --help answers at once.
"""

from __future__ import annotations

import json
import runpy
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer

from bnbook import __version__, environment
from bnbook.factors import names_of
from bnbook.terminal import Group, fit_streams, show, show_json, show_table
from bnbook.text import unknown

app = typer.Typer(
    name="bnbook",
    help="Why batch normalization works: run the experiments, and read the verdicts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
data_app = typer.Typer(help="The data sets: which there are, and fetch one.", no_args_is_help=True)
app.add_typer(data_app, name="data")

RESUMES = "what had finished is kept, and the same command goes on from there"
KEEPS_NOTHING = "nothing half-fetched is kept; run the same command again"

Json = Annotated[bool, typer.Option("--json", help="Print one JSON array and nothing else.")]
ScaleOption = Annotated[
    str | None,
    typer.Option(
        metavar="smoke|book|lab|paper",
        help="How much to train: seconds, minutes, natural images (some experiments), or the "
        "papers' sizes. Default: $BNBOOK_SCALE, or book.",
    ),
]
SeedsOption = Annotated[
    str | None,
    typer.Option(
        metavar="N|LIST", help="How many seeds (8), or which (0,1,5). Default: the plan's."
    ),
]
DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="NAME",
        help="Takes the place of mnist-5k wherever that is used, such as fashion-5k.",
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        "--executor",
        metavar="tcp://HOST:PORT",
        help="Train on the workers of this Dask scheduler.",
    ),
]


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 failed, 2 misused, 130 interrupted, 141 nobody reads what it says.
    """
    fit_streams()
    app()


def _show_version(asked: bool) -> bool:
    if asked:
        show(f"bnbook {__version__}")
        raise typer.Exit
    return asked


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass


@contextmanager
def reporting(after_interrupt: str = RESUMES) -> Iterator[None]:
    """Turn foreseen errors into one line on standard error and an exit code.

    Foreseen are the errors that the package words itself, bad values and the file system's. Any
    other is a bug and keeps its traceback; $BNBOOK_DEBUG=1 shows that of the foreseen ones too.
    """
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"interrupted: {after_interrupt}", err=True)
        raise typer.Exit(130) from None
    except Exception as error:
        if environment.switched_on("BNBOOK_DEBUG") or not is_foreseen(error):
            raise
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None


def is_foreseen(error: Exception) -> bool:
    """Whether an error's own message is all a user needs."""
    return isinstance(error, ValueError | OSError) or type(error).__module__.startswith("bnbook.")


@app.command("list")
@reporting()
def list_experiments(as_json: Json = False) -> None:
    """List the experiments: question, arms, and cost at each scale.

    \b
    Examples:
      bnbook list
      bnbook list --json
    """
    from bnbook import experiments

    rows: list[dict[str, Any]] = [
        {"name": name, "question": experiments.get(name).question, "scales": _scales(name)}
        for name in experiments.names()
    ]
    if as_json:
        return show_json(rows)
    for row in rows:
        scales = row["scales"]
        arms = dict.fromkeys(arm for size in scales.values() for arm in size["arms"])
        show(f"{row['name']}: {row['question']}\n  arms   {' | '.join(arms)}")
        for scale, size in scales.items():
            show(f"  {scale:5}  {size['cost']}")
    return None


@app.command("run")
@reporting()
def run_experiments(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Run every experiment.")] = False,
    scale: ScaleOption = None,
    seeds: SeedsOption = None,
    data: DataOption = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …")] = "cpu",
    scheduler: SchedulerOption = None,
    as_json: Json = False,
) -> None:
    """Train what experiments compare, and store the records.

    What is stored is not trained again: after an interruption the same command goes on from there.
    If one experiment fails the others still run.

    \b
    Examples:
      bnbook run covariate-shift --scale smoke
      bnbook run --all --scale paper --device cuda
      bnbook run covariate-shift --seeds 20
      bnbook run activations --data fashion-5k
      bnbook run --all --scheduler tcp://host:8786
    """
    from bnbook import experiments

    _check_name("scale", scale, experiments.SCALES)
    chosen = _chosen(names or [], every, experiments.names(scale), experiments.names())
    options = {"scale": scale, "seeds": _seeds(seeds), "data": data, "device": _device(device)}
    _say_where()
    rows = []
    with _executor(scheduler) as executor:
        for name in chosen:
            row = _run(name, **options, executor=executor)
            if row and not as_json:
                show(_run_line(row))
            rows += [row] if row else []
    if as_json:
        show_json(rows)
    if len(rows) < len(chosen):
        raise typer.Exit(1)


@app.command("claims")
@reporting()
def judge_claims(
    chapter: Annotated[str | None, typer.Option(help="Only this chapter, by page name.")] = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="Only this claim; may be repeated.")
    ] = None,
    scale: ScaleOption = None,
    data: DataOption = None,
    as_json: Json = False,
) -> None:
    """Measure the claims of the book: effect, 95 % interval, seeds and verdict of each.

    Experiments without a stored record are run first; at scales larger than book only those that
    are named by --id, as that takes hours. A claim that fails is a result, no failure.

    \b
    Examples:
      bnbook claims
      bnbook claims --chapter covariate-shift --scale smoke
      bnbook claims --id shift-1 --id shift-2 --json
    """
    from bnbook import claims, experiments

    _check_name("scale", scale, experiments.SCALES)
    _check_name("chapter", chapter, claims.chapter_names())
    known = claims.ledger(chapter)
    for claim_id in ids or []:
        _check_name("claim", claim_id, known)
    _say_where()
    with redirect_stdout(sys.stderr):
        judged = claims.table(chapter, scale, ids or None, data=data)
    if as_json:
        return show_json(judged.rows)
    groups = []
    for name, judgements in judged.chapters.items():
        rows = []
        for each in judgements:
            claim, n = each.claim, str(each.effect.n)
            rows.append((claim.id, claim.says, each.sources, each.effect_text, n, each.verdict))
            for stratum, part in each.strata.items():
                found, n = part.effect, str(part.effect.n)
                rows.append(("", f"· {stratum}", "", str(found), n, part.verdict))
        groups.append(Group(judged.titles[name], rows))
    columns = ("claim", "it says", "source", "effect", "seeds", "verdict")
    show_table(columns, groups, prose=("it says", "source"))
    return show(judged.summary)


@data_app.command("list")
@reporting()
def list_data(as_json: Json = False) -> None:
    """List the data sets: size, shape, and whether each is on this machine.

    \b
    Examples:
      bnbook data list
      BNBOOK_DATA=/big/disk bnbook data list --json
    """
    from bnbook import data

    rows = data.describe()
    if as_json:
        return show_json(rows)
    cells = []
    for row in rows:
        sizes = (f"{row['train']:,}", f"{row['test']:,}", "×".join(map(str, row["shape"])))
        here = "other files" if row["fault"] else "yes" if row["present"] else "no"
        cells.append((row["name"], *sizes, str(len(row["classes"])), here))
    show_table(("data set", "training", "test", "shape", "classes", "here"), [Group("", cells)])
    for fault in filter(None, (row["fault"] for row in rows)):
        show(fault)
    return show(f"Files are kept in {data.root()} (set by $BNBOOK_DATA).")


@data_app.command("fetch")
@reporting(KEEPS_NOTHING)
def fetch_data(name: str, as_json: Json = False) -> None:
    """Download a data set if it is absent, and check its files.

    \b
    Examples:
      bnbook data fetch cifar10
      bnbook data fetch folder:photos
    """
    from bnbook import data

    if not name.startswith(data.FOLDER):
        _check_name("data set", name, data.names())
    with redirect_stdout(sys.stderr):
        fetched = data.fetch(name)
    row = {
        "name": fetched.name,
        "train": len(fetched.train),
        "test": len(fetched.test),
        "shape": fetched.input_shape,
        "classes": fetched.classes,
        "fingerprint": fetched.fingerprint,
    }
    if as_json:
        return show_json([row])
    summary = "{name}: {train:,} training and {test:,} test examples, fingerprint {fingerprint}"
    return show(summary.format(**row))


@app.command("diagnose")
@reporting("nothing was changed")
def diagnose_model(
    model: Annotated[
        str,
        typer.Argument(
            metavar="SCRIPT.py:MAKE_MODEL", help="A function that takes nothing and gives a module."
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="NAME|folder:PATH|SCRIPT.py:MAKE_DATA",
            help="A data set by name, or a function that gives the training and the test loader.",
        ),
    ],
    state: Annotated[
        Path | None, typer.Option(help="A state_dict saved by torch.save, loaded strictly.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Examples in a training batch.")
    ] = None,
    replicas: Annotated[int, typer.Option(min=1, help="Devices that share a batch.")] = 1,
    save: Annotated[
        Path | None, typer.Option(help="Write the report here too: .html or .json.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look at a network of yours: what is wrong with its normalisation, and what to do.

    The functions are yours and are run. What is found is a result, no failure.

    \b
    Examples:
      bnbook diagnose train.py:make_model --data train.py:make_loaders --state last.pt
      bnbook diagnose train.py:make_model --data folder:photos --save report.html
      bnbook diagnose train.py:make_model --data mnist-5k --json
    """
    import torch

    from bnbook import data as datasets
    from bnbook.reports import diagnose

    with redirect_stdout(sys.stderr):
        net = _made(model)
        if not isinstance(net, torch.nn.Module):
            raise ValueError(f"{model} gave a {type(net).__name__}; expected a torch module")
        if state is not None:
            net.load_state_dict(torch.load(state, map_location="cpu", weights_only=True))
        is_script = data.partition(":")[0].endswith(".py")
        examples = datasets.from_batches(*_made(data)) if is_script else datasets.load(data)
        report = diagnose(net, examples, batch_size=batch_size, replicas=replicas)
        if save is not None:
            report.save(save)
    if as_json:
        return show(json.dumps(report.json(), indent=2, ensure_ascii=False))
    return show(str(report))


def _made(place: str) -> Any:
    """What the function at SCRIPT.py:NAME gives."""
    path, _, name = place.rpartition(":")
    if not path.endswith(".py") or not Path(path).is_file():
        raise typer.BadParameter(f"{place} is no SCRIPT.py:NAME of a script that is there")
    sys.path.insert(0, str(Path(path).resolve().parent))  # its own imports, as when it is run
    found = runpy.run_path(path, run_name="__bnbook__")
    if not callable(found.get(name)):
        functions = [n for n, value in found.items() if callable(value) and n[0] != "_"]
        raise typer.BadParameter(unknown(f"function of {path}", name, functions))
    return found[name]()


@app.command("bench")
@reporting("nothing is kept of a comparison; run it again")
def run_bench(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time the package against what one would write instead, in one run (minutes)."""
    checkout = environment.checkout()
    if checkout is None or not (checkout / "bench").is_dir():
        raise ValueError(
            "the comparisons come with a checkout of the repository only, and this package is "
            "installed without one: clone it, `pip install -e .` there, and run this again"
        )
    sys.path.insert(0, str(checkout))
    sys.argv = ["bench", *(["--json"] if as_json else [])]
    runpy.run_module("bench", run_name="__main__")


def _say_where() -> None:
    """The store that a command uses, on standard error."""
    typer.echo(f"records in {environment.records()}", err=True)


def _scales(name: str) -> dict[str, dict[str, Any]]:
    """What an experiment does at each scale."""
    from bnbook import experiments

    experiment = experiments.get(name)
    plans = {scale: experiment.plan(scale) for scale in experiment.scales}
    return {
        scale: {"arms": list(names_of(plan.factors)), "seeds": len(plan.seeds), "cost": plan.cost()}
        for scale, plan in plans.items()
    }


def _chosen(names: list[str], every: bool, all_of_them: list[str], known: list[str]) -> list[str]:
    """What was named, or with `every` all of them."""
    if every == bool(names):
        raise typer.BadParameter(
            "name the experiments to run, or give --all; `bnbook list` has them"
        )
    for name in names:
        _check_name("experiment", name, known)
    return all_of_them if every else list(dict.fromkeys(names))


def _seeds(text: str | None) -> list[int] | None:
    """`8` is seeds 0 to 7, `0,1,5` are those."""
    if text is None:
        return None
    from bnbook.experiments import ExperimentError, chosen_seeds

    try:
        numbers = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        numbers = []
    try:
        return list(chosen_seeds(numbers[0] if numbers and "," not in text else numbers))
    except ExperimentError as error:
        expected = str(error).partition(": ")[2]
        raise typer.BadParameter(f"--seeds {text}: {expected}") from error


def _device(name: str) -> str:
    import torch

    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise typer.BadParameter(f"--device {name} cannot be used here: {reason}") from error
    return name


@contextmanager
def _executor(address: str | None) -> Iterator[Executor | None]:
    """The executor of a Dask cluster; None, for local processes, without an address."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise typer.BadParameter(
            "--scheduler needs dask.distributed, which is not installed: pip install distributed"
        ) from error
    with Client(address, timeout=10) as client:
        yield client.get_executor()


def _run(name: str, **options: Any) -> dict[str, Any] | None:
    """Run one experiment and say what became of it; None, and a message, if it failed.

    A bug keeps its traceback, and does not keep the other experiments from running either.
    """
    from bnbook import experiments

    started = time.perf_counter()
    try:
        with redirect_stdout(sys.stderr):
            record = experiments.run(name, **options)
    except Exception as error:
        if environment.switched_on("BNBOOK_DEBUG") or not is_foreseen(error):
            traceback.print_exc()
        typer.echo(f"error: {name}: {error or type(error).__name__}", err=True)
        return None
    diverged = int(record["diverged_at"].notnull().sum()) if "diverged_at" in record else 0
    return {
        "experiment": name,
        "scale": record.attrs.get("scale"),
        "data": record.attrs.get("data"),
        "arms": record["arm"].values.tolist(),
        "seeds": record["seed"].values.tolist(),
        "diverged": diverged,
        "device": record.attrs.get("device"),
        "key": record.attrs.get("key"),
        "store": str(environment.records()),
        "trained_s": record.attrs.get("wall_time_s"),
        "elapsed_s": time.perf_counter() - started,
    }


def _run_line(row: dict[str, Any]) -> str:
    lost = f", {row['diverged']} diverged" if row["diverged"] else ""
    return (
        f"{row['experiment']} at scale {row['scale']}: {len(row['arms'])} arms × "
        f"{len(row['seeds'])} seeds{lost}, {row['elapsed_s']:.1f} s"
    )


def _check_name(kind: str, name: str | None, known: Iterable[str]) -> None:
    """A name on the command line that is not known is a usage error."""
    known = list(known)
    if name is not None and name not in known:
        raise typer.BadParameter(unknown(kind, name, known))
