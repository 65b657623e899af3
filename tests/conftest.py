"""Every test runs at smoke scale, with a store of its own; a test of `page` sees every page."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings
from loky import ProcessPoolExecutor

ROOT = Path(__file__).parents[1]
_FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()

# No deadline, as a machine may be busy; `--hypothesis-profile thorough` looks four times as long.
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None)
settings.load_profile("quick")


def pytest_configure(config: pytest.Config) -> None:
    os.environ["MPLBACKEND"] = "agg"
    os.environ["BNBOOK_SCALE"] = "smoke"
    if "PYTEST_XDIST_WORKER" in os.environ:  # two workers on two cores: one thread each
        os.environ["OMP_NUM_THREADS"] = "1"
        return  # the store is the one that the controller made
    config.stash[_FOLDER] = tempfile.TemporaryDirectory(prefix="bnbook-")
    # Records of this scale are kept from one call to the next: they go by the digest of their code.
    os.environ["BNBOOK_STORE"] = str(ROOT / "_build" / "smoke")
    os.environ["BNBOOK_JOURNAL"] = str(Path(config.stash[_FOLDER].name) / "journal.json")


def pytest_unconfigure(config: pytest.Config) -> None:
    if _FOLDER in config.stash:
        config.stash[_FOLDER].cleanup()


@pytest.fixture(scope="session", autouse=True)
def _records_are_made_without_checking_shapes() -> Iterator[None]:
    """Records of the book's experiments come from a process that does not check shapes.

    It takes half the time, and what they are made of is checked by tests of its own.
    """
    from bnbook.study import runner

    run, executor = runner.run, ProcessPoolExecutor(1)

    def beside(experiment: Any, *given: Any, **options: Any) -> Any:
        if experiment.plan.__module__.startswith("bnbook."):
            options["executor"] = options.get("executor") or executor
        return run(experiment, *given, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "run", beside)
        yield
    executor.shutdown(kill_workers=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`page`: every page of the table of contents; `chapter`: those of numbered parts.

    Under `--dist loadgroup` one worker has all tests of a page, so that a page is read, and opened
    in a browser, once.
    """
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    if "page" in metafunc.fixturenames:
        pages = [toc["root"], *_files(toc["parts"])]
        metafunc.parametrize(
            "page",
            [pytest.param(page, marks=pytest.mark.xdist_group(page)) for page in pages],
            scope="session",
        )
    if "chapter" in metafunc.fixturenames:
        numbered = [part for part in toc["parts"] if part.get("numbered")]
        metafunc.parametrize("chapter", list(_files(numbered)))


def _files(entry: Any) -> Iterator[str]:
    """All pages below an entry of the table of contents, in order."""
    if isinstance(entry, list):
        for each in entry:
            yield from _files(each)
    elif isinstance(entry, dict):
        if "file" in entry:
            yield entry["file"]
        yield from _files([part for part in entry.values() if isinstance(part, list)])
