"""Bad input: each a clear error that names what is wrong, and nothing stored."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphmem import AsyncMemory, Memory, Settings, open_memory
from graphmem.errors import NotFound, UsageError
from graphmem.testing.replay import replay_differences
from tests.engine.helpers import OnLoop, add_story


@pytest.fixture(scope="module")
def noted() -> Iterator[Any]:
    """A memory that knows something, which no call below may change."""
    driven = OnLoop.open("memory://", user_id="ada")
    add_story(driven.as_memory)
    driven.verify()
    yield driven
    driven.close()


@pytest.fixture
def memory(noted: Any) -> Iterator[Any]:
    before = (noted.stats(), noted.get_all(current=False), noted.entities(), noted.health().lag)
    yield noted
    assert (
        noted.stats(),
        noted.get_all(current=False),
        noted.entities(),
        noted.health().lag,
    ) == before
    assert noted.verify().ok


def deep(levels: int) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for _ in range(levels):
        nested = {"in": nested}
    return nested


CONTENT: dict[str, tuple[Any, str]] = {
    "empty": ("", "content is empty"),
    "blank": (" \n\t ", "content is empty"),
    "unseen": ("\u200b", "content is empty"),
    "byte order mark": (" \ufeff\n\u2060", "content is empty"),
    "filler": ("\u3164\ufe0f\u00ad", "content is empty"),
    "none": (None, "got NoneType"),
    "number": (7, "got int"),
    "bytes": (b"Tea.", "got bytes"),
    "generator": ((m for m in [{"content": "Tea."}]), "got generator"),
    "set": ({"Tea."}, "got set"),
    "NUL": ("Te\0a", "NUL character at 2"),
    "surrogate": ("Tea \ud800", "lone surrogate at 4.*UTF-8"),
    "too long": ("x" * (2 * 1024 * 1024), "2,097,152 bytes, the limit is 1,048,576.*split"),
    "too long in bytes": ("é" * 600_000, "1,200,000 bytes"),
    "no messages": ([], "content is empty"),
    "blank messages": ([{"content": " "}, {"content": None}], "content is empty"),
    "unseen messages": ([{"content": "\u200b"}, {"content": "\ufeff "}], "content is empty"),
    "unseen name": ([{"content": "Tea.", "name": "\u200d"}], "message 0: name is empty"),
    "nested beside the text": (
        [{"content": [{"type": "text", "text": "Tea.", "x": deep(100_000)}]}],
        "message 0|beside their text",
    ),
    "list of text": (["Tea."], "message 0 must be a mapping with content, got str"),
    "no content": (
        [{"content": "Tea."}, {"role": "user"}],
        "message 1 has no content; it has: role",
    ),
    "bytes in a message": ([{"content": b"Tea."}], "message 0: content must be text, got bytes"),
    "NUL in a message": ([{"content": "a"}, {"content": "\0"}], "message 1 has a NUL"),
    "surrogate in a message": ([{"content": "\udfff"}], "message 0 has a lone surrogate"),
    "surrogate beside the text": (
        [{"content": [{"type": "text", "text": "Tea."}, {"type": "x", "x": "\ud800"}]}],
        "lone surrogate",
    ),
    "number in a message": ([{"content": ["Tea.", 7]}], "a part of its content must be text.*int"),
    "misspelt": ([{"content": "Tea.", "occured_at": "2024"}], "did you mean occurred_at"),
    "misspelt role": (
        [{"content": "Tea.", "role": "usr"}],
        r"role 'usr' is unknown \(did you mean user\?\); known are: assistant",
    ),
    "role": ([{"content": "Tea.", "role": 7}], "message 0: role must be text, got int"),
    "name": ([{"content": "Tea.", "name": ""}], "message 0: name is empty"),
    "id": ([{"content": "Tea."}, {"content": "Tea.", "id": 7}], "message 1: id must be text"),
    "date": ([{"content": "Tea.", "occurred_at": "soon"}], "message 0: occurred_at: 'soon' is not"),
    "long messages": ([{"content": "x" * 600_000}] * 2, "the messages have 1,200,000 bytes"),
}


@pytest.mark.parametrize("case", CONTENT)
@pytest.mark.parametrize("infer", [True, False])
def test_content(memory: Any, case: str, infer: bool) -> None:
    content, why = CONTENT[case]
    with pytest.raises(UsageError, match=f"(?s){why}"):
        memory.add(content, infer=infer)
    with pytest.raises(UsageError, match=r"^item 1: "):
        memory.add_many(["Rain.", content], infer=infer)


OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": (
        {"tag": "x"},
        r"unknown option tag \(did you mean tags\?\); known are: actor, agent_id, expires_at",
    ),
    "importance above": ({"importance": 1.01}, "from 0 to 1, got 1.01"),
    "importance below": ({"importance": -0.1}, "from 0 to 1"),
    "importance NaN": ({"importance": math.nan}, "from 0 to 1, got nan"),
    "importance bool": ({"importance": True}, "from 0 to 1, got True"),
    "importance text": ({"importance": "0.5"}, "from 0 to 1"),
    "importance none": ({"importance": None}, "from 0 to 1"),
    "metadata list": ({"metadata": [1]}, "metadata must be a mapping, got list"),
    "metadata key": ({"metadata": {1: 2}}, "metadata keys must be text, got 1"),
    "metadata NaN": ({"metadata": {"x": math.nan}}, "metadata is not JSON"),
    "metadata infinite": ({"metadata": {"x": [math.inf]}}, "metadata is not JSON"),
    "metadata object": ({"metadata": {"x": object()}}, "metadata is not JSON: .*object"),
    "metadata bytes": ({"metadata": {"x": b"y"}}, "metadata is not JSON"),
    "metadata set": ({"metadata": {"x": {1}}}, "metadata is not JSON"),
    "metadata deep": ({"metadata": deep(100_000)}, "metadata is not JSON"),
    "metadata nested": ({"metadata": deep(600)}, "nested more than 100 deep: flatten it"),
    "metadata surrogate": ({"metadata": {"x": "\ud800"}}, "metadata has a lone surrogate"),
    "tags text": ({"tags": "home"}, "tags must be a list of text, got str"),
    "tags none": ({"tags": None}, "tags must be a list of text"),
    "tags blank": ({"tags": ["x", " "]}, "a tag is empty"),
    "tags unseen": ({"tags": ["x", "\u200b"]}, "a tag is empty"),
    "tags number": ({"tags": [1]}, "a tag must be text, got int"),
    "memory type": ({"memory_type": "vague"}, "'vague' is unknown; known are: semantic, episodic"),
    "infer": ({"infer": None}, "infer must be True or False, got None"),
    "infer text": ({"infer": "no"}, "infer must be True or False, got 'no'"),
    "key blank": ({"idempotency_key": " "}, "idempotency_key is empty"),
    "key number": ({"idempotency_key": 7}, "idempotency_key must be text"),
    "key long": ({"idempotency_key": "k" * 513}, "idempotency_key has 513 bytes"),
    "date none such": ({"occurred_at": "2025-02-30"}, "occurred_at: '2025-02-30' is not a date"),
    "date words": ({"occurred_at": "yesterday"}, "ISO 8601, as in 2026-11, 2026-11-21"),
    "date number": ({"occurred_at": 1732186200}, "occurred_at: expected a datetime.*got int"),
    "date blank": ({"occurred_at": ""}, "occurred_at: '' is not a date"),
    "date too early": (
        {"occurred_at": "0001-01-01T00:00:00+10:00"},
        "outside the years 1 to 9999",
    ),
    "date too late": ({"expires_at": "9999-12-31T23:59:59-10:00"}, "outside the years 1 to 9999"),
    "expiry": ({"expires_at": "never"}, "expires_at: 'never' is not a date"),
    "user number": ({"user_id": 7}, "user_id must be text, got int"),
    "user blank": ({"user_id": ""}, "user_id must have 1 to 256 characters, got 0"),
    "user long": ({"user_id": "u" * 257}, "got 257"),
    "user control": ({"user_id": "a\nb"}, "user_id must not contain control characters"),
    "user NUL": ({"user_id": "a\0"}, "user_id must not contain control characters"),
    "user surrogate": ({"user_id": "\udc00"}, "lone surrogates"),
    "run blank": ({"run_id": "   "}, "run_id must not be blank"),
    "agent": ({"agent_id": b"x"}, "agent_id must be text, got bytes"),
    "project": ({"project_id": ""}, "project_id must have 1 to 256"),
}


@pytest.mark.parametrize("case", OPTIONS)
@pytest.mark.parametrize("infer", [True, False])
def test_options(memory: Any, case: str, infer: bool) -> None:
    options, why = OPTIONS[case]
    with pytest.raises(UsageError, match=f"(?s){why}"):
        memory.add("Rain.", **{"infer": infer, **options})
    with pytest.raises(UsageError):
        memory.add_many(["Rain."], **{"infer": infer, **options})


def test_many_of_what_is_not_many(memory: Any) -> None:
    for contents in ("Rain.", b"Rain.", {"content": "Rain."}, None, 7):
        with pytest.raises(UsageError, match=r"any iterable.*for one of them, use add"):
            memory.add_many(contents)
    with pytest.raises(UsageError, match="item 0: an item needs content; this one has: text"):
        memory.add_many([{"text": "Rain."}])
    with pytest.raises(UsageError, match="progress must be a function, got int"):
        memory.add_many(["Rain."], progress=7)
    with pytest.raises(UsageError, match="progress must be a function, got the class"):
        memory.add_many(["Rain."], progress=type)
    with pytest.raises(UsageError, match="unknown option tag"):
        memory.add_many([], tag="x")


BAD_LIMITS = (0, -1, 10_001, True, 2.0, "3", None)


@pytest.mark.parametrize("limit", BAD_LIMITS)
def test_limits(memory: Any, limit: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: memory.search("x", limit=limit),
        lambda: memory.get_all(limit=limit),
        lambda: memory.entities(limit=limit),
        lambda: memory.relations(limit=limit),
        lambda: memory.neighbours("Acme", limit=limit),
        lambda: memory.paths("Acme", "Berlin", limit=limit),
        lambda: memory.timeline(limit=limit),
        lambda: memory.cypher("MATCH (e:Entity) RETURN e.name", max_rows=limit),
    ]
    for call in calls:
        with pytest.raises(UsageError, match="whole number from 1 to 10,000"):
            call()


@pytest.mark.parametrize("hops", [0, -1, 11, True, 1.5, "2", None])
def test_hops(memory: Any, hops: Any) -> None:
    with pytest.raises(UsageError, match="whole number from 1 to 10"):
        memory.neighbours("Acme", hops=hops)
    with pytest.raises(UsageError, match="whole number from 1 to 10"):
        memory.paths("Acme", "Berlin", max_hops=hops)


@pytest.mark.parametrize("text", ["", "  ", None, 7, b"x", "\ud800", "a\0b", ["x"]])
def test_ids_names_and_questions(memory: Any, text: Any) -> None:
    """The wrong kind of value is said to be that, not looked for."""
    calls: list[Callable[[], object]] = [
        lambda: memory.search(text),
        lambda: memory.context(text),
        lambda: memory.get(text),
        lambda: memory.history(text),
        lambda: memory.episode(text),
        lambda: memory.delete(text),
        lambda: memory.delete(text, erase=True),
        lambda: memory.update(text, importance=0.5),
        lambda: memory.entity(text),
        lambda: memory.neighbours(text),
        lambda: memory.paths(text, "Acme"),
        lambda: memory.paths("Acme", text),
        lambda: memory.cypher(text),
    ]
    if text is not None:
        calls += [
            lambda: memory.entities(text),
            lambda: memory.entities(kind=text),
            lambda: memory.relations(text),
            lambda: memory.relations(type=text),
            lambda: memory.relations(other=text),
            lambda: memory.timeline(text),
            lambda: memory.get_all(after=text),
        ]
    for call in calls:
        with pytest.raises(UsageError):
            call()


def test_searches(memory: Any) -> None:
    for kinds in (["fac"], "fact", [], None, 7, [["fact"]], [None]):
        with pytest.raises(UsageError, match="kinds must be a list of fact and turn"):
            memory.search("x", kinds=kinds)
    for score in (-0.1, 1.1, math.nan, math.inf, -math.inf, "0.5", None, True, 1j, [0.5]):
        for read in (memory.search, memory.context):
            with pytest.raises(UsageError, match="min_score is a number from 0"):
                read("x", min_score=score)
    for budget in (0, -1, True, 1.5, "9", None):
        with pytest.raises(UsageError, match="budget_tokens must be"):
            memory.context("x", budget_tokens=budget)
    with pytest.raises(UsageError, match="query has 2,097,152 bytes"):
        memory.search("x" * (2 * 1024 * 1024))
    for since in ("soon", 7, ""):
        with pytest.raises(UsageError, match="since"):
            memory.timeline(since=since)


def test_updates(memory: Any) -> None:
    fact = memory.get_all().items[0].id
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "nothing to change"),
        ({"text": " "}, "text is empty"),
        ({"text": "x" * (2 * 1024 * 1024)}, "bytes, the limit is"),
        ({"text": 7}, "text must be text"),
        ({"metadata": {"x": math.nan}}, "metadata is not JSON"),
        ({"tags": "x"}, "tags must be a list"),
        ({"importance": 2}, "from 0 to 1"),
        ({"valid_at": "soon"}, "valid_at: 'soon'"),
        ({"valid_at": "2025-01-01", "invalid_at": "2024-01-01"}, "invalid_at is before valid_at"),
        ({"expires_at": 7}, "expires_at: expected"),
        ({"importance": 0.3, "reason": "x"}, "unknown argument reason"),
    ]
    for options, why in wrong:
        with pytest.raises(UsageError, match=why):
            memory.update(fact, **options)


def test_an_unknown_argument_is_answered_with_those_of_the_call(memory: Any) -> None:
    known = "known are: query, limit, kinds, .*user_id"
    with pytest.raises(UsageError, match=f"search: unknown argument top_k; {known}"):
        memory.search("x", top_k=3)
    meant = r"unknown option occured_at \(did you mean occurred_at\?\); known are"
    with pytest.raises(UsageError, match=meant):
        memory.add("x", occured_at="2024-01-01")


def test_cypher(memory: Any) -> None:
    read = "MATCH (e:Entity) RETURN e.name"
    wrong: list[tuple[Any, ...]] = [
        (f"{read} LIMIT $n", {"m": 1}),
        (read, {"unused": 1}),
        (f"{read} LIMIT $n", None),
        (read, ["x"]),
        (read, 7),
        ("MATCH (e:Entity) SET e.name = 'x' RETURN e", None),
        ("MATCH (e:Entity) WHERE e.scope = 'default/user:bob' RETURN e.name; RETURN 1", None),
    ]
    for query, parameters in wrong:
        with pytest.raises(UsageError):
            memory.cypher(query, parameters)
    with pytest.raises(UsageError, match="the name of a parameter must be text, got 1"):
        memory.cypher("RETURN $a AS x", {"a": 1, 1: 2, "b": 3})
    for timeout in (0, -1, math.nan, math.inf, 1e300, 10**400, "1", None, True):
        with pytest.raises(UsageError, match="timeout_s"):
            memory.cypher(read, timeout_s=timeout)


def test_every_read_refuses_what_it_does_not_know(memory: Any) -> None:
    calls: list[Callable[..., object]] = [
        lambda **x: memory.search("x", **x),
        lambda **x: memory.context("x", **x),
        lambda **x: memory.get("x", **x),
        lambda **x: memory.get_all(**x),
        lambda **x: memory.episode("x", **x),
        lambda **x: memory.history("x", **x),
        lambda **x: memory.entities(**x),
        lambda **x: memory.entity("x", **x),
        lambda **x: memory.relations(**x),
        lambda **x: memory.neighbours("x", **x),
        lambda **x: memory.paths("x", "y", **x),
        lambda **x: memory.timeline(**x),
        lambda **x: memory.cypher("MATCH (e:Entity) RETURN e.name", **x),
        lambda **x: memory.to_networkx(**x),
        lambda **x: memory.stats(**x),
        lambda **x: memory.known_keys(["k"], **x),
        lambda **x: memory.delete("x", **x),
        lambda **x: memory.delete_all(**x),
        lambda **x: memory.resume(**x),
    ]
    for call in calls:
        with pytest.raises(
            UsageError, match=r"unknown argument user( \(did you mean user_id\?\)|;)"
        ):
            call(user="ada")
        with pytest.raises(UsageError, match="user_id must be text"):
            call(user_id=7)
        with pytest.raises(UsageError, match="run_id must not be blank"):
            call(run_id=" ")


def test_unknown_ids(memory: Any) -> None:
    episode = memory.episode(memory.get_all().items[0].sources[0].episode_id)
    for id in ("unknown", "' OR 1=1 --", "🙂", episode.turns[0].id, memory.entity("Acme").id):
        for call in (memory.get, memory.history, memory.episode, memory.delete):
            with pytest.raises(NotFound):
                call(id)
        with pytest.raises(NotFound):
            memory.delete(id, erase=True)
        with pytest.raises(NotFound):
            memory.update(id, importance=0.5)
    with pytest.raises(NotFound):
        memory.get(episode.id)


def test_a_scope_needs_an_owner() -> None:
    with Memory("memory://") as memory:
        calls: list[Callable[[], object]] = [
            lambda: memory.add("Rain."),
            lambda: memory.add("Rain.", run_id="r"),
            lambda: memory.search("x"),
            memory.get_all,
            memory.delete_all,
            memory.to_networkx,
        ]
        for call in calls:
            with pytest.raises(UsageError, match="needs a user_id or an agent_id"):
                call()
        assert memory.stats().episodes == 0
        assert memory.add("Rain.", agent_id="bot").status == "done"
        assert memory.stats(agent_id="bot").episodes == 1


async def test_far_dates_are_dates() -> None:
    """The first and the last year that there is, with words that reach beyond them."""
    async with await open_memory("memory://", user_id="ada") as memory:
        for day in ("0001-01-01", "9999-12-31T23:59:59.999999Z"):
            for text in (
                "I moved to Rome yesterday. Tomorrow I am going to Oslo. I met Bob last year.",
                "I will move to Bonn next year, in three weeks, or in 2 days.",
            ):
                receipt = await memory.add(text, occurred_at=day)
                assert receipt.status == "done"
        assert (await memory.verify()).ok
        assert await replay_differences(memory) == []
        assert await memory.timeline()


@pytest.mark.parametrize("text", ["👍", "❤️", "?", "\u200bTea", "C++"])
def test_what_can_be_seen_is_a_text(plain: Memory, text: str) -> None:
    receipt = plain.add(text, infer=False)
    assert plain.get(receipt.fact_ids[0]).text == text


def test_a_paragraph_of_nothing_is_no_turn(plain: Memory) -> None:
    receipt = plain.add("Tea.\n\n\u200b\n\nRain.")
    assert [turn.text for turn in plain.episode(receipt.episode_id).turns] == ["Tea.", "Rain."]


def test_names_of_nothing(memory: Any) -> None:
    for ends in (("\u200b", "knows", "Ada"), ("Ada", "\u200b", "Bob"), ("Ada", "knows", "\ufeff")):
        with pytest.raises(UsageError, match="is empty"):
            memory.relate(*ends)
        with pytest.raises(UsageError, match=r"row 1: .* is empty"):
            memory.relate_many([ends])


NUMBERS: list[Any] = [
    *("importance > 99999999999999999999", "metadata.n > 99999999999999999999"),
    *("metadata.n = " + "9" * 5000, "metadata.n in (1, -" + "9" * 400 + ")"),
    *({"importance": 10**400}, {"importance": 10**5000}, {"metadata.n": -(2**63)}),
]


@pytest.mark.parametrize("where", NUMBERS, ids=range(len(NUMBERS)))
def test_numbers_that_nothing_compares(memory: Any, where: Any) -> None:
    for call in (memory.get_all, memory.relations, lambda **given: memory.search("Rome", **given)):
        with pytest.raises(UsageError, match=r"importance|metadata"):
            call(where=where)
    assert memory.get_all(where=f"metadata.n > {2**63 - 1}").items == ()
    assert memory.get_all(where=f"metadata.n > {-(2**63) + 1} or importance > 1e300").items == ()


def test_the_end_of_the_calendar(plain: Memory) -> None:
    add_story(plain)
    last = plain.as_of("9999-12-31T23:59:59.999999")
    assert last.timeline() == plain.as_of("9999-12-30").timeline() != []
    assert plain.as_of("0001-01-01").timeline() == []


def test_the_limit_is_a_setting() -> None:
    settings = Settings.load({}, max_text_bytes=10)
    with Memory("memory://", user_id="ada", settings=settings) as memory:
        assert memory.add("0123456789").status == "done"
        with pytest.raises(UsageError, match=r"11 bytes, the limit is 10.*GRAPHMEM_MAX_TEXT_BYTES"):
            memory.add("0123456789a")


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda m: m.add("Rain.", tags=["t" * 600]), "has 600 bytes, the limit is 512: shorten"),
        (lambda m: m.add("Rain.", tags=[str(n) for n in range(101)]), "limit is 100: leave some"),
        (lambda m: m.add([{"content": "Rain.", "name": "n" * 600}]), "limit is 512: shorten it"),
        (lambda m: m.add([{"content": "x"}] * 20_001), "20,000: split them into several adds"),
        (lambda m: m.relate("s" * 900, "likes", "tea"), "limit is 800: shorten it, a name has at"),
        (lambda m: m.relate("Ada", "likes " * 90, "tea"), "limit is 400: write a verb phrase"),
        (lambda m: m.relate("Ada", "likes", "tea", fact="f" * 9000), "8,192: shorten it"),
        (lambda m: m.relate("Ada", "likes", "tea", object_kind="k" * 101), "100: write a word"),
        (lambda m: m.get("f" * 5000), "limit is 4,096: shorten it"),
    ],
)  # fmt: skip
def test_a_limit_that_is_no_setting_names_none(memory: Any, call: Any, why: str) -> None:
    """Whoever raised it as told was refused as before."""
    with pytest.raises(UsageError, match=why) as refused:
        call(memory)
    assert "GRAPHMEM_" not in str(refused.value)


@pytest.mark.parametrize("many", [np.arange(3), np.array(["x", "y"])])
def test_an_array_where_one_value_belongs(memory: Any, many: Any) -> None:
    """Whether it is true, or equal to something, no array of several says."""
    fact = memory.get_all().items[0].id
    wrong: list[tuple[Callable[[], object], str]] = [
        (lambda: memory.search("x", current=many), "current is True or False"),
        (lambda: memory.relations(current=many), "current is True or False"),
        (lambda: memory.search_by_tags(["x"], current=many), "current is True or False"),
        (lambda: memory.search("x", kinds=[many]), "kinds must be a list of fact and turn"),
        (lambda: memory.delete(fact, erase=many), "erase is True or False"),
        (lambda: memory.relate("Ada", "likes", "tea", modality=many), "modality .* known are"),
        (lambda: memory.set_retention(many), "keep is a number of minutes"),
        (lambda: memory.set_retention("9d", memory_type=many), "memory_type .* known are"),
        (lambda: memory.stats(run_id=many), "run_id must be text"),
        (lambda: memory.users(run_id=many), "run_id must be text"),
    ]
    for call, why in wrong:
        with pytest.raises(UsageError, match=why):
            call()


def test_no_time_at_all(memory: Any) -> None:
    """A table's empty cell, which calls itself a time."""

    class Nothing(datetime):
        def __ne__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    for name in ("occurred_at", "expires_at"):
        with pytest.raises(UsageError, match=f"{name}: .* is no time; leave"):
            memory.add("Rain.", **{name: Nothing(1, 1, 1)})


def test_a_text_just_within_the_limit(plain: Memory) -> None:
    text = "Rain and tea. " * 74_898
    assert len(text) == 1_048_572
    receipt = plain.add(text, infer=False)
    assert receipt.status == "done"
    assert plain.get(receipt.fact_ids[0]).text == text.strip()
    assert plain.search("tea")[0].id == receipt.fact_ids[0]


@pytest.mark.parametrize("given", [("folder",), (None, {})])
def test_an_async_memory_says_how_it_is_opened(given: Any) -> None:
    with pytest.raises(UsageError, match=r"await graphmem\.open_memory"):
        AsyncMemory(*given)
    with pytest.raises(UsageError, match=r"await graphmem\.open_memory"):
        AsyncMemory(*given, user_id="ada")


class Column(str):
    """A text of a type of its own, as a table's column gives them."""

    __slots__ = ()


@pytest.mark.parametrize("where", ["memory://", "folder"])
def test_texts_of_other_types_are_texts(where: str, tmp_path: Path) -> None:
    place = where if "://" in where else str(tmp_path / where)
    with Memory(place, user_id=Column("bob"), settings=Settings.load({})) as memory:
        options: Any = {"tags": [Column("a")], "idempotency_key": Column("k")}
        memory.add(Column("Ada works at Acme."), metadata={"a": Column("b")}, **options)
        stated = {"content": "Hello.", "role": "user", "name": "Bob", "id": "1"}
        memory.add([{key: Column(value) for key, value in stated.items()}])
        memory.relate(Column("Ada"), Column("likes"), Column("tea"), tags=[Column("x")])
        kept = memory.add(Column("As it is."), infer=False, tags=[Column("y")])
        fact = kept.decisions[0].after
        assert fact is not None
        memory.update(fact.id, text=Column("As it was."), tags=[Column("z")])
        assert memory.search(Column("As it was")).hits
        assert {relation.object for relation in memory.relations("Ada")} == {"Acme", "tea"}
        assert memory.verify().ok
        kind: Any = Column("semantic")
        rule = memory.set_retention(Column("90d"), tag=Column("x"), memory_type=kind)
        assert rule is not None
        assert [type(value) for value in (rule.tag, rule.memory_type)] == [str, str]
