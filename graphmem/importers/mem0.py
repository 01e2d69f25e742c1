"""What mem0 remembers, as items for ``add_many``: each memory an episode, at the time at which mem0
made it, with its scope, metadata, categories (as tags) and expiry."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from graphmem.clock import SystemClock, parse_date_or_none, stamp
from graphmem.errors import UsageError, shown
from graphmem.importers.items import Item, message_time
from graphmem.importers.mem0_files import (
    MEM0_ENTITY,
    TEXT_KEYS,
    Mem0Change,
    Mem0Row,
    find_mem0_files,
    read_collection,
    read_export,
    read_history,
)
from graphmem.model import DEFAULT_PROJECT, Scope
from graphmem.text import digest

_NOTED = ("actor_id", "role", "attributed_to")
_MOST_NAMED = 1000


class Mem0Reader:
    """The items of what mem0 keeps under some paths. Iterating twice reads it twice.

    Of a memory that its history shows to have said something else before, what it said is an item
    too, which expired when it was replaced. What was deleted in mem0 is left out. The ids in
    ``scope`` count where a memory has none of its own. ``bad`` names the rows that were passed over
    in the last reading (the first thousand), ``bad_count`` counts them; ``remarks`` say what the
    files do not have, or what else was not taken.
    """

    def __init__(
        self, paths: Sequence[Path], scope: Mapping[str, str | None], *, max_bytes: int
    ) -> None:
        self._files = find_mem0_files(tuple(paths))
        self._scope = scope
        self._max_bytes = max_bytes
        self._clock = SystemClock()
        self._histories: dict[str, list[Mem0Change]] = {}
        self._begin()

    def _begin(self) -> None:
        self.bad: list[str] = []
        self.remarks: list[str] = []
        self.bad_count = self.deleted = self.replaced = self.entities = self.memories = 0
        self.users: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Item]:
        self._begin()
        alone = not self._files.exports and not self._files.collections
        for path in self._files.histories:
            for id, changes in read_history(path):
                if alone:
                    yield from self._of_history(f"{path.name}, memory {id}", id, changes)
                elif len(changes) > 1:
                    self._histories[id] = changes
        rows = [read_export(path, self.remarks.append) for path in self._files.exports]
        rows += [read_collection(path) for path in self._files.collections]
        for row in itertools.chain.from_iterable(rows):
            yield from self._of_row(row)

    def _of_row(self, row: Mem0Row) -> Iterator[Item]:
        where, record = row
        if record is MEM0_ENTITY:
            self.entities += 1
            return
        if isinstance(record, UsageError):
            self._pass_over(where, str(record))
            return
        if not isinstance(record, Mapping):
            self._pass_over(where, f"no memory: {shown(record)}")
            return
        changes = self._histories.get(str(record.get("id")), [])
        yield from self._versions(where, record, changes)

    def _of_history(self, where: str, id: str, changes: Sequence[Mem0Change]) -> Iterator[Item]:
        last = changes[-1]
        if last.deleted:
            self.deleted += 1
            return
        record = {"id": id, "memory": last.text, "actor_id": last.actor, "role": last.role}
        yield from self._versions(where, {**record, "created_at": last.at}, changes)

    def _versions(
        self, where: str, record: Mapping[str, Any], changes: Sequence[Mem0Change]
    ) -> Iterator[Item]:
        try:
            items = [self._item(record, where)]
            before = [change for change in changes if not change.deleted]
            while before and before[-1].text == items[0]["content"]:
                items[0] = self._item({**record, "created_at": before.pop().at}, where)
            for change in reversed(before):
                as_then = {**record, "memory": change.text, "created_at": change.at}
                item = self._item({**as_then, "expiration_date": None}, where)
                if item["content"] != items[-1]["content"]:
                    items.append(_replaced(item, items[-1].get("occurred_at")))
        except UsageError as error:
            self._pass_over(where, str(error).removeprefix(f"{where}: "))
            return
        self.memories += 1
        self.replaced += len(items) - 1
        self.users[str(items[0].get("user_id") or items[0].get("agent_id"))] += 1
        yield from reversed(items)

    def _item(self, record: Mapping[str, Any], where: str) -> Item:
        """A memory, checked as ``add`` checks it."""
        given = (record[name] for name in TEXT_KEYS if record.get(name) is not None)
        text = next(given, None)
        if not isinstance(text, str):
            raise UsageError(f"its text is {shown(text)}")
        scope = self._scope_of(record)
        item: Item = {
            "metadata": _metadata(record, where),
            "tags": record.get("categories") or [],
            "idempotency_key": f"mem0:{digest(str(record.get('id') or ''), text)[:40]}",
            **{name: value for name, value in scope.items() if value is not None},
        }
        if (at := message_time(record.get("created_at"), "created_at")) is not None:
            item["occurred_at"] = at
        if (end := _end(record.get("expiration_date"))) is not None:
            item["expires_at"] = end
        from graphmem.ingest.make_episode import build_episode  # not for `--help`

        project = scope["project_id"]
        owner = Scope(
            DEFAULT_PROJECT if project is None else project,
            *(scope[name] for name in ("user_id", "agent_id", "run_id")),
        )
        build_episode(text, item, owner, self._clock, max_bytes=self._max_bytes)
        return {"content": text, **item}

    def _scope_of(self, record: Mapping[str, Any]) -> dict[str, str | None]:
        own = {name: record.get(name) for name in ("user_id", "agent_id", "run_id")}
        own["project_id"] = record.get("app_id")
        found = {
            name: own[name] if own[name] is not None else self._scope.get(name) for name in own
        }
        if not any(found[name] for name in ("user_id", "agent_id")):
            raise UsageError("it belongs to no user and no agent: say whose it is with --user")
        return found

    def _pass_over(self, where: str, why: str) -> None:
        self.bad_count += 1
        if len(self.bad) < _MOST_NAMED:
            self.bad.append(f"{where}: {why}")


def _replaced(item: Item, at: datetime | None) -> Item:
    """What was said until something else was: again later, it is another episode."""
    until = stamp(at) if at else ""
    key = f"mem0:{digest(item['idempotency_key'], until)[:40]}"
    return {**item, "expires_at": at, "idempotency_key": key}


def _metadata(record: Mapping[str, Any], where: str) -> dict[str, Any]:
    given = record.get("metadata")
    if given is not None and not isinstance(given, Mapping):
        raise UsageError(f"its metadata is no object: {shown(given)}")
    noted = {name: record[name] for name in _NOTED if record.get(name) is not None}
    id = record.get("id")
    noted |= {} if id is None else {"mem0_id": str(id)}
    own = {"source": where.partition(",")[0], "format": "mem0", **noted}
    found = {name: value for name, value in (given or {}).items() if name not in own}
    for name in [one for one in own if one in (given or {})]:
        free = f"given_{name}"
        while free in found:
            free = f"given_{free}"
        found[free] = (given or {})[name]
    return {**own, **found}


def _end(date: Any) -> datetime | None:
    """When what is good to the end of a day has expired."""
    found = parse_date_or_none(date, name="expiration_date")
    return found and found.end
