"""LangGraph's long-term store over a memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
    get_text_at_path,
    tokenize_path,
    validate_op_namespace,
)

from graphmem.errors import NotFound, UsageError
from graphmem.limits import RESULTS
from graphmem.model import Hit
from graphmem.sync import Memory

Namespace: TypeAlias = tuple[str, ...]
_KIND = "langgraph"
_ORDER = {
    "$gt": lambda one, other: one > other,
    "$gte": lambda one, other: one >= other,
    "$lt": lambda one, other: one < other,
    "$lte": lambda one, other: one <= other,
}


class GraphmemStore(BaseStore):
    """Items by namespace and key: each is a document of the memory, so that a newer value takes the
    place of the one before it, and history keeps that.

    ``scope`` says whose memory all of it is (without it, as the memory was opened). A search with a
    query is the memory's own, over the texts of the items: of ``fields`` (paths as LangGraph has
    them), else of all texts in the value. With ``infer`` facts and relations are drawn from them
    too, as from anything that is added. A value is JSON of up to 64 KB. An item with a ``ttl``
    (minutes) is gone so long after it was put; to read it does not prolong that.

    Raises :class:`~graphmem.errors.UsageError` for a value that cannot be stored.
    """

    supports_ttl = True

    def __init__(
        self,
        memory: Memory,
        *,
        fields: Sequence[str] | None = None,
        infer: bool = False,
        default_ttl: float | None = None,
        **scope: Any,
    ) -> None:
        self._memory = memory
        self._fields = fields
        self._infer = infer
        self._scope = scope
        self.ttl_config = TTLConfig(
            refresh_on_read=False, omit_expired=True, default_ttl=default_ttl
        )

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """The reads see what was there before the batch; of several puts of one item the last
        counts. LangGraph's ``InvalidNamespaceError`` for a label that is empty, no text, or has a
        full stop: then none of them is done."""
        ops = list(ops)
        for op in ops:
            validate_op_namespace(op)
        results: list[Result] = []
        puts: dict[tuple[Namespace, str], PutOp] = {}
        for op in ops:
            found: Result = None
            if isinstance(op, GetOp):
                found = self._get(op.namespace, op.key)
            elif isinstance(op, SearchOp):
                found = self._found(op) if op.query else self._listed(op)
            elif isinstance(op, ListNamespacesOp):
                found = self._namespaces(op)
            else:
                puts[op.namespace, op.key] = op
            results.append(found)
        for op in puts.values():
            self._put(op)
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        return await asyncio.to_thread(self.batch, list(ops))

    # One item

    def _get(self, namespace: Namespace, key: str) -> Item | None:
        stored = self._memory.documents(document=_document_id(namespace, key), **self._scope)
        # Of two that were put at the same time the later counts.
        return self._item(stored[0].episode_ids[-1]) if stored else None

    def _item(self, episode_id: str) -> Item | None:
        """None for what is no item, has expired, or was taken away meanwhile."""
        try:
            episode = self._memory.episode(episode_id, **self._scope)
        except NotFound:
            return None
        ended = episode.expires_at is not None and episode.expires_at <= datetime.now(UTC)
        if _KIND not in episode.metadata or episode.status == "undone" or ended:
            return None
        about = episode.metadata[_KIND]
        return Item(
            value=about["value"],
            key=about["key"],
            namespace=tuple(about["namespace"]),
            created_at=datetime.fromisoformat(about["created_at"]),
            updated_at=datetime.fromisoformat(about["updated_at"]),
        )

    def _put(self, op: PutOp) -> None:
        id = _document_id(op.namespace, op.key)
        if op.value is None:
            if self._memory.documents(document=id, **self._scope):
                self._memory.remove_document(id, **self._scope)
            return
        before, now = self._get(op.namespace, op.key), datetime.now(UTC)
        text = "" if op.index is False else "\n".join(self._texts(op)).strip()
        about = {
            "namespace": list(op.namespace),
            "key": op.key,
            "value": dict(op.value),
            "created_at": (before.created_at if before else now).isoformat(),
            "updated_at": now.isoformat(),
        }
        tags = [_tag(op.namespace[:depth]) for depth in range(len(op.namespace) + 1)]
        self._memory.add_document(
            id,
            # What is not to be searched has no tag by which a search goes.
            [{"content": text or op.key.strip() or "(no key)"}],
            metadata={_KIND: about},
            tags=tags if text else (),
            infer=self._infer and bool(text),
            expires_at=_expiry(now, op.ttl),
            **self._scope,
        )

    def _texts(self, op: PutOp) -> Iterator[str]:
        fields = self._fields if op.index is None else op.index
        if fields is None or "$" in fields:
            yield from _leaves(op.value)
        for field in fields or ():
            if field != "$":
                yield from get_text_at_path(op.value, tokenize_path(field))

    # Many

    def _found(self, op: SearchOp) -> list[SearchItem]:
        """Those whose texts answer the query best."""
        wanted = op.offset + op.limit
        at_most = wanted
        while True:
            at_most = min(at_most, RESULTS)
            hits = self._memory.search(
                op.query, limit=at_most, where={"tag": _tag(op.namespace_prefix)}, **self._scope
            )
            items: dict[tuple[Namespace, str], SearchItem] = {}
            best: dict[str, float] = {}
            for hit in hits:
                for id in _episodes(hit):
                    best.setdefault(id, hit.score)
            for id, score in best.items():
                item = self._item(id)
                if item is not None and _fits(item, op):
                    found = SearchItem(**_fields_of(item), score=score)
                    items.setdefault((item.namespace, item.key), found)
            if len(items) >= wanted or len(hits) < at_most or at_most == RESULTS:
                return list(items.values())[op.offset : wanted]
            at_most *= 4

    def _listed(self, op: SearchOp) -> list[SearchItem]:
        """Those of a namespace, by namespace and key."""
        found: list[SearchItem] = []
        for document in self._memory.documents(under=_KIND, **self._scope):
            path = _path(document.id)
            if path is None or not _is_within(path[0], op.namespace_prefix):
                continue
            item = self._item(document.episode_ids[-1])
            if item is not None and _fits(item, op):
                found.append(SearchItem(**_fields_of(item)))
                if len(found) >= op.offset + op.limit:
                    break
        return found[op.offset : op.offset + op.limit]

    def _namespaces(self, op: ListNamespacesOp) -> list[Namespace]:
        documents = self._memory.documents(under=_KIND, **self._scope)
        paths = filter(None, (_path(document.id) for document in documents))
        conditions = op.match_conditions or ()
        found = {
            namespace[: op.max_depth]
            for namespace, _ in paths
            if all(_matches(one, namespace) for one in conditions)
        }
        return sorted(found)[op.offset : op.offset + op.limit]


def _document_id(namespace: Namespace, key: str) -> str:
    path = json.dumps([*namespace, key]).replace("\x7f", "\\u007f")
    return f"{_KIND}:{path}"


def _path(document: str) -> tuple[Namespace, str] | None:
    """The namespace and key of a document; None for one that is no item."""
    head, _, path = document.partition(":")
    if head != _KIND or not path.startswith("["):
        return None
    try:
        *namespace, key = json.loads(path)
    except ValueError:
        return None
    return tuple(namespace), key


def _is_within(namespace: Namespace, prefix: Namespace) -> bool:
    return namespace[: len(prefix)] == tuple(prefix)


def _episodes(hit: Hit) -> list[str]:
    """The episodes that a hit is from: the same text in several items is one fact."""
    if hit.fact is not None:
        return list(dict.fromkeys(source.episode_id for source in hit.fact.sources))
    return [hit.episode_id] if hit.episode_id else []


def _tag(namespace: Namespace) -> str:
    return f"{_KIND}:{json.dumps(list(namespace), ensure_ascii=False)}"


def _leaves(value: object, name: str = "") -> Iterator[str]:
    """The texts in a value: a sentence as it stands, what is shorter with its name."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, name)
    elif isinstance(value, str) and " " in value.strip():
        yield value
    elif value is not None:
        yield f"{name}: {value}" if name else str(value)


def _fields_of(item: Item) -> dict[str, Any]:
    names = ("namespace", "key", "value", "created_at", "updated_at")
    return {name: getattr(item, name) for name in names}


def _fits(item: Item, op: SearchOp) -> bool:
    return _is_within(item.namespace, op.namespace_prefix) and _passes(item.value, op.filter)


def _passes(value: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> bool:
    return all(_equals(value.get(key), one) for key, one in (wanted or {}).items())


def _equals(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if any(key.startswith("$") for key in wanted):
            return all(_compared(value, sign, other) for sign, other in wanted.items())
        return isinstance(value, Mapping) and _passes(value, wanted)
    if isinstance(wanted, list | tuple):
        alike = isinstance(value, list | tuple) and len(value) == len(wanted)
        return alike and all(map(_equals, value, wanted))
    return bool(value == wanted)


def _compared(value: Any, sign: str, other: Any) -> bool:
    if sign in {"$eq", "$ne"}:
        return bool(value == other) is (sign == "$eq")
    if sign not in _ORDER:
        raise UsageError(f"a filter compares by $eq, $ne, {', '.join(_ORDER)}, not by {sign}")
    try:
        return bool(_ORDER[sign](float(value), float(other)))
    except (TypeError, ValueError):
        return False  # what is no number is neither above nor below one


def _matches(condition: MatchCondition, namespace: Namespace) -> bool:
    path = tuple(condition.path)
    if len(namespace) < len(path):
        return False
    if condition.match_type not in {"prefix", "suffix"}:
        raise UsageError(f"a namespace is matched by prefix or suffix, not {condition.match_type}")
    at = 0 if condition.match_type == "prefix" else len(namespace) - len(path)
    return all(part in ("*", own) for part, own in zip(path, namespace[at:], strict=False))


def _expiry(now: datetime, minutes: float | None) -> datetime | None:
    """When an item is over; None for never, as after the year 9999."""
    try:
        return None if minutes is None else now + timedelta(minutes=minutes)
    except OverflowError:
        return None
