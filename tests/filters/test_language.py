"""The filter language by itself: what is understood, what is refused and how, what it means."""

from __future__ import annotations

from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphmem.errors import UsageError
from graphmem.filters import And, Not, Or, Test, Where, as_data, as_text, matches, parse_filter
from graphmem.filters.tree import FALSE, TRUE, at_time, known
from graphmem.testing import filters


def read(where: Any, over: Any = "search") -> Where:
    tree = parse_filter(where, over)
    assert tree is not None
    return tree


WORK = Test("tag", "in", ("work",))
HOME = Test("tag", "in", ("home",))
MAY, JUNE = "2024-05-01T00:00:00.000000Z", "2024-06-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("tag = work", WORK),
        ("tags:work", WORK),
        ("TAG == 'work'", WORK),
        ("tag contains work", WORK),
        ("tag != work", Not(WORK)),
        ("not tag = work", Not(WORK)),
        ("not not tag = work", WORK),
        ("tag in (work, home)", Test("tag", "in", ("work", "home"))),
        ("tag = [work, home, work]", Test("tag", "in", ("work", "home"))),
        ("tag not  in (work)", Not(WORK)),
        ("tag exists", Test("tag", "exists")),
        ("tag = work and tag = home", And((WORK, HOME))),
        ("tag = work or tag = home and tag = work", Or((WORK, And((HOME, WORK))))),
        ("(tag = work or tag = home) and not tag = work", And((Or((WORK, HOME)), Not(WORK)))),
        ('about: "Anna Schmidt"', Test("about", "in", ("Anna Schmidt",))),
        ('tag = "say \\"hi\\""', Test("tag", "in", ('say "hi"',))),
        ("tag = 'it\\'s'", Test("tag", "in", ("it's",))),
        ("type = 'Works At'", Test("type", "in", ("works_at",))),
        ("importance >= .5", None),
        ("importance >= 0.5", Test("importance", "gte", (0.5,))),
        ("metadata.n = 1", Test("metadata", "in", (1,), ("n",))),
        ("meta.n = '1'", Test("metadata", "in", ("1",), ("n",))),
        ("metadata.ok = TRUE", Test("metadata", "in", (True,), ("ok",))),
        ('metadata.a."b c".d-e exists', Test("metadata", "exists", (), ("a", "b c", "d-e"))),
        ("occurred_at = 2024-05", And((Test("occurred_at", "gte", (MAY,)),
                                       Test("occurred_at", "lt", (JUNE,))))),
        ("when < 2024-05", Test("occurred_at", "lt", (MAY,))),
        ("when <= 2024-05", Test("occurred_at", "lt", (JUNE,))),
        ("when > 2024-05", Test("occurred_at", "gte", (JUNE,))),
        ("when >= 2024-05", Test("occurred_at", "gte", (MAY,))),
        ("when > 2024-05-01T00:00:00Z", Test("occurred_at", "gt", (MAY,))),
        ("when <= 2024-05-01T02:00+02:00", Test("occurred_at", "lte", (MAY,))),
        ("invalid_at <= now", Test("invalid_at", "lte", ("now",))),
        ("holding at 2024-05", And((Not(Test("begins_at", "gte", (JUNE,))),
                                    Not(Test("ended_at", "lte", (MAY,)))))),
        ("holding = now", And((Not(Test("begins_at", "gt", ("now",))),
                               Not(Test("ended_at", "lte", ("now",)))))),
    ],
)  # fmt: skip
def test_what_text_means(text: str, tree: Where | None) -> None:
    if tree is None:
        with pytest.raises(UsageError):
            parse_filter(text)
        return
    assert read(text) == tree


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"tag": "work"}, "tag = work"),
        ({"tag": ["work", "home"]}, "tag in (work, home)"),
        ({"tag": {"ne": "work"}}, "tag != work"),
        ({"tag": {"nin": ["work"]}}, "not tag in (work)"),
        ({"tag": None}, "not tag exists"),
        ({"tag": {"exists": True}}, "tag exists"),
        ({"tag": "work", "importance": {"gt": 0.5, "lte": 1}},
         "tag = work and importance > 0.5 and importance <= 1"),
        ({"OR": [{"tag": "work"}, {"tag": "home"}]}, "tag = work or tag = home"),
        ({"$and": [{"tag": "work"}], "not": {"tag": "home"}}, "tag = work and not tag = home"),
        ({"NOT": [{"tag": "work"}, {"tag": "home"}]}, "not (tag = work or tag = home)"),
        ({"metadata": {"n": {"gte": 2}, "ok": True}}, "metadata.n >= 2 and metadata.ok = true"),
        ({'metadata.a."b.c"': 1}, 'metadata.a."b.c" = 1'),
        ({"occurred_at": "2024-05"}, "occurred_at = 2024-05"),
        ({"occurred_at": {"lt": date(2024, 5, 1)}}, "occurred_at < 2024-05-01"),
        ({"occurred_at": {">": datetime(2024, 5, 1, tzinfo=UTC)}},
         "occurred_at > 2024-05-01T00:00:00Z"),
        ({"holding": "now"}, "holding now"),
    ],
)  # fmt: skip
def test_data_say_the_same(data: Any, text: str) -> None:
    assert read(data) == read(text)


@pytest.mark.parametrize(
    ("where", "why"),
    [
        (
            "tgas = x",
            r"no field 'tgas' \(did you mean tags\?\).*\(character 1, before 'tgas = x'\)",
        ),
        ("tag = work and", r"should be a field.*\(character 15, at the end\)"),
        ("tag = a tag = b", r"should be and, or, or the end \(character 9, before 'tag = b'\)"),
        ("(tag = a", "closing parenthesis"),
        ("tag = a)", r"before '\)'"),
        ("tag", "after tag should be ="),
        ("tag =", "should be a value for tag"),
        ("tag in work", r"should be a list: \(a, b\)"),
        ("tag in (a b)", r"a comma or \)"),
        ('tag = "a\\q"', "escape that JSON does not know"),
        ("memory_type = procedral", r"not 'procedral' \(did you mean procedural\?\)"),
        ("kind = task", "fact or turn, not 'task'"),
        ("importance = high", "importance is a number, got 'high'"),
        ("type < x", "type has no order"),
        ("metadata.n > x", "numbers only"),
        ("metadata = x", "which key of the metadata"),
        ("tag.x = y", "only metadata has keys"),
        ("metadata.'a\"b' = 1", "cannot be asked for"),
        ("occurred_at = 2024-13", "'2024-13' is not a date"),
        ("occurred_at = soon", "not a date"),
        ("occurred_at = now", "compare with now by"),
        ("holding soon", "not a date"),
        ("user_id = ben", "cannot choose whose memory"),
        ("format = json", r"metadata\.format may be what you mean"),
        ("name = Ada", "'name' is a field of entities, not of searches"),
        ("(" * 60 + "tag = a" + ")" * 60, "more than 50 parentheses"),
        ("not " * 60 + "tag = a", "more than 50 times not"),
        (" or ".join(["tag = a" + str(n) for n in range(300)]), "300 tests, the limit is 200"),
        ("tag = " + "x" * 30_000, "30,006 characters"),
        (["tag"], "text or a mapping, got list"),
        ({"tag": []}, "at least one value"),
        ({"tag": {}}, "a comparison is needed"),
        ({"tag": {"like": "x"}}, "no comparison 'like'"),
        ({"tag": {"gt": "x"}}, "tag has no order"),
        ({"tag": [["x"]]}, "no value that can be compared"),
        ({"tag": {"exists": "yes"}}, "exists is True or False"),
        ({"and": "x"}, "and takes a list of filters"),
        ({"or": []}, "or takes a list of filters"),
        ({3: "x"}, "the name of a field, got 3"),
        ({"importance": float("nan")}, "no number that can be compared"),
        ({"tag": "a\0b"}, "no text can hold"),
    ],
)
def test_errors_say_what_is_wrong_and_where(where: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse_filter(where)


def test_nothing_is_no_filter() -> None:
    assert parse_filter("") is None
    assert parse_filter(" \n") is None
    assert parse_filter({}) is None


@given(seed=st.integers(0, 10**9))
def test_both_forms_say_a_filter_again(seed: int) -> None:
    tree = filters.where(Random(seed))
    if tree in (TRUE, FALSE):
        return
    assert parse_filter(as_text(tree)) == tree
    assert parse_filter(as_data(tree)) == tree


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_a_usage_error(text: str) -> None:
    message = "where"
    try:
        parse_filter(text)
    except UsageError as error:
        message = str(error)
    assert message.startswith("where")


@given(seed=st.integers(0, 10**9))
def test_truth_has_two_values(seed: int) -> None:
    """De Morgan, and nothing between true and false, whatever a thing lacks."""
    random = Random(seed)
    record = filters.record(random)
    a, b = filters.where(random), filters.where(random)
    one, two = matches(a, record), matches(b, record)
    assert matches(Not(a), record) is not one
    assert matches(And((a, b)), record) is (one and two)
    assert matches(Not(And((Not(a), Not(b)))), record) is (one or two)
    kind = known(a, kind=("fact",))
    assert matches(kind, record) is one
    assert at_time(a, MAY) == a


def test_now_is_the_time_of_the_call() -> None:
    tree = at_time(read("holding now"), MAY)
    record = {"begins_at": (MAY,), "ended_at": (JUNE,)}
    assert matches(tree, record)
    assert not matches(at_time(read("holding now"), JUNE), record)
    assert matches(tree, {}), "what nobody knows the beginning or end of holds"


def test_values_keep_their_kinds_apart() -> None:
    one = read("metadata.n = 1")
    assert matches(one, {"metadata\0n": (1.0,)})
    assert not matches(one, {"metadata\0n": (True,)})
    assert not matches(one, {"metadata\0n": ("1",)})
    assert not matches(read("metadata.n > 0"), {"metadata\0n": ("5", True)})
