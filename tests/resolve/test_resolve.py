"""Names to entities: which spellings are one, which are not."""

from __future__ import annotations

import pytest

from graphmem.model import Scope
from graphmem.ports.llm import CandidateEntity, CandidateFact
from tests.belief.bench import Bench, says


async def names(bench: Bench) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(e.name, e.kind, e.aliases) for e in await bench.entities()]


@pytest.mark.parametrize(
    ("known", "name"),
    [
        ("Bob Stone", "bob stone"),
        ("Zoë Müller", "Zoe Muller"),
        ("Zoe Muller", "ZOË MÜLLER"),
        ("Acme", "Acme GmbH"),
        ("Acme Inc.", "acme"),
        ("Dr. Bob Stone", "Bob Stone"),
        ("Bob Stone", "Mr Bob Stone"),
        ("Facebook", "Face Book"),
        ("Face Book", "FaceBook"),
        ("The Beatles", "Beatles"),
        ("Ｗｉｄｅ Ltd", "wide"),
        ("O'Brien", "O’Brien"),
        ("Łódź", "łódź"),
        ("Johnson & Johnson", "Johnson and Johnson"),
        ("St. Louis", "Saint Louis"),
    ],
)
async def test_spellings_of_one(bench: Bench, known: str, name: str) -> None:
    await bench.add(says(known, "knows", "Carol"))
    await bench.add(says(name, "likes", "Tea"))
    assert len(await bench.entities()) == 3
    facts = await bench.facts()
    assert len({fact.subject_id for fact in facts}) == 1


@pytest.mark.parametrize(
    ("known", "name"),
    [
        ("C", "C++"),
        ("C++", "C#"),
        ("Bob Stone", "Bob Store"),
        ("Bob", "Bob Stone"),
        ("Java", "JavaScript"),
        ("Paris", "Paris Hilton"),
        ("1984", "1985"),
        ("9", "-9"),
        ("1.5", "15"),
        ("50", "50%"),
        ("A and B", "AB"),
        ("❤", "★"),
    ],
)
async def test_names_of_two(bench: Bench, known: str, name: str) -> None:
    await bench.add(says(known, "knows", "Carol"))
    await bench.add(says(name, "likes", "Tea"))
    assert len(await bench.entities()) == 4


async def test_an_alias_is_learned_and_used(bench: Bench) -> None:
    await bench.add(
        entities=[CandidateEntity("Robert Stone", "person")], mentions=[(0, "Robert Stone")]
    )
    await bench.add(
        says("Bob", "likes", "Tea"),
        entities=[CandidateEntity("Bob", "person", ("Robert Stone",)), CandidateEntity("Tea")],
    )
    await bench.add(says("bob", "likes", "Rum"))
    assert ("Robert Stone", "person", ("Bob",)) in await names(bench)
    assert len(await bench.entities()) == 3


async def test_a_vague_kind_gives_way_to_a_plain_one(bench: Bench) -> None:
    await bench.add(says("Acme", "likes", "Tea"))
    assert ("Acme", "thing", ()) in await names(bench)
    await bench.add(says("Acme", "owns", "Tea"), entities=[CandidateEntity("Acme", "organization")])
    assert ("Acme", "organization", ()) in await names(bench)
    await bench.add(says("Acme", "uses", "Tea"), entities=[CandidateEntity("Acme", "person")])
    assert ("Acme", "organization", ()) in await names(bench), "the first plain one stays"


async def test_what_fits_two_equally_is_neither(bench: Bench) -> None:
    """Two entities may come to share an alias; nobody guesses which is meant."""
    for name in ("Alexandra", "Alexander"):
        await bench.add(says(name, "likes", "Tea"))
    for name in ("Alexandra", "Alexander"):
        await bench.add(entities=[CandidateEntity(name, aliases=("Alex",))], mentions=[(0, name)])
    receipt = [await bench.add(says("Alex", "likes", "Rum", f"Alex {n} likes rum")) for n in "ab"]
    alex = next(e for e in await bench.entities() if e.name == "Alex")
    assert all(alex.id in receipt.entity_ids for receipt in receipt), (
        "it is one and the same, though"
    )


async def test_two_spellings_in_one_episode_are_one(bench: Bench) -> None:
    receipt = await bench.add(
        says("Zoë", "likes", "Tea"),
        CandidateFact("zoe was here", entities=("ZOE", "Dr. Zoe"), turns=(0,)),
        entities=[CandidateEntity("Zoë", "person"), CandidateEntity("zoe", "thing", ("Zo",))],
    )
    assert [entity.name for entity in await bench.entities()] == ["Tea", "Zoë"]
    assert len(receipt.entity_ids) == 2
    one, two = await bench.facts()
    assert two.entity_ids == (one.subject_id,)


async def test_names_that_are_none_are_passed_over(bench: Bench) -> None:
    await bench.add(
        CandidateFact("Something happened", entities=("", "  ", "x" * 500), turns=(0,)),
        entities=[CandidateEntity(""), CandidateEntity("y" * 201)],
    )
    assert await bench.entities() == []
    (fact,) = await bench.facts()
    assert fact.entity_ids == ()


async def test_what_nothing_uses_is_not_stored(bench: Bench) -> None:
    await bench.add(entities=[CandidateEntity("Nobody", "person")])
    assert await bench.entities() == []


async def test_each_tenant_has_its_own(bench: Bench) -> None:
    other = Scope(user_id="bob")
    await bench.add(
        says("Acme", "likes", "Tea"), entities=[CandidateEntity("Acme", aliases=("A",))]
    )
    await bench.add(says("A", "likes", "Tea"), scope=other)
    mine, theirs = await bench.entities(), await bench.entities(other)
    assert not {e.id for e in mine} & {e.id for e in theirs}
    assert [e.name for e in theirs] == ["A", "Tea"]


async def test_a_relation_needs_both_its_ends(bench: Bench) -> None:
    await bench.add(says("Bob", "likes", " "))
    (fact,) = await bench.facts()
    assert (fact.subject_id, fact.type, fact.object_id) == (None, None, None)
    assert len(fact.entity_ids) == 1
