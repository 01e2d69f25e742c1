"""What a filter sees of a point, as payload that Qdrant finds by, and filters over it.

Writing costs 3 µs for each value of a payload and up to 15 µs for each index it is in, so there
are few of both (measured on the embedded engine):

- ``labels``: one whole number for each pair of a field and a value that can be asked for by
  ``=`` (a hash), and one that says which fields have a value at all. One index for all of them.
- ``occurred_at``, ``recorded_at``, ``invalid_at``; ``begins_at`` where it is another than
  ``occurred_at``; ``ended_at``, ``agent_ids`` and ``run_ids``, which every point has had anyway.
- ``importance`` where it is not the usual one, ``numbers`` of metadata where there are any.

What is usual (semantic, stated) is not written: a filter asks for it by what it is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar, get_args

from graphmem.filters import And, Not, Or, Record, Test, Where
from graphmem.filters.tree import Scalar, matches
from graphmem.model import MemoryType, Modality

C = TypeVar("C")

LABELS = "labels"
TIMES = ("occurred_at", "recorded_at", "invalid_at", "begins_at")
IMPORTANCE = "importance"
NUMBERS, NUMBER_KEY, NUMBER = "numbers", "key", "value"
NEVER = -1
"""A label that nothing has."""

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
"""``begins_at`` of what began nobody knows when."""
_FLAT = ("type", "subject", "object", "tag", "speaker", "episode", "source")
_LISTS = {"agent": "agent_ids", "run": "run_ids"}


def payload(record: Record) -> dict[str, Any]:
    """A record as payload, without what points hold for other reasons."""
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
    # 53 bits: every part of the way, JavaScript included, keeps them apart.
    return 1024 + (int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big") >> 12)


@lru_cache(maxsize=50_000, typed=True)
def label(key: str, value: Scalar) -> int:
    """The number of a field's value; of equal numbers it is the same."""
    if isinstance(value, bool):
        return _hashed(key, "truth", str(value))
    if isinstance(value, str):
        return _hashed(key, "text", value)
    whole = isinstance(value, int) or value.is_integer()
    return _hashed(key, "number", str(int(value)) if whole else repr(value))


class Conditions(Protocol[C]):
    """How an engine writes the few conditions that filters are made of."""

    def labelled(self, field: str, values: Sequence[Any]) -> C:
        """The field has one of these values."""
        ...

    def time(self, field: str, bounds: dict[str, str]) -> C:
        """The field lies within (``lt``, ``lte``, ``gt``, ``gte``)."""
        ...

    def number(self, field: str, bounds: dict[str, float]) -> C: ...

    def empty(self, field: str) -> C:
        """The field is not there."""
        ...

    def nested(self, field: str, parts: Sequence[C]) -> C:
        """One member of a list meets all of these."""
        ...

    def joined(
        self, must: Sequence[C] = (), should: Sequence[C] = (), must_not: Sequence[C] = ()
    ) -> C: ...


def condition(where: Where, make: Conditions[C]) -> C:
    """A filter as an engine's condition."""
    return _Writing(make).condition(where)


class _Writing(Generic[C]):
    def __init__(self, make: Conditions[C]) -> None:
        self._make = make

    def condition(self, where: Where) -> C:
        make = self._make
        if isinstance(where, Test):
            return self._test(where)
        if isinstance(where, Not):
            return make.joined(must_not=[self.condition(where.part)])
        if not where.parts:
            never = make.labelled(LABELS, [NEVER])
            return make.joined(must_not=[never]) if isinstance(where, And) else never
        parts = [self.condition(part) for part in where.parts]
        return make.joined(should=parts) if isinstance(where, Or) else make.joined(must=parts)

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
            return self._make.labelled(_LISTS[test.field], list(test.values))
        if test.field in _USUAL:
            return self._usual(test)
        fields = ("about", "subject", "object") if test.field == "about" else (test.field,)
        return self._any(label(field, value) for field in fields for value in test.values)

    def _exists(self, field: str) -> C:
        if field in _MAYBE:
            return self._has(field)
        if field in _LISTS:
            return self._make.joined(must_not=[self._make.empty(_LISTS[field])])
        # Every fact and every turn has one.
        return self._make.joined(must_not=[self._any([NEVER])])

    def _has(self, field: str) -> C:
        bit = 1 << _MAYBE.index(field)
        return self._any(mask for mask in range(1 << len(_MAYBE)) if mask & bit)

    def _any(self, labels: Iterable[int]) -> C:
        return self._make.labelled(LABELS, list(labels))

    def _all(self, *parts: C) -> C:
        return self._make.joined(must=parts)

    def _usual(self, test: Test) -> C:
        others = self._any(
            [NEVER, *(label(test.field, v) for v in test.values if v != _USUAL[test.field])]
        )
        if _USUAL[test.field] not in test.values:
            return others
        unusual = self._any(label(test.field, value) for value in _OTHERS[test.field])
        plain = self._make.joined(must=[self._has(test.field)], must_not=[unusual])
        return self._make.joined(should=[plain, others])

    def _time(self, field: str, test: Test) -> C:
        if test.op == "exists":
            return self._make.joined(must_not=[self._make.empty(field)])
        if test.op == "in":
            at = (str(value) for value in test.values)
            return self._make.joined(
                should=[self._make.time(field, {"gte": one, "lte": one}) for one in at]
            )
        return self._make.time(field, {test.op: str(test.values[0])})

    def _begun(self, test: Test) -> C:
        """By ``begins_at`` where it is written, else by ``occurred_at``, which is the same then."""
        unwritten = self._make.empty("begins_at")
        unknown = self._make.time("begins_at", {"lte": _BEFORE_ALL})
        written = self._make.joined(must=[self._time("begins_at", test)], must_not=[unknown])
        same = self._all(unwritten, self._time("occurred_at", test))
        return self._make.joined(should=[written, same])

    def _importance(self, test: Test) -> C:
        usual = matches(test, {IMPORTANCE: (_USUAL_IMPORTANCE,)})
        unwritten = self._make.empty(IMPORTANCE)
        if test.op == "exists":
            return self._exists(IMPORTANCE)
        if test.op == "in":
            ranges = [
                self._make.number(IMPORTANCE, {"gte": float(value), "lte": float(value)})
                for value in test.values
            ]
        else:
            ranges = [self._make.number(IMPORTANCE, {test.op: float(test.values[0])})]
        return self._make.joined(should=[*ranges, unwritten] if usual else ranges)

    def _metadata(self, test: Test) -> C:
        if test.op == "exists":
            return self._any([label("?", test.key)])
        if test.op == "in":
            return self._any(label(test.key, value) for value in test.values)
        key = self._make.labelled(NUMBER_KEY, [label("#", test.key)])
        value = self._make.number(NUMBER, {test.op: float(test.values[0])})
        return self._make.nested(NUMBERS, [key, value])


def one_or_many(values: Sequence[str]) -> str | list[str]:
    """Values of a field as payload: a list of one is written as that one, which is found alike and
    costs the embedded engine a third."""
    return values[0] if len(values) == 1 else list(values)
