"""The icons that the pages use, and no others.

The theme loads a script of 1.5 MB that draws icons, beside a style sheet that shows the same ones
from fonts. The script goes, and the fonts are cut down to what is used.
"""

import re
from pathlib import Path

from bs4 import BeautifulSoup
from fontTools import subset
from fontTools.ttLib import TTFont

SHEET = "_static/styles/pydata-sphinx-theme.css"
FONTS = "_static/vendor/fontawesome/webfonts"
FACES = {
    "fa-solid-900": ("Font Awesome 6 Free", 900),
    "fa-regular-400": ("Font Awesome 6 Free", 400),
    "fa-brands-400": ("Font Awesome 6 Brands", 400),
}
ICON = r"[\"'](\\[ef][0-9a-f]{3}|[\ue000-\uf8ff])[\"']"
"""An icon in a rule: the number of its character, or the character itself."""


def is_script(address: str) -> bool:
    """Whether a script is the one that draws icons."""
    return "fontawesome.js" in address


def used(page: BeautifulSoup) -> set[str]:
    """Names of the icons of a page."""
    return {
        name
        for icon in page.select("[class*=fa-]")
        for name in icon["class"]
        if name.startswith("fa-")
    }


def link(page: BeautifulSoup, depth: int) -> None:
    """Let a page load the small fonts."""
    sheet = page.new_tag("link", rel="stylesheet", href=f"{'../' * depth}_static/icons/icons.css")
    page.head.append(sheet)


def write(folder: Path, names: set[str]) -> None:
    """Write the fonts, each with the icons of these names and those of the theme's own rules."""
    sheets = {
        path: path.read_text(encoding="utf-8") for path in (folder / "_static").rglob("*.css")
    }
    codes = set()
    for sheet in sheets.values():
        for selectors, body in re.findall(r"([^{}]*)\{([^{}]*)\}", sheet):
            of_rule = set(re.findall(r"\.(fa-[a-z0-9-]+)::?before", selectors))
            if not of_rule or of_rule & names:  # a rule that names no icon draws one by itself
                codes |= set(map(_code, re.findall(ICON, body)))
    rules = sheets[folder / SHEET]
    whole = re.compile(r"@font-face\{[^}]*fontawesome/webfonts[^}]*\}")
    (folder / SHEET).write_text(whole.sub("", rules), encoding="utf-8")
    target = folder / "_static" / "icons"
    target.mkdir(exist_ok=True)
    faces = []
    for name, (family, weight) in FACES.items():
        font = TTFont(folder / FONTS / f"{name}.ttf")
        cut = subset.Subsetter()
        cut.populate(unicodes=sorted(codes))
        cut.subset(font)
        font.flavor = "woff"
        font.save(target / f"{name}.woff")
        faces.append(
            f'@font-face{{font-family:"{family}";font-style:normal;font-weight:{weight};'
            f'font-display:block;src:url({name}.woff) format("woff")}}'
        )
    (target / "icons.css").write_text("\n".join(faces) + "\n", encoding="utf-8")


def _code(icon: str) -> int:
    return ord(icon) if len(icon) == 1 else int(icon[1:], 16)
