"""An explorer has two lives: a page that needs nothing, and widgets that draw."""

import base64
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image

from bnbook.explore import LIMIT, Control, Explorer, explore
from bnbook.figures.figure import Drawing, Figure


def picture(shade: int) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (8, 4), (shade % 256, shade // 256, 0)).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def draw(step: int, arm: str = "batch") -> Figure:
    """A tiny drawing whose words and colours tell which setting it is of."""
    shade = 10 * step + len(arm)
    return Figure(picture(shade), picture(255 - shade), f"step {step} of {arm}")


def explorer(**more: Any) -> Explorer:
    return explore(draw, title="A & B", **{"step": [0, 1, 2], "arm": ["batch", "none"], **more})


class Page(HTMLParser):
    """The elements of a page by tag, with the text of scripts and outputs."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, list[dict[str, str]]] = {}
        self.texts: dict[str, list[str]] = {}
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kept = {name: "" if value is None else value for name, value in attrs}
        self.found.setdefault(tag, []).append(kept)
        self._open = tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._open, []).append(data)


@pytest.fixture
def shown() -> Page:
    return Page(explorer().html())


def frames(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.texts["script"][0])
    return found


def decoded(address: str) -> bytes:
    return base64.b64decode(address.partition(",")[2])


def test_the_opening_frame_is_a_real_image_before_any_script(shown: Page) -> None:
    light, dark = shown.found["img"]
    assert light["alt"] == dark["alt"] == "step 0 of batch"
    assert decoded(light["src"]) == draw(0).light
    assert decoded(dark["src"]) == draw(0).dark


def test_every_setting_has_its_own_frame_and_words_the_last_control_fastest(shown: Page) -> None:
    data = frames(shown)
    settings = [(step, arm) for step in (0, 1, 2) for arm in ("batch", "none")]
    assert [frame[2] for frame in data["frames"]] == [f"step {s} of {a}" for s, a in settings]
    for frame, (step, arm) in zip(data["frames"], settings, strict=True):
        figure = draw(step, arm)
        assert decoded(data["images"][frame[0]]) == figure.light
        assert decoded(data["images"][frame[1]]) == figure.dark


def test_each_slider_is_labelled_says_its_value_and_has_a_mark_for_each(shown: Page) -> None:
    sliders = shown.found["input"]
    assert [(each["type"], each["min"], each["max"], each["step"]) for each in sliders] == [
        ("range", "0", "2", "1"),
        ("range", "0", "1", "1"),
    ]
    assert [each["aria-valuetext"] for each in sliders] == ["0", "batch"]
    assert [json.loads(each["data-texts"]) for each in sliders] == [
        ["0", "1", "2"],
        ["batch", "none"],
    ]
    assert len(shown.found["label"]) == len(shown.found["output"]) == 2
    assert [each["list"] for each in sliders] == [each["id"] for each in shown.found["datalist"]]
    assert len(shown.found["option"]) == 5


def test_without_script_the_dead_sliders_are_hidden_and_a_word_says_why(shown: Page) -> None:
    (controls,) = (each for each in shown.found["div"] if each.get("class") == "bn-controls")
    assert "hidden" in controls
    assert "noscript" in shown.found


def test_explorers_on_one_page_have_ids_of_their_own() -> None:
    pages = [Page(explorer().html()) for _ in range(3)]
    ids = [
        each["id"]
        for page in pages
        for tag in ("div", "datalist")
        for each in page.found[tag]
        if "id" in each
    ]
    assert len(ids) == len(set(ids)) == 9


def test_nothing_comes_from_a_network_and_no_style_leaks(shown: Page) -> None:
    for script in shown.found["script"]:
        assert "src" not in script
    assert not re.search(r"https?://|//[a-z]|import ", shown.texts["script"][1])
    style = re.sub(r"@media[^{]*\{", "", "".join(shown.texts["style"]))
    rules = re.findall(r"([^{}]+)\{[^{}]*\}", style)
    assert rules
    assert all(re.search(r"\.bn-(figure|explorer)", s) for rule in rules for s in rule.split(","))


def test_equal_images_are_stored_once() -> None:
    still = explore(
        lambda step: Figure(picture(1), picture(2), f"step {step}"), title="t", step=range(20)
    )
    data = frames(Page(still.html()))
    assert len(data["images"]) == 2
    assert len(data["frames"]) == 20


def test_words_cannot_close_the_script_that_holds_them() -> None:
    wicked = "</script><script>alert(1)</script>"
    shown = explore(
        lambda step: Figure(picture(1), picture(2), wicked), title=wicked, step=[0]
    ).html()
    assert "alert(1)</script>" not in shown
    assert frames(Page(shown))["frames"][0][2] == wicked


def test_a_drawing_with_a_narrow_layout_gives_that() -> None:
    small = Drawing(picture(7), picture(8))
    shown = explore(lambda step: Figure(picture(1), picture(2), "x", small), title="t", step=[0])
    data = frames(Page(shown.html()))
    assert [decoded(image) for image in data["images"]] == [small.light, small.dark]


def test_values_are_written_for_readers_and_passed_as_plain_numbers() -> None:
    seen = []

    def note(rate: object) -> Figure:
        seen.append(rate)
        return draw(0)

    control = Control(np.array([0.5, 1000.0]), label="η")
    shown = Page(explore(note, title="t", rate=control).html())
    assert shown.found["input"][0]["aria-valuetext"] == "0.5"
    assert json.loads(shown.found["input"][0]["data-texts"]) == ["0.5", "1,000"]
    assert "η" in shown.texts["span"]
    assert [type(each) for each in seen] == [float, float]
    written = Control([1, 2], show=lambda value: f"{value} %")
    shown = Page(explore(lambda share: draw(share), title="t", share=written).html())
    assert shown.found["input"][0]["aria-valuetext"] == "1 %"


def later() -> Explorer:
    """An explorer that opens in the midst of its settings."""
    return explorer(
        step=Control(np.array([0, 1, 2]), start=np.int64(2), live=range(5)),
        arm=Control(["batch", "none", "layer"], start="none"),
        play="step",
    )


def test_a_page_opens_on_the_values_that_the_controls_name() -> None:
    page = Page(later().html())
    light, dark = page.found["img"]
    assert (decoded(light["src"]), decoded(dark["src"])) == (
        draw(2, "none").light,
        draw(2, "none").dark,
    )
    assert [each["value"] for each in page.found["input"]] == ["2", "1"]
    assert [each["aria-valuetext"] for each in page.found["input"]] == ["2", "none"]
    assert page.texts["output"] == ["2", "none"]
    assert [frame[2] for frame in frames(page)["frames"]][2 * 3 + 1] == light["alt"]
    assert later()._repr_mimebundle_()["text/plain"] == "A & B. step 2 of none"


def test_a_kernel_opens_on_the_values_that_the_controls_name() -> None:
    live = later().widget()
    assert "step 2 of none" in next(parts(live, widgets.HTML)).value
    assert [each.value for each in parts(live, widgets.SelectionSlider)] == [2, "none"]
    (player,) = parts(live, widgets.Play)
    player.value += 1
    assert "step 3 of none" in next(parts(live, widgets.HTML)).value


@pytest.mark.parametrize("control", [{"start": 3}, {"start": 2, "live": [0, 1]}])
def test_a_control_opens_on_a_value_that_it_has(control: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"opens on one of its (values|live), and [23] is none"):
        Control([0, 1, 2], **control)


def test_only_the_control_to_play_has_a_button() -> None:
    assert "button" not in Page(explorer().html()).found
    played = Page(explorer(play="step").html())
    assert len(played.found["button"]) == 1
    assert "prefers-reduced-motion" in "".join(played.texts["style"])


def test_one_output_carries_both_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNBOOK_PAGES", "1")
    bundle = explorer()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert len(frames(Page(bundle["text/html"]))["frames"]) == 6
    assert bundle["text/plain"] == "A & B. step 0 of batch"


def test_a_kernel_draws_nothing_beforehand_but_the_opening_frame() -> None:
    drawn = []

    def noted(step: int) -> Figure:
        drawn.append(step)
        return draw(step)

    made = explore(noted, title="A & B", step=Control([0, 1, 2], start=1))
    bundle = made._repr_mimebundle_()
    assert drawn == [1]
    page = Page(bundle["text/html"])
    assert decoded(page.found["img"][0]["src"]) == draw(1).light
    assert "input" not in page.found
    assert "need a running kernel" in bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert len(made.frames) == 3
    assert drawn == [1, 0, 2], "the opening frame is drawn once"


def parts(root: widgets.Widget, kind: type) -> Iterator[Any]:
    if isinstance(root, kind):
        yield root
    for child in getattr(root, "children", ()):
        yield from parts(child, kind)


def test_moving_a_live_control_draws_anew() -> None:
    live = explorer().widget()
    shown = next(parts(live, widgets.HTML))
    step, arm = parts(live, widgets.SelectionSlider)
    step.value, arm.value = 2, "none"
    assert "step 2 of none" in shown.value


def test_live_values_may_be_finer_than_those_of_the_page() -> None:
    made = explore(draw, title="t", step=Control([0, 10], live=range(11)))
    assert len(made.frames) == 2
    live = made.widget()
    next(parts(live, widgets.SelectionSlider)).value = 7
    assert "step 7 of batch" in next(parts(live, widgets.HTML)).value


def test_playing_moves_the_live_slider() -> None:
    live = explorer(play="step").widget()
    (player,) = parts(live, widgets.Play)
    player.value = 2
    assert next(parts(live, widgets.SelectionSlider)).value == 2


def test_an_error_while_drawing_live_is_shown_to_the_reader() -> None:
    def fragile(step: int) -> Figure:
        if step > 1:
            raise ValueError("no step <2>")
        return draw(step)

    live = explore(fragile, title="t", step=Control([0, 1], live=[0, 1, 2])).widget()
    next(parts(live, widgets.SelectionSlider)).value = 2
    assert "ValueError: no step &lt;2&gt;" in next(parts(live, widgets.HTML)).value


def test_an_error_while_drawing_the_page_stops_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNBOOK_PAGES", "1")
    with pytest.raises(ZeroDivisionError):
        explore(lambda step: draw(1 // step), title="t", step=[1, 0])


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ({}, "at least one control"),
        ({"step": []}, r"a list of values; it was given \[\]"),
        ({"step": "ab"}, "a list of values; it was given 'ab'"),
        ({"step": range(LIMIT + 1)}, f"65 frames .*at most {LIMIT}"),
        ({"step": range(9), "arm": list("abcdefgh")}, r"9 × 8 = 72 frames \(step, arm\)"),
        ({"step": [0], "play": "stop"}, "unknown control 'stop'; did you mean 'step'"),
    ],
)
def test_impossible_controls_are_refused_with_what_is_possible(
    controls: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        explore(draw, title="t", **controls)


def test_what_is_no_figure_is_refused() -> None:
    with pytest.raises(TypeError, match=r"returns a Figure; for \{'step': 0\} it gave bytes"):
        explore(lambda step: b"", title="t", step=[0])  # type: ignore[arg-type,return-value]
