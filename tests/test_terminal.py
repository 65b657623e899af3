"""Odd terminals: what they cannot print, how narrow they are, and nobody who reads them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bnbook
from bnbook.terminal import NOBODY_READS, Group, fit_streams, show_json, show_table, spelled

SOURCES = Path(bnbook.__file__).parent
COLUMNS = ("claim", "it says", "effect", "verdict")
ROWS = [
    ("shift-1", "A network with batch normalization learns faster than one without it.", "x", ""),
    ("shift-2", "[bold]Brackets[/bold] are text.", "−0.0010 [−0.0028, 0.0010] nat", "inconclusive"),
    ("", "· early", "0.5 [0.25, 0.75] nat", "supported"),
]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], io.BytesIO]:
    """Standard output in an encoding, as the command line sets it up, and what arrives there."""

    def opened(encoding: str) -> io.BytesIO:
        arrives = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(arrives, encoding=encoding))
        fit_streams()
        return arrives

    return opened


# --- encodings --------------------------------------------------------------------------------

ENCODINGS = ("ascii", "cp1252", "cp437", "utf-8")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_table_can_be_printed_in_any_encoding(
    encoding: str, terminal: Callable[[str], io.BytesIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    arrives = terminal(encoding)
    show_table(COLUMNS, [Group("σ² × …", ROWS)], prose=("it says",))
    said = arrives.getvalue().decode(encoding)
    effect = "−0.0010 [−0.0028, 0.0010]" if encoding == "utf-8" else "-0.0010 [-0.0028, 0.0010]"
    assert effect in said


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_is_exact_in_any_encoding(
    encoding: str, terminal: Callable[[str], io.BytesIO]
) -> None:
    arrives, rows = terminal(encoding), [{"says": "“−0.5” × σ", "folder": "\udcff"}]
    show_json(rows)
    assert json.loads(arrives.getvalue().decode(encoding)) == rows


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_help_and_version_can_be_printed_in_any_encoding(encoding: str) -> None:
    for option, answer in {"version": f"bnbook {bnbook.__version__}", "help": "Usage"}.items():
        done = subprocess.run(
            [sys.executable, "-m", "bnbook", f"--{option}"],
            capture_output=True,
            env=os.environ | {"PYTHONPATH": str(SOURCES.parent), "PYTHONIOENCODING": encoding},
            check=True,
        )
        assert answer in done.stdout.decode(encoding)


def symbols() -> set[str]:
    """Every sign beyond ASCII that the package's sources hold."""
    texts = (path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py"))
    return {sign for text in texts for sign in text if not sign.isascii()}


def test_every_sign_of_the_package_is_spelled_as_something_to_read() -> None:
    assert {sign for sign in symbols() if "\\" in spelled(sign)} == set()


@pytest.mark.parametrize(
    ("text", "ascii_text"),
    [
        ("effect −0.0010 [−0.0028, 0.0010]", "effect -0.0010 [-0.0028, 0.0010]"),
        ("4 arms × 8 seeds · σ² ≥ Σ‖w‖", "4 arms x 8 seeds * sigma^2 >= Sigma||w||"),
        ("naïve Gülçehre", "naive Gulcehre"),
        ("\udcff", "\\udcff"),
        ("가", "\\u1100\\u1161"),
    ],
)
def test_what_cannot_be_printed_keeps_its_meaning(text: str, ascii_text: str) -> None:
    assert text.encode("ascii", "bnbook-spelled").decode() == ascii_text


@settings(deadline=None)
@given(st.text(), st.sampled_from(["ascii", "cp1252", "latin-1", "utf-8"]))
def test_any_text_can_be_printed(text: str, encoding: str) -> None:
    text.encode(encoding, "bnbook-spelled").decode(encoding)


@settings(deadline=None)
@given(st.text(st.characters(codec="cp1252")))
def test_what_can_be_printed_stays_as_it_is(text: str) -> None:
    assert text.encode("cp1252", "bnbook-spelled").decode("cp1252") == text


# --- widths -----------------------------------------------------------------------------------


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    show_table(COLUMNS, [Group("Covariate shift", ROWS)], prose=("it says",))
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [1, 12, 20, 40, 60, 70, *range(75, 90), 100, 120, 200])
def test_no_word_is_cut_at_any_width(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    said = shown(capsys)
    words = {word for row in ROWS for cell in row for word in cell.split()}
    words |= {"Covariate", "shift"}
    assert words <= set(said.split())
    assert "…" not in said
    longest = max(map(len, words)) + 4  # and the indentation
    assert max(map(len, said.splitlines())) <= max(width, longest)


def test_a_wide_terminal_has_a_row_a_claim(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = shown(capsys).splitlines()
    assert len(lines) == 2 + len(ROWS)
    places = [line.index(word) for line, word in zip(lines[3:], ("inconc", "supp"), strict=True)]
    assert len(set(places)) == 1


def test_a_narrow_terminal_names_what_it_stacks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = shown(capsys).splitlines()
    assert lines.index("shift-2") < lines.index("  verdict: inconclusive")
    assert "· early" in lines


# --- closed pipes -----------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [0, 1])
def test_nobody_who_reads_is_no_error(lines: int) -> None:
    talk = "from bnbook.terminal import show\nwhile True: show('The loss goes down.')"
    with subprocess.Popen(
        [sys.executable, "-c", talk],
        env=os.environ | {"PYTHONPATH": str(SOURCES.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stderr is not None
        for _ in range(lines):
            writer.stdout.readline()
        writer.stdout.close()
        assert writer.stderr.read() == b""
    assert writer.returncode == NOBODY_READS
