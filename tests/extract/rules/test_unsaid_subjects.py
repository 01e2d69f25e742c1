"""Sentences that do not say whom they are about, what is named a sentence later, and what changes
in a few words: as people write them in a chat, a diary and notes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graphmem.extract.rules.extractor import extract
from tests.extract.rules.helpers import ask, episode, facts, short


def _note(text: str) -> set[str]:
    return {short(f) for f in extract(replace(episode(("Ada", text)), kind="text"), ()).facts}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "im Ada. barista at Slow Pour, also doing a masters at Strathclyde",
            "Ada works_as barista",
        ),
        ("im Ada. barista at Slow Pour", "Ada works_at Slow Pour"),
        ("Ada, from Porto originally, I'm a physio", "Ada comes_from Porto"),
        ("Ada here, Nia's mum", "Ada parent_of Nia"),
        ("hi, Ada, mum of Nia", "Ada parent_of Nia"),
        ("I'm the quiet one, GP in Perth", "Ada works_as GP"),
        (
            "Ada, bass. live in Bangor, work at the Menai hospital as a porter",
            "Ada lives_in Bangor",
        ),
        ("Ada, bass. live in Bangor, work at the Menai hospital", "Ada works_at Menai hospital"),
        ("Still in Dundee, still at the Co-op, still sharing with Tom.", "Ada lives_in Dundee"),
        ("I met Ned. Ned works at Acme, lives up in Cardiff.", "Ned lives_in Cardiff"),
        ("I saw Zoe. Works for Globex, plays bass.", "Zoe works_at Globex"),
        ("Ben quit. Went to work for Halfords.", "Ben works_at Halfords"),
        ("Non left for Valencia this morning. Zoe lives there now.", "Zoe lives_in Valencia"),
        ("Interview at Barclays, Jo works there.", "Jo works_at Barclays"),
        (
            "I move to Bristol soon. Got an offer from Airbus. My sister Zoe lives there.",
            "Zoe lives_in Bristol",
        ),
        ("Moved! 3 Malt House Lane, Buckfast.", "Ada lives_in Buckfast"),
        ("Moved in with Wren and Tom. Bedminster.", "Ada lives_in Bedminster"),
        ("Bought a car! A wee Micra.", "Ada owns Micra"),
        ("We have two dogs, Tess and Bramble.", "Ada has_pet Tess"),
        ("We got a cat. Don't ask. Gravy.", "Ada has_pet Gravy"),
        ("Conor has a girlfriend!! Saoirse.", "Saoirse dating Conor"),
        ("I've started seeing someone. Jo Lund from my course.", "Jo Lund dating Ada"),
        ("My daughter Isla moved to Glasgow.", "Isla child_of Ada"),
        ("My brother works at the council btw.", "Ada's brother works_at council"),
    ],
)
def test_whom_it_is_about_shows_from_what_stands_before(text: str, wanted: str) -> None:
    found = facts(text)
    assert wanted in found, found


@pytest.mark.parametrize(
    "text",
    [
        "Dentist in Leeds tomorrow.",
        "Plumber at 3pm. Works for me.",
        "I have a dog. London is cold.",
        "We have a cat. Sunday was nice.",
        "Still in bed. Still at it.",
        "I asked Ben and he said yes! Lunch in May.",
        "Nobody lives there.",
        "Would you work there?",
        "If I worked there I'd have to live in Dublin.",
    ],
)
def test_what_is_nobodys_stays_so(text: str) -> None:
    kinds = {fact.type for fact in ask(text).facts}
    assert kinds <= {None, "has_pet"}, facts(text)
    assert not any("London" in one or "Sunday" in one for one in facts(text))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("me and Jude have called it a day", "-Ada dating Jude"),
        ("Dumped Jude.", "-Ada dating Jude"),
        ("Cathal wrote off the Toyota.", "-Ada owns Toyota"),
        ("The Micra failed its MOT. Scrapped it.", "-Ada owns Micra"),
        ("Pauline no longer does the books.", "-Pauline works_as bookkeeper"),
        ("Malt comes from Crisp now.", "Crisp supplier_of Ada"),
        ("Dropped Hobbs as a client, they never paid.", "-Hobbs client_of Ada"),
        ("Ticketing is now on Ticketsolve.", "Ada uses Ticketsolve"),
        ("I fix lifts for Otis.", "Ada works_at Otis"),
        ("My son Jasper's transferred to the Bristol office.", "Jasper lives_in Bristol"),
        ("Jude is no longer at Acme. We deal with Ben Toll now.", "Ben Toll works_at Acme"),
        ("My cat Mog is old. Mog got out. She died last night.", "-Ada has_pet Mog"),
        ("New head is a Ms Banks, from Reading.", "Banks works_as head"),
    ],
)
def test_a_change_in_a_few_words(text: str, wanted: str) -> None:
    assert wanted in facts(text), facts(text)


@pytest.mark.parametrize(
    "text",
    [
        "Is the malt coming from Crisp now?",
        "If we dropped Hobbs as a client we'd be broke.",
        "We might have to drop Hobbs.",
        "James comes from money.",
        "Ticketing is not on Ticketsolve.",
        "We haven't scrapped it.",
    ],
)
def test_what_is_asked_or_denied_changes_nothing(text: str) -> None:
    assert all(fact.type is None for fact in ask(text).facts), facts(text)


def test_who_gave_notice_has_the_last_day() -> None:
    turns = (
        ("Dee", "Tomasz handed in his notice today!!"),
        ("Bo", "at the bakery??"),
        ("Dee", "yeah Gail's, his last day is 31 May"),
    )
    ends = [f for f in extract(episode(*turns), ()).facts if f.retracts and f.type == "works_at"]
    assert [(f.subject, f"{f.invalid_at:%m-%d}") for f in ends] == [("Tomasz", "05-31")]


def test_who_is_hired_starts_later() -> None:
    (plan,) = [
        f
        for f in ask("I've hired Imogen Straw to run the bar, she starts on 3 June.").facts
        if f.type == "works_at"
    ]
    assert (plan.subject, plan.object, plan.modality) == ("Imogen Straw", "Ada", "planned")


def test_the_31st_is_in_a_month_that_has_one() -> None:
    found = ask("My last day is the 31st.").facts
    assert {f"{f.invalid_at:%m-%d}" for f in found} == {"05-31"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("# Suppliers\n\n- printer: Falcon Press, Halifax", "Falcon Press based_in Halifax"),
        ("# Suppliers\n\n- printer: Falcon Press, Halifax", "Falcon Press supplier_of Ada"),
        (
            "- Books: Hazel Trewin (Trewin & Daughters, Truro)",
            "Hazel Trewin works_at Trewin & Daughters",
        ),
        ("# Clients\n\n## Hobbs Ltd\n- Contact: Ruth Page, buyer", "Hobbs Ltd client_of Ada"),
        ("# Clients\n\n## Hobbs Ltd\n- Contact: Ruth Page, buyer", "Ruth Page works_as buyer"),
        (
            "# Suppliers\n\n| What | Who | Where |\n|---|---|---|\n| Malt | Tuckers | Exeter |",
            "Tuckers based_in Exeter",
        ),
        ("- Set designer: Inka Salo (Helsinki)", "Inka Salo lives_in Helsinki"),
        (
            "- Production manager: Sol Ferreira (previously at the Lyric)",
            "Sol Ferreira worked_at Lyric",
        ),
        ("# Halyard\n\n- contractor is Brandt & Sons", "Brandt & Sons supplier_of Halyard"),
        ("# Halyard\n\n- Halyard handed from Piotr to me", "Halyard has_owner Ada"),
        ("# Halyard\n\n- Seun owns it now", "Halyard has_owner Seun"),
        ('- PhD: Olu "Seun" Bello\n\nSeun works at Sanger.', "Olu Bello works_at Sanger"),
        ("- cat: Nimbus (Odile's)", "Odile has_pet Nimbus"),
    ],
)
def test_notes_of_firms_and_their_people(text: str, wanted: str) -> None:
    assert wanted in _note(text), _note(text)


@pytest.mark.parametrize(
    "line", ["Lost: Acme", "Dream: Acme", "prospect: Acme", "old: Acme Ltd", "Flour: Acme Ltd?"]
)
def test_who_is_no_client_or_supplier_is_listed_as_none(line: str) -> None:
    assert not {said for said in _note(f"# Suppliers\n\n- {line}") if "supplier_of" in said}
    assert not {said for said in _note(f"# Kitchen\n\n- plumber: {line}") if "Acme" in said}


@pytest.mark.parametrize(
    "text",
    [
        "Zoe was ill. Nurse at Hill Surgery was lovely.",
        "Zoe is here. Driver at Wembley parked badly.",
        "Zoe sent flowers. From Interflora.",
    ],
)
def test_what_opens_with_a_role_or_a_name_may_be_about_another(text: str) -> None:
    said = {(f.subject, f.type) for f in ask(text).facts}
    assert said.isdisjoint({("Zoe", "works_as"), ("Zoe", "works_at"), ("Zoe", "comes_from")})


def test_a_rumour_of_a_handover_is_none() -> None:
    assert "Halyard has_owner Seun" not in _note("# Halyard\n\n- if Seun owns it now, ask him")
