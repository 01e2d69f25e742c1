"""A point as Qdrant stores it: its vectors, its payload, and filters over that.

Writing costs 3 µs for each value of a payload and up to 15 µs for each index it is in, so there
are few of both (measured on the embedded engine):

- ``labels``: an integer (a hash) for each pair of a field and a value that filters can test for
  equality, and a bit mask of the fields that have a value at all. One index covers all of them.
- ``occurred_at``, ``recorded_at``, ``invalid_at``; ``begins_at`` where it differs from
  ``occurred_at``; ``ended_at``, ``agent_ids`` and ``run_ids`` where there are any.
- ``importance`` where it is not 0.5, ``numbers`` of metadata where there are any.

Default values (semantic, stated) are not written: a filter finds them by the absence of others.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar, get_args

import numpy as np

from graphmem.adapters.vectors import bm25
from graphmem.adapters.vectors.validation import ended_at
from graphmem.filters import And, Not, Or, Record, Test, Where
from graphmem.filters.tree import Scalar, matches
from graphmem.model import MemoryType, Modality
from graphmem.ports.vectors import Only, Point, Vector

C = TypeVar("C")

DENSE, BM25, WINDOW = "dense", "bm25", "window"
"""The names of a point's vectors: the embedding, BM25 of its text, BM25 of its window."""
LABELS = "labels"
TIMES = ("occurred_at", "recorded_at", "invalid_at", "begins_at")
IMPORTANCE = "importance"
NUMBERS, NUMBER_KEY, NUMBER = "numbers", "key", "value"
NEVER = -1
"""A label that no point has."""

_MAYBE = (
    "type", "subject", "object", "about", "speaker", "tag", "valid_at", "modality", "memory_type",
)  # fmt: skip
_USUAL = {"modality": "stated", "memory_type": "semantic"}
_OTHERS: dict[str, tuple[Scalar, ...]] = {
    field: tuple(value for value in get_args(choices) if value != _USUAL[field])
    for field, choices in (("modality", Modality), ("memory_type", MemoryType))
}
_USUAL_IMPORTANCE = 0.5
_BEFORE_ALL = "0001-01-01T00:00:00.000000Z"
"""``begins_at`` of a point whose begin is not known."""
_FLAT = ("type", "subject", "object", "tag", "speaker", "episode", "source")
_LISTS = {"agent": "agent_ids", "run": "run_ids"}


def payload(
    point: Point, names: Callable[[Sequence[str]], str | list[str]] = list
) -> dict[str, Any]:
    """A point's whole payload; ``names`` converts its lists of agents and runs."""
    made = {"tenant": point.tenant, **record_payload(point.fields)}
    if point.agent_ids:
        made["agent_ids"] = names(point.agent_ids)
    if point.run_ids:
        made["run_ids"] = names(point.run_ids)
    if (end := ended_at(point)) is not None:
        made["ended_at"] = end
    return made


def sparse_vectors(point: Point) -> dict[str, bm25.Sparse]:
    """A point's sparse vectors, by name."""
    texts = {BM25: point.text, WINDOW: point.window}
    return {
        name: bm25.of_tenant(bm25.document(text), point.tenant)
        for name, text in texts.items()
        if text is not None
    }


def numbers(dense: Vector) -> list[float]:
    """A vector as a list: the embedded engine reads an array more slowly (15 µs; 9 µs for making
    and reading the list)."""
    made: list[float] = np.asarray(dense, dtype=np.float32).tolist()
    return made


def one_or_many(values: Sequence[str]) -> str | list[str]:
    """Values of a field as payload: a list of one is written as a plain value, which filters find
    alike and costs the embedded engine a third."""
    return values[0] if len(values) == 1 else list(values)


def record_payload(record: Record) -> dict[str, Any]:
    """The payload of what filters can test of a point."""
    if not record:
        return {}
    made: dict[str, Any] = {LABELS: list(_labels(record))}
    for field in TIMES:
        if values := record.get(field):
            made[field] = values[0]
    occurred = made.get("occurred_at")
    if "begins_at" not in made and occurred is not None:
        made["begins_at"] = _BEFORE_ALL
    elif made.get("begins_at") == occurred:
        made.pop("begins_at", None)
    importance = record.get("importance", (_USUAL_IMPORTANCE,))[0]
    if importance != _USUAL_IMPORTANCE:
        made[IMPORTANCE] = importance
    described = [key for key in record if key.startswith("metadata")]
    if described:
        made[LABELS] += _described(record, described)
        if numbers := list(_numbers(record, described)):
            made[NUMBERS] = numbers
    return made


def _labels(record: Record) -> Iterator[int]:
    yield sum([1 << bit for bit, field in enumerate(_MAYBE) if field in record])
    for field in _FLAT:
        if field in record:
            for value in record[field]:
                yield label(field, value)
    if "about" in record:
        ends = (*record.get("subject", ()), *record.get("object", ()))
        for value in record["about"]:
            if value not in ends:
                yield label("about", value)
    for field, usual in _USUAL.items():
        for value in record.get(field, ()):
            if value != usual:
                yield label(field, value)


def _described(record: Record, keys: Sequence[str]) -> Iterator[int]:
    for key in keys:
        yield label("?", key)
        for value in dict.fromkeys((type(value), value) for value in record[key]):
            yield label(key, value[1])


def _numbers(record: Record, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    for key in keys:
        for value in record[key]:
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield {NUMBER_KEY: label("#", key), NUMBER: float(value)}


def _hashed(key: str, kind: str, text: str) -> int:
    data = "\0".join((key, kind, text)).encode("utf-8", "surrogatepass")
    # 53 bits are exact in every system on the way, JavaScript included.
    return 1024 + (int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big") >> 12)


@lru_cache(maxsize=50_000, typed=True)
def label(key: str, value: Scalar) -> int:
    """The label of a field's value; equal numbers have the same label."""
    if isinstance(value, bool):
        return _hashed(key, "truth", str(value))
    if isinstance(value, str):
        return _hashed(key, "text", value)
    whole = isinstance(value, int) or value.is_integer()
    return _hashed(key, "number", str(int(value)) if whole else repr(value))


class Conditions(ABC, Generic[C]):
    """The few conditions that filters are made of, as an engine writes them; any filter is composed
    of these."""

    @abstractmethod
    def labelled(self, field: str, values: Sequence[Any]) -> C:
        """The field has one of these values."""

    @abstractmethod
    def time(self, field: str, bounds: dict[str, str]) -> C:
        """The field is within bounds (``lt``, ``lte``, ``gt``, ``gte``)."""

    @abstractmethod
    def number(self, field: str, bounds: dict[str, float]) -> C: ...

    @abstractmethod
    def empty(self, field: str) -> C:
        """The field is not there."""

    @abstractmethod
    def nested(self, field: str, parts: Sequence[C]) -> C:
        """One member of a list meets all of these."""

    @abstractmethod
    def joined(
        self, must: Sequence[C] = (), should: Sequence[C] = (), must_not: Sequence[C] = ()
    ) -> C: ...

    def inside(self, tenant: str, *more: C) -> C:
        """In this tenant, meeting all of these conditions."""
        return self.joined(must=[self.labelled("tenant", [tenant]), *more])

    def seen(self, only: Only) -> C:
        """The condition for points that a search may see."""
        must = [self.labelled("tenant", [only.tenant])]
        if only.agent_id is not None:
            must.append(self.labelled("agent_ids", [only.agent_id]))
        if only.run_id is not None:
            must.append(self.labelled("run_ids", [only.run_id]))
        if only.where is not None:
            must.append(self.condition(only.where))
        if only.ended_by is None:
            return self.joined(must=must)
        ended = self.time("ended_at", {"lte": only.ended_by})
        if only.past:
            return self.joined(must=[*must, ended])
        return self.joined(must=must, must_not=[ended])

    def condition(self, where: Where) -> C:
        """A filter as the engine's condition."""
        if isinstance(where, Test):
            return self._test(where)
        if isinstance(where, Not):
            return self.joined(must_not=[self.condition(where.part)])
        if not where.parts:
            never = self.labelled(LABELS, [NEVER])
            return self.joined(must_not=[never]) if isinstance(where, And) else never
        parts = [self.condition(part) for part in where.parts]
        return self.joined(should=parts) if isinstance(where, Or) else self.joined(must=parts)

    def _test(self, test: Test) -> C:
        own = {
            "metadata": self._metadata,
            "valid_at": self._valid,
            "begins_at": self._begun,
            "importance": self._importance,
        }
        if test.field in own:
            return own[test.field](test)
        if test.field in {*TIMES, "ended_at"}:
            return self._time(test.field, test)
        return self._word(test)

    def _valid(self, test: Test) -> C:
        given = self._has("valid_at")
        return given if test.op == "exists" else self._all(given, self._begun(test))

    def _word(self, test: Test) -> C:
        if test.op == "exists":
            return self._exists(test.field)
        if test.field in _LISTS:
            return self.labelled(_LISTS[test.field], list(test.values))
        if test.field in _USUAL:
            return self._usual(test)
        fields = ("about", "subject", "object") if test.field == "about" else (test.field,)
        return self._any(label(field, value) for field in fields for value in test.values)

    def _exists(self, field: str) -> C:
        if field in _MAYBE:
            return self._has(field)
        if field in _LISTS:
            return self.joined(must_not=[self.empty(_LISTS[field])])
        # Every fact and every turn has one.
        return self.joined(must_not=[self._any([NEVER])])

    def _has(self, field: str) -> C:
        bit = 1 << _MAYBE.index(field)
        return self._any(mask for mask in range(1 << len(_MAYBE)) if mask & bit)

    def _any(self, labels: Iterable[int]) -> C:
        return self.labelled(LABELS, list(labels))

    def _all(self, *parts: C) -> C:
        return self.joined(must=parts)

    def _usual(self, test: Test) -> C:
        others = self._any(
            [NEVER, *(label(test.field, v) for v in test.values if v != _USUAL[test.field])]
        )
        if _USUAL[test.field] not in test.values:
            return others
        unusual = self._any(label(test.field, value) for value in _OTHERS[test.field])
        plain = self.joined(must=[self._has(test.field)], must_not=[unusual])
        return self.joined(should=[plain, others])

    def _time(self, field: str, test: Test) -> C:
        if test.op == "exists":
            return self.joined(must_not=[self.empty(field)])
        if test.op == "in":
            at = (str(value) for value in test.values)
            return self.joined(should=[self.time(field, {"gte": one, "lte": one}) for one in at])
        return self.time(field, {test.op: str(test.values[0])})

    def _begun(self, test: Test) -> C:
        """Test ``begins_at`` where it is written, else ``occurred_at``, which is then the same."""
        unwritten = self.empty("begins_at")
        unknown = self.time("begins_at", {"lte": _BEFORE_ALL})
        written = self.joined(must=[self._time("begins_at", test)], must_not=[unknown])
        same = self._all(unwritten, self._time("occurred_at", test))
        return self.joined(should=[written, same])

    def _importance(self, test: Test) -> C:
        usual = matches(test, {IMPORTANCE: (_USUAL_IMPORTANCE,)})
        unwritten = self.empty(IMPORTANCE)
        if test.op == "exists":
            return self._exists(IMPORTANCE)
        if test.op == "in":
            ranges = [
                self.number(IMPORTANCE, {"gte": float(value), "lte": float(value)})
                for value in test.values
            ]
        else:
            ranges = [self.number(IMPORTANCE, {test.op: float(test.values[0])})]
        return self.joined(should=[*ranges, unwritten] if usual else ranges)

    def _metadata(self, test: Test) -> C:
        if test.op == "exists":
            return self._any([label("?", test.key)])
        if test.op == "in":
            return self._any(label(test.key, value) for value in test.values)
        key = self.labelled(NUMBER_KEY, [label("#", test.key)])
        value = self.number(NUMBER, {test.op: float(test.values[0])})
        return self.nested(NUMBERS, [key, value])
