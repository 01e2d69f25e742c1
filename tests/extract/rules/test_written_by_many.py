"""What logs, minutes, lists and letters of many people have in common: whom a sentence without a
subject is about, titles of posts, lists below a heading, medicines, what is nobody's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graphmem.extract.rules.extractor import extract
from graphmem.text.outline import paragraphs
from tests.extract.rules.helpers import episode, facts, short


def _note(text: str) -> set[str]:
    note = replace(episode(*(("Ada", part) for part in paragraphs(text))), kind="text")
    return {short(f) for f in extract(note, ()).facts}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Saw Mrs Lund today. Takes ramipril. Allergic to latex.", "Lund allergic_to latex"),
        ("Zoe came by. Hates mustard. Can't stand noise.", "Zoe dislikes noise"),
        ("Lunch for Mr Bo Lund. He is a plumber.", "Bo Lund works_as plumber"),
        ("My new manager there is called Zoe.", "Zoe manages Ada"),
        ("Bob is my little brother mum, he is shy.", "Bob sibling_of Ada"),
        ("Bob left the firm as well, he's with Siemens now.", "Bob works_at Siemens"),
        ("Zoe no longer flies for KLM, she's with Ryanair now.", "-Zoe works_at KLM"),
        ("I'm at Siemens now, procurement.", "Ada works_at Siemens"),
        ("I drive a tram for Stagecoach.", "Ada works_at Stagecoach"),
        ("Bob used to be with Stagecoach.", "Bob works_at Stagecoach"),
        ("still in Hull, still working for Acme.", "Ada lives_in Hull"),
        ("I come from Oban, working at Acme these days.", "Ada works_at Acme"),
        ("Bob works as HR manager at Acme.", "Bob works_as HR manager"),
        (
            "Zoe has been promoted to Regional Sales Director.",
            "Zoe works_as Regional Sales Director",
        ),
        ("Zoe got promoted to Head of Sales.", "Zoe works_as Head of Sales"),
        ("Bob is stepping up to captain.", "Bob works_as captain"),
        ("The board appointed Zoe Lund chair.", "Zoe Lund works_as chair"),
        ("Bob was re-elected chair.", "Bob works_as chair"),
        ("We have a new vicar, Bo Lund.", "Bo Lund works_as vicar"),
        ("Captain this year is Zoe Lund.", "Zoe Lund works_as captain"),
        ("Contact at Acme is Zoe Lund.", "Zoe Lund works_at Acme"),
        ("Zoe starts today, she joins us today as a test engineer.", "Zoe works_as test engineer"),
        ("The nurse put me on ramipril today.", "Ada takes_medication ramipril"),
        ("They took Bob off the statins.", "-Bob takes_medication statins"),
        ("Bob is over his pneumonia.", "-Bob has_condition pneumonia"),
        ("Bob and I are divorcing.", "-Bob broke_up_with Ada"),
        ("Bob Lund has taken a flat in Hull.", "Bob Lund lives_in Hull"),
        ("I've given up the room in Hull.", "-Ada lives_in Hull"),
        ("Our house is now in Hull.", "Ada lives_in Hull"),
        ("Zoe emigrated to Canada.", "Zoe lives_in Canada"),
        ("Bob lives in a care home in Hull.", "Bob lives_in Hull"),
        ("Bob has gone to live at Elm House.", "Bob lives_in Elm House"),
        ("Bob lives in Hull, and has bought himself a Ford Fiesta.", "Bob owns Ford Fiesta"),
        ("I'm at Leeds University, doing History.", "Ada studies History"),
        ("My son Bob is in Year 8 at Kingsmead.", "Bob studies_at Kingsmead School"),
        ("I signed up for the chess club.", "Ada member_of chess club"),
        ("I look after the payroll service.", "Ada responsible_for payroll service"),
        ("Zoe will look after the rota from now on.", "Zoe responsible_for rota"),
        ("The Lunds have sold Acme to Globex.", "Globex acquired Acme"),
        ("The alarm code is now 5512.", "Ada's alarm code is 5512"),
        ("Door code changed again, to 7788.", "Ada's door code is 7788"),
        (
            "changed the wifi password, my brother had it. it's figtree8 now",
            "Ada's wifi password is figtree8",
        ),
        ("I have a dog called Rex. Rex the lurcher was found dead.", "-Ada has_pet Rex"),
        ("My friend Bo Lund, 71, rang.", "Bo Lund's age is 71"),
    ],
)
def test_in_the_words_of_many(text: str, wanted: str) -> None:
    assert wanted in facts(text)


@pytest.mark.parametrize(
    "text",
    [
        "Zoe came by. Allergic to noise.",
        "I look after Zoe on Mondays. I look after the kids.",
        "The board may appoint Zoe Lund as treasurer. Nobody elected Bo Lund captain.",
        "Bob wants to be promoted to Sales Director.",
        "Bob works as Father Christmas every December.",
        "They might put me on ramipril. The nurse did not put Bob on statins.",
        "Bob and I are not divorcing.",
        "If Bob left the firm, he'd be with Siemens now.",
        "Zoe suggested 4411 as the door code. Is the door code 4411?",
        "Would you drive a tram for Stagecoach?",
        "Miss Lund, our old headmistress, came.",
        "The Lunds have taken a cottage in Hull for August.",
        "She joked that Globex had sold Acme to Initech.",
    ],
)
def test_is_not_believed(text: str) -> None:
    assert not {fact for fact in facts(text) if "friend" not in fact and "met" not in fact}


def test_after_somebody_s_relative_nobody_is_meant_for_sure() -> None:
    text = "Met Bob. His wife Jean passed away in 2019. Takes ramipril."
    assert not any("ramipril" in fact for fact in facts(text))
    assert "Pauline child_of Jean" not in facts("His wife Jean died. He has a daughter, Pauline.")


def test_a_name_of_which_nothing_is_known_may_be_whom_he_means() -> None:
    text = "I rang Bob. Lwandle Dubois is found: he lives in Hull with his wife Zola."
    assert not any("Bob lives_in" in fact or "of Bob" in fact for fact in facts(text))
    assert not any(
        "married_to Hull" in f for f in facts("Bob has a farm in Hull with his wife Zoe.")
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "# About me\n\n- Born in Oban, grew up in Hull\n",
            {"Ada born_in Oban", "Ada grew_up_in Hull"},
        ),
        (
            "# Bo Lund\n\n- Allergies: walnuts, cat hair\n- Meds: ramipril 5mg\n- Likes: jazz\n",
            {
                "Bo Lund allergic_to walnuts",
                "Bo Lund allergic_to cat hair",
                "Bo Lund takes_medication ramipril",
                "Bo Lund likes jazz",
            },
        ),
        ("# Bo Lund\n\nRole: data analyst, Globex\n", {"Bo Lund works_at Globex"}),
        ("# Bo Lund\n\nVegetarian - ask before lunch.\n", {"Bo Lund follows_diet vegetarian"}),
        (
            "# People\n\n## Friends\n\n- Bo Lund: plumber, from Hull\n",
            {"Bo Lund friend_of Ada", "Bo Lund works_as plumber", "Bo Lund comes_from Hull"},
        ),
        (
            "# Swimmers\n\nZoe Lund: epilepsy, sits out\nBo Dahl: egg allergy\n",
            {"Zoe Lund has_condition epilepsy", "Bo Dahl allergic_to egg"},
        ),
        (
            "# Old class\n\nZoe Lund: still in Hull, three kids (Max, Ned and Bea)\n",
            {"Zoe Lund lives_in Hull", "Max child_of Zoe Lund", "Bea child_of Zoe Lund"},
        ),
        (
            "# Old class\n\nZoe Lund: baker, married Bo Dahl last year\n",
            {"Zoe Lund married_to Bo Dahl"},
        ),
        (
            "# AGM\n\nElected: Chair - Bo Lund. Treasurer - Zoe Dahl. Secretary - Max Olsen.\n",
            {"Bo Lund works_as Chair", "Zoe Dahl works_as Treasurer"},
        ),
        ("# News\n\n- Bo + Zoe: engaged since 5 May\n", {"Bo engaged_to Zoe"}),
        ("# News\n\n- Bob, new job: site manager at Globex\n", {"Bob works_at Globex"}),
        (
            "# Acme Foods\n\n12/04 - Head office has moved to Hull.\n",
            {"Acme Foods based_in Hull"},
        ),
        ("# Heron\n\nBudget €40k.\n", {"Heron's budget is €40k"}),
        ("# Heron\n\nThe budget has gone up to €50k.\n", {"Heron's budget is €50k"}),
        ("# Heron\n\nGo-live is planned for 3 June.\n", {"Heron's go-live is 3 June"}),
        ("# Team\n\nAssistant coach: Bo Lund (first aid)\n", {"Bo Lund works_as assistant coach"}),
        ("# Team\n\nMobile lead: Zoe Lund\n", {"Zoe Lund works_as mobile lead"}),
    ],
)
def test_notes_of_many(text: str, wanted: set[str]) -> None:
    assert wanted <= _note(text)


@pytest.mark.parametrize(
    "text",
    [
        "# About me\n\n- Since March: Hull (bigger kitchen)\n",
        "# Bo Lund\n\n- Allergies: none\n- Instruments: cello (lapsed)\n- Likes: ?\n",
        "# Lamb stew\n\nTakes: 2 hours\n",
        "# Meeting\n\nChair: Bo Lund\n",
        "# Bo Lund\n\nRole: tbd, Monday to Friday\n",
    ],
)
def test_notes_that_say_nothing(text: str) -> None:
    assert not {
        fact for fact in _note(text) if "lives_in" in fact or "Lund" in fact or "Ada" in fact
    }


def test_whom_somebody_rang_is_called_without_the_verb() -> None:
    for text in ("12/04 - Called Bo. Not in.", "Rang Bo about the quote.", "- Met Bo"):
        note = replace(episode(("Ada", f"# Acme\n\nContact: Bo Lund\n{text}")), kind="text")
        assert {e.name for e in extract(note, ()).entities} <= {"Ada", "Acme", "Bo Lund"}


def test_his_wife_is_no_he() -> None:
    text = "Met Mr Lund. His wife Jean died in May. He has one daughter, Pauline."
    assert "Pauline child_of Lund" in facts(text)
    assert not any("Oslo" in fact for fact in facts("Met Mr Lund. She lives in Oslo."))


def test_a_dash_in_a_line_is_no_bullet() -> None:
    assert "Bo Lund allergic_to nuts" in _note("# Bo Lund\n\nAllergic to nuts - ask him first.\n")
