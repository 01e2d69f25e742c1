"""Passages that answer together: found over what both name, and explained."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graphmem import Memory, Settings
from graphmem.model import Entity, SearchResult
from graphmem.retrieve.question.names_and_relations import written_as_names

DOCUMENTS = {
    "Orlan Bridge": "Orlan Bridge is a stone bridge over the river Teskel. It was drawn by the "
    "engineer Mirela Dvorsak and opened to carts and walkers in 1874.",
    "Mirela Dvorsak": "Mirela Dvorsak was raised on a farm near Halmstead, studied masonry at "
    "night, and taught there until she was seventy.",
    "Halmstead": "Halmstead is a market town known for its pears, its glass and a fair that is "
    "held every autumn on the green.",
    "Tessel Bridge": "Tessel Bridge is a steel bridge for trains. It was drawn in an office and "
    "opened to goods trains after a long dispute about money.",
    "Farm schools": "Farm schools were schools where pupils were raised on a farm and studied in "
    "the evening, often far from any town, for a small fee.",
    "Bridge engineers": "Bridge engineers draw bridges, raise money for them and see to it that "
    "they are opened, as many of them studied for years.",
}
QUESTION = "Where was the engineer who drew Orlan Bridge raised?"


@pytest.fixture(scope="module")
def memory() -> Iterator[Memory]:
    with Memory("memory://", user_id="ada", settings=Settings.load({})) as memory:
        for title, text in DOCUMENTS.items():
            memory.add(f"{title}\n{text}")
        yield memory


def titles(found: SearchResult) -> list[str]:
    return [hit.text.splitlines()[0] for hit in found]


def test_the_second_step_is_found_over_what_both_name(memory: Memory) -> None:
    found = memory.search(QUESTION, kinds=["turn"])
    assert titles(found)[:2] == ["Orlan Bridge", "Mirela Dvorsak"]


def test_every_hit_says_which_arms_and_which_way(memory: Memory) -> None:
    first, second = memory.search(QUESTION, kinds=["turn"])[:2]
    assert {"named", "linked"} <= {signal.name for signal in first.signals}
    assert "linked" in {signal.name for signal in second.signals}
    assert "named" not in {signal.name for signal in second.signals}
    assert second.path == "Orlan Bridge · Mirela Dvorsak"


def test_without_a_shared_name_nothing_links(memory: Memory) -> None:
    found = memory.search("What is a stone bridge?", kinds=["turn"])
    far = next(hit for hit in found if hit.text.startswith("Farm schools"))
    assert far.path is None


def test_the_longest_title_is_what_is_meant(memory: Memory) -> None:
    asked = memory.search("What is known of Orlan Bridge?", kinds=["turn"])
    named = [hit for hit in asked if "named" in {signal.name for signal in hit.signals}]
    assert titles(SearchResult("", tuple(named))) == ["Orlan Bridge"]


def test_conversations_are_left_alone(memory: Memory) -> None:
    turns = [
        {"role": "user", "name": "Ada", "content": "I drew a bridge for Mirela Dvorsak."},
        {"role": "user", "name": "Bob", "content": "Mirela Dvorsak was raised near me!"},
    ]
    memory.add(turns, user_id="bob")
    found = memory.search(QUESTION, user_id="bob").hits
    assert found
    for hit in found:
        assert not {"named", "linked", "spread"} & {signal.name for signal in hit.signals}


def test_no_link_crosses_a_run(memory: Memory) -> None:
    for run, title in (("one", "Orlan Bridge"), ("two", "Mirela Dvorsak")):
        memory.add(f"{title}\n{DOCUMENTS[title]}", user_id="carol", run_id=run)
    both = memory.search(QUESTION, user_id="carol", kinds=["turn"])
    assert titles(both) == ["Orlan Bridge", "Mirela Dvorsak"]
    alone = memory.search(QUESTION, user_id="carol", run_id="one", kinds=["turn"])
    assert titles(alone) == ["Orlan Bridge"]
    assert all("Mirela" not in (hit.path or "") for hit in alone if hit.rank > 1)
    assert titles(memory.search(QUESTION, user_id="dora", kinds=["turn"])) == []


def test_facts_given_as_they_are_lead_on_from_the_best_pair() -> None:
    """With facts that cover the question, attention spreads from them to passages."""
    with Memory("memory://", user_id="ada", settings=Settings.load({})) as memory:
        for title, text in DOCUMENTS.items():
            memory.add(f"{title}\n{text}")
        memory.relate("Mirela Dvorsak", "drew", "Orlan Bridge")
        memory.relate("Mirela Dvorsak", "raised_near", "Halmstead")
        found = memory.search("Who drew Orlan Bridge and was raised near Halmstead?")
        reached = {hit.text.splitlines()[0]: hit for hit in found if hit.kind == "turn"}
        for title in ("Orlan Bridge", "Mirela Dvorsak", "Halmstead"):
            assert "spread" in {signal.name for signal in reached[title].signals}
        assert titles(found)[0] in {"Orlan Bridge", "Mirela Dvorsak"}


def test_a_name_that_is_asked_about_leads_on() -> None:
    with Memory("memory://", user_id="ada", settings=Settings.load({})) as memory:
        for title, text in DOCUMENTS.items():
            memory.add(f"{title}\n{text}")
        found = memory.search("What is the town near Mirela Dvorsak known for?", kinds=["turn"])
        spread = [hit for hit in found if "spread" in {signal.name for signal in hit.signals}]
        assert {"Mirela Dvorsak", "Halmstead"} <= {*titles(SearchResult("", tuple(spread)))}


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("Which city does the New York Times come from?", {"New York Times"}),
        ("Who reads the new york times in a city?", {"New York Times", "city"}),
        ("Is York a city?", {"York"}),
        ("York lies where?", {"York"}),
        ("Which city lies north of New York?", {"New York"}),
    ],
)
def test_what_a_question_writes_as_a_name(question: str, named: set[str]) -> None:
    known = [
        Entity(id=name, tenant="default/ada", name=name, kind="thing")
        for name in ("New York Times", "New York", "York", "city")
    ]
    assert written_as_names(question, known) == named


def test_beside_what_people_say_a_note_stands_first_where_it_answers() -> None:
    """What links passages says nothing of a message: it raised one note above all of them."""
    said = [
        ("Emil Berg", "Can you pick up Alva from daycare?"),
        ("Kim Berg", "Yes. By the way, my new phone is +46 73 555 66 77."),
        ("Emil Berg", "OK! I got the job at Polestar."),
        ("Kim Berg", "What? Since when?"),
        ("Emil Berg", "I start on 1 November."),
        ("Emil Berg", "First day at Polestar, my desk is next to Petra."),
        ("Kim Berg", "Alva has a fever, staying home tomorrow."),
        ("Emil Berg", "Poor thing. Alva's teacher is Mira, I'll text her."),
    ]
    note = "## Weekend\nWe viewed the flat on Storgatan 12. Emil wants it, I don't."
    with Memory("memory://", user_id="kim", settings=Settings.load({})) as memory:
        memory.add([{"name": name, "content": text} for name, text in said])
        memory.add(note)
        memory.add("Hanna started at Klarna yesterday.\nEmil's new boss is Petra Svensson.")
        for question, answer in (
            ("When did Hanna start at Klarna?", "Klarna"),
            ("Who is Emil's boss?", "Petra Svensson"),
            ("Who is Alva's teacher?", "Mira"),
            ("Which flat did we view?", "Storgatan"),
        ):
            assert answer in memory.search(question)[0].text, question
