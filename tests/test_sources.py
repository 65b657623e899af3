"""Every work that the package or a page cites is in the bibliography, wherever it is cited."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pybtex.database import parse_file

from bnbook import claims, norms, probes

ROOT = Path(__file__).parents[1]
BIBLIOGRAPHY = parse_file(ROOT / "book" / "references.bib").entries
ENTRIES = set(BIBLIOGRAPHY)
UNKNOWN = {"chang2017why", "ng2017why", "notes2015ioffe", "debrief2018", "replication"}
PRINTED = {"fisher1935design"}
"""Sources A to E, of which only a title is known, and a book older than its numbers."""
KEY = re.compile(r"(?<![\w`/.])[a-z]+(?:19|20)\d\d[a-z][a-z0-9]*\b")
CITED = re.compile(r"\{cite(?::[a-z]+)?\}`([^`]+)`")
FILES = [
    *sorted((ROOT / "bnbook").rglob("*.py")),
    *sorted((ROOT / "book").rglob("*.md")),
]


def test_keys_are_found() -> None:
    assert KEY.findall("See santurkar2018how, ioffe2015batch; not mnist2000 or 2018how.") == [
        "santurkar2018how",
        "ioffe2015batch",
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_key_in_a_file_is_in_the_bibliography(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        keys = set(KEY.findall(text))
    else:
        keys = {key.strip() for group in CITED.findall(text) for key in group.split(",")}
    missing = sorted(keys - ENTRIES)
    assert not missing, f"add to book/references.bib: {missing}"


@pytest.mark.parametrize("name", probes.names())
def test_a_probe_has_a_source(name: str) -> None:
    assert probes.get(name).source in ENTRIES


@pytest.mark.parametrize("name", norms.names())
def test_a_normaliser_that_changes_how_a_network_learns_has_a_source(name: str) -> None:
    docstring = type(norms.make(name, 4)).__doc__ or ""
    assert name in ("none", "frozen") or set(KEY.findall(docstring)) & ENTRIES


@pytest.mark.parametrize("claim", claims.ledger().values(), ids=lambda claim: claim.id)
def test_the_sources_of_a_claim_are_in_the_bibliography(claim: claims.Claim) -> None:
    assert claim.sources
    assert set(claim.sources) <= ENTRIES


@pytest.mark.parametrize("key", sorted(set(ENTRIES) - UNKNOWN - PRINTED))
def test_a_reader_can_find_every_work(key: str) -> None:
    fields = BIBLIOGRAPHY[key].fields
    assert {"doi", "url", "isbn"} & set(fields), "give its doi, url or isbn"


def test_every_work_is_cited_somewhere() -> None:
    text = "\n".join(file.read_text(encoding="utf-8") for file in FILES)
    spare = [key for key in ENTRIES if not re.search(rf"\b{key}\b", text)]
    assert not spare, f"cite it, or take it out of book/references.bib: {spare}"
