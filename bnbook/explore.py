"""Controls over a figure: live where there is a kernel, still alive in the plain HTML.

    >>> def draw(shift): ...
    >>> explore(draw, title="Cats", shift=[0, 1, 2])    # doctest: +SKIP

The output of one cell carries both lives. A page shows a real image, and sliders over frames that
were drawn beforehand, moved by a few lines of plain script and nothing from the network. A running
kernel shows the same controls as widgets, and then each move calls the drawing function: there
nothing is drawn beforehand but the opening frame, so that nobody waits for what nobody looks at.
`$BNBOOK_PAGES`, which the build of the book sets, asks for every frame.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any
from uuid import uuid4

import ipywidgets as widgets

from bnbook import environment
from bnbook.figures import table
from bnbook.figures.canvas import NARROW, only
from bnbook.figures.figure import STYLE, Figure, data_uri, link
from bnbook.figures.words import tick
from bnbook.text import unknown

LIMIT = 64
"""Most frames of one explorer: each is two images, and a page is read on a phone too."""

PAGES = "BNBOOK_PAGES"
"""The variable that asks for every frame: cells are run for pages that outlive their kernel."""

INTERVAL = 600
"""Milliseconds between frames while playing."""


@dataclass(frozen=True)
class Control:
    """What one slider goes through.

    `values` are the frames of the page; `live` are finer ones for a running kernel, where nothing
    is drawn beforehand. Both lives open on `start`, one of the values (default: the first).
    `label` stands beside the slider (default: the parameter's name) and `show` writes a value
    (default: as an axis does).
    """

    values: Collection[Any]
    label: str | None = None
    show: Callable[[Any], str] | None = None
    live: Collection[Any] | None = None
    start: Any = None

    def __post_init__(self) -> None:
        for what in ("values", "live"):
            given = getattr(self, what)
            if given is None:
                continue
            if not len(given) or isinstance(given, str):
                raise ValueError(f"a control goes through a list of {what}; it was given {given!r}")
            plain = tuple(map(_plain, given))
            object.__setattr__(self, what, plain)
        first, *_ = self.values
        start = first if self.start is None else _plain(self.start)
        for what in ("values", "live"):
            if start not in (getattr(self, what) or [start]):
                raise ValueError(
                    f"a control opens on one of its {what}, and {start!r} is none of them"
                )
        object.__setattr__(self, "start", start)

    @property
    def opening(self) -> int:
        """Place of `start` among the values."""
        return list(self.values).index(self.start)

    def text(self, value: Any) -> str:
        """One value as the reader sees it."""
        if self.show is not None:
            return self.show(value)
        return tick(value) if isinstance(value, int | float) else str(value)


def explore(
    draw: Callable[..., Figure],
    *,
    title: str,
    play: str | None = None,
    **controls: Collection[Any] | Control,
) -> Explorer:
    """A figure with a slider for each of `controls`, name -> values to go through.

    `draw` is called with one value of each, by name, and returns a `Figure`; `play` names a
    control, usually a time, that gets a button to run through it. `ValueError` for no control, one
    without values, more than 64 frames in all, or a `play` that is no control.
    """
    made = {
        name: given if isinstance(given, Control) else Control(given)
        for name, given in controls.items()
    }
    if not made:
        raise ValueError("an explorer needs at least one control, such as step=[0, 10, 100]")
    sizes = [len(control.values) for control in made.values()]
    if math.prod(sizes) > LIMIT:
        raise ValueError(
            f"{' × '.join(map(str, sizes))} = {math.prod(sizes)} frames "
            f"({', '.join(made)}); a page holds at most {LIMIT}: take fewer values"
        )
    if play is not None and play not in made:
        raise ValueError(unknown("control", play, made))
    return Explorer(draw, title, made, play)


@dataclass(frozen=True)
class Explorer:
    """A figure and its controls; it displays itself, live or as a page.

    Frames are drawn narrow, when they are asked for: the picture has its controls beside it, or
    under it on a phone.
    """

    draw: Callable[..., Figure] = field(repr=False)
    title: str
    controls: Mapping[str, Control]
    play: str | None = None

    def __post_init__(self) -> None:
        # An error while drawing stops the cell: in any frame of a page, in the opening one live.
        _ = self.frames if environment.switched_on(PAGES) else self.opening

    @cached_property
    def frames(self) -> tuple[Figure, ...]:
        """The frames of the page, the last control moving fastest."""
        start = self._start()
        return tuple(
            self.opening if each == start else self._frame(each) for each in self._settings()
        )

    @cached_property
    def opening(self) -> Figure:
        """The frame that is seen first."""
        return self._frame(self._start())

    def _start(self) -> dict[str, Any]:
        return {name: control.start for name, control in self.controls.items()}

    def _settings(self) -> Iterator[dict[str, Any]]:
        for values in product(*(control.values for control in self.controls.values())):
            yield dict(zip(self.controls, values, strict=True))

    def _frame(self, values: dict[str, Any]) -> Figure:
        """One drawing, checked."""
        with only(NARROW):
            figure: object = self.draw(**values)
        if not isinstance(figure, Figure):
            got = type(figure).__name__
            raise TypeError(f"an explorer's draw returns a Figure; for {values} it gave {got}")
        small = figure.narrow
        return Figure(small.light, small.dark, figure.alt, data=figure.data) if small else figure

    @property
    def data(self) -> str:
        """The numbers of all frames as comma-separated values, the controls in front."""
        tables = [
            table.under(values, frame.data)
            for values, frame in zip(self._settings(), self.frames, strict=True)
        ]
        heads = {each.partition("\n")[0] for each in tables}
        if len(heads) != 1:
            return ""
        return heads.pop() + "\n" + "".join(each.partition("\n")[2] for each in tables)

    def html(self) -> str:
        """The explorer as self-contained HTML: opening frame, sliders, all frames, a script.

        Until the script has run, and where none may, the sliders are hidden.
        """
        name = f"bn-explorer-{uuid4().hex[:12]}"
        sliders = "".join(self._slider(name, key) for key in self.controls)
        return (
            f'<div class="bn-figure bn-explorer" id="{name}" role="group"'
            f' aria-label="{html.escape(self.title)}"><style>{STYLE}{_STYLE}</style>'
            f'<div class="bn-view">{self.opening.pictures()}</div>'
            f'<div class="bn-panel"><p class="bn-title">{html.escape(self.title)}</p>'
            f'<div class="bn-controls" hidden>{sliders}</div>{link(self.data)}'
            "<noscript><p>The controls of this figure need JavaScript; "
            "it shows one setting.</p></noscript></div>"
            f'<script type="application/json">{_json(self._pack())}</script>'
            f"<script>{_SCRIPT.replace('NAME', json.dumps(name))}</script></div>"
        )

    def still(self) -> str:
        """The opening frame as self-contained HTML, for where no kernel moves the controls."""
        return (
            f'<div class="bn-figure bn-explorer"><style>{STYLE}{_STYLE}</style>'
            f'<div class="bn-view">{self.opening.pictures()}</div>'
            f'<div class="bn-panel"><p class="bn-title">{html.escape(self.title)}</p>'
            "<p>The controls of this figure need a running kernel; the pages of the book have "
            f"them without one.</p>{link(self.opening.data)}</div></div>"
        )

    def widget(self) -> widgets.Widget:
        """The explorer for a running kernel: every move draws."""
        picture = widgets.HTML(self.opening.html())
        sliders = {key: self._selection(key, each) for key, each in self.controls.items()}

        def redraw(_: Any) -> None:
            try:
                figure = self._frame({key: slider.value for key, slider in sliders.items()})
            except Exception as error:  # a widget's errors are seen by nobody else
                picture.value = f"<pre>{html.escape(f'{type(error).__name__}: {error}')}</pre>"
            else:
                picture.value = figure.html()

        for slider in sliders.values():
            slider.observe(redraw, "value")
        rows = [self._row(key, slider) for key, slider in sliders.items()]
        heading = widgets.HTML(f"<b>{html.escape(self.title)}</b>")
        panel = widgets.VBox([heading, *rows])
        return widgets.Box([picture, panel], layout=widgets.Layout(flex_flow="row wrap"))

    def _selection(self, key: str, control: Control) -> widgets.SelectionSlider:
        values = list(control.live or control.values)
        return widgets.SelectionSlider(
            options=[(control.text(value), value) for value in values],
            index=values.index(control.start),
            description=_label(key, control),
            continuous_update=False,
            style={"description_width": "initial"},
        )

    def _row(self, key: str, slider: widgets.SelectionSlider) -> widgets.Widget:
        """A slider, with a player before it if it is the one to play."""
        if key != self.play:
            return slider
        player = widgets.Play(value=slider.index, max=len(slider.options) - 1, interval=INTERVAL)
        player.observe(lambda change: setattr(slider, "index", change["new"]), "value")
        return widgets.HBox([player, slider])

    def _slider(self, name: str, key: str) -> str:
        """One labelled slider with a mark for each value, its value, and perhaps its button."""
        control = self.controls[key]
        texts = [control.text(value) for value in control.values]
        first, marks = html.escape(texts[control.opening]), f"{name}-{html.escape(key)}"
        options = "".join(f'<option value="{place}"></option>' for place in range(len(texts)))
        button = '<button type="button" class="bn-play">Play</button>' if key == self.play else ""
        return (
            f'<div class="bn-control"><label><span>{html.escape(_label(key, control))}</span>'
            f'<output aria-live="off">{first}</output>'
            f'<input type="range" min="0" max="{len(texts) - 1}" step="1" value="{control.opening}"'
            f' list="{marks}" autocomplete="off" aria-label="{html.escape(_label(key, control))}"'
            f' aria-valuetext="{first}"'
            f' data-texts="{html.escape(json.dumps(texts))}">'
            f'</label><datalist id="{marks}">{options}</datalist>{button}</div>'
        )

    def _pack(self) -> dict[str, Any]:
        """Each different image once, and for each frame which ones it shows and its words."""
        images: dict[bytes, int] = {}
        shown = []
        for frame in self.frames:
            pair = (frame.light, frame.dark)
            shown.append([*(images.setdefault(each, len(images)) for each in pair), frame.alt])
        return {"images": [data_uri(image) for image in images], "frames": shown}

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Both lives, and the words of the opening frame."""
        # Written out: a widget of ipywidgets 7, which Colab has, cannot be asked for it.
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget().model_id}
        words = f"{self.title}. {self.opening.alt}"
        page = self.html() if environment.switched_on(PAGES) else self.still()
        return {VIEW: view, "text/html": page, "text/plain": words}


VIEW = "application/vnd.jupyter.widget-view+json"
"""The mimetype of a live widget."""

# Every rule names .bn-explorer: nothing else on the page changes.
_STYLE = """
.bn-explorer{display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;align-items:center;padding:0 3px}
.bn-explorer .bn-view{flex:0 1 420px}
.bn-explorer .bn-view img{width:100%}
.bn-explorer .bn-panel{flex:1 1 12rem;text-align:left}
.bn-explorer .bn-title{margin:0 0 .6rem;font-weight:600}
.bn-explorer .bn-controls:not([hidden]){display:grid;gap:.6rem}
.bn-explorer label{display:flex;flex-wrap:wrap;justify-content:space-between;margin:0}
.bn-explorer input{flex:1 0 100%;min-width:0;height:2rem;margin:0;\
accent-color:var(--pst-color-primary,#0072b2)}
.bn-explorer output{font-variant-numeric:tabular-nums;padding:0}
.bn-explorer button{font:inherit;color:inherit;background:none;margin-top:.3rem;\
border:1px solid currentColor;border-radius:.25rem;padding:.2rem .7rem;min-width:5rem}
@media (prefers-reduced-motion:reduce){.bn-explorer .bn-play{display:none}}
"""

# A page that holds several explorers keeps the function once, and calls it by its name.
_SCRIPT = """(window.bnExplore = function (name) {
  var root = document.getElementById(name);
  if (!root) return;
  var data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  var sliders = Array.from(root.querySelectorAll('input'));
  var pictures = Array.from(root.querySelectorAll('img'));
  function show() {
    var at = 0;
    sliders.forEach(function (slider) {
      var texts = JSON.parse(slider.dataset.texts);
      at = at * texts.length + Number(slider.value);
      slider.setAttribute('aria-valuetext', texts[slider.value]);
      slider.previousElementSibling.textContent = texts[slider.value];
    });
    var frame = data.frames[at];
    pictures.forEach(function (picture, k) {
      picture.src = data.images[frame[k]];
      picture.alt = frame[2];
    });
  }
  function fetch() {
    var theme = pictures.findIndex(function (picture) { return picture.offsetParent; });
    data.frames.forEach(function (frame) {
      new Image().src = data.images[frame[Math.max(theme, 0)]];
    });
  }
  ['pointerenter', 'focusin', 'touchstart'].forEach(function (event) {
    root.addEventListener(event, fetch, {once: true, passive: true});
  });
  sliders.forEach(function (slider) { slider.addEventListener('input', show); });
  root.querySelectorAll('.bn-play').forEach(function (button) {
    var slider = button.parentNode.querySelector('input'), timer = null;
    function stop() {
      clearInterval(timer);
      timer = null;
      button.textContent = 'Play';
    }
    function step() {
      if (!root.isConnected || Number(slider.value) >= Number(slider.max)) return stop();
      slider.value = Number(slider.value) + 1;
      show();
    }
    button.addEventListener('click', function () {
      if (timer) return stop();
      if (slider.value === slider.max) { slider.value = 0; show(); }
      timer = setInterval(step, INTERVAL);
      button.textContent = 'Pause';
    });
    slider.addEventListener('pointerdown', stop);
    slider.addEventListener('keydown', stop);
  });
  root.querySelector('.bn-controls').hidden = false;
  show();
})(NAME);""".replace("INTERVAL", str(INTERVAL))


def _plain(value: Any) -> Any:
    """A number as Python's own."""
    return value.item() if hasattr(value, "item") else value


def _label(key: str, control: Control) -> str:
    return control.label or key.replace("_", " ")


def _json(value: Any) -> str:
    """JSON that cannot close the script that holds it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
