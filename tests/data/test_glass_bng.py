"""BNG(glass) as OpenML would send it, a few rows of it; no network."""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

from bnbook import data
from bnbook.data import DataError, glass_bng

ROWS = 70
NAMES = ("RI", "Na", "Mg", "Al", "Si", "K", "Ca", "Ba", "Fe")
TYPES = (
    "'build wind float'",
    "'build wind non-float'",
    "'vehic wind float'",
    "'vehic wind non-float'",
    "containers",
    "tableware",
    "headlamps",
)


def numbers() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(ROWS, len(NAMES))).round(6)


def arff(names: tuple[str, ...] = NAMES, types: tuple[str, ...] = TYPES) -> bytes:
    """The file: a header that declares the columns, then a row a line."""
    header = ["@relation glass", *(f"@attribute {name} numeric" for name in names)]
    header += [f"@attribute Type {{{','.join(types)}}}", "@data"]
    rows = [
        ",".join([*map(str, row[: len(names)]), types[i % len(types)]])
        for i, row in enumerate(numbers().tolist())
    ]
    return "\n".join([*header, *rows, ""]).encode()


class Answer(io.BytesIO):
    """What `urlopen` returns."""

    def info(self) -> dict[str, str]:
        return {}


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Let scikit-learn find a file on OpenML, in an empty data folder."""
    monkeypatch.setenv("BNBOOK_DATA", str(tmp_path))
    monkeypatch.setattr(glass_bng, "ROWS", ROWS)
    small = replace(data.SOURCES["glass-bng"], train=56, test=14)
    monkeypatch.setitem(data.SOURCES, "glass-bng", small)

    def start(content: bytes, md5: str | None = None, names: tuple[str, ...] = NAMES) -> None:
        def column(i: int, name: str) -> dict[str, str]:
            kind = "nominal" if name == "Type" else "numeric"
            known = {"index": str(i), "name": name, "data_type": kind, "is_ignore": "false"}
            known |= {"is_row_identifier": "false", "number_of_missing_values": "0"}
            return known | {"is_target": str(name == "Type").lower()}

        described = {
            "id": "265",
            "name": "BNG(glass)",
            "description": "The table.",
            "version": "1",
            "format": "ARFF",
            "file_id": "1",
            "url": "https://openml.org/data/v1/download/1/glass.arff",
            "status": "active",
            "default_target_attribute": "Type",
            "md5_checksum": md5 or hashlib.md5(content).hexdigest(),
        }
        columns = [column(i, name) for i, name in enumerate([*names, "Type"])]
        qualities = [{"name": "NumberOfInstances", "value": str(float(ROWS))}]
        answers = {
            "data/features/265": {"data_features": {"feature": columns}},
            "data/qualities/265": {"data_qualities": {"quality": qualities}},
            "data/265": {"data_set_description": described},
        }

        def urlopen(request: Any, **_: Any) -> Answer:
            for end, found in answers.items():
                if request.full_url.endswith(end):
                    return Answer(json.dumps(found).encode())
            assert "download" in request.full_url
            return Answer(content)

        monkeypatch.setattr("sklearn.datasets._openml.urlopen", urlopen)

    return start


def test_rows_come_with_their_labels_and_a_fifth_of_lowest_hash_is_the_test_split(
    serve: Callable[..., None],
) -> None:
    serve(arff())
    loaded = data.fetch("glass-bng")
    assert (len(loaded.train), len(loaded.test), loaded.input_shape) == (56, 14, (9,))
    assert loaded.classes == tuple(name.strip("'") for name in TYPES)
    x, y = numbers(), np.arange(ROWS) % 7
    hashed = [
        hashlib.sha256(r.tobytes() + bytes([k])).hexdigest() for r, k in zip(x, y, strict=True)
    ]
    order = np.argsort(hashed)
    test, train = order[:14], order[14:]
    expected = (x - x[train].mean(0)) / x[train].std(0)
    assert loaded.test.y.tolist() == y[test].tolist()
    np.testing.assert_allclose(loaded.test.x.numpy(), expected[test], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(loaded.train.x.numpy(), expected[train], rtol=1e-4, atol=1e-5)


def test_what_was_fetched_once_needs_no_network(
    serve: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(arff())
    first = data.fetch("glass-bng")

    def unreachable(*_: Any, **__: Any) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr("sklearn.datasets._openml.urlopen", unreachable)
    assert data.fetch("glass-bng").fingerprint == first.fingerprint
    assert next(row for row in data.describe() if row["name"] == "glass-bng")["present"]


def test_a_file_that_openml_does_not_vouch_for_is_refused(serve: Callable[..., None]) -> None:
    serve(arff(), md5="0" * 32)
    with pytest.raises(DataError, match=r"'glass-bng' .*md5 checksum"):
        data.fetch("glass-bng")


def test_other_columns_are_refused_with_those_expected(serve: Callable[..., None]) -> None:
    serve(arff(names=NAMES[:8]), names=NAMES[:8])
    with pytest.raises(DataError, match=r"70 rows of RI, .*, Ba; expected 70 of RI, .*, Fe"):
        data.fetch("glass-bng")


def test_another_number_of_rows_is_refused(
    serve: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(arff())
    monkeypatch.setattr(glass_bng, "ROWS", 137_781)
    with pytest.raises(DataError, match=r"has 70 rows .*; expected 137,781"):
        data.fetch("glass-bng")


def test_an_unknown_label_is_refused(serve: Callable[..., None]) -> None:
    serve(arff(types=(*TYPES[:6], "bottles")))
    with pytest.raises(DataError, match="has labels bottles"):
        data.fetch("glass-bng")


def test_without_a_network_the_error_names_the_set_the_folder_and_the_way_out(
    serve: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr("sklearn.datasets._openml.urlopen", unreachable)
    with pytest.raises(DataError) as caught:
        data.fetch("glass-bng")
    told = str(caught.value)
    for part in ("'glass-bng'", str(tmp_path), "BNBOOK_DATA", "glass-bng/rows.npz", "not known"):
        assert part in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-40], lambda content: b"", lambda content: b"rows"]
)
def test_a_damaged_file_is_named_with_the_cure(
    serve: Callable[..., None], tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    serve(arff())
    data.fetch("glass-bng")
    path = tmp_path / "glass-bng" / "rows.npz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"rows.npz is damaged.*bnbook data fetch glass-bng"):
        data.fetch("glass-bng")


def test_the_description_counts_every_row() -> None:
    row = next(row for row in data.describe() if row["name"] == "glass-bng")
    assert row["train"] + row["test"] == 137_781
