"""Relations that a question asks for: whom, which, and over whom to whom."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graphmem import Memory
from graphmem.relation_types.wording import wordings
from graphmem.text import stem

TEAM = [
    ("Omar", "I moved to Rotterdam last week."),
    ("Ann", "I live in Oslo."),
    ("Kenji", "I work at ASML."),
    ("Omar", "I got a job at Nokia."),
    ("Priya", "I've been working at Siemens since 2019."),
    ("Priya", "My brother Arun lives in Delhi and works at Infosys."),
    ("Omar", "My wife Leila is a nurse."),
    ("Ann", "I have a dog called Rex."),
    ("Ann", "Rui Costa reports to Ben Toll. Lena Ray reports to Rui Costa."),
    ("Ann", "Orion uses Redis. Atlas depends on Orion."),
    ("Ann", "Acme acquired Nordbank in 2019."),
]


@pytest.fixture(scope="module")
def memory() -> Iterator[Memory]:
    with Memory("memory://", user_id="u") as made:
        for day, (name, text) in enumerate(TEAM, start=1):
            made.add([{"name": name, "content": text}], occurred_at=f"2024-09-{day:02}")
        yield made


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("Where does Omar live?", "Omar moved to Rotterdam"),
        ("Where does Priya work?", "Priya works at Siemens"),
        ("Who works at Nokia?", "Omar got a job at Nokia"),
        ("Who is Omar's wife?", "Leila is Omar's wife"),
        ("What pet does Ann have?", "Ann has a dog named Rex"),
        ("Who does Rui Costa report to?", "Rui Costa reports to Ben Toll"),
        ("Who reports to Rui Costa?", "Lena Ray reports to Rui Costa"),
        ("Who is Rui Costa's manager?", "Rui Costa reports to Ben Toll"),
        ("Who does Rui report to?", "Rui Costa reports to Ben Toll"),
        ("What does Orion use?", "Orion uses Redis"),
        ("What depends on Orion?", "Atlas depends on Orion"),
        ("Which bank did Acme buy?", "Acme acquired Nordbank"),
        ("Where does Priya's brother live?", "Arun lives in Delhi"),
        ("Where does the brother of Priya work?", "Arun works at Infosys"),
        ("What is the job of Omar's wife?", "Leila is a nurse"),
    ],
)
def test_the_answer_is_first(memory: Memory, question: str, first: str) -> None:
    hits = memory.search(question).hits
    assert hits[0].text.startswith(first), [hit.text for hit in hits[:4]]
    assert "relation" in {signal.name for signal in hits[0].signals}


@pytest.mark.parametrize(
    "question", ["Where does nobody live?", "Tell me about Omar.", "When did it rain?"]
)
def test_where_none_is_asked_for_there_is_none(memory: Memory, question: str) -> None:
    hits = memory.search(question).hits
    assert hits
    assert all("relation" not in {signal.name for signal in hit.signals} for hit in hits)


FAMILY = [
    "My wife is Thandi. Thandi is a nurse. Thandi's brother Sipho lives in Durban.",
    "My boss is Petra. Petra lives in Bergen with her husband Olav. Olav is a fisherman.",
    "My sister Zoe is married to Rui. Rui plays the cello. Zoe is studying law.",
    "Thandi is allergic to walnuts. I live in Oslo. I work at Acme. I was born in Hamar.",
    "Tuva is my cousin. Nils is my cousin. Tuva lives in Moss.",
    "Ada Berg is my friend. Ada Berg's mother is Ida. Ida is a pilot. Ida lives in Bodø.",
]


@pytest.fixture(scope="module")
def family() -> Iterator[Memory]:
    with Memory("memory://", user_id="u") as made:
        for day, text in enumerate(FAMILY, start=1):
            made.add(text, occurred_at=f"2024-09-{day:02}")
        yield made


@pytest.mark.parametrize(
    ("question", "first", "about"),
    [
        ("What does my wife do?", "Thandi is a nurse", "Thandi"),
        ("Where does my wife's brother live?", "Sipho lives in Durban", "Sipho"),
        ("Where does our boss live?", "Petra lives in Bergen", "Petra"),
        ("What does my boss’s husband do for a living?", "Olav is a fisherman", "Olav"),
        ("And what instrument does Zoe's husband play?", "Rui plays the cello", "Rui"),
        ("What is my wife allergic to?", "Thandi is allergic to walnuts", "Thandi"),
        ("What does my sister study?", "Zoe studies law", "Zoe"),
        ("What does Ada Berg's mother do?", "Ida is a pilot", "Ida"),
        ("Where does Berg's mother live?", "Ida lives in Bodø", "Ida"),
        ("Who is my boss's husband?", "Olav is Petra's husband", "Petra"),
        ("Who is my sister married to?", "Zoe is married to Rui", "u"),
        ("Is Petra my boss?", "Petra is u's boss", "Petra, u"),
        ("Who is my wife?", "Thandi is u's wife", "u"),
        ("What do I do?", "u works at Acme", "u"),
        ("Where was I born?", "u was born in Hamar", "u"),
    ],
)
def test_who_is_described_by_a_role_is_who_is_asked_about(
    family: Memory, question: str, first: str, about: str
) -> None:
    found = family.search(question)
    assert found.hits[0].text.startswith(first), [hit.text for hit in found.hits[:4]]
    assert ", ".join(sorted(seed.name for seed in found.seeds)) == about


def test_what_is_told_of_who_is_described_is_found_by_name_and_by_role() -> None:
    texts = [
        "My wife is Thandi.",
        "Thandi spends every weekend painting seascapes.",
        "My wife is off to Kimberley in May.",
        "I saw a film about painters.",
        "My cousin is off to Bergen.",
    ]
    with Memory("memory://", user_id="u") as memory:
        for day, text in enumerate(texts, start=1):
            memory.add(text, occurred_at=f"2024-09-{day:02}")

        def turns(question: str) -> list[str]:
            return [hit.text for hit in memory.search(question, kinds=["turn"])]

        assert turns("What does my wife do at the weekend?")[0] == texts[1]
        assert turns("Where is my wife off to?")[0] == texts[2]


def test_where_several_fit_a_description_none_is_meant(family: Memory) -> None:
    assert [seed.name for seed in family.search("Where does my cousin live?").seeds] == ["u"]


def test_who_fits_is_known_from_inside_the_scope() -> None:
    with Memory("memory://", user_id="u") as memory:
        memory.add("My wife is Thandi.", run_id="one", occurred_at="2024-09-01")
        memory.add("Thandi lives in Oslo.", run_id="two", occurred_at="2024-09-02")
        asked = "Where does my wife live?"
        assert [s.name for s in memory.search(asked, run_id="two").seeds] == ["u"]
        assert [s.name for s in memory.search(asked).seeds] == ["Thandi"]


def test_a_question_of_nothing_but_descriptions_is_answered() -> None:
    with Memory("memory://", user_id="u") as memory:
        memory.add("My wife is Thandi. I'm happy.", occurred_at="2024-09-01")
        assert memory.search("my wife's " * 800).hits
        assert memory.search("what do my wife do " * 400).hits


def test_what_more_is_asked_counts_against_it(memory: Memory) -> None:
    plain = memory.search("Where does Omar live?").hits[0]
    more = memory.search("Where does Omar live with his three green parrots?").hits
    again = next(hit for hit in more if hit.id == plain.id)
    share = {signal.name: signal.score for signal in plain.signals}["relation"]
    assert share == 1.0
    assert {signal.name: signal.score for signal in again.signals}["relation"] < 0.1


def test_a_sister_is_no_brother() -> None:
    with Memory("memory://", user_id="ada") as memory:
        memory.add("My sister Zoe lives in Bergen. My brother Tom lives in Oslo. I live in Paris.")
        for whose, where in (("my sister", "Zoe"), ("my brother", "Tom"), ("Ada's sister", "Zoe")):
            first, second, *_ = memory.search(f"Where does {whose} live?", kinds=["fact"]).hits
            assert first.text.startswith(f"{where} lives in")
            assert first.total > second.total + 0.1
        assert memory.search("Where do I live?").hits[0].text == "ada lives in Paris"
        assert memory.search("Who is my brother?").hits[0].text == "Tom is ada's brother"


def test_of_whom_much_is_known() -> None:
    with Memory("memory://", user_id="ada") as memory:
        memory.relate_many([("ada", "visited", f"Place{n}") for n in range(100)])
        memory.relate_many([(f"Person{n}", "lives_in", f"Town{n}") for n in range(100)])
        memory.add("I moved to Rotterdam.")
        memory.relate_many([("ada", "knows", f"Person{n}") for n in range(100)])
        assert memory.search("Where do I live?").hits[0].text.startswith("ada moved to Rotterdam")


def test_part_of_two_names_is_nobody() -> None:
    with Memory("memory://", user_id="u") as memory:
        memory.relate("Rui Costa", "lives_in", "Oslo")
        assert [seed.name for seed in memory.search("Where does Rui live?").seeds] == ["Rui Costa"]
        assert memory.search("Who will rui it?").seeds == ()
        memory.relate("Rui Lima", "lives_in", "Bonn")
        assert memory.search("Where does Rui live?").seeds == ()
        assert [s.name for s in memory.search("Where is Rui Lima?").seeds] == ["Rui Lima"]


@pytest.mark.parametrize(
    ("type", "word", "kind", "inverted"),
    [
        ("managed_by", "manager", "of", True),
        ("managed_by", "boss", "of", True),
        ("managed_by", "reports", "verb", False),
        ("parent_of", "son", "of", True),
        ("works_at", "employer", "has", False),
        ("likes", "enjoys", "verb", False),
        ("flies_kites_with", "flies", "verb", False),
    ],
)
def test_how_words_speak_of_a_type(type: str, word: str, kind: str, inverted: bool) -> None:
    forms = wordings(type)[stem(word)]
    assert any(one.kind == kind and one.inverted == inverted for one in forms)


@pytest.mark.parametrize(
    "forms",
    [
        ("works", "worked", "working", "work"),
        ("lives", "lived", "living", "live"),
        ("manages", "managing", "managed"),
        ("buys", "bought", "buying"),
        ("marries", "married", "marry"),
        ("boss",),
    ],
)
def test_forms_of_a_word_share_a_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1
