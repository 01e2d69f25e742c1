"""Entities, facts, statements and mentions of a salvaged ledger: what of them is missing, from the
events and from each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.statements import support_rows
from graphmem.adapters.ledger.sqlite.salvaged_rows import NewLedger
from graphmem.model import Fact, Source, Statement

_MERGED = "is one with "
_AT_A_TIME = 500


class SalvagedFacts:
    """The steps, in the order in which they are to be taken."""

    def __init__(self, new: NewLedger) -> None:
        self._new = new

    def put_entities(self) -> None:
        """As their last events say; of one that was merged or hidden, that too."""
        for row in self._new.ask("lost_entities").fetchall():
            entity = rows.to_entity(row["after"])
            action, at, reason = row["last"].split(" ", 2)
            if action == "ERASE":
                continue
            gone = action == "DELETE"
            merges = self._new.ask("merged_into", id=entity.id).fetchall() if gone else ()
            into = merges[0]["kept_id"] if merges else None
            if into is None and gone and reason.startswith(_MERGED):
                into = reason.removeprefix(_MERGED)
            put = {**rows.entity_row(entity), "merged_into": into, "gone_at": at if gone else None}
            self._new.take("entities", [put])

    def put_versions(self) -> None:
        """Versions of facts, each believed until the next event of it."""
        for row in self._new.ask("lost_versions").fetchall():
            fact, at = rows.to_fact(row["after"]), row["retired_at"]
            key = {"id": fact.id, "version": fact.version}
            if at is None:
                newer = self._new.ask("newer_version", **key).fetchone()
                at = newer["recorded_at"] if newer else None
            put = rows.fact_row(fact)
            if at is not None:
                put |= {"retired_at": at, "body": rows.retired(put["body"], at)}
            for older in self._new.ask("older_present", **key).fetchall() if at is None else ():
                ended = put["recorded_at"]
                body = rows.retired(older["body"], ended)
                old = {"id": fact.id, "version": older["version"], "at": ended, "body": body}
                self._new.put("retire", [old])
            self._new.take("facts", [put])

    def put_statements(self) -> None:
        """What a fact rests on and is lost says what the fact says: else the next thing that is
        said about the same would end it."""
        for row in self._new.ask("all_present_facts").fetchall():
            fact = rows.to_fact(row["body"])
            lost = [
                id
                for id in fact.statement_ids
                if not self._new.ask("has_statement", id=id).fetchone()
            ]
            made = [_statement(fact, id, place) for place, id in enumerate(lost)]
            tenant = fact.scope.tenant
            put = [{**rows.statement_row(one, tenant), "undone": False} for one in made]
            self._new.take("statements", put)

    def put_what_follows(self) -> None:
        """What is looked up by: names of entities, whom facts are about, what they come from."""
        self._each(
            "all_entities", lambda body: {"put_alias": rows.alias_rows(rows.to_entity(body))}
        )
        self._each("all_present_facts", lambda body: _lookups(rows.to_fact(body), ""))
        self._each("all_past_facts", lambda body: _lookups(rows.to_fact(body), "past_"))

    def put_mentions(self) -> dict[str, tuple[str, str]]:
        """Who is mentioned where. Gives, for each episode of which the events say otherwise, its
        tenant and what is to be said."""
        self._new.ask("take_mentions")
        for row in self._new.ask("all_statements").fetchall():
            statement = rows.to_statement(row)
            turns = [source.turn_id for source in statement.sources if source.turn_id]
            some = [{"turn_id": t, "entity_id": e} for t in turns for e in statement.entity_ids]
            self._new.put("put_mention", some)
        noted: dict[str, set[str]] = {}
        for row in self._new.ask("mentioning_events"):
            ids = set(json.loads(row["after"])["entity_ids"])
            if row["action"] == "REPLACE":
                noted[row["id"]] = ids
            else:
                noted.setdefault(row["id"], set()).update(ids)
        for episode, ids in noted.items():
            self._mention_lost(episode, ids - self._mentioned(episode))
        found: dict[str, tuple[str, str]] = {}
        for row in self._new.ask("mentioning_episodes").fetchall():
            now = self._mentioned(row["id"])
            if now != noted.get(row["id"], set()):
                after = rows.as_json({"entity_ids": sorted(now)})
                found[row["id"]] = row["tenant"], after
        return found

    def _mentioned(self, episode: str) -> set[str]:
        return {row["id"] for row in self._new.ask("mentioned", id=episode)}

    def _mention_lost(self, episode: str, entities: set[str]) -> None:
        """In the turn that has the name, else in the first."""
        if not entities:
            return
        turns = self._new.ask("turns_of", id=episode).fetchall()
        for id in sorted(entities if turns else ()):
            names = self._new.ask("name_of_entity", id=id).fetchall()
            having = [turn for turn in turns if names and names[0]["name"] in turn["text"]]
            turn = (having or turns)[0]
            self._new.put("put_mention", [{"turn_id": turn["id"], "entity_id": id}])

    def _each(
        self, name: str, made: Callable[[str], Mapping[str, Sequence[Mapping[str, Any]]]]
    ) -> None:
        bodies = self._new.ask(name).fetchall()
        for at in range(0, len(bodies), _AT_A_TIME):
            some: dict[str, list[Mapping[str, Any]]] = {}
            for row in bodies[at : at + _AT_A_TIME]:
                for into, put in made(row["body"]).items():
                    some.setdefault(into, []).extend(put)
            for into, all_of_it in some.items():
                self._new.put(into, all_of_it)


def _lookups(fact: Fact, past: str) -> dict[str, list[Mapping[str, Any]]]:
    entity = "put_past_entity" if past else "put_fact_entity"
    about = [{"entity_id": id, "fact_id": fact.id} for id in dict.fromkeys(fact.entity_ids)]
    source = "put_past_source" if past else "put_source"
    found: dict[str, list[Mapping[str, Any]]] = {entity: [*about], source: rows.source_rows(fact)}  # type: ignore[dict-item]
    found["put_support"] = support_rows(fact)
    return found


_ALIKE = (
    "text", "entity_ids", "valid_at", "valid_precision", "invalid_at", "invalid_precision",
    "modality", "importance", "scope", "expires_at", "memory_type", "metadata", "tags",
)  # fmt: skip
"""What a fact and a statement have under the same name."""


def _statement(fact: Fact, id: str, place: int) -> Statement:
    source = fact.sources[place % len(fact.sources)] if fact.sources else Source("")
    typed = fact.type is not None and fact.object_id is not None
    return Statement(
        **{name: getattr(fact, name) for name in _ALIKE},
        id=id,
        episode_id=source.episode_id,
        stated_at=fact.stated_at or fact.recorded_at,
        ordinal=place,
        subject_id=fact.subject_id if typed else None,
        type=fact.type if typed else None,
        object_id=fact.object_id if typed else None,
        sources=(source,) if fact.sources else (),
    )
