"""README.md opens with what was measured, by the lines that it shows."""

from pathlib import Path

import pytest

from bnbook import readme
from bnbook.claims import Claim, Judgement
from bnbook.figures import Figure
from bnbook.stats import Interval

ROOT = Path(__file__).parents[1]
CLAIM = Claim(
    id="made-up-1",
    says="Up is up.",
    source="nobody",
    experiment="none",
    statistic=lambda record: record.accuracy,
    unit="accuracy",
    matters=0.01,
)
JUDGED = Judgement(CLAIM, Interval(0.2, 0.1, 0.3, 7), "supported", "because", "smoke")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8ffff3f0005fe02fea735e9c30000000049454e44ae426082"
)
FIGURE = Figure(PNG, PNG, 'A "made-up" picture.')


def test_the_lines_shown_run_as_they_stand() -> None:
    compile(readme.lines(), "README.md", "exec")
    assert readme.lines() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_block_states_claim_interval_seeds_and_verdict() -> None:
    text = readme.block(FIGURE, JUDGED)
    for part in (
        "Up is up.",
        "20 points, 10 to 30",
        "7 seeds",
        "**supported**",
        "&quot;made-up&quot;",
    ):
        assert part in text


def test_writing_replaces_what_was_measured_before_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readme, "shares", lambda: FIGURE)
    monkeypatch.setattr(readme, "contradicted", lambda: JUDGED)
    monkeypatch.setattr(readme, "lines", lambda: "pass\n")
    (tmp_path / "book" / "_static").mkdir(parents=True)
    (tmp_path / "README.md").write_text(
        f"Above\n{readme.START}\nold\n{readme.END}\nbelow\n", encoding="utf-8"
    )
    readme.write(tmp_path)
    once = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert once.startswith("Above\n")
    assert once.endswith("below\n")
    assert "old" not in once
    readme.write(tmp_path)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == once


def test_a_readme_without_marks_is_an_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("bare", encoding="utf-8")
    with pytest.raises(ValueError, match="two lines"):
        readme.write(tmp_path)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "bare"
