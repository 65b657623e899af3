"""A sheet to draw on: fixed places for axes, labels and key, once for each theme and layout.

Places are counted in page pixels and depend on the words and the number of panels, never on the
data, so the frames of an explorer do not jump.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, lru_cache
from io import BytesIO
from typing import Any, Literal
from xml.etree import ElementTree

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Sheet
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation, Transform
from PIL import Image

from bnbook import memory
from bnbook.figures.figure import PIXEL_RATIO, Drawing, Figure
from bnbook.figures.style import FONT, THEMES, Look, Real, Theme, looks, points, rc
from bnbook.figures.table import Part, csv

WIDE, NARROW = 700, 380
"""Widths, in page pixels, of the drawing for a page's column and of the one for a phone."""

_WIDTHS: ContextVar[tuple[int, ...]] = ContextVar("widths", default=(WIDE, NARROW))

LINE = 19
"""Height of a line of text in page pixels."""

SMALL = 12.0
"""Type size of remarks in page pixels."""

_BASE = 13
_AXIS = 30
_LEFT = 56
_GAP = 22
_COLOURS, _EXACT = 64, 24
_SVG = "http://www.w3.org/2000/svg"
_SAID_BY_DEFAULT = ("Creator", "Date", "Format", "Type")
ElementTree.register_namespace("", _SVG)
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
_LARGEST = 400_000
"""Bytes of an SVG beyond which a figure is printed as pixels: a cloud of points, a map of tiles."""


Fill = Literal["none", "full", "left", "bottom"]
"""How a marker is filled."""


@dataclass(frozen=True)
class Entry:
    """A line of the key: a name and how it is drawn."""

    label: str
    look: Look
    marker: str = ""
    fill: Fill = "full"

    def handle(self) -> Line2D:
        """The sample that stands beside the name."""
        return Line2D(
            [],
            [],
            color=self.look.line,
            linestyle="none" if self.marker else self.look.dash,
            marker=self.marker,
            fillstyle=self.fill,
            label=self.label,
        )


@dataclass
class Canvas:
    """One sheet in one theme; `width` and every length are in page pixels."""

    theme: Theme
    width: int
    sheet: Sheet = field(default_factory=Sheet)
    height: Real = 0

    def __post_init__(self) -> None:
        self._agg: Any = FigureCanvasAgg(self.sheet)
        self.sheet.set_dpi(100 * PIXEL_RATIO)
        self.resize(300)

    @property
    def _pen(self) -> Any:
        """What measures and draws."""
        return self._agg.get_renderer()

    @property
    def narrow(self) -> bool:
        """Whether things stand one under the other, as on a phone."""
        return self.width < WIDE

    def resize(self, height: Real) -> None:
        """Give the sheet its height; places in fractions of it come after."""
        self.height = height
        self.sheet.set_size_inches(self.width / 100, height / 100)

    def looks(self, kinds: Sequence[object]) -> list[Look]:
        """The looks of the members of one comparison in this theme, by what each of them is."""
        return looks(kinds, self.theme)

    def measure(self, text: str, size: Real = 13, weight: str = "normal") -> Real:
        """Width of `text`, in page pixels, at a type size in page pixels."""
        return max(_width(line, size, weight) for line in text.split("\n"))

    def wrap(self, text: str, width: Real, size: Real = 13, weight: str = "normal") -> str:
        """`text` broken into lines no wider than `width`, where its words allow it."""
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.measure(longer, size, weight) <= width:
                lines[-1] = longer
            else:
                lines.append(word)
        return "\n".join(lines)

    def axes(self, left: Real, top: Real, width: Real, height: Real, **sharing: Any) -> Axes:
        """Axes at a place measured from the top left corner of the sheet."""
        w, h = self.width, self.height
        box = (left / w, 1 - (top + height) / h, width / w, height / h)
        return self.sheet.add_axes(box, **sharing)

    def at(self, left: Real, top: Real) -> Transform:
        """Coordinates whose origin is a place measured from the top left, at any height."""
        shift = ScaledTranslation(left / 100, -top / 100, self.sheet.dpi_scale_trans)
        return self.sheet.transFigure + shift

    def write(self, left: Real, top: Real, text: str, **style: Any) -> None:
        """Text whose upper left corner is at a place measured from that of the sheet."""
        style = {"va": "top", "ha": "left", "linespacing": 1.3, **style}
        self.sheet.text(0, 1, text, transform=self.at(left, top), **style)

    def key(self, entries: Sequence[Entry], top: Real, left: Real = 0) -> Real:
        """Draw the key in as many columns as fit right of `left`; return its height."""
        columns = _columns(tuple(entry.label for entry in entries), self.width - left)
        legend = self.sheet.legend(
            handles=[entry.handle() for entry in by_rows(entries, columns)],
            ncols=columns,
            loc="upper left",
            bbox_to_anchor=(0, 1),
            bbox_transform=self.at(left, top),
        )
        return float(legend.get_window_extent(self._pen).height) / PIXEL_RATIO

    def image(self) -> Image.Image:
        """The sheet as pixels."""
        self._agg.draw()
        size = self._agg.get_width_height()
        return Image.frombuffer("RGBA", size, self._agg.buffer_rgba()).convert("RGB")

    def vector(self) -> bytes:
        """The sheet as SVG, its text as outlines: for print."""
        buffer = BytesIO()
        with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "bnbook"}):
            self.sheet.savefig(buffer, format="svg", metadata=dict.fromkeys(_SAID_BY_DEFAULT))
        drawing = ElementTree.fromstring(buffer.getvalue())
        for glyph in drawing.iter(f"{{{_SVG}}}path"):  # a space has no outline, and has to say so
            glyph.attrib.setdefault("d", "M 0 0")
        return ElementTree.tostring(drawing)


@cache
def _pen() -> Any:
    """What measures text: the same for every sheet."""
    return Canvas(THEMES[0], WIDE)._pen


@lru_cache(100_000)
def _width(line: str, size: Real, weight: str) -> float:
    """Width of a line in page pixels; the frames of an explorer ask for the same ones again."""
    font = FontProperties(family=FONT, size=points(size), weight=weight)
    return float(_pen().get_text_width_height_descent(line, font, False)[0]) / PIXEL_RATIO


@lru_cache(1000)
def _columns(labels: tuple[str, ...], room: Real) -> int:
    """The most columns in which a key of these labels is no wider than `room`, in page pixels."""
    entries = [Entry(label, looks([label], THEMES[0])[0]) for label in labels]
    with matplotlib.style.context(["default", rc(THEMES[0])]):
        for columns in range(len(labels), 1, -1):
            handles = [entry.handle() for entry in by_rows(entries, columns)]
            legend = Canvas(THEMES[0], WIDE).sheet.legend(handles=handles, ncols=columns)
            if legend.get_window_extent(_pen()).width / PIXEL_RATIO <= room:
                return columns
    return 1


def by_rows(entries: Sequence[Entry], columns: int) -> list[Entry]:
    """Entries in the order that makes matplotlib's key, filled by columns, read by rows."""
    return [entry for column in range(columns) for entry in entries[column::columns]]


def lay_out(
    canvas: Canvas,
    titles: Sequence[str] = ("",),
    *,
    xlabel: str,
    ylabel: str,
    note: str = "",
    key: Sequence[Entry] = (),
    right: Real = 14,
    colours: Sequence[str] | None = None,
    shape: Real | None = None,
) -> list[Axes]:
    """Panels of one size that share both axes: in rows of at most three, on a phone in a column.

    Four stand two by two. What the vertical axis shows is written above it, level with the text
    of the page, then `note`, then the key. `right` is the room at the sheet's edge for labels;
    `colours` are the titles'; `shape` is the height of a panel over its width, where that is not
    ours to choose.
    """
    top = header(canvas, ylabel, note, key)
    columns = 1 if canvas.narrow else 2 if len(titles) == 4 else min(len(titles), 3)
    rows = -(-len(titles) // columns)
    head = LINE + 5 if any(titles) else 0
    wide = (canvas.width - _LEFT - right - _GAP * (columns - 1)) / columns
    tall = shape * wide if shape else _panel_height(canvas.narrow, rows, columns)
    step = head + tall + 14
    canvas.resize(top + rows * step - 14 + _AXIS + LINE + 4)
    shared: Axes | None = None
    made = []
    for place, title in enumerate(titles):
        row, column = divmod(place, columns)
        left = _LEFT + column * (wide + _GAP)
        ax = canvas.axes(left, top + row * step + head, wide, tall, sharex=shared, sharey=shared)
        shared = shared or ax
        below = place + columns < len(titles)
        ax.tick_params(labelbottom=not below, labelleft=column == 0)
        if not below:
            ax.set_xlabel(xlabel, labelpad=points(3))
        colour = colours[place] if colours else canvas.theme.text
        base = top + row * step + LINE - 4
        canvas.write(left, base, title, weight="bold", color=colour, va="baseline")
        made.append(ax)
    return made


def header(canvas: Canvas, words: str, note: str, key: Sequence[Entry] = ()) -> Real:
    """Write what a figure shows, a muted remark, and the key; return where they end."""
    top = 2.0
    at = canvas.measure(words) + 14 if words else 0
    if words and note and at + canvas.measure(note, SMALL) <= canvas.width:
        muted = {"fontsize": points(SMALL), "color": canvas.theme.muted}
        canvas.write(0, top + _BASE, words, va="baseline")
        canvas.write(at, top + _BASE, note, va="baseline", **muted)
        top, words, note = top + LINE, "", ""
    for text, size, colour in (
        (words, 13.0, canvas.theme.text),
        (note, SMALL, canvas.theme.muted),
    ):
        if text:
            lines = canvas.wrap(text, canvas.width, size)
            canvas.write(0, top, lines, fontsize=points(size), color=colour)
            top += LINE * (1 + lines.count("\n"))
    if key:
        top += 6 + canvas.key(key, top + 6)
    return top + 9


def nothing(canvas: Canvas, ax: Axes) -> None:
    """Say in the middle of empty axes that there is nothing to draw."""
    ax.text(
        0.5,
        0.5,
        "every run diverged:\nnothing to draw",
        transform=ax.transAxes,
        ha="center",
        va="center",
        color=canvas.theme.muted,
        backgroundcolor=canvas.theme.background,
    )


def _panel_height(narrow: bool, rows: int, columns: int) -> Real:
    """Height of a panel: generous when it is alone, compact when they stack."""
    if narrow:
        return 215 if rows == 1 else 150
    return (300 if columns == 1 else 225) if rows == 1 else 190


def render(paint: Callable[[Canvas], None], alt: str, *data: Part) -> Figure:
    """Call `paint` on a sheet for each theme and layout; bind images, words and `data`.

    The memory that drawing took goes back to the system.
    """
    first, *rest = (
        Drawing(*(_image(paint, theme, width) for theme in THEMES)) for width in _WIDTHS.get()
    )
    vector = _image(paint, THEMES[0], WIDE, Canvas.vector) if rest else b""
    vector = vector if len(vector) <= _LARGEST else b""
    memory.give_back()
    return Figure(first.light, first.dark, alt, rest[0] if rest else None, csv(data), vector)


@contextmanager
def only(width: int) -> Iterator[None]:
    """While this holds, figures are drawn at one width: an explorer has many and needs no more."""
    token = _WIDTHS.set((width,))
    try:
        yield
    finally:
        _WIDTHS.reset(token)


def _image(
    paint: Callable[[Canvas], None],
    theme: Theme,
    width: int,
    kept: Callable[[Canvas], bytes] = lambda canvas: encode(canvas.image()),
) -> bytes:
    """One drawing, as pixels or as `kept`; nothing of matplotlib's state outside is changed."""
    with matplotlib.style.context(["default", rc(theme)]):
        canvas = Canvas(theme, width)
        paint(canvas)
        return kept(canvas)


def encode(image: Image.Image) -> bytes:
    """`image` as lossless WebP, in 64 colours.

    The commonest 24 are exact, so the page, the lines and the bands keep theirs; the many shades
    of their softened edges are merged. A quarter of the bytes, and no difference to the eye.
    A drawing is mostly long runs of one colour, so it is taken run by run.
    """
    pixels = np.asarray(image.convert("RGBX")).view(np.uint32).ravel()
    starts = np.flatnonzero(np.diff(pixels, prepend=~pixels[:1]))
    lengths = np.diff(starts, append=pixels.size)
    packed, run = np.unique(pixels[starts], return_inverse=True)
    commonest = np.argsort(-np.bincount(run, weights=lengths))[:_EXACT]
    colours = packed.view(np.uint8).reshape(-1, 4)[:, :3]
    merged = Image.fromarray(colours[None]).quantize(
        _COLOURS - _EXACT, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    )
    shown = np.array(merged.convert("RGB"))[0]
    shown[commonest] = colours[commonest]
    drawn = np.repeat(shown[run], lengths, axis=0).reshape(image.height, image.width, 3)
    buffer = BytesIO()
    Image.fromarray(drawn).save(buffer, "WEBP", lossless=True, quality=30, method=2)
    return buffer.getvalue()
