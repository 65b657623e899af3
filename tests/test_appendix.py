"""The appendix lists all that there is, in the words of the plans themselves."""

from __future__ import annotations

from itertools import chain

from bnbook import appendix, claims, data, experiments, probes


def test_costs_are_those_of_every_plan_at_every_scale() -> None:
    lines = appendix.costs().markdown.splitlines()
    rows = {line.split("|")[1].strip(" `"): line for line in lines[2:]}
    assert list(rows) == experiments.names()
    for name, line in rows.items():
        cells = line.split("|")[2:]
        for scale, cell in zip(experiments.SCALES, cells, strict=False):
            if scale not in experiments.get(name).scales:
                assert cell.strip() == "–"
                continue
            plan = experiments.get(name).plan(scale)
            assert plan.cost() in cell
            assert f"{len(plan.tasks())} part" in cell
            assert plan.data in cell


def test_every_data_set_is_listed_with_its_size_and_origin() -> None:
    text = appendix.data_sets().markdown
    for row in data.describe():
        assert f"`{row['name']}` | {row['train']:,} + {row['test']:,}" in text
        assert row["origin"].split(".")[0] in text


def sections(page: appendix.Page) -> dict[str, list[str]]:
    """The names that are defined, by heading."""
    found: dict[str, list[str]] = {}
    for line in page.markdown.splitlines():
        if line.startswith(":::{rubric} "):
            found[line.removeprefix(":::{rubric} ")] = []
        elif line.startswith("`"):
            found[list(found)[-1]].append(line.split("`")[1])
    return found


def test_every_experiment_stands_once_under_the_first_chapter_that_rests_a_claim_on_it() -> None:
    found = sections(appendix.experiments())
    assert sorted(chain.from_iterable(found.values())) == sorted(experiments.names())
    titles = claims.table(ids=()).titles
    for title, names in found.items():
        for name in names:
            users = [c for c in titles if name in {x.experiment for x in claims.ledger(c).values()}]
            assert title == (titles[users[0]] if users else appendix.ELSEWHERE)


def test_every_probe_stands_once_in_a_chapter_that_uses_it() -> None:
    found = sections(appendix.probes())
    assert sorted(chain.from_iterable(found.values())) == sorted(probes.names())
    assert "gradient_shift" in found["Covariate shift"]
