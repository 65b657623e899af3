"""The appendix lists all that there is, in the words of the plans themselves."""

from __future__ import annotations

from bnbook import data, experiments, instruments


def test_costs_are_those_of_every_plan_at_every_scale() -> None:
    lines = instruments.costs().markdown.splitlines()
    rows = {line.split("|")[1].strip(" `"): line for line in lines[2:]}
    assert list(rows) == experiments.names()
    for name, line in rows.items():
        cells = line.split("|")[2:]
        for scale, cell in zip(experiments.SCALES, cells, strict=False):
            plan = experiments.get(name).plan(scale)
            assert plan.cost() in cell
            assert f"{len(plan.tasks())} part" in cell
            assert plan.data in cell


def test_every_data_set_is_listed_with_its_size_and_origin() -> None:
    text = instruments.data_sets().markdown
    for row in data.describe():
        assert f"`{row['name']}` | {row['train']:,} + {row['test']:,}" in text
        assert row["origin"] in text
