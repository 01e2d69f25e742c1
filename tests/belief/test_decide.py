"""ADD, UPDATE, DELETE or NONE: what is done about each candidate, and why."""

from __future__ import annotations

import pytest

from graphmem.clock import parse_when
from graphmem.model import Scope
from graphmem.ports.llm import CandidateEntity, CandidateFact
from tests.belief.bench import ADA, Bench, actions, after, reasons, says

BOB = CandidateEntity("Bob Stone", "person")


def about_bob(text: str) -> CandidateFact:
    return CandidateFact(text, entities=("Bob Stone",), turns=(0,))


class TestKnownAlready:
    async def test_the_same_sentence_gains_a_source(self, bench: Bench) -> None:
        one = await bench.add(about_bob("Bob Stone likes tea"))
        two = await bench.add(about_bob("Bob  Stone likes the tea!"), at="2025-01-02")
        assert (actions(one), actions(two)) == (["ADD"], ["NONE"])
        assert reasons(two) == ["said again"]
        (fact,) = await bench.facts()
        assert [s.episode_id for s in fact.sources] == [one.episode_id, two.episode_id]
        assert (fact.text, fact.version) == ("Bob Stone likes tea", 1)
        assert two.fact_ids == ()

    async def test_the_same_relation_in_other_words(self, bench: Bench) -> None:
        await bench.add(says("Bob Stone", "works_at", "Acme"))
        again = await bench.add(says("bob stone", "works_at", "ACME", "Bob is employed by Acme"))
        assert reasons(again) == ["said again"]
        assert len(await bench.facts()) == 1

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Bob Stone likes the colour of the house", "Bob Stone likes the color of the house"),
            ("Bob Stone likes café mornings in Lisbon", "Bob Stone likes cafe mornings in lisbon."),
            (
                "Bob Stone collects old stamps from Norway",
                "Bob Stone collects old stamp from Norway",
            ),
        ],
    )
    async def test_nearly_the_same_sentence(self, bench: Bench, one: str, other: str) -> None:
        await bench.add(about_bob(one))
        assert actions(await bench.add(about_bob(other))) == ["NONE"]

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Bob Stone has 12 cats in his house", "Bob Stone has 13 cats in his house"),
            ("Bob Stone will come to the party", "Bob Stone will not come to the party"),
            ("Bob Stone can swim in cold water", "Bob Stone can't swim in cold water"),
            ("Bob Stone ate meat on that day", "Bob Stone never ate meat on that day"),
            (
                "Bob Stone walked for three days through the forest to the north of the old town",
                "Bob Stone walked for three days through the forest to the south of the old town",
            ),
            (
                "Bob Stone and his sister bought two kilograms of apples at the market that day",
                "Bob Stone and his sister bought ten kilograms of apples at the market that day",
            ),
            (
                "On the machine of Bob Stone in the old garden house the setting is now x=1",
                "On the machine of Bob Stone in the old garden house the setting is now x!=1",
            ),
            ("Bob Stone chose plan", "Bob Stone chose plan A and left"),
            ("Bob Stone chose plan and left", "Bob Stone chose plan A and left"),
            (
                "Bob Stone was in the garden at 5 degrees",
                "Bob Stone was in the garden at -5 degrees",
            ),
            ("Bob Stone met Ada in the old garden", "Ada met Bob Stone in the old garden"),
        ],
    )
    async def test_alike_is_not_the_same(self, bench: Bench, one: str, other: str) -> None:
        await bench.add(about_bob(one))
        assert actions(await bench.add(about_bob(other))) == ["ADD"]

    async def test_a_value_that_differs_in_a_sign(self, bench: Bench) -> None:
        receipt = [
            await bench.add(
                CandidateFact(
                    f"Bob Stone's reading is {value}",
                    subject="Bob Stone",
                    type="has_reading",
                    value=value,
                    entities=("Bob Stone",),
                    turns=(0,),
                )
            )
            for value in ("5", "-5", "5 %", "a 5")
        ]
        assert [actions(one) for one in receipt] == [["ADD"], ["ADD"], ["ADD"], ["NONE"]]

    async def test_alike_about_somebody_else(self, bench: Bench) -> None:
        text = "The person has a boat in the harbour"
        await bench.add(CandidateFact(text, entities=("Bob Stone",), turns=(0,)))
        other = await bench.add(CandidateFact(f"{text}s", entities=("Carol",), turns=(0,)))
        assert actions(other) == ["ADD"]

    async def test_another_owner_knows_nothing_of_it(self, bench: Bench) -> None:
        await bench.add(about_bob("Bob Stone likes tea"))
        other = await bench.add(about_bob("Bob Stone likes tea"), scope=Scope(user_id="bob"))
        assert actions(other) == ["ADD"]
        (mine,), (theirs,) = await bench.facts(), await bench.facts(Scope(user_id="bob"))
        assert mine.entity_ids != theirs.entity_ids

    async def test_a_date_is_learned(self, bench: Bench) -> None:
        await bench.add(says("Bob Stone", "works_at", "Acme"))
        dated = await bench.add(says("Bob Stone", "works_at", "Acme", since="2019-05-01"))
        assert actions(dated) == ["UPDATE"]
        assert "now dated" in reasons(dated)[0]
        (fact,) = await bench.facts()
        assert (fact.version, fact.valid_at) == (2, parse_when("2019-05-01"))
        assert len(fact.sources) == 2

    async def test_it_lives_as_long_as_its_longest_source(self, bench: Bench) -> None:
        await bench.add(about_bob("Bob Stone is here"), expires_at="2025-02-01")
        shorter = await bench.add(about_bob("Bob Stone is here"), expires_at="2025-01-15")
        assert actions(shorter) == ["NONE"]
        longer = await bench.add(about_bob("Bob Stone is here"), expires_at="2025-03-01")
        assert actions(longer) == ["UPDATE"]
        assert "kept for longer" in reasons(longer)[0]
        (fact,) = await bench.facts()
        assert fact.expires_at == parse_when("2025-03-01")
        await bench.add(about_bob("Bob Stone is here"))
        (fact,) = await bench.facts()
        assert (fact.expires_at, len(fact.sources)) == (None, 4)


class TestOneValueAtATime:
    async def test_a_newer_statement_closes_the_older(self, bench: Bench) -> None:
        one = await bench.add(says("Bob", "lives_in", "Oslo"), at="2024-01-01")
        two = await bench.add(says("Bob", "lives_in", "Rome"), at="2025-01-01")
        assert actions(two) == ["UPDATE", "ADD"]
        closed, added = (after(decision) for decision in two.decisions)
        assert closed.id == one.decisions[0].fact_id
        assert added.supersedes_id == closed.id
        assert added.id in reasons(two)[0]
        assert await bench.spans("lives_in") == [
            ("Oslo", None, "2025-01-01"),
            ("Rome", None, None),
        ]

    async def test_its_own_date_counts_before_the_day_it_was_stated(self, bench: Bench) -> None:
        await bench.add(says("Bob", "lives_in", "Oslo"), at="2024-01-01")
        await bench.add(says("Bob", "lives_in", "Rome", since="2024-06-01"), at="2025-01-01")
        assert ("Oslo", None, "2024-06-01") in await bench.spans("lives_in")

    async def test_a_late_arrival_is_filed_before(self, bench: Bench) -> None:
        await bench.add(says("Bob", "lives_in", "Rome", since="2024-01-01"), at="2024-01-01")
        late = await bench.add(says("Bob", "lives_in", "Oslo"), at="2020-01-01")
        assert actions(late) == ["ADD", "UPDATE"]
        assert "earlier time" in reasons(late)[0]
        assert reasons(late)[1] == "follows another"
        assert await bench.spans("lives_in") == [
            ("Oslo", None, "2024-01-01"),
            ("Rome", "2024-01-01", None),
        ]

    async def test_one_in_the_middle_fits_between(self, bench: Bench) -> None:
        for city, day in (("Oslo", "2020-01-01"), ("Rome", "2024-01-01"), ("Bonn", "2022-01-01")):
            await bench.add(says("Bob", "lives_in", city, since=day), at=day)
        assert await bench.spans("lives_in") == [
            ("Bonn", "2022-01-01", "2024-01-01"),
            ("Oslo", "2020-01-01", "2022-01-01"),
            ("Rome", "2024-01-01", None),
        ]

    async def test_back_again_is_a_new_fact(self, bench: Bench) -> None:
        for city, day in (("Oslo", "2020-01-01"), ("Rome", "2022-01-01"), ("Oslo", "2024-01-01")):
            await bench.add(says("Bob", "lives_in", city, since=day), at=day)
        assert await bench.spans("lives_in") == [
            ("Oslo", "2020-01-01", "2022-01-01"),
            ("Oslo", "2024-01-01", None),
            ("Rome", "2022-01-01", "2024-01-01"),
        ]

    async def test_others_may_have_several_values(self, bench: Bench) -> None:
        await bench.add(says("Bob", "likes", "Tea"), at="2024-01-01")
        await bench.add(says("Bob", "likes", "Rum"), at="2025-01-01")
        assert [until for *_, until in await bench.spans("likes")] == [None, None]

    async def test_of_one_subject_only(self, bench: Bench) -> None:
        await bench.add(says("Bob", "lives_in", "Oslo"), at="2024-01-01")
        await bench.add(says("Carol", "lives_in", "Rome"), at="2025-01-01")
        assert [until for *_, until in await bench.spans("lives_in")] == [None, None]

    async def test_several_in_one_episode(self, bench: Bench) -> None:
        """They are decided together: each fact comes as it is to be."""
        receipt = await bench.add(
            says("Bob", "lives_in", "Oslo", since="2020-01-01"),
            says("Bob", "lives_in", "Rome", since="2022-01-01"),
            says("Bob", "lives_in", "Rome", "Rome is where Bob lives", since="2022-01-01"),
            says("Bob", "lives_in", "Bonn", since="2024-01-01"),
            at="2025-01-01",
        )
        assert actions(receipt) == ["ADD", "ADD", "ADD"]
        assert await bench.spans("lives_in") == [
            ("Bonn", "2024-01-01", None),
            ("Oslo", "2020-01-01", "2022-01-01"),
            ("Rome", "2022-01-01", "2024-01-01"),
        ]

    async def test_one_fact_stated_many_times_in_one_episode(self, bench: Bench) -> None:
        receipt = await bench.add(
            says("Bob", "works_at", "Acme"),
            says("Bob", "works_at", "Acme", "Acme is where Bob works"),
            says("Bob", "works_at", "Acme", since="2020-01-01"),
            says("Bob", "works_at", "Acme", until="2024-01-01", retracts=True),
            says("Bob", "works_at", "Acme", "Bob works at Acme again", since="2025-01-01"),
        )
        assert actions(receipt) == ["ADD", "ADD"]
        assert await bench.spans("works_at") == [
            ("Acme", "2020-01-01", "2024-01-01"),
            ("Acme", "2025-01-01", None),
        ]
        history = await bench.ledger.history(ADA.tenant, receipt.decisions[0].fact_id)
        assert [change.action for change in history] == ["ADD"]
        facts = {fact.id: fact for fact in await bench.facts()}
        assert history[-1].after == facts[receipt.decisions[0].fact_id]


class TestRetractions:
    async def test_ended(self, bench: Bench) -> None:
        await bench.add(says("Bob", "works_at", "Acme"), at="2024-01-01")
        receipt = await bench.add(
            says("Bob", "works_at", "Acme", until="2025-01-01", retracts=True)
        )
        assert actions(receipt) == ["UPDATE"]
        assert reasons(receipt) == ["said to have ended"]
        assert await bench.spans("works_at") == [("Acme", None, "2025-01-01")]

    async def test_withdrawn(self, bench: Bench) -> None:
        receipt = await bench.add(says("Bob", "works_at", "Acme"), at="2024-01-01")
        gone = await bench.add(says("Bob", "works_at", "Acme", retracts=True))
        assert actions(gone) == ["DELETE"]
        assert await bench.facts() == []
        history = await bench.ledger.history(ADA.tenant, receipt.fact_ids[0])
        assert [change.action for change in history] == ["ADD", "DELETE"]
        assert history[-1].episode_id == gone.episode_id

    async def test_a_sentence_may_be_withdrawn_too(self, bench: Bench) -> None:
        await bench.add(about_bob("Bob Stone likes tea"))
        gone = CandidateFact("Bob Stone likes tea", entities=("Bob Stone",), retracts=True)
        assert actions(await bench.add(gone)) == ["DELETE"]

    async def test_what_is_not_known_cannot_end(self, bench: Bench) -> None:
        receipt = await bench.add(
            says("Bob", "works_at", "Acme", until="2025-01-01", retracts=True)
        )
        assert receipt.decisions == ()
        assert await bench.facts() == []

    async def test_only_that_relation(self, bench: Bench) -> None:
        await bench.add(says("Bob", "works_at", "Acme"), says("Carol", "works_at", "Acme"))
        await bench.add(
            says("Bob", "works_at", "Acme", until="2025-02-01", retracts=True), at="2025-02-01"
        )
        assert sorted(s[2] or "" for s in await bench.spans("works_at")) == ["", "2025-02-01"]

    async def test_it_may_begin_again(self, bench: Bench) -> None:
        await bench.add(says("Bob", "works_at", "Acme"), at="2020-01-01")
        await bench.add(
            says("Bob", "works_at", "Acme", until="2021-01-01", retracts=True), at="2021-01-01"
        )
        again = await bench.add(says("Bob", "works_at", "Acme"), at="2022-01-01")
        assert actions(again) == ["ADD"]
        twice = await bench.add(says("Bob", "works_at", "Acme"), at="2023-01-01")
        assert actions(twice) == ["NONE"]
        assert len(await bench.facts()) == 2

    async def test_an_end_before_its_beginning_ends_nothing(self, bench: Bench) -> None:
        await bench.add(says("Bob", "works_at", "Acme", since="2024-01-01"), at="2024-01-01")
        receipt = await bench.add(
            says("Bob", "works_at", "Acme", until="2019-01-01", retracts=True)
        )
        assert receipt.decisions == ()


async def test_reasons_never_quote(bench: Bench) -> None:
    """A text may be erased later; a reason is kept."""
    receipts = [
        await bench.add(says("Xanthippe", "lives_in", "Oslo"), at="2020-01-01"),
        await bench.add(says("Xanthippe", "lives_in", "Rome"), at="2022-01-01"),
        await bench.add(says("Xanthippe", "lives_in", "Rome", "Rome it is"), at="2023-01-01"),
        await bench.add(says("Xanthippe", "lives_in", "Rome", retracts=True), at="2024-01-01"),
    ]
    for receipt in receipts:
        assert receipt.decisions
        assert not any(word in r for r in reasons(receipt) for word in ("Xanth", "Oslo", "Rome"))
