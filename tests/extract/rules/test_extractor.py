"""The extractor as a whole: speakers, names, mentions, known entities, and text of any kind."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphmem.extract.rules.extractor import RulesExtractor, extract
from graphmem.model import Entity, Scope
from graphmem.ports.llm import Extraction
from tests.extract.rules.helpers import ask, episode, short


def kinds(found: Extraction) -> dict[str, str]:
    return {entity.name: entity.kind for entity in found.entities}


def stated(found: Extraction) -> set[str]:
    return {short(fact) for fact in found.facts}


def test_i_is_the_speaker_of_each_turn() -> None:
    found = extract(episode(("Ada", "I live in Oslo."), ("Bob", "I live in Lyon.")), ())
    assert stated(found) == {"Ada lives_in Oslo", "Bob lives_in Lyon"}
    assert [fact.turns for fact in found.facts] == [(0,), (1,)]


def test_i_is_the_scopes_user_when_nobody_is_named() -> None:
    assert stated(extract(episode((None, "I live in Oslo.")), ())) == {"ada lives_in Oslo"}


def test_without_a_user_nobody_is_i() -> None:
    given = episode((None, "I live in Oslo. Bob lives in Lyon."), scope=Scope(agent_id="bot"))
    assert stated(extract(given, ())) == {"Bob lives_in Lyon"}


def test_an_assistant_states_no_facts_but_is_searched_for_known_names() -> None:
    known = [Entity("1", "w", "Acme", "organization")]
    given = episode((None, "I live in Oslo. You work at Acme."), role="assistant")
    found = extract(given, known)
    assert found.facts == ()
    assert found.mentions == ((0, "Acme"),)


def test_you_is_nobody() -> None:
    given = episode(("Ada", "You live in Oslo and you work at Acme."), ("Bob", "Hi Ada!"))
    assert extract(given, ()).facts == ()


def test_kinds_come_from_the_slot_and_the_name() -> None:
    found = ask("My sister Zoe works at Acme. I live in Vardø. I met Bob at Union College.")
    assert kinds(found) == {
        "Ada": "person",
        "Zoe": "person",
        "Acme": "organization",
        "Vardø": "place",
        "Bob": "person",
        "Union College": "organization",
    }


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Wow Caroline, we saw the Grand Canyon!", {"Ada", "Caroline", "Grand Canyon"}),
        ("On Monday in May I was OK. Thanks!", {"Ada"}),
        ("Painting is fun. Relaxing too.", set()),
        ("We read \"The Glass Orchard\" together.", {"The Glass Orchard", "Ada"}),
        ("He is \"so called\" great.", set()),
        ("I read Lord of the Rings and Bank of Elsewhere news.",
         {"Lord of the Rings", "Bank of Elsewhere", "Ada"}),
        ("Look at J. K. Harrow and Ann-Marie O'Neil.", {"J. K. Harrow", "Ann-Marie O'Neil"}),
        ("Bob's car is here, and Łukasz and Émile are too.", {"Bob", "Łukasz", "Émile"}),
        ("I saw Bob's car.", {"Bob", "Ada"}),
        ("We LOVE it SO MUCH", {"Ada"}),
    ],
)  # fmt: skip
def test_names(text: str, names: set[str]) -> None:
    assert set(kinds(ask(text))) == names


def test_an_opening_word_is_a_name_once_it_is_seen_inside_a_sentence() -> None:
    assert "Marigold" not in kinds(ask("Marigold again."))
    assert "Marigold" in kinds(ask("Marigold again. I like Marigold."))


def test_known_entities_are_recognised_by_name_and_alias() -> None:
    known = [
        Entity("1", "w", "Zoë Miller", "person", ("Zo",)),
        Entity("2", "w", "pottery", "thing"),
        Entity("3", "w", "Will", "person"),
    ]
    found = ask("zoe miller will try POTTERY, and Zo will too.", known=known)
    assert set(found.mentions) == {(0, "pottery"), (0, "Zoë Miller")}
    assert (0, "Will") in ask("I saw Will.", known=known).mentions
    assert stated(ask("Zo lives in Oslo.", known=known)) == {"Zoë Miller lives_in Oslo"}


def test_a_short_form_in_address_is_an_alias_of_the_other_speaker() -> None:
    found = extract(episode(("Ada", "Hey Mel! Mel lives in Oslo."), ("Melanie", "I do!")), ())
    (melanie,) = [entity for entity in found.entities if entity.name == "Melanie"]
    assert melanie.aliases == ("Mel",)
    assert stated(found) == {"Melanie lives_in Oslo"}


def test_a_speaker_may_introduce_themselves() -> None:
    found = extract(episode((None, "My name is Ada Berg. Ada Berg lives in Oslo.")), ())
    assert [(e.name, e.aliases) for e in found.entities][:1] == [("Ada Berg", ("ada",))]
    assert stated(found) == {"Ada Berg lives_in Oslo"}


def test_mentions_say_which_turn_names_whom() -> None:
    given = episode(("Ada", "I love pottery."), ("Bob", "Pottery is fun."), ("Ada", "Bob!"))
    assert set(extract(given, ()).mentions) == {
        (0, "Ada"), (0, "pottery"), (1, "pottery"), (2, "Bob"),
    }  # fmt: skip


def test_the_same_fact_twice_is_one_with_both_turns() -> None:
    (fact,) = extract(
        episode(("Ada", "I live in Oslo."), ("Ada", "Yes, I live in Oslo!")), ()
    ).facts
    assert fact.turns == (0, 1)


def test_she_is_resolved_only_when_one_person_can_be_meant() -> None:
    sure = "My sister Zoe came. She lives in Oslo."
    uncertain = "My sister Zoe met my friend Ann. She lives in Oslo."
    stranger = "My sister Zoe came. A woman sang. She lives in Oslo."
    wrong = "My sister Zoe came. He lives in Oslo."
    assert "Zoe lives_in Oslo" in stated(ask(sure))
    for text in (uncertain, stranger, wrong):
        assert not any("lives_in" in fact for fact in stated(ask(text)))


def test_facts_weigh_and_name_their_entities() -> None:
    found = ask("I live in Oslo. I love tea. My dog Rex barks. I lost my keys.").facts
    assert len(found) >= 2
    for fact in found:
        assert fact.importance is not None
        assert 0 < fact.importance <= 1
        assert "Ada" in fact.entities
        assert (fact.subject is None) == (fact.type is None) == (fact.object is None)


async def test_the_port() -> None:
    rules = RulesExtractor()
    given = episode(("Ada", "I live in Oslo."))
    found = await rules.extract(given, ())
    assert (rules.name, rules.version) == (found.extractor, found.version) == ("rules", "1")
    assert (found.raw, found.calls, found.tokens_in, found.tokens_out) == (None, 0, 0, 0)
    assert rules.read("", given) == found
    await rules.close()


async def test_a_long_episode_gives_the_same_off_the_loop() -> None:
    given = episode(*[("Ada", f"I live in Town{i}ville. " + "Blah blah. " * 40) for i in range(60)])
    assert len(given.content) > 20_000
    assert await RulesExtractor().extract(given, ()) == extract(given, ())


WORDS = st.sampled_from(
    [
        "I",
        "my",
        "sister",
        "Zoe",
        "Bob",
        "and",
        "lives",
        "in",
        "Oslo",
        "moved",
        "to",
        "works",
        "at",
        "Acme",
        "love",
        "the",
        "a",
        ",",
        ".",
        "?",
        "!",
        '"',
        "'",
        "'s",
        "since\n",
        "",
        "",
        "",
        "2019",
        "last",
        "week",
        "ago",
        "two",
        "not",
        "don't",
        "anymore",
        "is",
        "was",
        "born",
        "named",
        "who",
        "she",
        "he",
        "we",
        "our",
        "dog",
        "Rex",
        "```",
        "`",
        "http://\n",
        "",
        "",
        "",
        "@",
        "-",
        "(",
        ")",
        "\n",
        "’",
        "é",
        "東京",
        "🎉",
        "�",
        "\x00",
        "favourite",
        "book",
        "called",
        "Mr.",
        "J.",
        "O'Neil",
        "May",
        "for",
        "years",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=400), st.lists(WORDS, max_size=60).map(" ".join)))
def test_no_text_crashes_and_the_same_text_gives_the_same(text: str) -> None:
    given = episode(("Ada", text), (None, text))
    found = extract(given, ())
    assert found == extract(given, ())
    names = {entity.name for entity in found.entities}
    for fact in found.facts:
        assert set(fact.entities) <= names
        assert {fact.subject, fact.object} - {None} <= names
        assert fact.text
        assert fact.valid_at is None or fact.invalid_at is None or fact.valid_at < fact.invalid_at
    assert {ordinal for ordinal, _ in found.mentions} <= {0, 1}
    assert {name for _, name in found.mentions} <= names


MEGABYTE = 1 << 20


# Work must grow with the length of the text and no faster: the whole mebibyte of all of these in
# turn takes seconds, while one pattern that backtracks over it would take days.
UNITS = [
    "a",
    "A",
    " ",
    "A ",
    "\n",
    '"',
    '" ',
    "`",
    "``` ",
    "I ",
    "I love ",
    "I love tea and ",
    ",",
    ", ",
    "my ",
    "my best ",
    "my sister ",
    "Bob's ",
    "Bob and ",
    "in ",
    "1",
    "1 ",
    "last ",
    "@",
    "a@",
    "www.",
    "http://",
    "A.",
    "J. ",
    "and ",
    "just ",
    "I just really still also ",
    "who ",
    "-",
    "a-",
    "'",
    "a'",
    "🎉",
    "東",
    "́",
    "May 2023 ",
    "for two years ",
    "two of ",
    "my favourite ",
    "I moved from a ",
    "Bank of ",
    "of the ",
    "I started a ",
    "named ",
    "�",
]


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "units", [UNITS, [unit + "." for unit in UNITS]], ids=["runs", "sentences"]
)
def test_a_megabyte_of_repetition_ends(units: list[str]) -> None:
    share = MEGABYTE // len(units)
    text = "\n".join(unit * (share // len(unit)) for unit in units)
    assert extract(episode(("Ada", text)), ()).extractor == "rules"


@pytest.mark.timeout(30)
@pytest.mark.parametrize("unit", ["a", " ", "I ", "my best ", "``` ", "a@", "just "])
def test_a_megabyte_of_one_thing_ends(unit: str) -> None:
    text = unit * (MEGABYTE // len(unit))
    assert extract(episode(("Ada", text)), ()).extractor == "rules"


@pytest.mark.timeout(30)
def test_a_fact_after_a_very_long_line_is_found() -> None:
    text = "blah " * 100_000 + "blah.\nI live in Oslo."
    assert stated(ask(text)) == {"Ada lives_in Oslo"}
