"""Telling a memory things: every form of input, every option, duplicates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.errors import NotFound, UsageError
from tests.engine.helpers import facts_of


def test_text_becomes_an_episode_with_facts_and_entities(memory: Memory) -> None:
    receipt = memory.add("Bob Stone works at Acme.", occurred_at="2024-02-01")
    assert (receipt.status, receipt.reason, receipt.model_calls) == ("done", None, 0)
    (decision,) = receipt.decisions
    assert (decision.action, decision.fact_id) == ("ADD", receipt.fact_ids[0])
    names = {memory.entity(id).name for id in receipt.entity_ids}
    assert names == {"Bob Stone", "Acme"}
    episode = memory.episode(receipt.episode_id)
    assert (episode.kind, episode.content) == ("text", "Bob Stone works at Acme.")
    assert episode.occurred_at == datetime(2024, 2, 1, tzinfo=UTC)
    assert [turn.text for turn in episode.turns] == ["Bob Stone works at Acme."]
    fact = memory.get(receipt.fact_ids[0])
    assert (fact.text, fact.type) == ("Bob Stone works at Acme", "works_at")
    assert [source.turn_id for source in fact.sources] == [episode.turns[0].id]


def test_paragraphs_are_turns(memory: Memory) -> None:
    receipt = memory.add("Bob Stone works at Acme.\n\nCarol Reed lives in Lisbon.\n \n")
    episode = memory.episode(receipt.episode_id)
    assert [turn.ordinal for turn in episode.turns] == [0, 1]
    assert memory.stats().turns == 2
    turns = {source.turn_id for id in receipt.fact_ids for source in memory.get(id).sources}
    assert turns == {turn.id for turn in episode.turns}


def test_a_message_keeps_speaker_time_and_the_sources_own_id(memory: Memory) -> None:
    message = {
        "role": "user",
        "name": "Bob",
        "content": "I live in Lisbon.",
        "occurred_at": "2024-02-03T10:00:00+01:00",
        "id": "D1:3",
        "color": "ignored",
    }
    receipt = memory.add(message)
    episode = memory.episode(receipt.episode_id)
    (turn,) = episode.turns
    assert (turn.speaker, turn.role, turn.source_id) == ("Bob", "user", "D1:3")
    assert turn.occurred_at == episode.occurred_at == datetime(2024, 2, 3, 9, tzinfo=UTC)
    assert episode.kind == "messages"
    assert "color" not in json.loads(episode.content)[0]
    assert [f"{r.subject} {r.type} {r.object}" for r in memory.relations()] == [
        "Bob lives_in Lisbon"
    ]


def test_messages_are_one_episode_in_order(memory: Memory) -> None:
    receipt = memory.add(
        [
            {"role": "user", "content": "Where do I live?", "occurred_at": "2024-01-01"},
            {"role": "assistant", "content": "You live in Oslo."},
            {"role": "user", "name": "Bob", "content": [{"type": "text", "text": "I own a Saab."}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
            {"role": "tool", "content": None},
        ],
        agent_id="helper",
    )
    episode = memory.episode(receipt.episode_id)
    assert [turn.speaker for turn in episode.turns] == ["ada", "helper", "Bob"]
    assert [turn.text for turn in episode.turns][2] == "I own a Saab."
    assert episode.turns[1].occurred_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert len(json.loads(episode.content)) == 5


def test_without_inference_the_text_itself_is_the_fact(memory: Memory) -> None:
    receipt = memory.add("  Tea at four, or not at all. ", infer=False)
    (fact,) = memory.get_all().items
    assert fact.id == receipt.fact_ids[0]
    assert (fact.text, fact.type, fact.entity_ids) == ("Tea at four, or not at all.", None, ())
    assert memory.stats().entities == 0
    hits = memory.search("tea")
    assert [(hit.kind, hit.id) for hit in hits] == [("fact", fact.id)]
    two = memory.add(
        [{"content": "One thing."}, {"content": "Another thing.", "id": "m2"}], infer=False
    )
    assert [memory.get(id).text for id in two.fact_ids] == ["One thing.", "Another thing."]
    assert memory.search("another thing")[0].source_id == "m2"


@pytest.mark.parametrize(
    "texts",
    [
        ("It is 5 degrees.", "It is -5 degrees.", "It is +5 degrees."),
        ("a > b", "a < b", "a b"),
        ("Vote: 👍", "Vote: 👎"),
        ("Plan was chosen.", "Plan A was chosen.", "The plan was chosen."),
        ("x=1", "x!=1", "x 1"),
        ("Résumé sent.", "Resume sent."),
        ("Bob left", "Bob left?"),
        ("10² m", "102 m"),
    ],
)
def test_what_differs_in_a_sign_is_another_text(memory: Memory, texts: Sequence[str]) -> None:
    for text in texts:
        assert [d.action for d in memory.add(text, infer=False).decisions] == ["ADD"], text
    assert facts_of(memory) == list(texts)
    again = [memory.add(f" {text.swapcase()} ", infer=False).decisions for text in texts]
    assert [d.reason for (d,) in again] == ["said again"] * len(texts)


@pytest.mark.parametrize("infer", [True, False])
def test_a_fact_has_the_tags_of_all_that_state_it(memory: Memory, infer: bool) -> None:
    text = "Carol Reed lives in Lisbon."
    memory.add(text, tags=["home", "old"], occurred_at="2024-02-03", infer=infer)
    again = memory.add(text, tags=["letter", "home"], occurred_at="2024-02-04", infer=infer)
    (fact,) = memory.get_all().items
    assert fact.tags == ("home", "old", "letter")
    for tag in fact.tags:
        assert [hit.id for hit in memory.search("Carol", kinds=["fact"], where={"tag": tag})]
    memory.undo(again.episode_id)
    (fact,) = memory.get_all().items
    assert fact.tags == ("home", "old")
    assert not memory.search("Carol", kinds=["fact"], where={"tag": "letter"})
    assert memory.verify().ok
    memory.rebuild()
    assert memory.get(fact.id) == fact


def test_every_option_reaches_the_fact(memory: Memory) -> None:
    receipt = memory.add(
        "Carol Reed lives in Lisbon.",
        metadata={"from": "letter", "pages": [1, 2], "deep": {"π": None}},
        tags=["home", "home", "post"],
        memory_type="episodic",
        occurred_at=datetime(2024, 2, 3, 12, tzinfo=timezone(timedelta(hours=2))),
        expires_at="2999-01-01",
        importance=1,
        idempotency_key="letter-1",
        agent_id="reader",
        run_id="r1",
    )
    fact = memory.get(receipt.fact_ids[0])
    assert fact.metadata == {"from": "letter", "pages": [1, 2], "deep": {"π": None}}
    assert fact.tags == ("home", "post")
    assert fact.memory_type == "episodic"
    assert fact.expires_at == datetime(2999, 1, 1, tzinfo=UTC)
    assert fact.stated_at == datetime(2024, 2, 3, 10, tzinfo=UTC)
    assert (fact.agent_ids, fact.run_ids) == (("reader",), ("r1",))
    episode = memory.episode(receipt.episode_id)
    assert (episode.idempotency_key, episode.tags, episode.importance) == (
        "letter-1",
        ("home", "post"),
        1.0,
    )


@pytest.mark.parametrize(
    "when",
    ["2024-02-03", date(2024, 2, 3), datetime(2024, 2, 3), "2024-02-03T01:00:00+01:00"],
)
def test_a_time_without_a_zone_is_utc(plain: Memory, when: Any) -> None:
    receipt = plain.add("Tea.", occurred_at=when)
    assert plain.episode(receipt.episode_id).occurred_at == datetime(2024, 2, 3, tzinfo=UTC)


def test_what_expires_leaves_every_answer(memory: Memory) -> None:
    memory.add("Bob Stone lives in Oslo.", occurred_at="2020-01-01", expires_at="2020-02-01")
    memory.add("The kettle is blue.", expires_at="2020-02-01", infer=False)
    assert list(memory.search("Where does Bob Stone live? kettle")) == []
    assert memory.context("Bob Stone kettle") == ""
    assert memory.relations() == []
    assert memory.get_all().items == ()
    assert memory.neighbours("Bob Stone").relations == ()
    assert len(memory.get_all(current=False).items) == 2
    assert len(memory.search("Where does Bob Stone live? kettle", current=False)) == 3
    assert memory.verify().ok


class TestDuplicates:
    """The same again changes nothing (law 6)."""

    def test_same_content_and_time(self, memory: Memory) -> None:
        first = memory.add("Bob Stone works at Acme.", occurred_at="2024-02-01")
        before = memory.stats()
        again = memory.add("Bob Stone works at Acme.", occurred_at="2024-02-01")
        assert (again.status, again.episode_id) == ("duplicate", first.episode_id)
        assert again.reason == "remembered before"
        assert (again.decisions, memory.stats()) == ((), before)

    def test_same_text_at_another_time_is_another_episode(self, memory: Memory) -> None:
        first = memory.add("Bob Stone works at Acme.", occurred_at="2024-02-01")
        second = memory.add("Bob Stone works at Acme.", occurred_at="2024-02-02")
        assert second.status == "done"
        assert [d.action for d in second.decisions] == ["NONE"]
        (fact,) = memory.get_all().items
        assert [s.episode_id for s in fact.sources] == [first.episode_id, second.episode_id]
        assert memory.episode(second.episode_id).previous_id == first.episode_id

    def test_without_a_time_within_the_window(self, memory: Memory) -> None:
        assert memory.add("Tea.").status == "done"
        assert memory.add("Tea.").status == "duplicate"
        assert memory.add("Tea.", run_id="r1").status == "done"
        assert memory.add("Tea.", user_id="bob").status == "done"

    def test_what_was_changed_since_may_be_stated_again(self, memory: Memory) -> None:
        memory.add("I live in Rome.")
        moved = memory.add("I moved to Oslo.")
        assert memory.add("I moved to Oslo.").status == "duplicate"
        back = memory.add("I live in Rome.")
        assert (back.status, memory.add("I live in Rome.").status) == ("done", "duplicate")
        assert [r.object for r in memory.relations(type="lives_in")] == ["Rome"]
        assert moved.fact_ids
        (fact,) = memory.add("Bob Stone works at Acme.").fact_ids
        memory.delete(fact)
        assert memory.add("Bob Stone works at Acme.").status == "done"
        assert [r.object for r in memory.relations("Bob Stone")] == ["Acme"]

    def test_keys_are_known_once_they_were_stated(self, memory: Memory) -> None:
        assert memory.known_keys(["k"]) == frozenset()
        gone = memory.add("Tea.", idempotency_key="k").episode_id
        back = memory.add("Rum.", idempotency_key="l").episode_id
        assert memory.known_keys({"k", "l", "m"}) == {"k", "l"}
        assert memory.known_keys(["k"] * 25_000) == {"k"}
        assert memory.known_keys([]) == frozenset()
        assert memory.known_keys(["k"], user_id="bob") == frozenset()
        assert memory.known_keys(["k"], run_id="r") == frozenset()
        memory.delete(gone)
        memory.undo(back)
        assert memory.known_keys(["k", "l"]) == frozenset()
        assert memory.add("Rum.", idempotency_key="l").episode_id == back
        assert memory.known_keys(["k", "l"]) == {"l"}
        for bad in ("k", None, 7, [7], [""], ["k" * 513]):
            with pytest.raises(UsageError):
                memory.known_keys(bad)  # type: ignore[arg-type]

    def test_same_key_whatever_the_content(self, memory: Memory) -> None:
        first = memory.add("Tea.", idempotency_key="k")
        again = memory.add("Coffee.", idempotency_key="k")
        assert (again.status, again.episode_id) == ("duplicate", first.episode_id)
        assert memory.add("Coffee.", idempotency_key="k", user_id="bob").status == "done"
        assert [hit.text for hit in memory.search("coffee", kinds=["turn"])] == ["Tea."]

    def test_another_key_for_the_same_content_is_kept(self, memory: Memory) -> None:
        assert memory.add("Tea.", idempotency_key="a").status == "done"
        assert memory.add("Tea.", idempotency_key="b").status == "done"
        assert memory.stats().episodes == 2


def test_what_was_changed_since_may_be_stated_again_on_postgres(postgres_url: str) -> None:
    given = Settings.load(
        {}, ledger=f"{postgres_url}?schema=anew", graph="memory://", vectors="memory://"
    )
    with Memory("memory://", user_id="ada", settings=given) as memory:
        memory.add("I live in Rome.")
        memory.add("I moved to Oslo.")
        assert memory.add("I moved to Oslo.").status == "duplicate"
        assert memory.add("I live in Rome.").status == "done"
        assert memory.add("I live in Rome.").status == "duplicate"
        assert [r.object for r in memory.relations()] == ["Rome"]


class TestMany:
    """``add_many``: anything iterable, a chunk at a time."""

    def test_mixed_items_with_options_of_their_own(self, memory: Memory) -> None:
        done: list[int] = []
        items: list[Any] = [
            "Bob Stone works at Acme.",
            {"content": "Carol Reed lives in Lisbon.", "occurred_at": "2024-02-03", "tags": ["x"]},
            {"role": "user", "name": "Dora", "content": "I live in Oslo.", "id": "D2:1"},
            [{"content": "One."}, {"content": "Two."}],
            {"content": [{"content": "Three."}], "run_id": "r9", "infer": False},
        ]
        added = memory.add_many(iter(items), progress=done.append, importance=0.9)
        assert (added, done) == (5, [5])
        found = {fact.text: fact for fact in memory.get_all().items}
        assert found["Carol Reed lives in Lisbon"].tags == ("x",)
        assert found["Three."].run_ids == ("r9",)
        assert found["Three."].importance == 0.9
        assert found["Dora lives in Oslo"].subject_id == memory.entity("Dora").id
        assert memory.stats().episodes == 5
        assert memory.add_many(items) == 0, "it is safe to repeat"
        assert memory.add_many([]) == 0

    def test_memory_is_bounded(self, plain: Memory) -> None:
        """Nothing is taken from the source before the chunk before it is stored."""
        used: list[int] = []
        stored: list[tuple[int, int]] = []

        def source() -> Iterator[str]:
            for number in range(300):
                used.append(number)
                yield f"Line {number}."

        def progress(done: int) -> None:
            stored.append((done, len(used)))

        assert plain.add_many(source(), infer=False, progress=progress) == 300
        assert [done for done, _ in stored] == [64, 128, 192, 256, 300]
        assert all(seen == done for done, seen in stored)

    def test_a_bad_item_is_named_and_the_rest_resumes(self, memory: Memory) -> None:
        items: list[Any] = [f"Line {number}." for number in range(70)]
        items[66] = {"content": "Line 66.", "importance": 7}
        with pytest.raises(UsageError, match=r"^item 66: importance"):
            memory.add_many(items, infer=False)
        assert memory.stats().episodes == 64, "whole chunks before it are kept"
        items[66] = "Line 66."
        assert memory.add_many(items, infer=False) == 6
        assert facts_of(memory) == [f"Line {number}." for number in range(70)]

    def test_a_source_that_fails_leaves_what_was_stored(self, memory: Memory) -> None:
        def source() -> Iterator[str]:
            yield from (f"Line {number}." for number in range(100))
            raise OSError("the disk went away")

        with pytest.raises(OSError, match="went away"):
            memory.add_many(source(), infer=False)
        assert memory.stats().episodes == 64
        assert memory.verify().ok

    def test_duplicates_within_one_chunk(self, memory: Memory) -> None:
        assert memory.add_many(["Tea.", "Tea.", "Coffee.", "Tea."]) == 2
        assert memory.add_many(["Rain."] * 3, infer=False) == 1

    def test_several_users_at_once(self, memory: Memory) -> None:
        items = [{"content": f"Note {n}.", "user_id": f"u{n % 3}"} for n in range(9)]
        assert memory.add_many(items, infer=False) == 9
        assert [len(facts_of(memory, user_id=f"u{n}")) for n in range(3)] == [3, 3, 3]
        assert facts_of(memory) == []

    def test_later_items_read_the_facts_of_earlier_ones(self, memory: Memory) -> None:
        """In one chunk without inference decisions are made in one transaction."""
        items = [{"content": f"Tea {n % 2}.", "occurred_at": f"2024-01-0{n + 1}"} for n in range(6)]
        assert memory.add_many(items, infer=False) == 6
        assert [len(fact.sources) for fact in memory.get_all().items] == [3, 3]
        assert memory.verify().ok


def test_what_one_scope_knows_another_does_not(memory: Memory) -> None:
    receipt = memory.add("Tea.", infer=False)
    with pytest.raises(NotFound):
        memory.get(receipt.fact_ids[0], user_id="bob")


def test_what_somebody_speaks_under_stays_their_name(plain: Memory) -> None:
    for day, text in (("01", "Hana Sato here. I live in Oslo."), ("02", "I moved to Bergen.")):
        plain.add([{"name": "Hana", "content": text}], occurred_at=f"2024-{day}-01")
    hana = plain.entity("Hana")
    assert (hana.name, hana.aliases) == ("Hana Sato", ("Hana",))
    assert [r.object for r in plain.relations("Hana")] == ["Bergen"]


def test_a_short_form_that_others_call_a_speaker_by(plain: Memory) -> None:
    stated = (("Melanie", "I live in Oslo."), ("Caro", "Mel works at Acme."))
    plain.add([{"name": name, "content": text} for name, text in stated])
    assert {r.type for r in plain.relations("Melanie")} == {"lives_in", "works_at"}
    stated = (("Mike", "I live in Oslo."), ("Michael", "I live in Rome."))
    plain.add([{"name": name, "content": text} for name, text in stated])
    assert plain.entity("Mike") != plain.entity("Michael")
