"""What people write when they are quick: no capitals, no "I", half a word, a role behind a name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graphmem.extract.rules.extractor import extract
from graphmem.ports.llm import CandidateFact
from tests.extract.rules.helpers import ask, episode, facts, short


def _note(text: str) -> tuple[CandidateFact, ...]:
    return extract(replace(episode((None, text)), kind="text"), ()).facts


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("my sister jess moved to leeds last week", "Jess lives_in Leeds"),
        ("my brother dave works at greggs", "Dave works_at Greggs"),
        ("nah, driving for UPS now", "Ada works_at UPS"),
        ("ok so just moved to Oslo", "Ada lives_in Oslo"),
        ("I got a job w/ Delta", "Ada works_at Delta"),
        ("We live in Atlanta if you didnt know.", "Ada lives_in Atlanta"),
        ("We're in Atlanta since last summer.", "Ada lives_in Atlanta"),
        ("Finally got my own place in Logan Square.", "Ada lives_in Logan Square"),
        ("I traded my bike in for a used Civic.", "Ada owns used Civic"),
        ("Wren and I are a thing now.", "Wren dating Ada"),
        ("His name is Emeka, we've been dating since May.", "Ada dating Emeka"),
        ("My brother Luca rang, he and Giada are engaged.", "Luca engaged_to Giada"),
        ("Linda my manager has a new coffee machine.", "Linda manages Ada"),
        ("Femi Adewale is my lead now.", "Femi Adewale manages Ada"),
        ("My friend Dilys teaches maths at Fairfield.", "Dilys works_at Fairfield"),
        ("I met Noor Baptiste (ceramicist).", "Noor Baptiste works_as ceramicist"),
        ("I sat beside Wren, who works at the aquarium.", "Wren works_at aquarium"),
        ("Joined the walking group today.", "Ada member_of walking group"),
        ("I live in Morpeth with a cat named Admiral.", "Ada has_pet Admiral"),
        ("My boss is a guy called Tariq Aziz.", "Tariq Aziz manages Ada"),
        ("Pam Ridley came. Her brother Colin lives in Amble.", "Colin lives_in Amble"),
        ("Bookkeeper is now Tomasz Zielinski.", "Tomasz Zielinski works_as bookkeeper"),
        ("Bob left Farrow Estates in April, now at Savills.", "Bob works_at Savills"),
        ("Bob left Farrow Estates in May, he is at Savills now.", "Bob works_at Savills"),
        ("I quit Farrow Estates - I'm with Savills these days.", "Ada works_at Savills"),
        ("I left Leeds in May, I'm at York now.", "Ada lives_in York"),
        ("My husband Alasdair is allergic to cats sadly.", "Alasdair allergic_to cats"),
        ("I saw Aunt Bev. Aunt Bev lives in York.", "Bev lives_in York"),
        ("My sister Zoe runs a daycare, Little Sprouts.", "Zoe owns Little Sprouts"),
    ],
)
def test_what_is_written_in_haste_is_read(text: str, wanted: str) -> None:
    assert wanted in facts(text)


@pytest.mark.parametrize(
    "text",
    [
        "I ate a jess of a biscuit",
        "he will live in hope",
        "driving for hours is tiring",
        "We're in this together since May.",
        "He's at Westgate School now.",
        "Wren and I are finished with the report.",
        "I moved to SumUp in May.",
        "I moved out of Unit 4.",
    ],
)
def test_nothing_is_made_of_what_says_nothing(text: str) -> None:
    assert facts(text) == set()


@pytest.mark.parametrize("text", ["I left Mara, I'm with Ben now.", "I left Mara, now with Ben."])
def test_who_is_with_a_person_has_no_new_job(text: str) -> None:
    assert "Ada works_at Ben" not in facts(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("**Lupe Marín** - photographer. Partner: Gethin.", "Lupe Marín works_as photographer"),
        ("**Lupe Marín** - photographer. Partner: Gethin.", "Gethin partner_of Lupe Marín"),
        ("- photographer → Lupe Marín, lives in Cardiff", "Lupe Marín works_as photographer"),
        ("- photographer → Lupe Marín, lives in Cardiff", "Lupe Marín lives_in Cardiff"),
        (
            "- boiler engineer Kwabena Owusu, 020 7946 0101",
            "Kwabena Owusu works_as boiler engineer",
        ),
        ("- Architect: Beatriz Rocha (Rocha Works)", "Beatriz Rocha works_at Rocha Works"),
        ("**Lupe Marín** - veggie, photographer", "Lupe Marín follows_diet vegetarian"),
        ("# Site visit\n\nTreasurer: Lea Brandt", "Lea Brandt works_as treasurer"),
    ],
)
def test_a_line_about_somebody_is_read_piece_by_piece(text: str, wanted: str) -> None:
    assert wanted in {short(fact) for fact in _note(text)}


def test_an_address_below_a_name_is_theirs() -> None:
    found = _note("## Blue Heron\n\ncontact: Sadie Olawale\nemail: sadie@blueheron.example")
    assert [f.subject for f in found if f.type == "email"] == ["Sadie Olawale"]


def test_what_is_struck_out_is_not_read() -> None:
    struck = "- ~~Deadline: 1 June~~ Deadline: 15 June"
    found = _note(f"Candles for Tallow.\n\n# Tallow rebrand\n\n{struck}")
    assert [f.value for f in found] == ["15 June"]


def test_a_move_to_come_is_a_plan() -> None:
    (fact,) = ask("Dre is moving to Denver in june.").facts
    assert (fact.type, fact.modality, f"{fact.valid_at:%Y-%m-%d}") == (
        "lives_in", "planned", "2024-06-01",
    )  # fmt: skip
