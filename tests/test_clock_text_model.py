"""Times, ids, words, names, sentences and values: what everything else rests on."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import string
import threading
import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from graphmem.clock import (
    ManualClock,
    SystemClock,
    parse_date,
    parse_when,
    parse_when_or_none,
    refines,
    stamp,
    stamp_or_none,
    unstamp,
    unstamp_or_none,
)
from graphmem.errors import BadModelOutput, GraphmemError, ModelError, Unavailable, UsageError
from graphmem.model import Entity, Fact, Scope, Source, scope_of, to_json
from graphmem.model.results import Path, SearchResult
from graphmem.text import (
    beginning,
    digest,
    fold,
    loose_key,
    name_key,
    name_keys,
    name_keys_in,
    sentences,
    text_key,
    value_key,
    words,
)
from graphmem.text.outline import lines_above, paragraphs

MOMENTS = st.datetimes(timezones=st.just(UTC))
TEXTS = st.text(max_size=200)
_LINES = (
    "# A",
    "## B b",
    "- x",
    "  - y",
    "    - z",
    "text",
    "  more",
    "Lead:",
    "",
    "",
    "1. n",
    "* s",
)


class TestTimes:
    @given(MOMENTS)
    def test_stored_and_read_again(self, moment: datetime) -> None:
        assert unstamp(stamp(moment)) == moment
        assert len(stamp(moment)) == 27

    @given(MOMENTS, MOMENTS)
    def test_stored_text_sorts_as_time_does(self, one: datetime, other: datetime) -> None:
        assert (stamp(one) < stamp(other)) == (one < other)

    def test_none_stays_none(self) -> None:
        assert [stamp_or_none(None), unstamp_or_none(None), parse_when_or_none(None)] == [None] * 3

    @pytest.mark.parametrize(
        "value",
        [
            "2024-03-01",
            " 2024-03-01 ",
            "2024-03-01T00:00:00Z",
            "2024-03-01T05:30:00+05:30",
            "20240301",
            "2024-W09-5",
            "2024-03",
            date(2024, 3, 1),
            datetime(2024, 3, 1),
            datetime(2024, 2, 29, 23, tzinfo=timezone(timedelta(hours=-1))),
        ],
    )
    def test_what_is_a_time(self, value: Any) -> None:
        assert parse_when(value) == datetime(2024, 3, 1, tzinfo=UTC)
        assert parse_when(value).tzinfo is UTC

    def test_a_year_is_its_first_instant(self) -> None:
        assert parse_when(" 2024") == datetime(2024, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("value", "precision", "end", "iso"),
        [
            ("2024", "year", "2025-01-01", "2024"),
            ("9999", "year", "9999-01-01", "9999"),
            ("2024-W18", "week", "2024-05-06", "2024-W18"),
            ("2024W01", "week", "2024-01-08", "2024-W01"),
            ("2024-W18-1", "day", "2024-04-30", "2024-04-29"),
            ("2024-12", "month", "2025-01-01", "2024-12"),
            ("2024-02-29", "day", "2024-03-01", "2024-02-29"),
            ("20240301", "day", "2024-03-02", "2024-03-01"),
            (date(2024, 3, 1), "day", "2024-03-02", "2024-03-01"),
            (datetime(2024, 3, 1), "instant", "2024-03-01", "2024-03-01T00:00:00.000000Z"),
            ("2024-03-01T00:00Z", "instant", "2024-03-01", "2024-03-01T00:00:00.000000Z"),
        ],
    )
    def test_a_date_has_its_precision(self, value: Any, precision: str, end: str, iso: str) -> None:
        found = parse_date(value)
        assert (found.precision, found.end, found.iso()) == (precision, parse_when(end), iso)
        assert parse_date(iso) == found

    def test_only_a_coarser_date_is_refined(self) -> None:
        year, month, day, other = map(parse_date, ("2024", "2024-01", "2024-01-01", "2024-02-14"))
        assert refines(month, year)
        assert refines(day, month)
        assert refines(other, year)
        assert not refines(other, day)
        assert not refines(other, month)
        assert not refines(year, year)
        assert not refines(year, month)

    @pytest.mark.parametrize(
        "value", ["", "today", "202", "2024-13", "2024-3", "1.3.2024", "2023-02-29", 7, None, b"x"]
    )
    def test_what_is_none(self, value: Any) -> None:
        with pytest.raises(UsageError, match=r"^birthday: "):
            parse_when(value, name="birthday")


class TestClocks:
    def test_the_system_clock_only_grows_from_any_thread(self) -> None:
        clock = SystemClock()
        seen: list[datetime] = []
        ids: list[str] = []

        def work() -> None:
            for _ in range(500):
                seen.append(clock.now())
                ids.append(clock.new_id())

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(seen)) == len(set(ids)) == 2000
        own = [clock.now() for _ in range(100)]
        assert own == sorted(set(own))

    def test_ids_are_uuids_of_version_7_in_order(self) -> None:
        clock = SystemClock()
        ids = [clock.new_id() for _ in range(2000)]
        assert ids == sorted(ids)
        assert {(uuid.UUID(id).version, uuid.UUID(id).variant) for id in ids} == {
            (7, uuid.RFC_4122)
        }
        ms = uuid.UUID(ids[0]).int >> 80
        assert abs(ms / 1000 - clock.now().timestamp()) < 60

    def test_the_manual_clock_moves_only_when_told(self) -> None:
        clock, twin = ManualClock("2026-01-01"), ManualClock("2026-01-01")
        assert [clock.now() for _ in range(3)] == [twin.now() for _ in range(3)]
        assert [clock.new_id() for _ in range(3)] == [twin.new_id() for _ in range(3)]
        clock.advance(days=2)
        assert clock.now().date() == date(2026, 1, 3)
        later = [clock.new_id() for _ in range(5)]
        assert later == sorted(set(later))
        assert later[0] > twin.new_id()


class TestNames:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Zoë", "ZOE"),
            ("The Beatles", "beatles"),
            ("São  Paulo", "sao paulo"),
            ("Ada's", "Ada"),
            ("Ada’s", "ada"),
            ("C++", "c++"),
            ("ﬁne", "fine"),
            ("Straße", "STRASSE"),
            ("A.B.C.", "a b c"),
            ("𝐁𝐨𝐛", "bob"),
            ("℡", "tel"),
            ("İzmir", "izmir"),
            ("ΟΔΥΣΣΕΎΣ", "οδυσσευς"),
        ],
    )
    def test_spelled_alike(self, one: str, other: str) -> None:
        assert name_key(one) == name_key(other)

    @pytest.mark.parametrize(
        ("one", "other"), [("C", "C++"), ("C++", "C#"), ("1984", "1985"), ("The", "A"), ("❤", "★")]
    )
    def test_spelled_otherwise(self, one: str, other: str) -> None:
        assert name_key(one) != name_key(other)

    def test_every_key_a_name_is_found_by(self) -> None:
        assert name_keys("Dr. Bob Stone") == (
            "dr bob stone",
            "bob stone",
            "bobstone",
        )
        assert name_keys("Acme GmbH") == (
            "acme gmbh",
            "acme",
        )
        assert name_keys("Dr") == ("dr",)
        assert name_keys("Co") == ("co",)

    def test_every_run_of_words_is_a_name_to_look_for(self) -> None:
        found = name_keys_in("Where does Bob Stone live?", longest=2)
        assert {"bob", "bob stone", "where does", "live"} <= set(found)
        assert len(found) == len(set(found)) == 9

    @given(TEXTS)
    @example("The A Team")
    @example("-5 a %")
    @example("−5 €")
    @example("0 £")
    @example("£0 a")
    def test_keys_are_fixed_points(self, text: str) -> None:
        assert name_key(name_key(text)) == name_key(text) or not words(text)
        assert fold(fold(text)) == fold(text)
        assert text_key(text_key(text)) == text_key(text)
        assert bool(text_key(text)) == bool(text.strip())

    @pytest.mark.parametrize(
        "other", ["BOB’S  café is open", " bob's cafe\u0301\nis OPEN!! ", "Bob's café is open …"]
    )
    def test_one_sentence(self, other: str) -> None:
        assert text_key(other) == text_key("Bob's café is open.")

    def test_one_value(self) -> None:
        assert value_key("A nurse.") == value_key("nurse")
        assert len({value_key(value) for value in ("A", "A-", "A+", "-5", "5", "the")}) == 6

    def test_what_a_text_says_without_articles(self) -> None:
        assert loose_key("The Nurse, at a clinic.") == "nurse at clinic"
        assert loose_key("A") == "a"

    @given(TEXTS)
    def test_a_name_of_anything_has_a_key(self, text: str) -> None:
        assert bool(name_key(text)) == bool(fold(text).strip())


class TestText:
    def test_sentences(self) -> None:
        assert sentences("One. Two!  Three?\nFour… 五。六。") == [
            *("One.", "Two!", "Three?", "Four…"),
            *("五。", "六。"),
        ]
        assert sentences("") == sentences(" \n ") == []

    def test_paragraphs(self) -> None:
        assert paragraphs("One\ntwo.\n \n\nThree.\n") == ["One\ntwo.", "Three."]

    @given(st.text(string.ascii_letters + " .!\n", max_size=400), st.integers(5, 50))
    def test_long_ones_are_cut_without_loss(self, text: str, longest: int) -> None:
        pieces = paragraphs(text, longest=longest)
        assert all(0 < len(piece) <= longest for piece in pieces)
        assert "".join("".join(pieces).split()) == "".join(text.split())

    @pytest.mark.parametrize(
        ("text", "begins"),
        [
            ("Tea and\n cake.", "Tea and cake."),
            ("We met in Porto last year, all of us.", "We met in Porto…"),
            ("Donaudampfschifffahrtsgesellschaft", "Donaudampfschifffah…"),
            ("我" * 30, "我" * 19 + "…"),
            ("Hi " + "我" * 30, "Hi " + "我" * 16 + "…"),
            (" ", ""),
        ],
    )
    def test_a_beginning_says_something_whatever_the_words_are(
        self, text: str, begins: str
    ) -> None:
        assert beginning(text, 20) == begins

    @given(st.text(max_size=60), st.integers(2, 50))
    def test_a_beginning_is_no_longer_than_asked(self, text: str, most: int) -> None:
        assert len(beginning(text, most)) <= most
        assert bool(beginning(text, most)) == bool(text.split())

    def test_an_item_is_a_turn_below_what_it_stands_under(self) -> None:
        note = (
            "# Orchard\n\n- Suppliers\n  - Studio Nordlicht, in Graz\n    since May\n  - Wren\n"
            "- Owner: Felix\n\n## Risks\nThe bank may say no.\nTo do:\n1. call\n\n"
            "```\n# no heading\n- no item\n```\n\n## Empty"
        )
        assert paragraphs(note) == [
            "# Orchard\n- Suppliers\n  - Studio Nordlicht, in Graz\n    since May",
            "# Orchard\n- Suppliers\n  - Wren",
            "# Orchard\n- Owner: Felix",
            "## Risks\nThe bank may say no.",
            "# Orchard\n## Risks\nTo do:\n1. call",
            "```\n# no heading\n- no item\n```",
            "## Empty",
        ]
        assert lines_above(["# Orchard", "- Suppliers", "  - Wren"]) == 2

    @given(st.lists(st.sampled_from(_LINES), min_size=1, max_size=14).map("\n".join))
    def test_of_lists_nothing_is_lost_and_cutting_again_changes_nothing(self, text: str) -> None:
        turns = paragraphs(text)
        joined = "\n\n".join(turns)
        assert {line.strip() for line in text.split("\n")} - {""} == {
            line.strip() for line in joined.split("\n")
        } - {""}
        if "Lead:" not in text and "text" not in text:
            assert paragraphs(joined) == turns

    def test_what_stands_above_does_not_make_a_text_many_times_as_long(self) -> None:
        text = f"# {'long title ' * 18}\n" + "- a\n" * 20_000
        assert sum(map(len, paragraphs(text))) < 6 * len(text)

    @given(TEXTS, st.integers(1, 50))
    def test_pieces_of_anything_are_short_enough(self, text: str, longest: int) -> None:
        assert all(len(piece) <= longest for piece in paragraphs(text, longest=longest))

    @given(st.lists(TEXTS, max_size=4), st.lists(TEXTS, max_size=4))
    def test_digests_differ_as_lists_do(self, one: list[str], other: list[str]) -> None:
        assert (digest(*one) == digest(*other)) == (one == other)

    def test_digests_take_what_utf8_does_not(self) -> None:
        assert len(digest("\ud800")) == 64


class TestValues:
    def test_a_scope_names_its_tenant(self) -> None:
        assert Scope(user_id="ada").tenant == "default/user:ada"
        assert Scope("p/q%", user_id="a/b").tenant == "p%2Fq%25/user:a/b"
        assert Scope(agent_id="bot").tenant == "default/agent:bot"
        both = Scope(user_id="ada", agent_id="bot", run_id="r")
        assert (both.tenant, both.narrow_agent_id) == ("default/user:ada", "bot")
        assert Scope(agent_id="bot").narrow_agent_id is None

    @pytest.mark.parametrize("value", ["", " ", "x" * 257, "a\nb", "\ud800", 7, b"x"])
    @pytest.mark.parametrize("name", ["project_id", "user_id", "agent_id", "run_id"])
    def test_what_no_scope_is_made_of(self, name: str, value: Any) -> None:
        with pytest.raises(UsageError, match=name):
            Scope(**{"user_id": "ada", name: value})

    def test_values_become_json_and_come_back(self) -> None:
        when = datetime(2024, 3, 1, 12, 0, 0, 7, tzinfo=UTC)
        fact = Fact(
            id="f",
            scope=Scope(user_id="ada", run_id="r"),
            text="Zoë 🙂",
            recorded_at=when,
            valid_at=when,
            entity_ids=("a", "b"),
            sources=(Source("e", "t"), Source("e2")),
            metadata={"x": [1, {"y": None}]},
            tags=("t",),
        )
        assert Fact.from_json(json.loads(json.dumps(to_json(fact)))) == fact
        entity = Entity("a", "w", "Zoë", "person", ("Z",), None, when)
        assert Entity.from_json(json.loads(json.dumps(to_json(entity)))) == entity

    def test_a_fact_holds_until_its_first_end(self) -> None:
        day = datetime(2024, 3, 1, tzinfo=UTC)
        fact = Fact("f", Scope(user_id="a"), "x", day)
        assert fact.holds_at(day)
        for ended in (
            dataclasses.replace(fact, invalid_at=day),
            dataclasses.replace(fact, expires_at=day),
            dataclasses.replace(fact, archived_at=day),
        ):
            assert not ended.holds_at(day)
            assert ended.holds_at(day - timedelta(microseconds=1))

    def test_a_result_is_a_sequence(self) -> None:
        result = SearchResult("q", ())
        assert (len(result), list(result), result[:3]) == (0, [], ())
        with pytest.raises(IndexError):
            result[0]
        assert str(Path(())) == ""


class TestScopes:
    def test_a_tenant_is_not_part_of_a_scope(self) -> None:
        scope = Scope(user_id="ada", run_id="r")
        assert scope.tenant == "default/user:ada"
        assert to_json(scope).keys() == {"project_id", "user_id", "agent_id", "run_id"}
        assert scope == Scope(user_id="ada", run_id="r")
        assert "tenant" not in repr(scope)

    def test_a_copy_has_its_own_tenant(self) -> None:
        scope = Scope(user_id="ada")
        assert scope.tenant
        assert pickle.loads(pickle.dumps(scope)).tenant == scope.tenant
        assert copy.deepcopy(scope).tenant == scope.tenant
        assert dataclasses.replace(scope, user_id="bob").tenant == "default/user:bob"

    def test_the_same_names_are_the_same_scope(self) -> None:
        assert scope_of(user_id="ada", run_id="r") == Scope(user_id="ada", run_id="r")
        with pytest.raises(UsageError, match="needs a user_id"):
            scope_of(run_id="r")


class TestErrors:
    def test_one_tree(self) -> None:
        from graphmem import errors

        kinds = [
            kind
            for kind in vars(errors).values()
            if isinstance(kind, type) and issubclass(kind, Exception)
        ]
        assert len(kinds) == 20
        assert all(issubclass(kind, GraphmemError) for kind in kinds)
        assert all(kind.__name__ in (errors.__doc__ or "") for kind in kinds)
        assert issubclass(errors.UsageError, ValueError)
        assert issubclass(errors.NotFound, LookupError)

    def test_each_says_whether_to_try_again(self) -> None:
        assert Unavailable("x").retryable
        assert not UsageError("x").retryable
        assert ModelError("x").retryable
        assert not ModelError("x", retryable=False).retryable
        assert BadModelOutput("x", calls=2, tokens_in=3).calls == 2
