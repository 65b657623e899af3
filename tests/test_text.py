import pytest

from bnbook.text import nearest, unknown

NAMES = ["batch", "noisy-batch", "layer"]


@pytest.mark.parametrize(("typed", "meant"), [("bacth", "batch"), ("LAYER", "layer")])
def test_a_misspelt_name_is_nearest_to_the_name_meant(typed: str, meant: str) -> None:
    assert nearest(typed, NAMES) == meant


def test_a_name_like_none_has_no_nearest() -> None:
    assert nearest("zzz", NAMES) is None
    assert nearest("batch", []) is None


def test_the_message_quotes_what_was_given_and_lists_every_known_name() -> None:
    for typed in ("bacth", "zzz"):
        message = unknown("normaliser", typed, iter(NAMES))
        assert message.startswith(f"unknown normaliser '{typed}'")
        assert message.endswith("Known: batch, noisy-batch, layer")
    assert "did you mean" not in unknown("normaliser", "zzz", NAMES)
    assert unknown("claim", "x", []) == "unknown claim 'x'. Known: none"
