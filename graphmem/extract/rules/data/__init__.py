"""What the rules know, as rows: relations, attributes, kin and words; and the one reader of them.

A way of saying a relation is a row here (``README.md`` says what a row holds), never code; what
decides how a row is applied has no place here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any, Generic, Protocol, TypeVar, get_args, get_type_hints

_Row = TypeVar("_Row")


class _Cued(Protocol):
    @property
    def cues(self) -> str: ...


_WithCues = TypeVar("_WithCues", bound=_Cued)


def read_rule_data(name: str) -> dict[str, Any]:
    """A data file by its name without ending: ``relations/work``. A list of texts is one text that
    is too long for a line. Raises ``ValueError`` when the file is no TOML."""
    text = resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{name}.toml is not TOML: {error}") from error


def joined_text(value: Any) -> Any:
    """A text that was written as a list of its pieces."""
    return "".join(value) if isinstance(value, list) else value


def row_pattern(text: str, placeholders: Mapping[str, str]) -> re.Pattern[str]:
    """A row's pattern: placeholders such as ``<Name>`` stand for what they are given, a space for
    any. Raises ``re.error`` when it is no regular expression."""
    for name, expansion in placeholders.items():
        text = text.replace(name, expansion)
    return re.compile(re.sub(r" +", r"\\s+", text))


def read_rows(name: str, table: str, row: type[_Row]) -> Iterator[_Row]:
    """The rows of a table, as instances of a dataclass whose fields are the keys they may have.

    A row with ``verbs`` stands for one row for each of them, which takes the place of ``{verb}``.
    Raises ``ValueError``, which names the file, the row and the key, for a row that does not fit.
    """
    wanted = get_type_hints(row)
    for number, given in enumerate(read_rule_data(name)[table], 1):
        where = f"{name}.toml, row {number} of [[{table}]] ({given.get('type', 'without type')})"
        values = {key: joined_text(value) for key, value in given.items() if key != "verbs"}
        for key, value in values.items():
            if key not in wanted:
                raise ValueError(f"{where}: unknown key {key!r}; known are {', '.join(wanted)}")
            choices = get_args(wanted[key])
            if value not in choices if choices else type(value) is not wanted[key]:
                fitting = ", ".join(choices) if choices else f"a {wanted[key].__name__}"
                raise ValueError(f"{where}: {key} is {value!r}; it must be {fitting}")
        for verb in given.get("verbs", [""]):
            filled = {k: v.replace("{verb}", verb) if k in _TEXTS else v for k, v in values.items()}
            try:
                yield row(**filled)
            except TypeError as error:
                raise ValueError(f"{where}: {error}") from None


_TEXTS = frozenset({"type", "pattern", "says", "cues"})


class RowsByCue(Generic[_WithCues]):
    """Rows by the words of which one must stand in a sentence, so that what a sentence takes does
    not grow with how many rows there are."""

    def __init__(self, rows: Sequence[_WithCues]) -> None:
        self._rows = rows
        self._places: dict[str, list[int]] = {}
        for place, row in enumerate(rows):
            for word in row.cues.split():
                self._places.setdefault(word, []).append(place)
        self.cues = frozenset(self._places)

    def of(self, words: frozenset[str]) -> list[_WithCues]:
        """The rows with a cue among a sentence's words, in the order of the data."""
        places = {place for word in words & self.cues for place in self._places[word]}
        return [self._rows[place] for place in sorted(places)]
