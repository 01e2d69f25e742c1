"""What replaces, corrects or ends something stands above it, unless one asks about before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from graphmem import Memory, Settings
from graphmem.bench.metrics import distinct, newer_above_older
from graphmem.bench.sets import load_dataset
from graphmem.retrieve.candidates.text_analysis import corrects
from graphmem.retrieve.question.parse import asks_about

ROOT = Path(__file__).parents[2]
CHANGES = ROOT / "benchmarks" / "changes"


@pytest.fixture
def memory() -> Iterator[Memory]:
    with Memory("memory://", user_id="ada", settings=Settings.load({})) as memory:
        yield memory


def first_turns(memory: Memory, question: str) -> list[str]:
    return [hit.text for hit in memory.search(question, kinds=["turn"])]


@pytest.mark.parametrize("apart", [True, False], ids=["each added alone", "one conversation"])
def test_what_is_taken_back_at_once_stands_below(memory: Memory, apart: bool) -> None:
    texts = ["I'm going to Peru in May.", "Sorry, I meant Bolivia.", "My bag is packed already."]
    if apart:
        for text in texts:
            memory.add(text, occurred_at="2025-03-03")
    else:
        memory.add([{"content": text} for text in texts], occurred_at="2025-03-03")
    memory.add("My brother is going to Chile in June.", occurred_at="2025-03-09")
    assert first_turns(memory, "Which country am I going to?")[:2] == texts[1::-1]


def test_what_is_taken_back_is_the_last_thing_said_and_nothing_before_it(memory: Memory) -> None:
    texts = [
        "Priya is allergic to peanuts.",
        "I'm going to Peru in May.",
        "Sorry, I meant Bolivia.",
    ]
    for text in texts:
        memory.add(text)
    assert first_turns(memory, "What is Priya allergic to?")[0] == texts[0]
    assert first_turns(memory, "Where am I going in May?")[:2] == texts[:0:-1]


def test_what_is_taken_back_is_what_it_names(memory: Memory) -> None:
    """Said one after the other, these have nothing to do with each other."""
    memory.add(
        [
            {"role": "user", "content": "I work at Acme."},
            {"role": "user", "content": "Correction: my phone number is 0470 99 88 77."},
            {"role": "user", "content": "I'm allergic to peanuts."},
            {"role": "user", "content": "Actually I don't have a dog any more."},
            {"role": "user", "content": "No, I've never been to Peru. Actually I’ve no idea."},
        ]
    )
    for question, answer in (("Where do I work?", "Acme"), ("What am I allergic to?", "peanuts")):
        first, second, *_ = memory.search(question)
        assert answer in first.text
        assert answer in second.text


def test_a_fact_stays_above_what_replaces_another_of_its_turn(memory: Memory) -> None:
    memory.add("I live in Ghent with my partner Pieter.", occurred_at="2025-02-03")
    memory.add("I moved to Antwerp today.", occurred_at="2025-03-03")
    assert "Pieter" in memory.search("Who do I live with?")[0].text
    assert "Antwerp" in memory.search("Where do I live?")[0].text
    memory.add("My boss is Joan.")
    assert memory.search("Where do I work?").answerable < 0.5, "a boss is no place"


def test_a_newer_value_stands_above_unless_one_asks_about_before(memory: Memory) -> None:
    old, new = "The weekly call is on Mondays at ten.", "The weekly call is now on Fridays at nine."
    memory.add(old, occurred_at="2025-02-03")
    memory.add("The yearly dinner is on Mondays too.", occurred_at="2025-02-20")
    memory.add(new, occurred_at="2025-04-10")
    assert first_turns(memory, "When is the weekly call?")[0] == new
    assert first_turns(memory, "When was the weekly call before it was moved to Fridays?")[0] == old


def test_why_it_stands_there_is_told(memory: Memory) -> None:
    memory.add("The code of the gate is 4471.", occurred_at="2025-02-03")
    memory.add("The code of the gate was changed, it is 9038.", occurred_at="2025-03-03")
    first, second = memory.search("What is the code of the gate?", kinds=["turn"])
    assert "9038" in first.text
    raised = {signal.name: signal.share for signal in first.signals}["replaces"]
    assert raised > 0
    assert "replaces" not in {signal.name for signal in second.signals}
    assert first.total == pytest.approx(sum(signal.share for signal in first.signals))
    past = memory.as_of(valid_at="2025-02-10").search("What is the code of the gate?")
    assert all("9038" not in hit.text for hit in past)


def test_what_holds_now_is_not_lifted_for_that(memory: Memory) -> None:
    memory.add("Anna is Priya's manager. Priya is allergic to peanuts.", occurred_at="2024-01-05")
    memory.add("Henrik is Priya's manager now.", occurred_at="2024-06-05")
    for question in ("What is Priya allergic to?", "Which food is bad for Priya?"):
        assert "peanuts" in memory.search(question)[0].text
    assert "Henrik" in memory.search("Who is Priya's manager?")[0].text


def test_where_one_lived_before(memory: Memory) -> None:
    memory.add("I live in Paris.", occurred_at="2024-01-15")
    memory.add("I moved to Berlin last month!", occurred_at="2025-03-02")
    now, before = "Where do I live?", "Where did I live before Berlin?"
    turns = first_turns(memory, now)
    assert turns.index("I moved to Berlin last month!") < turns.index("I live in Paris.")
    assert memory.search(before)[0].text == "ada lives in Paris"
    assert first_turns(memory, before)[0] == "I live in Paris."


def test_what_replaces_another_needs_no_word_of_change(memory: Memory) -> None:
    old, new = "I play badminton on Thursdays.", "The badminton people meet on Mondays."
    memory.add(old, occurred_at="2024-09-02")
    memory.add("My sister lives in Antwerp and bakes.", occurred_at="2024-09-20")
    memory.add("I adopted a cat from the shelter.", occurred_at="2024-10-11")
    memory.add(new, occurred_at="2024-12-03")
    turns = first_turns(memory, "When do I play badminton?")
    assert turns.index(new) < turns.index(old)


def test_what_another_person_has_changes_nothing(memory: Memory) -> None:
    memory.add("My dentist is Doctor Moss.", occurred_at="2025-01-03")
    memory.add("The weather is lovely. My sister sold her boat.", occurred_at="2025-03-03")
    assert first_turns(memory, "Who is my dentist?")[0] == "My dentist is Doctor Moss."


def test_what_is_said_of_others_changes_nothing(memory: Memory) -> None:
    texts = ["Petra lives in Bergen.", "I live in Oslo.", "Tom lives in Rome now."]
    for month, text in enumerate(texts, start=1):
        memory.add(text, occurred_at=f"2025-{month:02}-10")
    for who, text in zip(("does Petra", "do I", "does Tom"), texts, strict=True):
        assert first_turns(memory, f"Where {who} live?")[0] == text


def test_whom_a_relative_married_changes_nothing(memory: Memory) -> None:
    lines = (ROOT / "examples" / "conversation.jsonl").read_text("utf-8").splitlines()
    for session in map(json.loads, lines):
        messages = [{"role": "user", **message} for message in session["messages"]]
        memory.add(messages, occurred_at=session["occurred_at"])
    hits = memory.search("Who is Tom married to?")
    assert "Leila" in hits[0].text
    (other,) = [hit for hit in hits if hit.text.startswith("Ines's sister Marta")]
    assert "replaces" not in {one.name for one in other.signals}


NOTES = (
    "My tax number is 48 772 915.",
    "The key of the cellar hangs behind the boiler.",
    "My blood type is A positive.",
    "The plumber's name is Osman.",
    "I keep the passports in the blue box.",
    "The boat shed is number 14.",
    "My locker at the pool is number 212.",
    "The landlord's birthday is in May.",
    "I wear shoes of size 43.",
    "The router stands on top of the bookshelf.",
    "My bike is a green Batavus.",
    "The vet is on Mill Road.",
    "I buy bread at the mill shop.",
    "The spare fuses are in the kitchen drawer.",
)


def test_what_nothing_replaced_stays_first_in_a_year_of_short_notes(memory: Memory) -> None:
    """Of one whose like is told later ("number") vectors of words cannot say that nothing did."""
    for week, text in enumerate(NOTES):
        memory.add(text, occurred_at=date(2025, 1, 6) + timedelta(weeks=week))
    asked = {
        "What is my tax number?": 0,
        "Where is the key of the cellar?": 1,
        "What is my blood type?": 2,
        "What is the plumber's name?": 3,
        "Where are the passports?": 4,
        "Which number is the boat shed?": 5,
        "What size are my shoes?": 8,
        "Where does the router stand?": 9,
    }
    found = {question: first_turns(memory, question) for question in asked}
    assert all(NOTES[note] in found[question][:2] for question, note in asked.items())
    assert sum(found[question][0] == NOTES[note] for question, note in asked.items()) >= 7


def test_what_changed_stands_above_and_what_did_not_stays_first() -> None:
    """Five memories with both; no weight was found on them."""
    data = load_dataset("plain", CHANGES / "mixed_held_out")
    newer: list[bool] = []
    unchanged: list[bool] = []
    for corpus in data.corpora:
        with Memory("memory://", user_id=corpus.id, settings=Settings.load({})) as memory:
            memory.add_many(corpus.items)
            for one in corpus.questions:
                hits = memory.search(one.text, limit=60)
                turns = distinct([hit.source_id or "" for hit in hits])
                if one.rivals:
                    newer.append(bool(newer_above_older(turns, one.gold, one.rivals)))
                else:
                    unchanged.append(turns[0] in one.gold)
    assert (len(newer), len(unchanged)) == (45, 33)
    assert sum(newer) >= 29
    assert sum(unchanged) >= 29


@pytest.mark.parametrize(
    ("question", "about"),
    [
        ("Where do I live?", "now"),
        ("What is my sister’s job?", "now"),
        ("Have I found a flat yet?", "now"),
        ("Have I ever read a book by her before?", None),
        ("When is the meeting?", "now"),
        ("Who lives upstairs?", "now"),
        ("Which band plays at the wedding?", "now"),
        ("What is my total budget?", "now"),
        ("Who was chair before Abena?", "before"),
        ("What did I originally plan?", "before"),
        ("When did Tom move?", None),
        ("Which songs inspired her?", None),
        ("Who was it?", None),
        ("How many days had I tracked it before I stopped?", None),
        ("What is the total number of my trips?", None),
        ("How many days are there between the two?", None),
        ("Can you summarize my plans?", None),
        ("I'm cooking tonight. What do I like?", None),
        ("", None),
    ],
)
def test_what_a_question_asks_about(question: str, about: str | None) -> None:
    assert asks_about(question) == about


def test_words_that_take_back() -> None:
    assert all(
        map(
            corrects,
            (
                "Sorry, I meant June.",
                "No, wait, it's red.",
                "Oops! I mixed them up.",
                "I got that wrong, she was born in Zadar.",
                "...or rather 4, the one with the orange doors.",
            ),
        )
    )
    assert not any(
        map(corrects, ("I'm sorry about your cat.", "What do you mean?", "We switched to tea.", ""))
    )
