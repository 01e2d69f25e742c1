"""Beginnings that are told with their day or loosely, and what takes the place of what. Ada says
all of it, on 15 May 2024."""

from __future__ import annotations

import pytest

from graphmem import Memory
from tests.extract.rules.helpers import ask, short


def _dated(text: str) -> set[tuple[str, str, str]]:
    return {
        (
            short(f).removesuffix(" None"),
            f"{f.valid_at:%Y-%m-%d}" if f.valid_at else "",
            f.modality,
        )
        for f in ask(text).facts
        if f.type is not None
    }


@pytest.mark.parametrize(
    ("text", "fact", "day", "modality"),
    [
        ("From November Bea works at Acme.", "Bea works_at Acme", "2024-11-01", "planned"),
        ("From 3 June, Bea works at Acme.", "Bea works_at Acme", "2024-06-03", "planned"),
        ("Bea works as a nurse, starting 3 June.", "Bea works_as nurse", "2024-06-03", "planned"),
        ("Bea works as a nurse starting 3 June.", "Bea works_as nurse", "2024-06-03", "planned"),
        (
            "Bea works as a nurse at Acme Hospital, starting 3 June.",
            "Bea works_as nurse",
            "2024-06-03",
            "planned",
        ),
        ("I'm head of science at Acme from June.", "Ada works_at Acme", "2024-06-01", "planned"),
        ("I use Slack from today.", "Ada uses Slack", "2024-05-15", "stated"),
        ("GOT THE ACME JOB. start 2 June", "Ada works_at Acme", "2024-06-02", "planned"),
        ("I got it! Junior editor, from 2 June.", "Ada works_as junior editor", "2024-06-02",
         "planned"),
        ("The rent goes up to £900 from June.", "Ada's rent is £900", "2024-06-01", "planned"),
        ("Landlord put the rent up. £900 from June", "Ada's rent is £900", "2024-06-01", "planned"),
    ],
)  # fmt: skip
def test_what_begins_on_a_day(text: str, fact: str, day: str, modality: str) -> None:
    assert (fact, day, modality) in _dated(text)


@pytest.mark.parametrize(
    "text",
    [
        "I work at Acme from Monday to Friday.",
        "Bea works at Acme from January to March.",
        "Bea paid the rent, £50 short.",
        "If the rent goes up to £900 I'll leave.",
        "Bea is good at Chess now.",
        "Bea is at war with Tom.",
        "I got it. Sadly broken, from Monday no use.",
        "Back in Oslo for a day.",
        "I'm seeing Dr Lund on Monday.",
        "I'm seeing Anna tomorrow.",
    ],
)
def test_no_beginning(text: str) -> None:
    planned = {fact for fact, _, modality in _dated(text) if modality == "planned"}
    assert not planned
    assert not {fact for fact, _, _ in _dated(text) if "rent" in fact or "works_as" in fact}
    assert not {fact for fact, _, _ in _dated(text) if "Oslo" in fact or "dating" in fact}


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("Bea is shift lead as of today.", "Bea works_as shift lead"),
        ("Bea's got a promotion, she's team leader at Acme now.", "Bea works_as team leader"),
        ("Bea has joined as junior designer.", "Bea works_as junior designer"),
        ("First day as ward sister!", "Ada works_as ward sister"),
        ("Two weeks in at Acme Ltd, loving it.", "Ada works_at Acme Ltd"),
        ("Bea and Tom have bought a house in Leominster and moved.", "Tom lives_in Leominster"),
        ("Bea moved out, got her own place in Scone.", "Bea lives_in Scone"),
        ("Anna and Tom are after moving to Galway.", "Anna lives_in Galway"),
        ("I'm in my sister's spare room in Lisburn for now.", "Ada lives_in Lisburn"),
        ("Back in Galway after a fortnight away.", "Ada lives_in Galway"),
        ("We moved, the new address is 8 Elm Road, Bath.", "Ada lives_in Bath"),
        ("Packed up the house, now living in Usk.", "Ada lives_in Usk"),
        ("Got a new flatmate in, Bea, she's a chef.", "Bea lives_with Ada"),
        ("Acme Ltd has been sold to Kier.", "Kier acquired Acme Ltd"),
        ("Tom Moe has left Acme Ltd, new contact is Bea Hall.", "Bea Hall works_at Acme Ltd"),
        ("Acme Dairy replaced by Hall Dairy.", "Hall Dairy replaces Acme Dairy"),
        ("It's over with Tom.", "-Ada dating Tom"),
        ("Moved into a flat on Elm Road with Anna and Tom.", "Ada lives_with Tom"),
        ("Anna has given up meat.", "Anna follows_diet vegetarian"),
        ("Traded in the Astra for a Berlingo.", "Ada owns Berlingo"),
        ("We stopped using Sage, we're on Xero now.", "Ada uses Xero"),
        ("I've changed my number, it's 07700 900771.", "Ada's number is 07700 900771"),
        ("Anna has gone to live with her son Tom in Telford.", "Anna lives_in Telford"),
        ("Acme Ltd no longer works for us.", "-Acme Ltd supplier_of"),
    ],
)
def test_loosely_told(text: str, fact: str) -> None:
    assert fact in {fact for fact, _, _ in _dated(text)}


def _believed(*told: str) -> set[str]:
    with Memory("memory://", user_id="ada") as memory:
        for text in told:
            memory.add(text)
        found = memory.get_all(limit=100).items
        return {f"{f.text} [{f.type}]" for f in found if f.type is not None}


def test_a_pet_that_died_is_nobodys() -> None:
    held = _believed("Tom has a cat called Camembert. Bea has a dog called Rex.", "Rex died.")
    assert any("Camembert" in text for text in held)
    assert not any("Rex" in text for text in held)


def test_what_is_replaced_is_replaced_in_its_places() -> None:
    held = _believed(
        "Orion is built on Postgres. Orion depends on Kafka.",
        "We switched from Postgres to Spanner.",
    )
    assert any("Kafka" in text for text in held)
    assert any("Spanner" in text and "[built_on]" in text for text in held)
    assert not any("Postgres" in text and "switched" not in text for text in held)


def test_who_leaves_is_manager_there_no_more() -> None:
    told = "Bea works at Acme Ltd. Bea is the shop manager. Tom works at Acme Ltd. Tom is a nurse."
    held = _believed(told, "Bea left Acme Ltd. Tom left Acme Ltd.")
    assert not any("Bea" in text for text in held)
    assert any("nurse" in text for text in held)
