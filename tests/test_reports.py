"""A report has pictures of the network's own numbers, and leads to sections that exist."""

from __future__ import annotations

import copy
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

import bnbook
from bnbook import cases, diagnosis, reports
from bnbook.cases import epoch, seen_as

ROOT = Path(__file__).parents[1]


def slug(heading: str) -> str:
    """The address that the forge gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("name", diagnosis.names())
def test_each_sign_leads_to_a_section_of_its_page(name: str) -> None:
    assert name in reports.SECTIONS, "name the heading in SECTIONS of bnbook/reports.py"
    page = diagnosis.base.registry[name].page
    text = (ROOT / "book" / f"{page}.md").read_text(encoding="utf-8")
    headings = [slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.M)]
    assert headings.count(reports.SECTIONS[name]) == 1, f"one of {headings}"


def test_only_signs_have_sections() -> None:
    assert set(reports.SECTIONS) - set(diagnosis.names()) == set()


def test_the_address_is_that_of_the_repository() -> None:
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    assert reports.BOOK == f"{config['url']}/blob/{config['branch']}/book"


@lru_cache(maxsize=1)
def network() -> nn.Sequential:
    return cases.healthy(3)


@lru_cache(maxsize=1)
def data() -> bnbook.data.Batched:
    return seen_as(epoch(32, 3))


def test_a_report_shows_pictures_and_links_in_a_notebook_and_in_a_file(tmp_path: Path) -> None:
    model = copy.deepcopy(network())
    for layer in model:
        if isinstance(layer, nn.BatchNorm1d):
            layer.reset_running_stats()
    report = bnbook.diagnose(model, data())
    assert report.names == ["never-updated"]
    html = report._repr_mimebundle_()["text/html"]
    assert report.save(tmp_path / "report.html").read_text(encoding="utf-8").count("<img") == 4
    assert html.count('class="bn-figure"') == 2
    assert all(picture.alt for picture in report.pictures)
    section = "bn-math.md#three-kinds-of-statistics-and-one-that-trails"
    assert f'<a href="{reports.BOOK}/{section}">' in html
    assert "the chapter “" not in html


def test_the_pictures_show_losses_and_lags_of_the_network() -> None:
    model, known = copy.deepcopy(network()).eval(), data()
    report = bnbook.diagnose(copy.deepcopy(network()), known)
    with torch.no_grad():
        losses = nn.functional.cross_entropy(
            model(known.test.x[: len(report.losses["population"])]),
            known.test.y[: len(report.losses["population"])],
            reduction="none",
        )
        z = model[1](model[0](known.train.x[: len(known.train) // 32 * 32]))
    assert np.allclose(np.sort(losses), report.losses["population"], atol=1e-5)
    norm = model[2]
    shift = ((norm.running_mean - z.mean(0)) ** 2 / (z.var(0, correction=0) + norm.eps)).mean()
    assert report.lags.shape == (2, 2)
    assert report.lags[0, 0] == pytest.approx(float(shift.sqrt()), rel=1e-3)
    ratio = (norm.running_var + norm.eps) / (z.var(0, correction=0) + norm.eps)
    assert report.lags[0, 1] == pytest.approx(
        float(ratio.log().square().mean().sqrt() / 2), rel=1e-3
    )


def test_a_network_without_memory_has_one_picture() -> None:
    model = cases.dense(lambda units: nn.GroupNorm(1, units))
    report = bnbook.diagnose(model, data())
    assert len(report.pictures) == 1
    assert report.lags.shape == (0, 2)
