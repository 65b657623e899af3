"""What one cites is what CITATION.cff says."""

from pathlib import Path

import yaml

import bnbook
from bnbook import citing

FILE = yaml.safe_load((Path(__file__).parents[1] / "CITATION.cff").read_text(encoding="utf-8"))


def test_the_entry_is_that_of_the_file() -> None:
    assert FILE["title"] == citing.TITLE
    assert [each["name"] for each in FILE["authors"]] == [citing.AUTHOR]
    assert FILE["version"] == bnbook.__version__
    assert FILE["repository-code"] == citing.ADDRESS
    assert FILE["date-released"].year == citing.YEAR


def test_the_file_has_what_its_format_asks_for() -> None:
    assert FILE["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "type", "license"} <= set(FILE)
