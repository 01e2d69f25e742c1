"""Notes as people keep them: what headings, keys, tables, lists of people and tasks say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graphmem.clock import ManualClock
from graphmem.extract.rules.extractor import extract
from graphmem.ingest.make_episode import build_episode
from graphmem.model import Scope
from graphmem.ports.llm import CandidateFact
from graphmem.text.outline import paragraphs
from tests.extract.rules.helpers import episode


def _facts(text: str) -> list[CandidateFact]:
    note = episode(*((None, part) for part in paragraphs(text)))
    return list(extract(replace(note, kind="text"), ()).facts)


def _said(text: str) -> set[str]:
    return {
        f"{f.subject} {f.type} {f.object or f.value}" for f in _facts(text) if f.subject is not None
    }


def test_keys_are_of_what_the_heading_names() -> None:
    found = _said(
        "# Halyard\n\nOwner: Ingrid Moe\n- Client: Port of Delfzijl\n"
        "- **Deadline**: 14 March 2025\nBudget: €120k\nDepends on: Tidewatch, Halo Gateway\n"
        "Stack: python, TimescaleDB\n"
        "Sponsor: TBD"
    )
    assert found == {
        "Halyard has_owner Ingrid Moe",
        "Port of Delfzijl client_of Halyard",
        "Halyard deadline 14 March 2025",
        "Halyard budget €120k",
        "Halyard depends_on Tidewatch",
        "Halyard depends_on Halo Gateway",
        "Halyard uses python",
        "Halyard uses TimescaleDB",
    }


def test_a_heading_in_small_letters_is_a_piece_of_work_once_its_owner_or_budget_is_given() -> None:
    found = _said(
        "# Weekly meeting\n\n## Whaling gallery refit\n- Lead: Sanjay Mehta\n- Budget: £86,000\n\n"
        "## Next steps\n- Owner: Greta Olsen\n\n## What we like\n- colours\n"
    )
    assert found == {
        "Whaling gallery refit managed_by Sanjay Mehta",
        "Whaling gallery refit budget £86,000",
    }


def test_a_table_of_work_has_rows_in_small_letters() -> None:
    found = _facts(
        "# Weekly\n\n| Item | Owner | Due |\n|---|---|---|\n"
        "| Catalogue proof | Yusuf Demir | 30 May |\n| Fire doors | Philippa Wray | 12 June |\n"
        "| ? | Ben Roe | 1 May |\n"
    )
    assert [fact.text for fact in found] == [
        "Yusuf Demir is the owner of Catalogue proof",
        "Catalogue proof's due date is 30 May",
        "Philippa Wray is the owner of Fire doors",
        "Fire doors' due date is 12 June",
    ]


def test_links_between_notes() -> None:
    text = (
        "[[people/Lars Holm|Lars]] works at [[Fjord Labs#History|the lab]]. Lars lives in "
        "[[Oslo]].\n\n![[photo.png]] [[2025-03-01]] was fine."
    )
    assert _said(text) == {"Lars Holm works_at Fjord Labs", "Lars Holm lives_in Oslo"}
    note = episode(*((None, part) for part in paragraphs(text)))
    found = {e.name: e.aliases for e in extract(replace(note, kind="text"), ()).entities}
    assert found["Lars Holm"] == ("Lars",)
    assert not [name for name in found if "[" in name or "photo" in name]


def test_a_persons_note() -> None:
    found = _said(
        "# Raj Patel\n\nRole: data engineer\nBased in: Groningen\nManager: Wouter Bakker\n"
        "Speaks Gujarati and Dutch."
    )
    assert {
        "Raj Patel works_as data engineer",
        "Raj Patel lives_in Groningen",
        "Raj Patel managed_by Wouter Bakker",
        "Raj Patel speaks Gujarati",
        "Raj Patel speaks Dutch",
    } <= found


def test_tables_of_two_columns_and_of_more() -> None:
    two = (
        "# Tidewatch\n\n| field | value |\n|---|---|\n| Owner | Lars Holm |\n| Depends on | Halo |"
    )
    assert _said(two) == {"Tidewatch has_owner Lars Holm", "Tidewatch depends_on Halo"}
    more = (
        "# Vendors\n\n| Vendor | What | Based in |\n|---|---|---|\n"
        "| Clearlane | hosting | Leeds |\n| Papaya Post | email | Lisbon |"
    )
    assert _said(more) == {"Clearlane based_in Leeds", "Papaya Post based_in Lisbon"}


def test_lists_of_people() -> None:
    found = _said(
        "# Team\n\n- Hanneke Vos - staff engineer, lives in Utrecht\n"
        "- Bartek Nowak, designer, ex Spotify\n- **Solveig Hauge** - CFO at Ardent Shipping"
    )
    assert {
        "Hanneke Vos works_as staff engineer",
        "Hanneke Vos lives_in Utrecht",
        "Bartek Nowak works_as designer",
        "Bartek Nowak worked_at Spotify",
        "Solveig Hauge works_as CFO",
        "Solveig Hauge works_at Ardent Shipping",
    } <= found


def test_a_sentence_or_a_title_with_brackets_is_no_line_about_a_person() -> None:
    """Whoever is put into brackets or between commas there is not what somebody works as."""
    for text in (
        "# Ada Reed\n\nAda Mary Reed (born 30 July 1970) is a Welsh singer, actress, and producer.",
        "# Ada Reed\n\nAda Reed, (born 28 May 1963) was a Scottish satirist, writer, and baker.",
        "# Al\n\nAl Reed (born 1965 in Leeds), better known as Al Spice, is a Welsh singer.",
        "# Music\n\nFlute Sonata (Prokofiev)",
    ):
        found = _said(text)
        assert not [one for one in found if " works_" in one and "Welsh singer" not in one], found
        assert not [one for one in found if "works_as is" in one or "works_as and" in one], found
    assert "Mia Roth works_as welder" in _said("# Team\n\n- Mia Roth, cook, and welder")


def test_a_task_is_a_plan_for_its_day() -> None:
    (fact,) = _facts(
        "# Weekly\n\n- [ ] Raj: send the schema to Lien (by 31 May)\n- [x] Bo: book it"
    )
    assert (fact.text, fact.modality) == (
        "Raj is to send the schema to Lien (by 31 May)",
        "planned",
    )
    assert f"{fact.valid_at:%m-%d}" == "05-31"


def test_a_deadline_that_moves() -> None:
    text = "# Weekly\n\n## Halyard\n- deadline moved to 28 March\n- budget: £95k now"
    assert {"Halyard deadline 28 March", "Halyard budget £95k now"} <= _said(text)
    assert "Halyard budget €150k" in _said("Budget for the Halyard project is now €150k.\n- so")


@pytest.mark.parametrize(
    "text",
    [
        "# Weekly 10 Feb\n\nOwner: Ingrid",  # of nothing that is named
        "# Halyard\n\n```\nowner: John Doe\n\ndepends on: Foo\n```",
        "# Halyard\n\n> Owner: Joe Bloggs\n> Joe Bloggs works at Vendor X.",
        "# Halyard\n\nExample:\nOwner: Joe Bloggs",
        "# Halyard\n\nOwner: TBD\nClient: ?",
        "# Halyard\n\n- if the deadline moved to 28 March we could not do it",
        "# Shopping\n\n- Milk - two litres\n- Eggs, free range",
        "# Monday\n\nManager: Bob",
        "# Todo\n\n- Dentist: Ring Zoe\n- Landlord: Chase\n- Mechanic - Fiesta",
        "# Gifts\n\n- Mum - Lego\n- Sister: Chanel",
        "# Wedding\n\n- photographer: Lena Holt?\n- driver: Sol Hale (to be confirmed)",
        "# Songs\n\n- Roxanne (Police), lives in my head",
    ],
)
def test_says_nothing(text: str) -> None:
    assert _said(text) == set()


def test_items_are_about_the_item_that_they_stand_below() -> None:
    found = _said(
        "# Orchard\n\n- Studio Nordlicht\n  - based in Graz\n- Team:\n"
        "  - Sunniva Dahl works at Kesselwerk\n    - lives in Innsbruck\n"
        "- Details:\n  - Owner: Felix Rauten\n\nFor example:\n- Sam works at Globex\n"
    )
    assert found == {
        "Studio Nordlicht based_in Graz",
        "Sunniva Dahl works_at Kesselwerk",
        "Sunniva Dahl lives_in Innsbruck",
        "Orchard has_owner Felix Rauten",
    }


def test_what_stands_above_items_is_read_once() -> None:
    (fact,) = _facts("- Ada Berg works at Acme\n  - one\n  - two\n  - three")
    assert fact.turns == (0,)


def test_who_holds_which_post_in_a_group_that_small_letters_name() -> None:
    text = (
        "# Garden club\n\nChair: Ida Holm\n\n"
        "- [[Jonas]] is the secretary\n- Lars stepped down, treasurer is now Ola Nor"
    )
    found = _said(text)
    assert {
        "Ida Holm works_as chair",
        "Ida Holm member_of Garden club",
        "Jonas works_as secretary",
        "Ola Nor works_as treasurer",
        "Ola Nor member_of Garden club",
    } <= found
    assert any(f.subject == "Lars" and f.retracts for f in _facts(text))
    assert not _said("# Site visit\n\nChair: Ida Holm")


def test_a_list_about_somebody() -> None:
    found = _said(
        "# Jory Penhallow\n\n- founder of [[Studio Penhallow]]\n- studied at Bath\n"
        "- allergic to shellfish!!\n"
    )
    assert {
        "Jory Penhallow founded Studio Penhallow",
        "Jory Penhallow studied_at Bath",
        "Jory Penhallow allergic_to shellfish",
    } <= found
    assert "Jory Penhallow works_as architect" in _said(
        "- Jory Penhallow: architect, lives in Bath"
    )


def test_a_manager_of_something_has_a_post() -> None:
    assert "Bea Holm works_as site manager" in _said("# People\n\n- Bea Holm: site manager")
    assert "Bea Holm works_as site manager" in _said("# Meeting\n\n- New site manager: Bea Holm")
    said = _said("# People\n\n- Bea Holm: site manager at Acme Builders")
    assert {"Bea Holm works_as site manager", "Bea Holm works_at Acme Builders"} <= said
    assert not any("works_at site" in fact for fact in said)


def test_an_amount_has_a_comma_in_it() -> None:
    (fact,) = [f for f in _facts("# Orchard\n\n- budget reduced to £39,500, sadly") if f.value]
    assert fact.value == "£39,500"


def test_a_heading_may_have_a_label() -> None:
    found = _said("# Client: Ferris Marine\n\nBased in Falmouth\nContact: Dana Okoro\n")
    assert found == {"Ferris Marine based_in Falmouth", "Dana Okoro contact_of Ferris Marine"}
    assert "Kestrel has_owner Dana Okoro" in _said("# Project: Kestrel\n\nOwner: Dana Okoro")
    assert _said("# Sister: Mina\n\nLives in Hull\nWorks at Arup") == {
        "Mina lives_in Hull",
        "Mina works_at Arup",
    }
    assert not _said("# Meeting: Ferris Marine\n\nOwner: Dana Okoro")
    assert not _said("# Person: the new office\n\nLives in Hull")


def test_what_stands_below_a_name_is_of_whom_it_names() -> None:
    assert {
        "Mina cousin_of Priya",
        "Mina follows_diet vegetarian",
        "Mina dislikes olives",
        "Mina lives_in Hull",
    } <= _said("# Mina\n\n- cousin of Priya\n- vegetarian, hates olives\n- lives in Hull")
    firm = "# Supplier: Oakwell Timber\n\n- founded by Ida Holm\n- Anna lives in Rome"
    assert _said(firm) == {"Oakwell Timber founded_by Ida Holm", "Anna lives_in Rome"}
    vegan = {"Mina follows_diet vegan", "Mina lives_in Hull"}
    assert _said("# Mina\n\n- vegan\n\n  lives in Hull\n") == vegan


def _of_note(text: str, **metadata: str) -> set[tuple[str | None, str | None, str | None]]:
    options = {"metadata": {"format": "markdown", **metadata}}
    scope = Scope("default", "kim", None, None)
    note = build_episode(text, options, scope, ManualClock("2025-05-06"), max_bytes=1 << 20)
    found = extract(note, ())
    return {(fact.subject, fact.type, fact.object or fact.value) for fact in found.facts}


@pytest.mark.parametrize(
    ("heading", "metadata"),
    [
        ("", {"title": "Project Heron"}),
        ("# Kick-off\n\n", {"title": "Project Heron"}),
        ("# Status, week 12\n\n", {"source": "work/Heron.md"}),
        ("# Heron\n\n", {"source": "work/Osprey.md"}),
    ],
)
def test_a_note_is_about_what_its_heading_its_front_matter_or_its_file_names(
    heading: str, metadata: dict[str, str]
) -> None:
    found = _of_note(f"{heading}Owner: Ben Osei\nBudget: €55,000", **metadata)
    assert {("Heron", "has_owner", "Ben Osei"), ("Heron", "budget", "€55,000")} <= found


@pytest.mark.parametrize("source", ["2025-04-01 Shopping.md", "notes.md", "README.md", "TODO.md"])
def test_the_name_of_a_file_that_names_nothing_is_no_topic(source: str) -> None:
    assert _of_note("Budget: 40 euros\nDeadline: 30 June", source=source) == set()


def test_whose_heading_has_a_key_of_persons_below_is_a_person_whichever_comes_first() -> None:
    found = _of_note("- Company: Fjord Labs\n- Lives in: Bergen", source="people/Lars Holm.md")
    wanted = {("Lars Holm", "works_at", "Fjord Labs"), ("Lars Holm", "lives_in", "Bergen")}
    assert wanted <= found
    assert ("Port Atlas", "works_at", "Fjord Labs") not in _of_note(
        "# Port Atlas\n- Company: Fjord Labs\n- Budget: €3,000"
    )


@pytest.mark.parametrize(
    ("text", "said", "unsaid"),
    [
        ("# Suppliers\n\nFlour: Coldmoor Mill, on Tuesdays", {"Coldmoor Mill supplier_of ada"}, ""),
        ("# Suppliers\n\nCoffee: tbc. Yallop??", set(), "Yallop"),
        (
            "# Suppliers\n\n- Flour: Gilder's Mill now, no longer Coldmoor Mill",
            {"Gilder's Mill supplier_of ada", "Coldmoor Mill supplier_of ada"},
            "",
        ),
        ("# New oven\n\nowner: Ida Roe\nbudget: £900", {"New oven has_owner Ida Roe"}, ""),
        ("# Fort Hall, roof\n\n- Budget is now £900", set(), "None budget"),
        (
            "# Team\n\n- Jo Otieno: head baker as of today (was pastry chef)",
            {"Jo Otieno works_as head baker", "Jo Otieno works_as pastry chef"},
            "",
        ),
        ("# Team\n\n- Jan Mulder - developer, lives in Delft", {"Jan Mulder lives_in Delft"}, ""),
        ("# Shop\n\n- Printer: Drukkerij Visser, based in Delft", set(), "lives_in"),
        ("# Play\n\n- Story: Captain Nemo works as a tram driver", set(), "works_as"),
    ],
)
def test_lines_of_notes_as_people_keep_them(text: str, said: set[str], unsaid: str) -> None:
    found = _said(text)
    assert said <= found
    assert not unsaid or not any(unsaid in one for one in found)


def test_a_first_line_of_nothing_but_a_name_says_whom_the_lines_below_are_about() -> None:
    below = "\nworks at Siemens\nlives: Munich\nallergic to peanuts!!"
    about = {"Jonas Weber works_at Siemens", "Jonas Weber lives_in Munich"}
    assert _said(f"Jonas Weber{below}") == {*about, "Jonas Weber allergic_to peanuts"}
    assert _said("Jonas Weber\nworks at Siemens") == {"Jonas Weber works_at Siemens"}
    assert not any("Grocery" in said for said in _said("Grocery List\nallergic to peanuts"))
    assert not any("Jonas" in s for s in _said("Jonas Weber\n\nallergic to penicillin"))


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ("Owner: Stefan -> Leila Brandt", "Northwind has_owner Leila Brandt"),
        ("Office: Bergen → Stavanger", "Northwind based_in Stavanger"),
        ("Owner of the billing export: Stefan", "billing export has_owner Stefan"),
        ("Lead of Havenbrood is from today Aylin, not Chidi", "Havenbrood managed_by Aylin"),
        ("Head of Product: Linnea Ström", "Linnea Ström works_as Head of Product"),
    ],
)
def test_a_key_says_of_what_it_is_and_what_it_was_before(line: str, fact: str) -> None:
    assert fact in _said(f"# Northwind\n\n{line}")


TITLES = [
    "* The Overstory (Richard Powers) - gave up",
    "# Books\n\n- The Overstory (Richard Powers)\n- Trust Exercise (Susan Choi) - loved it",
    "- Norwegian Wood (Haruki Murakami) - finished\n- Solo Faces (Salter)",
    "- Anna Karenina (Leo Tolstoy)",
    "- Olive Kitteridge (Elizabeth Strout), sad",
]


@pytest.mark.parametrize("text", TITLES)
def test_who_wrote_a_book_employs_nobody(text: str) -> None:
    assert not [fact for fact in _said(text) if "works_at" in fact]


def test_an_employer_in_brackets_is_one() -> None:
    assert "Hanna Lindqvist works_at Northwind" in _said("- Hanna Lindqvist (Northwind)")


@pytest.mark.parametrize(
    "text",
    [
        "# Hanna Lindqvist\npartner: [[Jonas Ek]]\nlives in Malmö\nallergic to shellfish!!\n"
        "phone: +46 70 123 45 67",
        "# Hanna Lindqvist\nborn: 1990\npartner: Jonas Ek\nlives in Malmö\n"
        "allergic to shellfish!!\nphone: +46 70 123 45 67",
    ],
)
def test_all_lines_of_a_persons_note_are_about_that_person(text: str) -> None:
    assert {
        "Hanna Lindqvist partner_of Jonas Ek",
        "Hanna Lindqvist lives_in Malmö",
        "Hanna Lindqvist allergic_to shellfish",
        "Hanna Lindqvist phone_number +46 70 123 45 67",
    } <= _said(text)


def test_a_partner_makes_a_person_of_who_has_a_name_of_people() -> None:
    found = _said("# Hanna Lindqvist\npartner: Jonas Ek")
    assert found == {"Hanna Lindqvist partner_of Jonas Ek"}
    assert _said("# Acme Studio\npartner: Jonas Ek") == set()


def test_a_number_below_who_owns_a_project_is_theirs() -> None:
    found = _said("# Orion\nOwner: Ingrid Berg\nphone: 0470 123456")
    assert "Ingrid Berg phone_number 0470 123456" in found
