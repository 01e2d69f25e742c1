"""What Cypher returned, as the tables of other libraries."""

from __future__ import annotations

import sys

import pandas
import pyarrow
import pytest

from graphmem.errors import UsageError
from graphmem.model import Table

TABLE = Table(
    ("name", "n", "node", "mixed"),
    (("Ada", 1, {"id": "a", "tags": ["x"]}, 1), ("Bob", None, None, "two"), ("Ünal", 3, {}, [3])),
)


def test_it_goes_over_its_rows() -> None:
    assert (len(TABLE), list(TABLE)) == (3, list(TABLE.rows))


def test_to_pandas() -> None:
    found = TABLE.to_pandas()
    assert isinstance(found, pandas.DataFrame)
    assert list(found.columns) == ["name", "n", "node", "mixed"]
    assert list(found["name"]) == ["Ada", "Bob", "Ünal"]
    assert found["n"].isna().tolist() == [False, True, False]
    assert found["node"][0] == {"id": "a", "tags": ["x"]}
    assert Table(("a", "b"), ()).to_pandas().shape == (0, 2)
    large = 2**53 + 1  # as a float it would be another number
    twice = Table(("a", "a"), ((large, None), (None, 2), (None, True))).to_pandas()
    assert twice.iloc[0, 0] == large
    assert str(twice.dtypes.iloc[0]) == "Int64"
    assert list(twice.iloc[:, 1]) == [None, 2, True]
    assert Table(("n",), ((2**70,), (None,))).to_pandas().iloc[0, 0] == 2**70


def test_to_arrow() -> None:
    found = TABLE.to_arrow()
    assert isinstance(found, pyarrow.Table)
    assert found.column("n").to_pylist() == [1, None, 3]
    assert found.column("mixed").to_pylist() == ["1", '"two"', "[3]"]
    assert found.column("node").to_pylist()[0] == {"id": "a", "tags": ["x"]}
    assert Table(("a", "b"), ()).to_arrow().num_columns == 2
    twice = Table(("a", "a"), ((1, 2),))
    assert twice.to_arrow().num_columns == 2
    assert Table(("n",), ((2**70,), (1,))).to_arrow().num_rows == 2


@pytest.mark.parametrize(("method", "package"), [("to_pandas", "pandas"), ("to_arrow", "pyarrow")])
def test_what_is_missing_is_named(
    method: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=rf"pip install 'graphmem\[{package}\]'"):
        getattr(TABLE, method)()
