"""Imports whole tenants from elsewhere: rows are checked for consistency, then added in one
transaction and numbered anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.steps import EventLog, Steps, execute, fetch
from graphmem.adapters.ledger.sql.tables import table_named
from graphmem.clock import stamp, unstamp
from graphmem.errors import UsageError, shown
from graphmem.limits import checked_metadata
from graphmem.model import (
    Edit,
    Entity,
    Episode,
    Fact,
    RetentionRule,
    Scope,
    Statement,
    Summary,
    TypeRule,
)
from graphmem.ports.ledger import Row

_T = TypeVar("_T")

Batches = Callable[[], Iterable[tuple[str, Sequence[Row]]]]
_DOCUMENTS = frozenset({"metadata", "tags", "extraction", "made_of", "body", "after"})
_EVER = "9999-12-31T23:59:59.999999Z"
_STATUSES = frozenset({"pending", "done", "failed", "undone"})
_ACTIONS = frozenset({"ADD", "UPDATE", "DELETE", "NONE", "REPLACE", "ERASE"})


def row_of(table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it is stored, from values in which documents are not JSON text yet.
    :class:`~graphmem.errors.UsageError` if a column is not what follows from the document."""
    for name, value in values.items():
        if isinstance(value, str) and "\0" in value:
            raise UsageError(f"{name} has a NUL character")
        if name.endswith("_at") or name == "at":
            _check_time(name, value)
    for holder in (values, values.get("body"), values.get("after")):
        if isinstance(holder, dict):
            checked_metadata(holder.get("metadata"))
    if check := _CHECKS.get(table):
        check(values)
    return {
        name: rows.as_json(value) if name in _DOCUMENTS and value is not None else value
        for name, value in values.items()
    }


def adopt(log: EventLog, tenants: Sequence[str], batches: Batches) -> Steps[None]:
    for tenant in tenants:
        if (yield from fetch("events_of_tenant", tenant=tenant, after=0, until=_EVER, limit=1)):
            raise UsageError("somebody wrote here meanwhile; nothing was imported: try again")
    head = (yield from fetch("head"))[0]["head"]
    number = (yield from fetch("last_episode_number"))[0]["n"]
    for table, batch in batches():
        columns = table_named(table).columns
        added: list[dict[str, Any]] = [{name: row.get(name) for name in columns} for row in batch]
        for row in added:
            if table == "episodes":
                number += 1
                scope = Scope(row["project_id"], row["user_id"], row["agent_id"], row["run_id"])
                row["n"], row["scope_key"] = number, rows.scope_key(scope)
            elif table == "events":
                head += 1
                row["seq"] = head
        yield from execute(f"adopt_{table}", *added)
    log.seq = head


def _check_time(name: str, value: object) -> None:
    if value is not None and (not isinstance(value, str) or stamp(unstamp(value)) != value):
        raise UsageError(f"{name} is no time as it is kept: {shown(value)}")


def _converted(document: object, kind: type[_T]) -> _T:
    """A document as a value of ``kind``; :class:`UsageError` if it has a field that this version
    does not know."""
    fields = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if not isinstance(document, dict) or document.keys() - fields:
        raise UsageError(f"it is no {kind.__name__.lower()} of this version")
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"it is no {kind.__name__.lower()}: {error}") from error


def _check_episode(values: Mapping[str, Any]) -> None:
    if values["status"] not in _STATUSES:
        raise UsageError(f"a status is one of {', '.join(sorted(_STATUSES))}")
    scope = Scope(values["project_id"], values["user_id"], values["agent_id"], values["run_id"])
    plain = {field.name: getattr(scope, field.name) for field in dataclasses.fields(scope)}
    names = {field.name for field in dataclasses.fields(Episode)} & values.keys()
    _converted({**{name: values[name] for name in names}, "scope": plain, "turns": []}, Episode)


def _check_body(
    kind: Any, row_of_value: Callable[[Any, str], Mapping[str, Any]], values: Mapping[str, Any]
) -> None:
    """Check that the columns hold what follows from the body."""
    _converted(values["body"], kind)
    derived = row_of_value(kind.from_json(values["body"]), values["tenant"])
    for name in derived:
        if name != "body" and values.get(name) != derived[name]:
            raise UsageError(f"{name} is not what its body says")


def _check_merge(values: Mapping[str, Any]) -> None:
    if _converted(values["body"], Entity).id != values["kept_id"]:
        raise UsageError("kept_id is not what its body says")


def _check_event(values: Mapping[str, Any]) -> None:
    kind, after = values["kind"], values["after"]
    if values["action"] not in _ACTIONS:
        raise UsageError(f"an action is one of {', '.join(sorted(_ACTIONS))}")
    if kind not in _AFTER:
        raise UsageError(f"an event is of one of {', '.join(_AFTER)}")
    if after is None:
        if kind == "type" and values["action"] != "ERASE":
            raise UsageError("the rule of a relation type says what holds from then on")
        return
    known = _AFTER[kind]
    if isinstance(known, str):
        if after.keys() != {known}:
            raise UsageError(f"after has {known}, and nothing else")
        ids = after[known]
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            raise UsageError("ids are a list of text")
        return
    if kind != "type" and _converted(after, known).id != values["id"]:
        raise UsageError("id is not what follows")
    if kind == "type" and _converted(after, TypeRule).type != values["id"]:
        raise UsageError("id is not the type that follows")


def _check_summary(values: Mapping[str, Any]) -> None:
    if values["body"] is not None:
        _converted(values["body"], Summary)
    if any(type(version) is not int for version in values["made_of"].values()):
        raise UsageError("made_of has the versions of facts")


_AFTER: Mapping[str, Any] = {
    "episode": "turn_ids",
    "mention": "entity_ids",
    "entity": Entity,
    "fact": Fact,
    "type": TypeRule,
    "retention": RetentionRule,
}
_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "episodes": _check_episode,
    "facts": partial(_check_body, Fact, lambda fact, _: rows.fact_row(fact)),
    "entities": partial(_check_body, Entity, lambda entity, _: rows.entity_row(entity)),
    "statements": partial(_check_body, Statement, rows.statement_row),
    "edits": partial(_check_body, Edit, rows.edit_row),
    "merges": _check_merge,
    "events": _check_event,
    "summaries": _check_summary,
}
