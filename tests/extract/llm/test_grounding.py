"""What a model gives is held against the text: what is not there is never believed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphmem import Memory
from graphmem.extract.llm.grounding import grounded
from graphmem.extract.llm.parse import parse_answer
from graphmem.extract.llm.prompts import load_prompts
from graphmem.extract.llm.repair import json_values
from graphmem.extract.llm.request import speakers_of
from graphmem.model import Entity, Episode
from graphmem.ports.llm import CandidateFact, Extraction
from graphmem.testing.llm_server import LocalModelServer
from tests.engine.model_script import fact, settings
from tests.extract.llm.helpers import episode
from tests.plain_words.as_model import StatesAll
from tests.plain_words.measure import measure
from tests.plain_words.texts import HALVES, load_texts

SAID = "2024-05-17T18:30:00Z"
RIGHT = Path(__file__).parent / "right_facts.txt"


def _right_facts() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    text = ""
    facts: list[dict[str, Any]] = []
    for line in RIGHT.read_text("utf-8").splitlines():
        if line.startswith("> "):
            if facts:
                yield text, facts
            text, facts = line[2:], []
        elif line and not line.startswith("#"):
            sentence, subject, type, object_, begins, ends = (p.strip() for p in line.split("|"))
            value = object_.removeprefix("=") if object_.startswith("=") else None
            facts.append(
                fact(
                    sentence, subject=subject or None, type=type or None, value=value,
                    object=None if value else object_ or None, valid_at=begins or None,
                    entities=[subject] if subject else [], invalid_at=ends or None,
                )
            )  # fmt: skip
    yield text, facts


def _refused(
    shown: Episode, facts: list[dict[str, Any]], known: Iterable[Entity] = ()
) -> list[str]:
    found = parse_answer(str({"entities": [], "facts": facts}), speakers_of(shown))
    whole = Extraction(found.entities, found.facts, "a model", "1")
    kept = {one.text for one in grounded(whole, shown, tuple(known)).facts}
    return [one.text for one in found.facts if one.text not in kept]


def test_what_is_right_is_kept() -> None:
    """At most two in a hundred of what models rightly give, worded in their way, are refused."""
    refused: list[str] = []
    count = 0
    for text, facts in _right_facts():
        shown = episode(f"Ada: {text}")
        count += len(facts)
        refused += [f"{one} ({text})" for one in _refused(shown, facts)]
    assert count >= 140
    assert len(refused) <= 0.02 * count, "\n".join(refused)


def test_names_mended_and_written_out_are_the_same() -> None:
    pairs = {"Micheal": "Michael", "Katie": "Katherine", "Bob": "Robert", "nyc": "New York City",
             "the Met Office": "Met Office", "zoe": "Zoë", "photos": "photography"}  # fmt: skip
    for said, name in pairs.items():
        one = fact(f"Ada likes {name}.", subject="Ada", type="likes", object=name)
        assert not _refused(episode(f"Ada: I like {said}."), [one]), (said, name)
    for said, name in {"Maria": "Mario", "Martin": "Martina", "Paris": "Parma"}.items():
        one = fact(f"Ada knows {name}.", subject="Ada", type="knows", object=name)
        assert _refused(episode(f"Ada: I know {said}."), [one]), (said, name)


OTHERS = (
    "My sister Solveig lives in Tromsø.",
    "Bertil Aune works at Havnelab as a welder.",
    "We visited Reykjavik in 2019 with Ottoline.",
)
TEXTS = (
    "I had soup for lunch and read a little.",
    "The park was lovely, we walked for an hour.",
    "Ben came by with his bike.",
    "work was long today. tea and bed",
    "My brother Leo called, he is fine.",
    "Need to buy stamps and a birthday card!",
    "Ugh, the laptop died again.",
    "Met Carol at the station, her train was late.",
)
EXAMPLE = next(json_values(load_prompts().templates["extract"].template.split("answer:\n")[-1]))[0]
FORMER_EXAMPLE = fact(
    "Ada Park has worked at Fjord Labs since March 2024.", subject="Ada Park", type="works_at",
    object="Fjord Labs", entities=["Ada Park", "Fjord Labs"], valid_at="2024-03",
)  # fmt: skip


def _groundless(rng: random.Random) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Texts, and what nobody said in them."""
    made_up = [
        FORMER_EXAMPLE,
        *EXAMPLE["facts"],
        fact("Ada lives in Lisbon.", subject="Ada", type="lives_in", object="Lisbon"),
        fact("Ben works at Google.", subject="Ben", type="works_at", object="Google"),
        fact("Ada is 34 years old.", subject="Ada", type="age", value="34"),
        fact("Ada has known Zelda since 2011.", entities=["Ada", "Zelda"], valid_at="2011"),
        fact("Ada married Viktor.", subject="Ada", type="married_to", object="Viktor"),
        fact("Leo plays the trombone.", subject="Leo", type="plays", object="trombone"),
        fact("Ada is allergic to penicillin.", subject="Ada", type="allergic_to",
             object="penicillin"),
        fact("The meeting is on 3 August 2031.", valid_at="2031-08-03"),
        fact("Ada earns 48,000 euros.", subject="Ada", type="salary", value="48,000 euros"),
        fact("Carol moved to Peru.", subject="Carol", type="moved_to", object="Peru"),
        fact("Ada enjoys pineapple with anchovies.", entities=["Ada"]),
        fact("Solveig came by.", entities=["Solveig"]),
        fact("Solveig lives in Reykjavik.", subject="Solveig", type="lives_in",
             object="Reykjavik"),
        fact("Ada works at Havnelab.", subject="Ada", type="works_at", object="Havnelab"),
        fact("Ben is married to Ottoline.", subject="Ben", type="married_to", object="Ottoline"),
        fact("Ada's brother Leo works as a welder.", subject="Leo", type="works_as",
             object="welder"),
        fact("Bertil Aune lives in Tromsø.", subject="Bertil Aune", type="lives_in",
             object="Tromsø"),
        fact("Ada no longer lives in Tromsø.", subject="Ada", type="lives_in", object="Tromsø",
             retracts=True, invalid_at="2024-05-17"),
        fact("Solveig no longer lives in Tromsø.", subject="Solveig", type="lives_in",
             object="Tromsø", retracts=True, invalid_at="2024-05-17"),
        fact("Ada is out of work.", subject="Ada", type="works_at", retracts=True,
             invalid_at="2024-05-17"),
        fact("Carol is single again.", subject="Carol", type="dating", retracts=True,
             invalid_at="2024-05-17"),
        fact("Carol was born in 1987.", subject="Carol", type="born_on", value="1987",
             valid_at="1987"),
        fact("Ada moved in 2016.", subject="Ada", type="moved", value="2016"),
    ]  # fmt: skip
    for text, one in itertools.product(TEXTS, made_up):
        yield text, [one]
    while True:
        yield rng.choice(TEXTS), rng.sample(made_up, 3)


def test_what_nobody_said_is_never_believed() -> None:
    """240 answers that invent, copy the example, or mix in names of other episodes."""
    cases = list(itertools.islice(_groundless(random.Random(20)), 240))
    with (
        LocalModelServer() as server,
        Memory("memory://", user_id="ada", user_name="Ada", settings=settings(server)) as memory,
    ):
        server.script(
            {"entities": [], "facts": [
                fact("Solveig is Ada's sister.", subject="Solveig", type="sibling_of",
                     object="Ada"),
                fact("Solveig lives in Tromsø.", subject="Solveig", type="lives_in",
                     object="Tromsø")]},
            {"entities": [], "facts": [
                fact("Bertil Aune works at Havnelab.", subject="Bertil Aune", type="works_at",
                     object="Havnelab")]},
            {"entities": [], "facts": [
                fact("Ada visited Reykjavik in 2019.", subject="Ada", type="visited",
                     object="Reykjavik", valid_at="2019")]},
        )  # fmt: skip
        for day, text in enumerate(OTHERS, 1):
            assert memory.add(text, occurred_at=f"2024-05-{day:02}").ungrounded == 0
        before = {f.id: f for f in memory.get_all(limit=1000, current=False).items}
        assert len(before) == 4
        for number, (text, facts) in enumerate(cases):
            server.script({"entities": [], "facts": facts})
            receipt = memory.add(f"{text} #{number}", occurred_at=SAID)
            assert (receipt.status, receipt.ungrounded) == ("done", len(facts)), (text, facts)
            assert f"{len(facts)} not in the text" in str(receipt)
        assert {f.id: f for f in memory.get_all(limit=1000, current=False).items} == before
        names = {entity.name for entity in memory.entities(limit=1000)}
        assert names <= {"Ada", "Solveig", "Tromsø", "Bertil Aune", "Havnelab", "Reykjavik"}
        assert memory.verify().ok


def test_an_example_of_a_prompt_names_nobody_who_could_be_meant() -> None:
    """Whatever a text says: the example's own names are in no text."""
    for text in TEXTS:
        assert len(_refused(episode(f"Ada: {text}"), EXAMPLE["facts"])) == len(EXAMPLE["facts"])


def test_a_known_end_needs_no_name() -> None:
    """ "Laid off." ends the job that is known; "had soup" does not."""
    job = fact("Ada works at Havnelab.", subject="Ada", type="works_at", object="Havnelab")
    over = {**job, "text": "Ada no longer works at Havnelab.", "retracts": True,
            "invalid_at": "2024-05-17"}  # fmt: skip
    with (
        LocalModelServer([{"entities": [], "facts": [one]} for one in (job, over, over)]) as server,
        Memory("memory://", user_id="ada", settings=settings(server)) as memory,
    ):
        memory.add("I work at Havnelab.", occurred_at="2024-01-05")
        assert memory.add("Had soup.", occurred_at="2024-05-16").ungrounded == 1
        assert [r.object for r in memory.relations()] == ["Havnelab"]
        assert memory.add("Laid off. Had soup.", occurred_at=SAID).ungrounded == 0
        assert memory.relations() == []


def test_what_takes_the_place_of_something_ends_only_what_was_known() -> None:
    """ "Living in Bergen now" is the end of the home that is known, and of no invented one."""

    def home(place: str, **more: Any) -> dict[str, Any]:
        return fact(f"Ada lives in {place}.", subject="Ada", type="lives_in", object=place, **more)

    over = {"retracts": True, "invalid_at": "2024-05-17"}
    answers = [[home("Oslo")], [home("Bergen"), home("Oslo", **over), home("Atlantis", **over)]]
    with (
        LocalModelServer([{"entities": [], "facts": facts} for facts in answers]) as server,
        Memory("memory://", user_id="ada", user_name="Ada", settings=settings(server)) as memory,
    ):
        assert memory.add("I live in Oslo.", occurred_at="2024-01-05").ungrounded == 0
        assert memory.add("Living in Bergen now!", occurred_at=SAID).ungrounded == 1
        assert [r.object for r in memory.relations()] == ["Bergen"]
        assert "Atlantis" not in {entity.name for entity in memory.entities()}


def test_of_five_hundred_right_facts_at_most_two_in_a_hundred_are_refused() -> None:
    """All that a careful reader takes from chats, notes and diaries, ends included, told to a
    memory that knows what it was told before; and what models say of texts in their own words.
    In the tersest half, where who is meant was named on another day, it is one in ten."""
    said, refused, where = 0, 0, []
    for text, facts in _right_facts():
        wrongly = _refused(episode(f"Ada: {text}"), facts)
        said, refused = said + len(facts), refused + len(wrongly)
        where += [f"{one} ({text})" for one in wrongly]
    says = StatesAll()
    with LocalModelServer(answer=says) as server:
        for half in HALVES:
            of_half, before = 0, says.count
            for written in load_texts(half):
                found = measure(written, before=says.begin, settings=settings(server))
                of_half += found.counts["refused"]
                where.append(f"{written.name}: {found.counts['refused']}")
            if half == "eighth":
                assert of_half <= 0.1 * (says.count - before), "\n".join(where)
            else:
                said, refused = said + says.count - before, refused + of_half
    assert said >= 1_500
    assert refused <= 0.02 * said, f"{refused} of {said}:\n" + "\n".join(where)


def test_the_user_is_nobody_s_namesake() -> None:
    """A model that gives the user's id as the alias of somebody else joins nobody."""
    entities = [{"name": "Sam Adeyemi", "kind": "person", "aliases": ["Sam"]}]
    run = fact("sam went running with Sam Adeyemi.", entities=["sam", "Sam Adeyemi"])
    home = fact("sam lives in Leeds.", subject="sam", type="lives_in", object="Leeds")
    with (
        LocalModelServer(
            [{"entities": entities, "facts": [run]}, {"entities": [], "facts": [home]}]
        ) as server,
        Memory("memory://", user_id="sam", settings=settings(server)) as memory,
    ):
        memory.add("Went running with Sam Adeyemi.", occurred_at="2024-05-16")
        memory.add("I live in Leeds.", occurred_at="2024-05-17")
        (home_of,) = memory.relations()
        assert home_of.subject == "sam"
        assert {"sam", "Sam Adeyemi"} <= {entity.name for entity in memory.entities()}


def test_days_are_borne_out_by_what_leads_to_them() -> None:
    moved = fact("Ada moved to Rome.", subject="Ada", type="lives_in", object="Rome")
    near = {"2024-05-15": "I moved to Rome on Wednesday.", "2024-03": "I moved to Rome in March.",
            "2022-05": "I moved to Rome two years ago.", "2019": "I moved to Rome in 2019.",
            "2024-05-03": "Two weeks ago I moved to Rome."}  # fmt: skip
    for day, text in near.items():
        assert not _refused(episode(f"Ada: {text}"), [{**moved, "valid_at": day}]), (day, text)
    far = {"2023-05-15": "I moved to Rome on Wednesday.", "2021-03": "I moved to Rome.",
           "2011-05": "I moved to Rome two years ago.", "2018": "I moved to Rome in 2019.",
           "2031-05-03": "Two weeks ago I moved to Rome."}  # fmt: skip
    for day, text in far.items():
        assert _refused(episode(f"Ada: {text}"), [{**moved, "valid_at": day}]), (day, text)
    assert datetime(2024, 5, 17, tzinfo=UTC).weekday() == 4


def test_whatever_a_model_writes_can_be_held_against_a_text() -> None:
    """Digits that are no numbers, numbers without an end, dates that there are none of."""
    odd = ["Gate ❶", "፩ km", "9" * 400, "1e999", "31 February 2024", "2024-13-45", "0000", "١٢"]
    odd += ["½ mile", "year 99999", "in 5 years", "'" * 20, "日本", "m²", "∞", "24/7", "", "\u202e"]
    rng = random.Random(1)

    def text() -> str:
        return " ".join(rng.choice(odd) for _ in range(rng.randint(1, 4)))

    for _ in range(300):
        given = CandidateFact(text(), text(), "likes", text(), (text(),), value=None)
        grounded(Extraction((), (given,), "a model", "1"), episode(f"Ada: {text()}"), ())
    assert _refused(episode("Ada: I wait at Gate ❶."), [fact("Ada waits at Gate ❶.")]) == []
