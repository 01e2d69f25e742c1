"""What the rows of an import refer to: in the file, of the same tenant, or nowhere at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from graphmem.errors import UsageError
from graphmem.portability.records import TenantNumber
from graphmem.ports.ledger import Ledger, Row

_Kind = Literal["episode", "entity", "fact", "turn", "statement"]
_DEFINES: Mapping[str, _Kind] = {
    "episodes": "episode",
    "turns": "turn",
    "entities": "entity",
    "facts": "fact",
    "statements": "statement",
}
_COLUMNS: Mapping[str, _Kind] = {
    "episode_id": "episode",
    "previous_id": "episode",
    "turn_id": "turn",
    "entity_id": "entity",
    "subject_id": "entity",
    "kept_id": "entity",
    "gone_id": "entity",
    "merged_into": "entity",
    "fact_id": "fact",
    "statement_id": "statement",
}
_EVENTS: Mapping[str, _Kind] = {
    "episode": "episode",
    "mention": "episode",
    "entity": "entity",
    "fact": "fact",
}
_LOOKED_UP: tuple[Literal["episode", "entity", "fact"], ...] = ("episode", "entity", "fact")
_AT_A_TIME = 5000


class References:
    """Ids by what they name, with the tenant that each belongs to. Rows that name no tenant tie
    what they refer to together: it must be of one."""

    def __init__(self) -> None:
        self._owner: dict[tuple[_Kind, str], int] = {}
        self._waiting: dict[tuple[_Kind, str], int] = {}
        """What was referred to and is not defined yet, with whose row did."""
        self._loose: set[tuple[_Kind, str]] = set()
        """The same of rows of which nothing says whose they are."""

    def note(
        self, table: str, row: Row, line: Mapping[str, Any], tenant: TenantNumber | None
    ) -> None:
        """Take a row; :class:`UsageError` when it reaches across tenants."""
        number = tenant.number if tenant is not None else None
        if table in _DEFINES and number is not None:
            key = (_DEFINES[table], row["id"])
            if self._owner.setdefault(key, number) != number:
                raise UsageError(f"{row['id']} belongs to another tenant")
        for key in _referred(table, row, line):
            owner = self._owner.get(key)
            if owner is None:
                if number is not None:
                    owner = self._waiting.setdefault(key, number)
                else:
                    self._loose.add(key)
                    continue
            if number is None:
                number = owner
            elif owner != number:
                raise UsageError(f"the {key[0]} {key[1]} belongs to another tenant")

    def check_defined(self) -> None:
        """Once all rows were taken: what waited for its definition got one of its own tenant."""
        for key, number in self._waiting.items():
            if self._owner.get(key, number) != number:
                raise UsageError(f"the {key[0]} {key[1]} belongs to another tenant")

    async def check_unknown_here(self, ledger: Ledger, file: Path) -> None:
        """That nothing in the file has, or refers to, an id that this store knows: it would be
        somebody else's."""
        # Whatever the file says it is: an id names one thing in a ledger.
        ids = sorted({id for _, id in self._owner.keys() | self._waiting.keys() | self._loose})
        for kind in _LOOKED_UP:
            for at in range(0, len(ids), _AT_A_TIME):
                if known := await ledger.existing({kind: ids[at : at + _AT_A_TIME]}):
                    raise UsageError(
                        f"{file}: the {kind} {min(known)} is in this store already, and not as "
                        "the file has it; nothing was imported"
                    )


def _referred(table: str, row: Row, line: Mapping[str, Any]) -> Iterator[tuple[_Kind, str]]:
    for column, kind in _COLUMNS.items():
        if row.get(column):
            yield kind, row[column]
    object_id = row.get("object_id")
    if object_id and not object_id.startswith("="):
        yield "entity", object_id
    if table == "events" and row["kind"] in _EVENTS:
        yield _EVENTS[row["kind"]], row["id"]
    for document in (line.get("body"), line.get("after")):
        if isinstance(document, dict):
            yield from _in_document(document)


def _in_document(document: Mapping[str, Any]) -> Iterator[tuple[_Kind, str]]:
    for name, kind in _COLUMNS.items():
        if isinstance(document.get(name), str) and document[name]:
            yield kind, document[name]
    if isinstance(document.get("object_id"), str):
        yield "entity", document["object_id"]
    yield from (("entity", id) for id in document.get("entity_ids") or ())
    for source in document.get("sources") or ():
        yield "episode", source["episode_id"]
        if source.get("turn_id"):
            yield "turn", source["turn_id"]
