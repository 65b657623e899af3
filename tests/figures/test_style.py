"""The palette keeps its promises: readable, told apart by everyone, the same everywhere."""

from itertools import combinations

import numpy as np
import pytest

from bnbook.figures import style

# Pages the book is read on: white paper, the book's dark theme, JupyterLab's dark theme.
PAGES = {"light": ("#ffffff",), "dark": ("#121212", "#111111")}
NORMALISERS = ("none", "batch", "noisy-batch", "layer", "group", "renorm", "weight-std")
TOGETHER = (NORMALISERS, ("source", "weighted", "target", "rule"))

# Machado, Oliveira and Fernandes (2009), severity 1, in linear RGB.
BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def linear(colour: str) -> np.ndarray:
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, written out here so that the package is not its own judge."""
    low, high = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) + 0.05 for c in (one, other))
    return high / low


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE Lab (D65) of a linear RGB colour."""
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: str, other: str, seen: np.ndarray) -> float:
    return float(np.linalg.norm(lab(seen @ linear(one)) - lab(seen @ linear(other))))


@pytest.mark.parametrize("theme", style.THEMES, ids=lambda theme: theme.name)
def test_lines_stand_out_three_to_one_and_text_four_and_a_half(theme: style.Theme) -> None:
    names = [*style.ARMS, "something", "else", "again", "and", "more", "of", "them"]
    for page in (*PAGES[theme.name], theme.background):
        for each in (*style.looks(names, theme), *style.looks([0, 1, 2, 3, 4], theme)):
            assert contrast(each.line, page) >= 3
            assert contrast(each.text, page) >= 4.5
        for words in (theme.text, theme.muted):
            assert contrast(words, page) >= 4.5


@pytest.mark.parametrize("theme", style.THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("eyes", ["normal", *BLINDNESS])
def test_arms_seen_together_differ_in_colour_even_to_the_colour_blind(
    theme: style.Theme, eyes: str
) -> None:
    seen = np.array(BLINDNESS.get(eyes, np.eye(3)))
    for names in TOGETHER:
        drawn = dict(zip(names, style.looks(names, theme), strict=True))
        for one, other in combinations(names, 2):
            # 2.3 is just noticeable side by side; lines apart on a page need more.
            assert distance(drawn[one].line, drawn[other].line, seen) > 6, (one, other)


@pytest.mark.parametrize("theme", style.THEMES, ids=lambda theme: theme.name)
def test_colour_is_never_the_only_cue(theme: style.Theme) -> None:
    several = [*TOGETHER, ("a", "b", "c", "d", "e"), (0, 1, 2, 3, 4), ("sigmoid", "relu")]
    several.append(("batch", "batch", "batch", "none"))
    for names in several:
        drawn = style.looks(names, theme)
        assert len({(each.line, each.dash) for each in drawn}) == len(names)
        for one, other in combinations(drawn, 2):
            assert one.dash != other.dash or one.line != other.line
            assert one.marker != other.marker or one.line != other.line
    for names in TOGETHER:
        drawn = style.looks(names, theme)
        assert len({each.dash for each in drawn if each.dash[1]}) >= len(names) - 2


@pytest.mark.parametrize("theme", style.THEMES, ids=lambda theme: theme.name)
def test_an_arm_looks_the_same_whatever_it_is_compared_with(theme: style.Theme) -> None:
    alone = style.looks(["batch"], theme)[0]
    for company in (["batch", "none"], ["renorm", "batch"], ["x", "y", "batch"]):
        drawn = dict(zip(company, style.looks(company, theme), strict=True))
        assert drawn["batch"] == alone


def test_an_arm_has_one_hue_in_light_and_dark() -> None:
    for name in NORMALISERS[1:]:
        light, dark = (lab(linear(style.looks([name], theme)[0].line)) for theme in style.THEMES)
        angle = np.degrees(np.arctan2(light[2], light[1]) - np.arctan2(dark[2], dark[1]))
        assert abs((angle + 180) % 360 - 180) < 25, name


def test_ordered_members_get_ordered_lightness() -> None:
    for theme in style.THEMES:
        lightness = [lab(linear(each.line))[0] for each in style.looks([0, 1, 2, 4], theme)]
        assert lightness == sorted(lightness)


def test_no_comparison_is_too_large_to_draw() -> None:
    names = [f"arm {k}" for k in range(40)]
    assert len(style.looks(names, style.LIGHT)) == 40
