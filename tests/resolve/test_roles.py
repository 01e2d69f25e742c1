"""Whom "my gran" and "Ann's dog" mean in another episode than the one that names them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from graphmem import Memory
from graphmem.ports.llm import CandidateFact
from graphmem.resolve.roles import names_by_role, owner_and_role


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "store", user_id="ann") as opened:
        yield opened


def _add(memory: Memory, *texts: str) -> None:
    for month, text in enumerate(texts, start=1):
        memory.add(text, occurred_at=f"2025-{month:02}-10")


def _now(memory: Memory, name: str, type: str) -> list[str]:
    return [row.object for row in memory.relations(name, type=type)]


@pytest.mark.parametrize(
    ("named", "then", "who", "home"),
    [
        ("My gran's name is Ivy.", "My gran lives in Oban.", "Ivy", "Oban"),
        ("My grandmother is called Ivy.", "My nan lives in Oban.", "Ivy", "Oban"),
        ("My boss Raj lives in Leeds.", "My boss moved to York.", "Raj", "York"),
        ("My sister Zoe lives in Ghent.", "My sister moved to Lund.", "Zoe", "Lund"),
        ("My son Leo lives in Cork.", "My son moved to Derry.", "Leo", "Derry"),
    ],
)
def test_who_was_named_is_meant_later(
    memory: Memory, named: str, then: str, who: str, home: str
) -> None:
    _add(memory, named, then)
    assert _now(memory, who, "lives_in") == [home]


def test_the_pet_that_died_is_the_one_that_was_named(memory: Memory) -> None:
    _add(memory, "We have a dog called Rex and a cat named Tib.", "My dog died.")
    assert _now(memory, "ann", "has_pet") == ["Tib"]


def test_who_is_married_to_somebody_is_their_husband_or_wife(memory: Memory) -> None:
    _add(memory, "Zoe is married to Rui.", "Zoe's husband lives in Ghent.", "Rui's wife is a vet.")
    assert _now(memory, "Rui", "lives_in") == ["Ghent"]
    assert _now(memory, "Zoe", "works_as") == ["vet"]


def test_who_is_named_at_last_was_meant_before(memory: Memory) -> None:
    _add(memory, "My mum lives in Oban.", "My mother's name is Moira.", "My mum moved to Ayr.")
    assert _now(memory, "Moira", "lives_in") == ["Ayr"]
    (entity,) = [e for e in memory.entities() if "Moira" in {e.name, *e.aliases}]
    assert (entity.name, entity.aliases) == ("Moira", ("ann's mum",))


@pytest.mark.parametrize(
    ("named", "then", "who"),
    [
        ("My brother Tom lives in Ayr.", "My brother Max lives in Bath.", "Tom"),
        ("My sister Zoe lives in Ayr. My sister Ida lives in Ayr.", "My sister moved.", "Zoe"),
        ("Tom's boss Raj lives in Ayr.", "My boss moved to Bath.", "Raj"),
        ("My dog Rex lives in Ayr.", "My cat died.", "Rex"),
    ],
)
def test_nobody_is_taken_for_another(memory: Memory, named: str, then: str, who: str) -> None:
    _add(memory, named)
    before = [str(row) for row in memory.relations(who)]
    memory.add(then, occurred_at="2025-06-10")
    assert [str(row) for row in memory.relations(who)] == before


def test_a_brother_without_a_name_is_not_every_brother_named_later(memory: Memory) -> None:
    _add(memory, "My brother lives in Oban.", "My brother Max lives in Bath.")
    assert _now(memory, "Max", "lives_in") == ["Bath"]
    assert _now(memory, "ann's brother", "lives_in") == ["Oban"]


def test_another_cat_is_not_the_one_spoken_of_before(memory: Memory) -> None:
    _add(memory, "I have a cat.", "We got another cat named Bailey.", "My kitten Tib is grey.")
    assert sorted(_now(memory, "ann", "has_pet")) == ["Bailey", "Tib"]


@pytest.mark.parametrize("before", [(), ("Ruben is my partner.",)], ids=["new", "known"])
def test_who_is_introduced_beside_a_first_name_is_another(
    memory: Memory, before: tuple[str, ...]
) -> None:
    _add(memory, *before)
    _add(memory, "Ruben lives in Ghent. Ruben Hall from the pharmacy lives in Leeds.")
    assert _now(memory, "Ruben", "lives_in") == ["Ghent"]
    assert _now(memory, "Ruben Hall", "lives_in") == ["Leeds"]


@pytest.mark.parametrize(
    "text",
    ["Ruben lives in Ghent. Ruben Hall plays chess.",
     "Ruben Hall from the pharmacy plays chess. Ruben lives in Ghent."],
)  # fmt: skip
def test_a_fuller_name_is_the_same_person(memory: Memory, text: str) -> None:
    _add(memory, text)
    assert _now(memory, "Ruben Hall", "lives_in") == ["Ghent"]


def test_a_new_boss_is_the_boss(memory: Memory) -> None:
    _add(memory, "My boss Raj lives in Leeds.", "Lena is my new boss.", "My boss lives in York.")
    assert _now(memory, "Lena", "lives_in") == ["York"]
    assert _now(memory, "Raj", "lives_in") == ["Leeds"]


def test_a_tenants_gran_is_not_anothers(tmp_path: Path) -> None:
    with Memory(tmp_path / "store", user_id="ann") as memory:
        memory.add("My gran's name is Ivy.", occurred_at="2025-01-10")
        memory.add("My gran lives in Oban.", occurred_at="2025-02-10", user_id="bea")
        assert _now(memory, "Ivy", "lives_in") == []


def test_a_name_with_an_owner_has_a_role_in_small_letters() -> None:
    assert owner_and_role("Ann's gran") == ("Ann", "gran")
    assert owner_and_role("James' dog") == ("James", "dog")
    assert owner_and_role("Ben's Café") is None
    assert owner_and_role("gran") is None


def test_a_role_is_read_out_of_either_way_to_say_it() -> None:
    pet = CandidateFact("Ann has a big dog named Rex", "Ann", "has_pet", "Rex")
    boss = CandidateFact("Raj is Ann's boss.", "Ann", "managed_by", "Raj")
    over = CandidateFact("Raj is no longer Ann's boss", "Raj", "manages", "Ann", retracts=True)
    plan = CandidateFact("Raj is Ann's boss", "Raj", "manages", "Ann", modality="planned")
    found = list(names_by_role([pet, boss, over, plan]))
    assert {name for name, _ in found} == {"Rex", "Raj"}
    assert {"Ann's dog", "Ann's puppy", "Ann's boss", "Ann's manager"} <= {old for _, old in found}
