"""What people write loosely is read as the plain sentence that it amounts to; and what only looks
like it is not."""

from __future__ import annotations

import pytest

from graphmem.clock import ManualClock
from graphmem.extract.rules.extractor import extract
from graphmem.extract.rules.names import NameRegistry
from graphmem.extract.rules.people import People
from graphmem.extract.rules.phrases import Parse
from graphmem.extract.rules.rewording import REWORDING_CUES, reworded
from graphmem.extract.rules.subjects import TurnContext
from graphmem.extract.rules.tokenizer import split_sentences
from graphmem.ingest.make_episode import build_episode
from graphmem.model import Scope


def _links(*said: tuple[str, str]) -> set[tuple[str | None, str | None, str | None]]:
    """Relations of a chat: who says what, in turn."""
    turns = [{"role": "user", "name": by, "content": text} for by, text in said]
    episode = build_episode(
        turns, {}, Scope("default", "tess", None, None), ManualClock(), max_bytes=1 << 20
    )
    return {
        (f.subject, f.type, f.object or f.value)
        for f in extract(episode, ()).facts
        if f.type is not None and f.modality == "stated" and not f.retracts
    }


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("my doctor's Dr Lund at Hill Surgery, pls store", ("Lund", "works_at", "Hill Surgery")),
        (
            "He's in accounts. Bo Lind is in sales at Acme Corp",
            ("Bo Lind", "works_at", "Acme Corp"),
        ),
        ("She's seeing a carpenter called Anselm", ("Anselm", "works_as", "carpenter")),
        ("Wendy's apprentice is called Callum", ("Callum", "works_as", "apprentice")),
        ("my boss at Hexham Motors is Tunde", ("Tess", "works_at", "Hexham Motors")),
        ("Rosa Mbeki and her son Jabari came", ("Jabari", "child_of", "Rosa Mbeki")),
        ("we visited my cousin Ada in Oslo", ("Ada", "lives_in", "Oslo")),
        ("Anselm and Priti have moved in together", ("Anselm", "lives_with", "Priti")),
        ("our wholesaler is Aalsmeer Flowers", ("Aalsmeer Flowers", "supplier_of", "Tess")),
        ("Graham has got engaged, to a girl named Noor", ("Graham", "engaged_to", "Noor")),
        ("I've got a blue Fiesta now", ("Tess", "owns", "Fiesta")),
        ("Nils' partner Hedy is here", ("Hedy", "partner_of", "Nils")),
        ("husband is a plumber", ("Tess's husband", "works_as", "plumber")),
        ("i'm a Hull lass", ("Tess", "comes_from", "Hull")),
        ("my doctor is dr lund", ("Dr Lund", "doctor_of", "Tess")),
        ("my landlord is mr gavigan", ("Gavigan", "landlord_of", "Tess")),
        (
            "my wife aoife is a nurse at hillside hospital",
            ("Aoife", "works_at", "Hillside Hospital"),
        ),
        ("i drive a ford fiesta", ("Tess", "drives", "Ford Fiesta")),
        (
            "Lewis left on Friday, he's at Jodrell Fencing now",
            ("Lewis", "works_at", "Jodrell Fencing"),
        ),
        ("new labourer: Hamza Yilmaz, started today", ("Hamza Yilmaz", "works_as", "labourer")),
        ("Long call with Selam, my girlfriend.", ("Selam", "dating", "Tess")),
        ("I went to the Salty Spoon, a cafe in Bulli", ("Salty Spoon", "based_in", "Bulli")),
    ],
)
def test_loose_words_say_what_they_mean(text: str, link: tuple[str, str, str]) -> None:
    assert link in _links(("Tess", text))


@pytest.mark.parametrize(
    "text",
    [
        "maybe our wholesaler is Aalsmeer Flowers",
        "is my doctor's Dr Lund at Hill Surgery?",
        "she isn't the vicar, Bo Lind isn't in sales at Acme Corp",
        "Bo Lind is in bed at Acme Corp",
        "we met my cousin Ada in Oslo Airport, my cousin's car is in Oslo",
        "he's left handed",
        "she's the driver tonight",
        "bev sold up to some chain called KinderHaus and she's dating her boss",
    ],
)
def test_what_only_looks_like_it_is_not_read(text: str) -> None:
    links = _links(("Tess", text))
    assert not {type for _, type, _ in links} & {"works_at", "works_as", "lives_in", "supplier_of"}
    assert not {one for one, type, _ in links if type == "dating"} & {"KinderHaus"}


@pytest.mark.parametrize(
    ("question", "answer", "link"),
    [
        ("where do u live now", "Leeds mate", ("Ben", "lives_in", "Leeds")),
        ("where does Lee work?", "Acme Corp", ("Lee", "works_at", "Acme Corp")),
        ("whats Lee's number", "07700 900461", ("Lee", "phone_number", "07700 900461")),
        ("who's your boss?", "Greta Holm", ("Greta Holm", "manages", "Ben")),
        ("what does Lee do", "a plumber lol", ("Lee", "works_as", "plumber")),
    ],
)
def test_a_few_words_answer_a_question(
    question: str, answer: str, link: tuple[str, str, str]
) -> None:
    assert link in _links(("Tess", question), ("Ben", answer))


@pytest.mark.parametrize(
    "answer",
    [
        "Leeds i think",
        "not Leeds",
        "no idea",
        "Leeds?",
        "who knows",
        "Nowhere nice",
        "Anna is here",
        "Happy birthday Anna",
        "Merry Christmas",
        "Formerly Leeds",
        "Leeds, I used to",
        "Ask Anna",
    ],
)
def test_what_is_no_answer_is_not_taken_for_one(answer: str) -> None:
    assert not _links(("Tess", "where do you live?"), ("Ben", answer))


@pytest.mark.parametrize(
    "question",
    [
        "where did you live before?",
        "where do you live in the game?",
        "where are you living next year?",
        "where would you like to live?",
        "where are you staying in Rome?",
    ],
)
def test_what_is_not_asked_of_now_and_here_is_no_home(question: str) -> None:
    assert not _links(("Tess", question), ("Ben", "Leeds"))


def test_nobody_answers_a_question_of_their_own() -> None:
    assert not _links(("Tess", "where do you live?"), ("Tess", "Leeds"))


def test_nothing_is_reworded_without_a_cue() -> None:
    """Every row is asked only where one of its words stands."""
    seen = 0
    for sentence in split_sentences("Ada Park lives Oslo. Bo Lind likes Acme. Zoe loves tea."):
        names = NameRegistry()
        parse = Parse(sentence, names.opening(sentence))
        seen += 1
        assert sentence.lows.isdisjoint(REWORDING_CUES)
        assert not [*reworded(parse, TurnContext(People(names), "Tess"))]
    assert seen == 3


def test_a_lost_job_is_told_of_who_lost_it() -> None:
    episode = build_episode(
        [{"role": "user", "name": "Tess", "content": "I lost my job last month"}],
        {}, Scope("default", "tess", None, None), ManualClock(), max_bytes=1 << 20,
    )  # fmt: skip
    assert "Tess lost their job" in [fact.text for fact in extract(episode, ()).facts]
