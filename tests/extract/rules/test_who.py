"""Who is who: pets, a speaker's own name, first names, and assistants."""

from __future__ import annotations

import pytest

from graphmem.extract.rules.extractor import extract
from graphmem.model import Entity, Episode, Scope
from graphmem.ports.llm import CandidateEntity
from tests.extract.rules.helpers import ask, episode, facts, short

ELENA = Scope(user_id="elena")


def aliases(given: Episode, known: tuple[Entity, ...] = ()) -> dict[str, tuple[str, ...]]:
    return {e.name: e.aliases for e in extract(given, known).entities if e.aliases}


@pytest.mark.parametrize(
    "text",
    [
        "My cat Mochi is cute.",
        "Mochi likes tuna. My cat Mochi is cute.",
        "I love Mochi. I have a cat named Mochi.",
        "My cat Mochi died yesterday.",
        "We gave Mochi away. Our cat Mochi was nice.",
    ],
)
def test_a_pet_is_an_animal(text: str) -> None:
    assert {e.name: e.kind for e in ask(text).entities}["Mochi"] == "animal"


def test_a_pet_known_as_a_thing_is_an_animal_after_all() -> None:
    found = ask("My cat Mochi is cute.", known=[Entity("1", "w", "Mochi", "thing")])
    assert {e.name: e.kind for e in found.entities}["Mochi"] == "animal"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I'm Elena Varga.", "Elena Varga"),
        ("Hi, I'm Elena Varga and I live in Oslo.", "Elena Varga"),
        ("Hello! I am Elena Varga, nice to meet you.", "Elena Varga"),
        ("I'm Elena.", "Elena"),
        ("My name is Elena Varga.", "Elena Varga"),
        ("My name's Elena Varga, by the way.", "Elena Varga"),
        ("Call me Lena.", "Lena"),
        ("You can call me Lena.", "Lena"),
    ],
)
def test_a_speaker_gives_their_name(text: str, name: str) -> None:
    given = episode((None, text), scope=Scope(user_id="u-17"))
    found = extract(given, ())
    assert CandidateEntity(name, "person", ("u-17",)) in found.entities
    assert "u-17" not in {e.name for e in found.entities}
    assert not any("u-17" in (f.subject, f.object) for f in found.facts)


@pytest.mark.parametrize(
    ("speaker", "text"),
    [
        (None, "My name is Elena. I live in Oslo."),
        ("elena", "I'm Elena. I live in Oslo."),
        ("Elena", "I live in Oslo."),
    ],
)
@pytest.mark.parametrize("known", [(), (Entity("1", "w", "elena", "person", ("Lena",)),)])
def test_a_user_id_is_written_as_its_bearer_writes_it(
    speaker: str | None, text: str, known: tuple[Entity, ...]
) -> None:
    found = extract(episode((speaker, text), scope=ELENA), known)
    assert [fact.text for fact in found.facts] == ["Elena lives in Oslo"]
    assert {entity.name for entity in found.entities} == {"Elena", "Oslo"}


def test_a_name_that_is_the_users_own_is_no_second_one() -> None:
    assert aliases(episode((None, "I'm Elena."), scope=ELENA)) == {}
    assert aliases(episode((None, "I'm Elena Varga."), scope=ELENA)) == {"elena": ("Elena Varga",)}


@pytest.mark.parametrize(
    "text",
    [
        "I'm Happy.",
        "I'm German.",
        "I'm German American.",
        "I'm Vegan.",
        "I'm Tired Today.",
        "I'm Google certified.",
        "I'm Elena Varga's assistant.",
        "I'm Head Chef.",
        "I'm Senior Engineer.",
        "I'm Team Edward.",
        "I'm Exhausted!",
        "I'm Monday.",
        "I'm Acme Inc.",
        "I'm Norway.",
        "i'm elena",
        "Am I, I'm Elena Varga?",
        "She said I'm Elena Varga.",
        "I'm not Elena Varga.",
        "If I'm Elena Varga.",
        "Bob thinks I'm Elena Varga.",
        "Don't call me Lena.",
        "Call me later.",
        "Call me, Lena.",
        '"I\'m Elena Varga" is a song.',
        "My name is Legion for we are many?",
    ],
)
def test_not_a_speakers_name(text: str) -> None:
    assert aliases(episode((None, text), scope=Scope(user_id="u-17"))) == {}


def test_a_named_speaker_is_not_renamed_by_a_joke() -> None:
    assert aliases(episode(("Ada", "I'm Batgirl Junior."))) == {}
    assert aliases(episode(("Ada", "I'm Ada Berg."))) == {"Ada": ("Ada Berg",)}


def test_somebody_known_is_not_renamed() -> None:
    lena = Entity("1", "w", "Lena", "person")
    assert aliases(episode((None, "Call me Lena."), scope=ELENA), (lena,)) == {}


def test_a_first_name_stands_for_the_one_full_name() -> None:
    text = "Ben Okafor works at Acme. Ben lives in Oslo. I met Ben."
    assert facts(text) == {
        "Ben Okafor works_at Acme", "Ben Okafor lives_in Oslo", "Ada met Ben Okafor",
    }  # fmt: skip
    found = ask(text)
    (ben,) = [e for e in found.entities if "Ben" in e.name]
    assert ben == CandidateEntity("Ben Okafor", "person", ("Ben",))


def test_the_full_name_may_come_later_or_be_known() -> None:
    assert "Ben Okafor lives_in Oslo" in facts("Ben lives in Oslo. I met Ben Okafor.")
    known = [Entity("1", "w", "Ben Okafor", "person")]
    found = ask("Ben lives in Oslo.", known=known)
    assert {short(f) for f in found.facts} == {"Ben Okafor lives_in Oslo"}
    assert set(found.mentions) == {(0, "Ben Okafor"), (0, "Oslo")}


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("I met Ben Okafor and Ben Smith. Ben lives in Oslo.", ()),
        ("I met Ben Okafor. Ben lives in Oslo.", (Entity("1", "w", "Ben Smith", "person"),)),
        ("I met Ben Okafor. Ben lives in Oslo.", (Entity("1", "w", "Ben", "person"),)),
    ],
)
def test_two_of_one_first_name_stay_apart(text: str, known: tuple[Entity, ...]) -> None:
    found = ask(text, known=known)
    assert "Ben lives_in Oslo" in {short(f) for f in found.facts}
    assert not any("Ben" in e.aliases for e in found.entities)


@pytest.mark.parametrize(
    "text",
    [
        "I met Paris Berg. I moved to Paris.",
        "I work at Mercy Hospital. I met Mercy.",
        "I met Dr Okafor. I saw Dr Smith.",
    ],
)
def test_a_shared_word_is_no_first_name(text: str) -> None:
    assert not any(e.aliases for e in ask(text).entities)


@pytest.mark.parametrize("label", ["assistant", "Assistant", "system", None])
def test_an_assistant_makes_no_entities(label: str | None) -> None:
    draft = "Dear Ms Harrow, I'm Victor Lund of Northgate Ltd. I live in Oslo with Ann Berg."
    role = "assistant" if label is None else "user"
    assert extract(episode((label, draft), role=role), ()).entities == ()
    known = [Entity("1", "w", "Oslo", "place")]
    found = extract(episode((label, draft), role=role), known)
    assert [e.name for e in found.entities] == ["Oslo"]
    assert found.facts == ()
    assert found.mentions == ((0, "Oslo"),)


def test_a_turn_of_user_is_the_scopes_user() -> None:
    found = extract(episode(("user", "I live in Oslo.")), ())
    assert {short(f) for f in found.facts} == {"ada lives_in Oslo"}


@pytest.mark.parametrize(
    "text",
    [
        "My friend Alexandra, whom everyone calls Lexi, moved here.",
        "My friend Alexandra, also known as Lexi, moved here.",
        "My friend Alexandra (everybody calls her Lexi) moved here.",
        "My friend Alexandra aka Lexi moved here.",
    ],
)
def test_what_somebody_is_called_is_an_alias(text: str) -> None:
    found = ask(text)
    (one,) = [entity for entity in found.entities if entity.name == "Alexandra"]
    assert one.aliases == ("Lexi",)
    assert "Lexi" not in {entity.name for entity in found.entities}


def test_who_calls_somebody_is_another() -> None:
    found = ask("I met Alexandra. Then Alexandra called Lexi today.")
    assert {"Alexandra", "Lexi"} <= {entity.name for entity in found.entities}


@pytest.mark.parametrize(
    ("text", "who", "where"),
    [
        ("Jan Mulder lives in Delft.", "Jan Mulder", "Delft"),
        ("April Stone has moved to Leeds.", "April Stone", "Leeds"),
        ("May Chen lives in Leeds.", "May Chen", "Leeds"),
        ("June lives in Hull now.", "June", "Hull"),
    ],
)
def test_somebody_may_be_called_as_a_month_is(text: str, who: str, where: str) -> None:
    (fact,) = [fact for fact in extract(episode((None, text)), ()).facts if fact.type]
    assert (fact.subject, fact.type, fact.object) == (who, "lives_in", where)


@pytest.mark.parametrize(
    "text",
    ["April was cold.", "In May Leeds was wet.", "May Day is here.", "June is lovely in Hull."],
)
def test_a_month_is_nobody(text: str) -> None:
    found = extract(episode((None, text)), ())
    assert not {e.name for e in found.entities} & {"April", "May", "June", "May Day", "May Leeds"}


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("Pieter Janssens called me.", "Pieter Janssens", "person"),
        ("I had coffee with Pieter Janssens yesterday.", "Pieter Janssens", "person"),
        ("Pieter Janssens has a dog called Rex.", "Pieter Janssens", "person"),
        ("Pieter Janssens said he lives in Oostakker.", "Oostakker", "place"),
        ("Do you live in Oostakker?", "Oostakker", "place"),
        ("My sister moved to Oostakker.", "Oostakker", "place"),
        ("I work at Acme with Bob.", "Bob", "person"),
        ("Anna Karenina is by Tolstoy.", "Anna Karenina", "thing"),
        ("I read with Trust Exercise in hand.", "Trust Exercise", "thing"),
        ("Acme Studio called me.", "Acme Studio", "organization"),
        ("I live in Acme's old office.", "Acme", "thing"),
    ],
)
def test_a_name_has_the_kind_that_it_acts_like(text: str, name: str, kind: str) -> None:
    assert {e.name: e.kind for e in ask(text).entities}[name] == kind


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("I work at Acme with Bob.", {"Ada works_with Bob", "Bob works_at Acme"}),
        ("Anna works for Acme with Bob.", {"Anna works_with Bob", "Bob works_at Acme"}),
        ("I'm working at Acme with Bob and Eva.", {"Bob works_at Acme", "Eva works_at Acme"}),
    ],
)
def test_who_works_somewhere_with_somebody_is_a_colleague(text: str, wanted: set[str]) -> None:
    assert wanted <= facts(text)


@pytest.mark.parametrize(
    "text",
    [
        "I might work at Acme with Bob.",
        "I don't work at Acme with Bob.",
        "Do I work at Acme with Bob?",
        "I work at Acme with Python.",
        "I work at Acme with children.",
        "If I work at Acme with Bob, I win.",
        "I want to work at Acme with Bob.",
    ],
)
def test_nobody_else_works_there(text: str) -> None:
    assert not [f for f in facts(text) if "works_with" in f or f.startswith(("Bob", "Python"))]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Zoe's brother lives in Ghent.", {"Zoe's brother lives_in Ghent"}),
        (
            "Zoe lives in Rome. Zoe's husband is a nurse.",
            {"Zoe lives_in Rome", "Zoe's husband works_as nurse"},
        ),
        ("Tom's mother works at Shell. She lives in Oslo.", {"Tom's mum lives_in Oslo"}),
        ("My sister's husband works at Shell.", {"Ada's sister's husband works_at Shell"}),
        (
            "My sister Zoe's husband works at Shell.",
            {"Zoe sibling_of Ada", "Zoe's husband works_at Shell"},
        ),
        ("My sister's moved to Oslo.", {"Ada's sister lives_in Oslo"}),
        ("Tom's sister Ida lives in Cork.", {"Ida sibling_of Tom", "Ida lives_in Cork"}),
    ],
)
def test_whose_relative_is_meant_who_has_no_name(text: str, wanted: set[str]) -> None:
    found = facts(text)
    assert wanted <= found, found


@pytest.mark.parametrize(
    "text",
    [
        "Everyone's brother works at Shell.",
        "Today's mother works at Shell.",
        "My friend's sister lives in Leeds.",
        "Does Zoe's brother live in Rome?",
        "If Zoe's brother lives in Rome, call him.",
        "Zoe's brother doesn't live in Rome.",
    ],
)
def test_nobodys_relative_is_meant(text: str) -> None:
    assert not {fact for fact in facts(text) if "lives_in" in fact or "works_at" in fact}
