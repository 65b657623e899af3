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


def is_script(address: str) -> bool:
    """Whether a script is the one that draws icons."""
    return "fontawesome.js" in address


def used(page: BeautifulSoup) -> set[str]:
    """Names of the icons of a page."""
    return {
        name
        for icon in page.select("i[class*=fa-]")
        for name in icon["class"]
        if name.startswith("fa-")
    }


def link(page: BeautifulSoup, depth: int) -> None:
    """Let a page load the small fonts."""
    sheet = page.new_tag("link", rel="stylesheet", href=f"{'../' * depth}_static/icons/icons.css")
    page.head.append(sheet)


def write(folder: Path, names: set[str]) -> None:
    """Write the fonts, each with the icons of these names and those of the theme's own rules."""
    rules = (folder / SHEET).read_text(encoding="utf-8")
    by_name = dict(re.findall(r"\.(fa-[a-z0-9-]+):before\{content:\"(\\[0-9a-f]+)\"", rules))
    wanted = {by_name[name] for name in names if name in by_name}
    for sheet in (folder / "_static").rglob("*.css"):  # what rules draw without naming an icon
        plain = re.sub(r"\.fa-[a-z0-9-]+:before\{[^}]*\}", "", sheet.read_text(encoding="utf-8"))
        wanted |= set(re.findall(r"\"(\\[fe][0-9a-f]{3})\"", plain))
    whole = re.compile(r"@font-face\{[^}]*fontawesome/webfonts[^}]*\}")
    (folder / SHEET).write_text(whole.sub("", rules), encoding="utf-8")
    codes = [int(code[1:], 16) for code in wanted]
    target = folder / "_static" / "icons"
    target.mkdir(exist_ok=True)
    faces = []
    for name, (family, weight) in FACES.items():
        font = TTFont(folder / FONTS / f"{name}.ttf")
        cut = subset.Subsetter()
        cut.populate(unicodes=codes)
        cut.subset(font)
        font.flavor = "woff"
        font.save(target / f"{name}.woff")
        faces.append(
            f'@font-face{{font-family:"{family}";font-style:normal;font-weight:{weight};'
            f'font-display:block;src:url({name}.woff) format("woff")}}'
        )
    (target / "icons.css").write_text("\n".join(faces) + "\n", encoding="utf-8")
