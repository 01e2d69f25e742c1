"""The differences between SQLite and PostgreSQL: the placeholders of the ``.sql`` files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from graphmem.adapters.named_statements import NamedStatement, parse_statements

_IN_LIST = re.compile(r"= ANY\((:\w+|\{\w+\})\)")
_GIVEN = re.compile(r"(:\w+) IS NULL")


@dataclass(frozen=True, slots=True)
class _Fragment:
    """A placeholder's text: ``{word:a|b}`` in a ``.sql`` file is it with ``a`` and ``b`` filled
    in."""

    text: str

    def __format__(self, arguments: str) -> str:
        return self.text.format(*arguments.split("|"))


@dataclass(frozen=True, slots=True)
class SqlDialect:
    """How one database writes what differs between the two."""

    name: str
    words: Mapping[str, str]
    """The text of each placeholder; ``{0}`` and ``{1}`` in it are the placeholder's arguments."""
    in_list: str
    """Replaces ``= ANY(:list)``, where the list holds texts."""
    given: str
    """Replaces ``:value`` in ``:value IS NULL``, where the value is a text."""
    json_path: Callable[[Sequence[str]], str]
    """Keys as a path into a JSON document."""

    def spell(self, sql: str, **more: str) -> str:
        """SQL of a ``.sql`` file in this dialect; ``more`` fills further placeholders."""
        words = {name: _Fragment(text) for name, text in self.words.items()}
        spelled = sql.format(**words, **more)
        spelled = _IN_LIST.sub(lambda found: self.in_list.format(found[1]), spelled)
        return _GIVEN.sub(lambda found: self.given.format(found[1]) + " IS NULL", spelled)

    def load(self, file: str) -> dict[str, str]:
        """The statements of a ``.sql`` file for this database, by name, before :meth:`spell`."""
        return {one.name: one.text for one in _load(file) if one.variant in {None, self.name}}

    def migrations(self) -> list[str]:
        """The scripts that migrate a store from each version of the schema to the next."""
        files = resources.files("graphmem.adapters.ledger.sql").iterdir()
        names = sorted(file.name for file in files if re.fullmatch(r"schema_\d+\.sql", file.name))
        return ["\n\n".join(map(self.spell, self.load(name).values())) for name in names]


def _load(file: str) -> list[NamedStatement]:
    source = resources.files("graphmem.adapters.ledger.sql").joinpath(file).read_text("utf-8")
    return parse_statements(source, file, "--")


def _sqlite_path(keys: Sequence[str]) -> str:
    return "".join(("$", *(f'."{key}"' for key in keys)))


def _postgres_path(keys: Sequence[str]) -> str:
    """In strict mode, a key is not looked up in the members of a list."""
    steps = (f".{json.dumps(key, ensure_ascii=False)}" for key in keys)
    return "".join(("strict $", *steps))


SQLITE = SqlDialect(
    "sqlite",
    {
        # Parameters. Lists arrive as JSON text.
        "each": "json_each(:{0})",
        "item": "json_extract({0}, '$[{1}]')",
        "in_hashed": "{0} = ANY(:{1})",
        # Results.
        "json_list": "json_group_array({0})",
        # The planner.
        "hash": "{0}",
        "prefix": "{0}",
        "no_index": "+",
        "indexed_by": "INDEXED BY {0}",
        # Documents.
        "text_at": "json_extract({0}.body, '$.{1}')",
        "number_at": "json_extract({0}.body, '$.{1}')",
        "texts_at": "json_each({0}.body, '$.{1}') AS v",
        "objects_at": "json_each({0}.body, '$.{1}') AS v",
        "member": "json_extract(v.value, '$.{0}')",
        # The schema.
        "text": "TEXT",
        "bytes": "BLOB",
        "row_number": "INTEGER PRIMARY KEY",
        "keyed": " WITHOUT ROWID",
        "next_number": "NULL",
        "unlogged": "",
        # The clock of the database, in seconds since 1970.
        "now_s": "((julianday('now') - 2440587.5) * 86400.0)",
        "larger": "max({0}, {1})",
    },
    in_list="IN (SELECT value FROM json_each({0}))",
    given="{0}",
    json_path=_sqlite_path,
)

# A text in a body may contain NUL; PostgreSQL's JSON may not.
_DOCUMENT = r"replace({0}.body, '\u0000', '\ufffd')::jsonb"

POSTGRES = SqlDialect(
    "postgres",
    {
        # Lists arrive as arrays; `key` counts from 0.
        "each": "(SELECT n - 1 AS key, value"
        " FROM unnest(:{0}::text[]) WITH ORDINALITY AS u (value, n))",
        "item": "({0}::jsonb ->> {1})",
        "in_hashed": "hashtextextended({0}, 0) = ANY(SELECT hashtextextended(k, 0)"
        " FROM unnest(:{1}::text[]) AS k) AND {0} = ANY(:{1})",
        "json_list": "coalesce(json_agg({0})::text, '[]')",
        # An index entry has at most 2,704 bytes: longer texts are indexed, and looked up, by their
        # hash or beginning, and then compared.
        "hash": "hashtextextended({0}, 0)",
        "prefix": "left({0}, 100)",
        "no_index": "",
        "indexed_by": "",
        "text_at": f"({_DOCUMENT} ->> '{{1}}') COLLATE \"C\"",
        "number_at": f"({_DOCUMENT} ->> '{{1}}')::float8",
        "texts_at": f"jsonb_array_elements_text({_DOCUMENT} -> '{{1}}') AS v (value)",
        "objects_at": f"jsonb_array_elements({_DOCUMENT} -> '{{1}}') AS v (value)",
        "document": f"({_DOCUMENT})",
        "member": "(v.value ->> '{0}')",
        # Text sorts by its bytes, as in SQLite.
        "text": 'text COLLATE "C"',
        "bytes": "bytea",
        "row_number": "bigint PRIMARY KEY",
        "keyed": "",
        "next_number": "(SELECT coalesce(max(n), 0) + 1 FROM {0})",
        "unlogged": "UNLOGGED ",
        "now_s": "extract(epoch FROM clock_timestamp())::float8",
        "larger": "greatest({0}, {1})",
    },
    in_list="= ANY({0}::text[])",
    given="{0}::text",
    json_path=_postgres_path,
)
