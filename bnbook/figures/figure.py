"""One finished drawing: its images for light and dark pages, and what it shows in words."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

PIXEL_RATIO = 2
"""Image pixels per page pixel: sharp on a phone and on a good screen."""

PHONE = "(max-width: 34rem)"
"""Pages narrower than this show the narrow drawing."""

_DARK_PAGES = (
    "html[data-theme=dark]",
    "body[data-jp-theme-light=false]",
)
_SAYS_NOTHING = "html:not([data-theme]) body:not([data-jp-theme-light])"

_SHOW_LIGHT = "{0} .bn-figure img.bn-light{{display:none!important}}"
_SHOW_DARK = "{0} .bn-figure img.bn-dark{{display:block!important}}"

# Every rule names .bn-figure, so nothing outside our own output changes. The rules on .cell_output
# and .text_html undo the pale box that the book's dark theme lays behind every HTML output.
STYLE = "\n".join(
    [
        ".bn-figure img.bn-light,.bn-figure img.bn-dark"
        "{height:auto;max-width:100%;margin:0 auto;padding:0!important;"
        "border-radius:0;background:none!important;filter:none!important}",
        ".bn-figure img.bn-light{display:block}",
        ".bn-figure .bn-data{display:block;text-align:right;font-size:.8em}",
        ".text_html:has(>.bn-figure)"
        "{background:none!important;padding:0!important;color:inherit!important}",
        "@media screen{",
        *(rule.format(page) for page in _DARK_PAGES for rule in (_SHOW_LIGHT, _SHOW_DARK)),
        "@media (prefers-color-scheme:dark){",
        *(rule.format(_SAYS_NOTHING) for rule in (_SHOW_LIGHT, _SHOW_DARK)),
        "}}",
    ]
)


@dataclass(frozen=True)
class Drawing:
    """The images (lossless WebP or PNG) of one layout, for light and for dark pages."""

    light: bytes
    dark: bytes


@dataclass(frozen=True)
class Figure:
    """A drawing and its words.

    `light` and `dark` are images, twice as many pixels as they take on the page; `narrow`, when
    there is one, is the same drawing laid out for a phone. `alt` says what the picture shows,
    numbers included; `data` are the numbers themselves, as comma-separated values; `vector`, when
    there is one, is the light drawing as SVG, for print. In a notebook or a page it displays itself
    and follows the theme.
    """

    light: bytes = field(repr=False)
    dark: bytes = field(repr=False)
    alt: str
    narrow: Drawing | None = field(default=None, repr=False)
    data: str = field(default="", repr=False)
    vector: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise ValueError("a figure needs a text that says what it shows; alt is empty")

    def html(self) -> str:
        """The figure as self-contained HTML."""
        return (
            f'<div class="bn-figure"><style>{STYLE}</style>{self.pictures()}{link(self.data)}</div>'
        )

    def pictures(self) -> str:
        """The two pictures, light and dark, of which the page's theme hides one."""
        small = self.narrow
        light = self._picture("light", self.light, small.light if small else None, self.vector)
        return light + self._picture("dark", self.dark, small.dark if small else None)

    def save(self, path: str | Path, theme: str = "light") -> Path:
        """Write the wide drawing to `path`, in the format that its suffix names."""
        target = Path(path)
        if theme not in ("light", "dark"):
            raise ValueError(f"theme is 'light' or 'dark', not {theme!r}")
        if target.suffix.lower() == ".svg" and self.vector and theme == "light":
            target.write_bytes(self.vector)
            return target
        known = {
            suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.SAVE
        }
        if target.suffix.lower() not in known:
            raise ValueError(
                f"this figure is made of pixels and cannot be saved as {target.name!r}; take a "
                "suffix such as .png, .webp or .jpg"
            )
        Image.open(BytesIO(self.light if theme == "light" else self.dark)).save(target)
        return target

    def _picture(self, theme: str, image: bytes, small: bytes | None, vector: bytes = b"") -> str:
        """One `<picture>`; the dark one is hidden inline too, for pages that strip styles."""
        source = (
            f'<source media="{PHONE}" {_sized(small)} srcset="{data_uri(small)}">' if small else ""
        )
        hidden = ' style="display:none"' if theme == "dark" else ""
        printed = f' data-vector="{data_uri(vector)}"' if vector else ""
        return (
            f'<picture>{source}<img class="bn-{theme} dark-light" decoding="sync"{printed}'
            f' {_sized(image)} alt="{html.escape(self.alt)}"'
            f' src="{data_uri(image)}"{hidden}></picture>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """HTML that follows the theme, a PNG for what cannot show HTML, and the words."""
        png = BytesIO()
        Image.open(BytesIO(self.light)).save(png, "PNG", optimize=True)
        return {
            "text/html": self.html(),
            "image/png": base64.b64encode(png.getvalue()).decode("ascii"),
            "text/plain": self.alt,
        }


def link(data: str) -> str:
    """A small link to the numbers of a figure; nothing where there are none."""
    if not data:
        return ""
    text = base64.b64encode(data.encode()).decode("ascii")
    return (
        '<a class="bn-data" download="figure.csv" '
        f'href="data:text/csv;base64,{text}">Data of this figure (CSV)</a>'
    )


def _sized(image: bytes) -> str:
    """Attributes for the width and height, in page pixels, at which an image is shown."""
    width, height = Image.open(BytesIO(image)).size
    return f'width="{width // PIXEL_RATIO}" height="{height // PIXEL_RATIO}"'


def data_uri(image: bytes) -> str:
    """An image as a `data:` address, so that a page needs no other file."""
    kinds = {b"\x89PNG": "png", b"<svg": "svg+xml"}
    kind = next((kind for start, kind in kinds.items() if image.startswith(start)), "webp")
    return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"
