"""Prose is chosen by the record, and there is a sentence for whatever it may say."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter

from bnbook import claims
from bnbook.claims import ClaimError
from bnbook.claims._say import chosen, verdicts_of
from tests.claims.made_up import CLAIM, IDENTITY, STRATIFIED, by_activation, record

WORDS: dict[str, Any] = {
    "supported": "BN is ahead by {effect} ({n} seeds).",
    "negligible": "BN makes no odds.",
    "reversed": "BN falls behind.",
    "inconclusive": "Nobody knows: {verdict}.",
}


@pytest.mark.parametrize(
    ("gain", "sentence"),
    [
        (0.2, "BN is ahead by 20.00 points, 19.88 to 20.12 (8 seeds)."),
        (0.0, "BN makes no odds."),
        (-0.2, "BN falls behind."),
        (0.02, "Nobody knows: inconclusive."),
    ],
)
def test_the_record_chooses_the_sentence(declared: Any, gain: float, sentence: str) -> None:
    declared(CLAIM)
    assert claims.say("made-1", record(gain), **WORDS) == sentence


def test_a_verdict_without_words_is_an_error_even_where_it_was_not_found(declared: Any) -> None:
    declared(CLAIM, IDENTITY)
    with pytest.raises(ClaimError, match="may also come out negligible or inconclusive"):
        claims.say("made-1", record(0.2), supported="yes", reversed="no")
    assert claims.say("made-1", record(0.0), supported="yes", otherwise="no") == "no"
    with pytest.raises(ClaimError, match="unknown verdict 'refuted'"):
        claims.say("made-1", record(0.2), refuted="no", otherwise="yes")
    with pytest.raises(ClaimError, match="unknown verdict 'supported'"):
        claims.say("made-3", record(0.0), supported="yes", otherwise="no")


def test_a_sentence_may_speak_of_one_stratum_and_list_them(declared: Any) -> None:
    declared(STRATIFIED, replace(STRATIFIED, id="made-4", kind="at-least"))
    made = by_activation(relu=0.2, tanh=0.0, sigmoid=0.3)
    said = claims.say("made-2", made, otherwise="{holds} | {fails} | {open} | {at}")
    assert said == "relu; sigmoid | tanh | none | tanh"
    assert claims.say("made-2", made, stratum="tanh", **WORDS) == "BN makes no odds."
    with pytest.raises(ClaimError, match="unknown stratum of made-2 'tan'; did you mean 'tanh'"):
        claims.say("made-2", made, stratum="tan", **WORDS)
    with pytest.raises(ClaimError, match="unknown verdict 'negligible'"):
        claims.say("made-4", made, **WORDS)


def test_a_sentence_may_name_the_data_where_it_came_out_otherwise(declared: Any) -> None:
    declared(CLAIM)
    made = {gain: claims.judge("made-1", record(gain)) for gain in (0.2, 0.0, -0.2)}
    there = [replace(made[0.2], data="fashion-5k", scale="book")]
    there.append(replace(made[-0.2], data="folder:cifar10-jpeg", scale="lab"))
    words = "Here it is {verdict}."
    said = chosen(replace(made[0.2], elsewhere=tuple(there)), {}, words, None, elsewhere=True)
    otherwise = "Elsewhere the claim came out otherwise:"
    assert said == f"Here it is supported. {otherwise} *reversed* on CIFAR-10, JPEG copy (lab)."
    said = chosen(replace(made[0.0], elsewhere=tuple(there)), {}, words, None, elsewhere=True)
    assert f"{otherwise} *supported* on clothes; *reversed* on CIFAR-10, JPEG copy (lab)." in said
    assert (
        claims.say("made-1", record(0.2), otherwise=words, elsewhere=True)
        == "Here it is supported."
    )


def test_a_cell_shows_a_sentence_as_markdown_and_glue_pastes_it_bare(declared: Any) -> None:
    declared(CLAIM)
    bundle, _ = DisplayFormatter().format(claims.say("made-1", record(-0.2), **WORDS))
    assert bundle["text/markdown"] == "BN falls behind."
    assert bundle["text/plain"] == "BN falls behind."


PAGES = sorted((Path(__file__).parents[2] / "book").glob("*.md"))


def sayings(page: Path) -> list[ast.Call]:
    """The calls of `claims.say` in the cells of a page."""
    cells = re.findall(
        r"^```\{code-cell\}[^\n]*\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S
    )
    code = [
        re.sub(r"\A---\n.*?^---\n|^:[a-z]+:[^\n]*$", "", each, flags=re.M | re.S) for each in cells
    ]
    calls = [
        node for each in code for node in ast.walk(ast.parse(each)) if isinstance(node, ast.Call)
    ]
    return [
        call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "say"
    ]


@pytest.mark.parametrize("source", PAGES, ids=lambda source: source.stem)
def test_no_page_says_what_holds_for_one_record_only(source: Path) -> None:
    """Whatever the record says at another scale or on other data, the page has words for it."""
    for call in sayings(source):
        assert isinstance(call.args[0], ast.Constant)
        claim = claims.get(str(call.args[0].value))
        given = {str(each.arg) for each in call.keywords}
        part = "a stratum" if "stratum" in given else None
        missing = set(verdicts_of(claim, part)) - given
        assert not missing or "otherwise" in given, f"{source.name}: {claim.id}: {missing}"
