"""Whom a name means: short forms, initials, parts of a name, homonyms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import pytest

from graphmem.clock import ManualClock, parse_when
from graphmem.ingest.make_episode import build_episode
from graphmem.model import Entity, Fact, Scope
from graphmem.ports.ledger import EntityQuery, FactQuery
from graphmem.ports.llm import CandidateEntity, CandidateFact, Extraction
from graphmem.resolve.matching import Resolution, kinds_agree, likeness, personal
from graphmem.resolve.resolver import resolve
from graphmem.text import alias_keys
from tests.belief.bench import says

ADA = Scope(user_id="ada")


class Book:
    """What a ledger answers to resolution: entities by key, facts by entity. Counts the reads."""

    def __init__(self) -> None:
        self.known: dict[str, Entity] = {}
        self.filed: dict[str, set[str]] = defaultdict(set)
        self.facts_added: list[Fact] = []
        self.clock = ManualClock("2026-01-01")
        self.reads = 0

    async def entities(self, query: EntityQuery) -> list[Entity]:
        self.reads += 1
        ids = {id for key in query.keys or () for id in self.filed.get(key, ())}
        return [self.known[id] for id in sorted(ids)][: query.limit]

    async def facts(self, query: FactQuery) -> list[Fact]:
        self.reads += 1
        wanted = set(query.entity_ids or ())
        return [f for f in reversed(self.facts_added) if wanted & set(f.entity_ids)][: query.limit]

    async def add(
        self,
        *facts: CandidateFact,
        text: str = "Something.",
        at: str = "2025-01-01",
        entities: tuple[CandidateEntity, ...] = (),
        chosen: Mapping[str, str] | None = None,
    ) -> Resolution:
        options = {"occurred_at": at}
        episode = build_episode(text, options, ADA, self.clock, max_bytes=10_000)
        extraction = Extraction(entities, facts, "scripted", "1")
        found = await resolve(extraction, episode, self, self.clock, chosen=chosen)
        for entity in (*found.new, *found.changed):
            self.known[entity.id] = entity
            for name in (entity.name, *entity.aliases):
                for key in alias_keys(name, entity.kind):
                    self.filed[key].add(entity.id)
        for fact in facts:
            ids = [e.id for name in fact.entities or (fact.subject, fact.object)
                   if (e := found.entity(name))]  # fmt: skip
            self.facts_added.append(
                Fact(
                    self.clock.new_id(), ADA, fact.text, self.clock.now(),
                    stated_at=parse_when(at), entity_ids=tuple(ids),
                )
            )  # fmt: skip
        return found

    async def who(self, *facts: CandidateFact, name: str, text: str = "Something.") -> str:
        """The name of the entity that a name of these facts was taken for."""
        entity = (await self.add(*facts, text=text)).entity(name)
        assert entity is not None
        return entity.name


@pytest.mark.parametrize(
    ("known", "name"),
    [
        ("Robert Stone", "Bob Stone"),
        ("Bob Stone", "Rob Stone"),
        ("John Smith", "J. Smith"),
        ("J. Smith", "John Smith"),
        ("John Fitzgerald Smith", "John F. Smith"),
        ("John Smith", "John F. Smith"),
        ("Elizabeth van Dam", "Liz van Dam"),
    ],
)
async def test_one_person(known: str, name: str) -> None:
    book = Book()
    await book.add(says(known, "works_at", "Acme"))
    assert await book.who(says(name, "lives_in", "Oslo"), name=name) == known


@pytest.mark.parametrize(
    ("known", "name"),
    [
        ("Robert Stone", "Bob Steen"),
        ("John Smith", "Jane Smith"),
        ("John A. Smith", "John B. Smith"),
        ("John Smith Jr.", "John Smith Sr."),
        ("Tim Miller", "T. J. Miller"),
        ("Charlotte Berg", "Berg Charlotte"),
    ],
)
async def test_two_persons(known: str, name: str) -> None:
    book = Book()
    await book.add(says(known, "works_at", "Acme"))
    assert await book.who(says(name, "lives_in", "Oslo"), name=name) == name


async def test_an_initial_that_fits_two_is_neither() -> None:
    book = Book()
    await book.add(says("John Smith", "works_at", "Acme"))
    await book.add(says("Jane Smith", "works_at", "Bolt"))
    found = await book.add(says("J. Smith", "lives_in", "Oslo"))
    (choice,) = found.choices
    assert choice.reason == "several fit equally"
    assert len(choice.others) == 2
    assert choice.entity_id in {entity.id for entity in found.new}


async def test_a_first_name_that_only_one_has() -> None:
    book = Book()
    await book.add(says("Maria Rossi", "works_at", "Acme"))
    assert await book.who(says("Maria", "lives_in", "Oslo"), name="Maria") == "Maria Rossi"
    assert book.known[next(iter(book.known))].aliases == (), "the next Maria may be another"


async def test_a_first_name_goes_where_the_context_points() -> None:
    book = Book()
    await book.add(says("John Miller", "works_at", "Acme"))
    await book.add(says("John Baker", "works_at", "Bolt"))
    assert await book.who(says("John", "works_at", "Bolt"), name="John") == "John Baker"
    assert await book.who(says("John", "works_at", "Acme"), name="John") == "John Miller"
    assert await book.who(says("John", "likes", "Tea"), name="John") == "John", "either or none"
    assert await book.who(says("John", "works_at", "Bolt"), name="John") == "John Baker"


async def test_a_choice_is_made_among_those_that_it_may_mean() -> None:
    john = says("John", "works_at", "Initech")
    for receipt in (None, "elsewhere", "", "town", "smith", "miller"):
        book = Book()
        ids = {}
        for name in ("John Smith", "John Miller", "Johnstown"):
            found = await book.add(CandidateFact(f"{name}.", entities=(name,)))
            ids[name.split()[-1].removeprefix("Johns").lower()] = found.new[0].id
        chosen = None if receipt is None else {"john": ids.get(receipt, receipt)}
        found = await book.add(john, chosen=chosen)
        meant = found.entity("John")
        assert meant is not None
        (choice,) = [one for one in found.choices if one.name == "John"]
        assert choice.entity_id == meant.id
        if receipt in {"smith", "miller"}:
            assert (meant.id, choice.reason) == (ids[receipt], "the model chose")
            assert "John" not in meant.aliases, "the next John may be another"
        else:
            assert meant in found.new
        asked = [{entity.id for entity in ambiguity.entities} for ambiguity in found.ambiguities]
        assert asked == ([] if receipt is not None else [{ids["smith"], ids["miller"]}])


async def test_the_full_name_in_the_same_episode() -> None:
    book = Book()
    await book.add(says("John Miller", "works_at", "Acme"))
    facts = (says("John Baker", "likes", "Tea"), says("John", "likes", "Rum"))
    assert await book.who(*facts, name="John") == "John Baker"


@pytest.mark.parametrize("known", [None, "Michael", "Mike"])
async def test_a_short_form_beside_the_name_is_another(known: str | None) -> None:
    book = Book()
    if known:
        await book.add(says(known, "works_at", "Bolt"))
    found = await book.add(says("Mike", "works_at", "Acme"), says("Michael", "works_at", "Bolt"))
    assert [found.entity(name).name for name in ("Mike", "Michael")] == ["Mike", "Michael"]  # type: ignore[union-attr]
    # Told alone, or with a surname, it is the one.
    book = Book()
    await book.add(says("Mike", "works_at", "Acme"))
    assert await book.who(says("Michael", "lives_in", "Oslo"), name="Michael") == "Mike"
    facts = (says("Bob Stone", "likes", "Tea"), says("Robert Stone", "likes", "Rum"))
    assert await book.who(*facts, name="Robert Stone") == "Bob Stone"


@pytest.mark.parametrize(
    "text",
    ["Michael, whom all call Mike, works at Acme.", "Michael (Mike) works at Acme.",
     "Michael is known as Mike.", "Mike is short for Michael.", "Michael, a.k.a. Mike, is in."],
)  # fmt: skip
async def test_a_short_form_that_the_text_gives(text: str) -> None:
    facts = (says("Mike", "works_at", "Acme"), says("Michael", "works_at", "Acme"))
    assert await Book().who(*facts, name="Michael", text=text) == "Mike"


async def test_a_town_is_not_whom_it_is_named_after() -> None:
    book = Book()
    found = await book.add(says("Armstrong", "named_after", "James Armstrong"))
    assert len(found.new) == 2


async def test_another_of_that_name() -> None:
    book = Book()
    await book.add(says("John", "works_at", "Acme"))
    fact = says("John", "works_at", "Bolt")
    found = await book.add(fact, text="I met another John, who works at Bolt.")
    assert [entity.name for entity in found.new] == ["John", "Bolt"]
    assert found.choices[0].reason == "said to be another of that name"


async def test_a_person_is_no_company() -> None:
    book = Book()
    await book.add(
        says("Morgan", "works_at", "Acme"), entities=(CandidateEntity("Morgan", "person"),)
    )
    found = await book.add(
        says("Morgan", "owns", "Bolt"), entities=(CandidateEntity("Morgan", "organization"),)
    )
    assert {(entity.name, entity.kind) for entity in found.new} >= {("Morgan", "organization")}
    again = await book.add(
        says("Morgan", "likes", "Tea"), entities=(CandidateEntity("Morgan", "person"),)
    )
    assert again.entity("Morgan") == next(e for e in book.known.values() if e.kind == "person")


async def test_a_title_with_one_word_need_not_be_the_word() -> None:
    book = Book()
    await book.add(says("Canada", "borders", "Alaska"))
    assert await book.who(says("Mr. Canada", "likes", "Tea"), name="Mr. Canada") == "Mr. Canada"


async def test_a_city_and_an_animal() -> None:
    book = Book()
    await book.add(says("Buffalo", "located_in", "New York"), text="Buffalo lies in New York.")
    fact = says("Kansas", "stocked_with", "buffalo")
    assert await book.who(fact, name="buffalo", text="Kansas has buffalo.") == "buffalo"


async def test_tea_is_tea() -> None:
    """What the owner is named with is one, however it is written."""
    book = Book()
    await book.add(says("ada", "likes", "Tea"), text="Tea is what I like.")
    fact = says("ada", "drinks", "tea")
    assert await book.who(fact, name="tea", text="Today I had tea.") == "Tea"


async def test_the_cost_does_not_grow() -> None:
    book = Book()
    for n in range(300):
        await book.add(says(f"John Smith{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10 % 10]}",
                             "works_at", f"Firm {n}"))  # fmt: skip
    reads = []
    for name in ("John", "Jane Doe", "J. Smithak"):
        before = book.reads
        await book.add(says(name, "likes", "Tea"))
        reads.append(book.reads - before)
    assert max(reads) <= 15


def test_likeness() -> None:
    assert likeness("Zoë Müller", "zoe muller") == "same"
    assert likeness("Mr. Olympia", "Olympia") == "short"
    assert likeness("Dr. Bob Stone", "Bob Stone") == "same"
    assert likeness("Ana", "Ben") == "no"
    assert likeness("Bob", "Robert") == "full"


def test_kinds() -> None:
    assert kinds_agree("thing", "person")
    assert kinds_agree("organization", "place")
    assert not kinds_agree("person", "organization")
    assert not kinds_agree("animal", "person")


def test_personal() -> None:
    assert personal("Bob Stone", "thing")
    assert not personal("Bob Stone", "organization")
    assert not personal("Herbert, Oklahoma", "thing")
    assert not personal("Grace among people", "thing")
