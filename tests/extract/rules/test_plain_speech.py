"""What stands around a statement, one breath without a stop, names in small letters, notes without
their verb, and relatives of relatives."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from graphmem.extract.rules.extractor import extract
from graphmem.extract.rules.plain_speech import plainly
from graphmem.text.outline import paragraphs
from tests.extract.rules.helpers import ask, episode


def stated(text: str) -> set[str]:
    facts = ask(text).facts
    return {f"{f.subject} {f.type} {f.object}" for f in facts if f.type and not f.retracts}


def noted(text: str) -> set[str]:
    note = episode(*((None, part) for part in paragraphs(text)))
    note = replace(note, kind="text")
    facts = extract(note, ()).facts
    return {f"{f.subject} {f.type} {f.object}" for f in facts if f.type and not f.retracts}


def ended(text: str) -> set[str]:
    return {f"{f.subject} {f.type} {f.object}" for f in ask(text).facts if f.retracts}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Please remember that my sister Nell is a vet.", "Nell works_as vet"),
        ("For the record, I work at Tesco.", "Ada works_at Tesco"),
        ("Keep in mind that I'm allergic to sesame.", "Ada allergic_to sesame"),
        ("Note to self: my boss is Pete Marsh.", "Pete Marsh manages Ada"),
        ("I work three days a week at the Maritime Museum.", "Ada works_at Maritime Museum"),
        ("Bo teaches on Tuesdays at Hill School.", "Bo works_at Hill School"),
        ("Bo works for his dad's firm Peel Scaffolding.", "Bo works_at Peel Scaffolding"),
        ("Bo works for the charity Mind.", "Bo works_at Mind"),
        ("Bo is from an agency by the name of Lark Care.", "Bo works_at Lark Care"),
        ("Zoe is seeing this guy Elliot.", "Zoe dating Elliot"),
        ("Zoe married to Elliot.", "Zoe married_to Elliot"),
        ("Zoe married Elliot in 1987.", "Zoe married_to Elliot"),
        ("My doctor put me on lisinopril and says it is fine.", "Ada takes_medication lisinopril"),
        ("We've got two kids, Rohan who's 9 and Diya, 6.", "Diya child_of Ada"),
        ("Fiona Strachan (née Roe) is my second cousin.", "Fiona Strachan cousin_of Ada"),
    ],
)
def test_what_is_said_around_a_statement_is_no_part_of_it(text: str, wanted: str) -> None:
    assert wanted in stated(text)


@pytest.mark.parametrize(
    "text",
    [
        "Remember when I lived in Oslo?",
        "Don't forget I might work at Tesco.",
        "For the record, I never worked at Acme.",
        "In the game I play I'm a blacksmith who lives in Whiterun",
        "we went out and my cousin said she's a nurse at globex these days",
        "if i win the lottery and buy the old boat he's a captain on it then",
        "i like the boat he's selling and the house she's renting near the quay",
    ],
)
def test_what_is_asked_supposed_or_told_by_another_is_not_split_off(text: str) -> None:
    assert not {fact for fact in stated(text) if " likes " not in fact}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("had lunch with my daughter cassie she's working at globex now", "Cassie works_at Globex"),
        ("met this guy called elliot he's a plumber he's from leeds", "Elliot works_as plumber"),
        ("my cousin tariq works at screwfix", "Tariq works_at Screwfix"),
        ("my uncle never works at home", ""),
        ("my sister bought a car", ""),
    ],
)
def test_names_in_small_letters_show_by_what_stands_beside_them(text: str, wanted: str) -> None:
    found = stated(text)
    assert wanted in found if wanted else not found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Cal and Dan are both nurses.", {"Cal works_as nurse", "Dan works_as nurse"}),
        ("We let it to two nurses, Maeve Foley and Shanti Rao.", {"Shanti Rao works_as nurse"}),
        ("Josh is captain now.", {"Josh works_as captain"}),
        ("Rosie chairs the parish council.", {"Rosie works_as chair"}),
        ("Euan drives a taxi these days.", {"Euan works_as taxi driver"}),
        ("Ana allergic to nuts.", {"Ana allergic_to nuts"}),
        ("Ben working at Tesco now.", {"Ben works_at Tesco"}),
        ("My eldest, Beatrice, is a vet.", {"Beatrice child_of Ada", "Beatrice works_as vet"}),
        ("My sister's husband Tom is a vet.", {"Tom married_to Ada's sister", "Tom works_as vet"}),
        ("Len, my dad's best friend, lives in Rye.", {"Len lives_in Rye"}),
        ("It was Nadia who founded the Lewes Singers.", {"Nadia founded Lewes Singers"}),
        ("Ann and Bob got married. They live in Leeds.", {"Ann lives_in Leeds"}),
        ("Len works at Ford. Len has moved from Ford to Fiat.", {"Len works_at Fiat"}),
        ("Ann & Bob live in Leeds.", {"Ann lives_in Leeds", "Bob lives_in Leeds"}),
        ("I work at Marks & Spencer.", {"Ada works_at Marks & Spencer"}),
        ("Acme belongs to his nephew Dylan.", {"Dylan owns Acme"}),
        ("Rosie is doing a PhD in physics at Durham.", {"Rosie studies_at Durham"}),
        ("Renate has been poached by Siemens.", {"Renate works_at Siemens"}),
    ],
)
def test_what_is_told_of_a_post_a_relative_or_two(text: str, wanted: set[str]) -> None:
    assert wanted <= stated(text)


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("Dr Fenwick is the new registrar, Dr Osman has gone to Leeds.", "Osman works_as"),
        ("He was born in Forfar, jute weaver.", "Forfar works_as"),
        ("Next door is a retired postman called Clive.", "Clive works_as"),
        ("Len, my dad's best friend, lives in Rye.", "dad lives_in"),
        ("Tom, I think, lives in Rome.", "Ada lives_in"),
        ("My oldest Tom Waits record", "child_of"),
        ("We have children, Ann and Bob have none.", "child_of"),
        ("The team was taken on by Ann.", "works_at Ann"),
        ("Our office moved to Leeds.", "lives_in"),
        ("Ann and Bob met Len. They live in Rome.", "lives_in"),
        ("Ben working at Tesco was a shock.", "works_at"),
    ],
)
def test_what_only_looks_like_it(text: str, never: str) -> None:
    assert not any(never in fact for fact in stated(text))


def test_ends() -> None:
    assert "Ana plays chess" in ended("Ana plays chess. Ana has stopped playing chess.")
    assert "Len works_at None" in ended("Len works at Ford. Len got the sack.")
    assert "Zoe takes_medication metformin" in ended("Zoe was taken off metformin.")
    assert "Ole plays cello" in ended("Ole plays the cello. Ole is done with the cello.")


def test_a_joke_owned_up_to_in_the_next_message() -> None:
    lines = ("I'm learning the bagpipes", "That was a joke", "I live in Oslo")
    found = extract(episode(*(("Ada", line) for line in lines)), ()).facts
    assert {(f.type, f.object) for f in found} == {("lives_in", "Oslo")}


@pytest.mark.parametrize(
    ("note", "wanted"),
    [
        ("# Squad\n\n4. Josh Peel - captain. Lives in Hull", {"Josh Peel lives_in Hull"}),
        ("# Raise\n\n- Bo Lund at Foundry Nine. Keen", {"Bo Lund works_at Foundry Nine"}),
        ("# Raise\n\n- Bo Lund, partner at Northlight", {"Bo Lund works_at Northlight"}),
        ("# Trades\n\nPlumber - Nigel Vaughan 029 555 0166", {"Nigel Vaughan works_as plumber"}),
        ("# Flats\n\nFirst floor: Cal Bright, dentist", {"Cal Bright works_as dentist"}),
        (
            "# Roe line\n\nGreat-grandfather: Tom Roe, b. 1871 in Forfar, weaver\n"
            "His children: Agnes and Will",
            {"Tom Roe born_in Forfar", "Tom Roe parent_of Agnes"},
        ),
        ("# Team\n\n- Kate Moor, teacher, Hull", {"Kate Moor works_as teacher"}),
        ("- boss = Marloes Kuiper\n- flatmate: Zoe, paramedic, 1 cat (Sok)", {"Zoe has_pet Sok"}),
    ],
)
def test_lists_of_people_as_they_are_kept(note: str, wanted: set[str]) -> None:
    assert wanted <= noted(note)


def test_it_takes_time_in_proportion() -> None:
    """Twice the text takes about twice as long, in one breath, too."""

    def seconds(size: int) -> float:
        text = "so my cousin tariq he's a nurse and two kids, Bo 3 or remember that " * size
        began = time.process_time()
        plainly(text)
        return time.process_time() - began

    seconds(200)
    assert seconds(2000) < 30 * max(seconds(200), 0.001)
