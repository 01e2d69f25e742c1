"""The lines of an export, version 1: a row of a ledger as JSON, and what there is around them.

The first line says what the file is, one line for each (project, owner) gives it a number, then
come the rows, table by table, each with that number in place of a tenant's name, and the last line
says how many they were and their digest. JSON texts within a row are JSON here.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphmem.errors import UsageError
from graphmem.model import DEFAULT_PROJECT, Scope
from graphmem.ports.ledger import Row

VERSION = 1
EVERYONE = 0
"""The number of what belongs to no tenant: rules of relation types, and of retention."""
_LONGEST_INT = 1 << 63

_KINDS: Mapping[str, tuple[type, ...]] = {
    "text": (str,),
    "maybe": (str, type(None)),
    "whole": (int,),
    "number": (int, float),
    "truth": (bool,),
    "object": (dict,),
    "list": (list,),
    "maybe_object": (dict, type(None)),
}


def _columns(text: str, maybe: str = "", **others: str) -> dict[str, tuple[type, ...]]:
    """Columns by what they may be (see ``_KINDS``), names with a space between."""
    given = {"text": text, "maybe": maybe, **others}
    return {name: _KINDS[kind] for kind, names in given.items() for name in names.split()}


COLUMNS: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "episodes": _columns(
        "id kind content content_hash occurred_at recorded_at memory_type status",
        "agent_id run_id previous_id idempotency_key document expires_at reason actor",
        number="importance",
        truth="time_given infer",
        object="metadata",
        list="tags",
        maybe_object="extraction",
    ),
    "conversations": _columns("run_id", "title closed_at", object="metadata"),
    "turns": _columns("id episode_id role text", "speaker occurred_at source_id", whole="ordinal"),
    "extractions": _columns(
        "episode_id extractor version", "raw", whole="calls tokens_in tokens_out"
    ),
    "entities": _columns("id name key kind", "merged_into gone_at", object="body"),
    "aliases": _columns("key entity_id"),
    "mentions": _columns("turn_id entity_id episode_id"),
    "facts": _columns(
        "id text_key recorded_at modality",
        "subject_id type object_id retired_at begins_at ends_at archived_at",
        whole="version",
        object="body",
    ),
    "fact_uses": _columns("fact_id last_at", whole="count"),
    "summaries": _columns("id made_by", "run_id title", object="made_of", maybe_object="body"),
    "fact_entities": _columns("entity_id fact_id"),
    "sources": _columns("fact_id episode_id turn_id", "agent_id run_id"),
    "past_entities": _columns("entity_id fact_id"),
    "past_sources": _columns("fact_id episode_id turn_id", "agent_id run_id"),
    "statements": _columns(
        "id episode_id text_key", "subject_id type object_id", truth="undone", object="body"
    ),
    "supports": _columns("statement_id fact_id"),
    "edits": _columns("id fact_id at", truth="undone", object="body"),
    "silences": _columns("turn_id edit_id at", "until"),
    "merges": _columns("id kept_id gone_id at", truth="undone", object="body"),
    "events": _columns("at kind id action actor reason", "episode_id", maybe_object="after"),
}
"""For each table the columns of its lines, and what they may be. Columns that follow from the
tenant, and numbers that count within one ledger, are not in them."""

_DOCUMENTS = frozenset({"metadata", "tags", "extraction", "made_of", "body", "after"})
TENANTED = frozenset({
    "episodes", "turns", "entities", "aliases", "facts", "statements", "edits", "silences",
    "conversations", "fact_uses", "summaries", "merges", "events",
})  # fmt: skip
"""Tables whose rows name their tenant; those of the others belong to what they refer to."""


@dataclass(frozen=True, slots=True)
class TenantNumber:
    """A (project, owner) as a file names it."""

    number: int
    scope: Scope

    def to_line(self) -> dict[str, Any]:
        owner = "user_id" if self.scope.user_id is not None else "agent_id"
        known = self.scope.user_name
        name = {} if known == self.scope.user_id else {"user_name": known}
        return {
            "line": "tenant",
            "number": self.number,
            "project_id": self.scope.project_id,
            owner: getattr(self.scope, owner),
            **name,
        }


def named_scope(scope: Scope) -> Scope:
    """Whose tenant a scope is in, by the user's name, whatever the pseudonym."""
    if scope.user_id is None:
        return Scope(scope.project_id, None, scope.agent_id)
    return Scope(scope.project_id, scope.user_name)


def to_line(table: str, row: Row, number: int | None) -> dict[str, Any]:
    """A row as a line."""
    line: dict[str, Any] = {"line": table}
    if number is not None:
        line["tenant"] = number
    for name in COLUMNS[table]:
        value = row[name]
        line[name] = json.loads(value) if name in _DOCUMENTS and value is not None else value
    for document in (line.get("body"), line.get("after")):
        if isinstance(document, dict) and "tenant" in document:
            document["tenant"] = number
    return line


def to_row(table: str, line: Mapping[str, Any], tenant: TenantNumber | None) -> dict[str, Any]:
    """A line as the row that it was, but for the numbers that the ledger gives it. Anything that
    is not as an export writes it is :class:`~graphmem.errors.UsageError`."""
    columns = COLUMNS[table]
    named = {"line", *columns, *(("tenant",) if table in TENANTED else ())}
    if unknown := sorted(line.keys() - named):
        raise UsageError(f"{table} have no {', '.join(unknown)}")
    if missing := sorted(named - line.keys()):
        raise UsageError(f"it has no {', '.join(missing)}")
    row: dict[str, Any] = {}
    for name, kinds in columns.items():
        value = line[name]
        if type(value) not in kinds:
            expected = " or ".join(_NAMES[kind] for kind in kinds)
            raise UsageError(f"{name} must be {expected}")
        if name in _DOCUMENTS:
            _check_owner(name, value, tenant)
        row[name] = value
    if tenant is not None:
        row["tenant"] = tenant.scope.tenant
    if tenant is not None and table == "episodes":
        row["project_id"], row["user_id"] = tenant.scope.project_id, tenant.scope.user_id
        if tenant.scope.user_id is None and row["agent_id"] != tenant.scope.agent_id:
            raise UsageError("its agent_id is not its tenant's")
    return row


_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    type(None): "null",
}


def _check_owner(name: str, value: Any, tenant: TenantNumber | None) -> None:
    """A document that names its owner names the tenant's, and is given its name."""
    if name not in {"body", "after"} or not isinstance(value, dict) or tenant is None:
        return
    if "tenant" in value:
        if value["tenant"] != tenant.number:
            raise UsageError(f"the tenant of its {name} is another one")
        value["tenant"] = tenant.scope.tenant
    scope = value.get("scope")
    if scope is None:
        return
    if not isinstance(scope, dict) or scope.keys() - {
        "project_id", "user_id", "agent_id", "run_id",
    }:  # fmt: skip
        raise UsageError(f"the scope of its {name} is none")
    try:
        found = Scope(**scope)
    except TypeError as error:
        raise UsageError(f"the scope of its {name} is none: {error}") from error
    if found.tenant != tenant.scope.tenant:
        raise UsageError(f"the scope of its {name} is of another tenant")


def dump(line: Mapping[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def line_digest(text: str) -> int:
    """What a line adds to the digest of a file."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())


MOST_BYTES = 64 << 20
"""Of a line."""


def parse_line(text: bytes) -> dict[str, Any]:
    """One line as JSON that every ledger can keep; else :class:`~graphmem.errors.UsageError`."""
    if len(text) > MOST_BYTES:
        raise UsageError(f"it has more than {MOST_BYTES:,} bytes")
    try:
        found = json.loads(
            text.decode("utf-8"),
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UsageError:
        raise
    except UnicodeError as error:
        raise UsageError(f"it is no UTF-8, or has half a character: {error}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"it is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError("it is no JSON object")
    return found


def _whole(text: str) -> int:
    if len(text) > 20 or not -_LONGEST_INT <= (value := int(text)) < _LONGEST_INT:
        raise UsageError("it has a whole number of more than 64 bits")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise UsageError("it has a number that is too large")
    return value


def _no_constant(text: str) -> Any:
    raise UsageError(f"it has {text}, which is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UsageError("it has a name twice in one object")
    return found


def header(version: str, at: str, seq: int, *, whole: bool) -> dict[str, Any]:
    return {
        "line": "graphmem export",
        "version": VERSION,
        "graphmem": version,
        "exported_at": at,
        "seq": seq,
        "whole_store": whole,
        "default_project": DEFAULT_PROJECT,
    }
