"""What a Cypher query returned, and the same as a table of another library."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphmem.errors import UsageError
from graphmem.model.printing import lines

if TYPE_CHECKING:
    import pandas
    import pyarrow


@dataclass(frozen=True, slots=True)
class Table:
    """What a Cypher query returned; it goes over its rows. ``truncated`` says that the row limit
    cut it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool = False

    def __str__(self) -> str:
        """Columns and rows, with tabs in between."""
        return lines(("\t".join(map(str, row)) for row in (self.columns, *self.rows)), none="")

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)

    def to_pandas(self) -> pandas.DataFrame:
        """The same as a ``DataFrame``; whole numbers stay whole where some are missing
        (``Int64``). UsageError where pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise _missing("pandas") from error
        frame = pandas.DataFrame(list(self.rows), columns=list(self.columns))
        for n in range(len(self.columns)):
            values = [row[n] for row in self.rows]
            if {type(value) for value in values} == {int, type(None)}:
                with contextlib.suppress(OverflowError):  # longer than any column of numbers takes
                    frame.isetitem(n, pandas.array(values, dtype="Int64"))
        return frame

    def to_arrow(self) -> pyarrow.Table:
        """The same as a table of Arrow; of a column whose values are of several kinds (nodes beside
        numbers), each as JSON. UsageError where pyarrow is not installed."""
        try:
            import pyarrow
        except ImportError as error:
            raise _missing("pyarrow") from error
        arrays = []
        for n in range(len(self.columns)):
            values = [row[n] for row in self.rows]
            try:
                arrays.append(pyarrow.array(values))
            except (pyarrow.ArrowException, OverflowError):
                arrays.append(
                    pyarrow.array([_as_json(value) for value in values], pyarrow.string())
                )
        return pyarrow.Table.from_arrays(arrays, names=list(self.columns))


def _as_json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _missing(package: str) -> UsageError:
    return UsageError(f"{package} is missing: pip install 'graphmem[{package}]' brings it")
