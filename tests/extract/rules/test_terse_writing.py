"""What people write who are terse: half sentences among friends, notes for nobody but oneself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graphmem.extract.rules.extractor import extract
from graphmem.text.outline import paragraphs
from tests.extract.rules.helpers import ask, episode, facts, short


def _note(text: str) -> set[str]:
    note = replace(episode(*(("Ada", part) for part in paragraphs(text))), kind="text")
    return {
        short(f) + (f" ({f.valid_at:%m-%d})" if f.modality == "planned" and f.valid_at else "")
        for f in extract(note, ()).facts
        if f.type is not None
    }


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Peter rang. He's seeing somebody, Renata, since May.", "Peter dating Renata"),
        ("Peter called. He and Shauna are finished.", "-Peter broke_up_with Shauna"),
        ("Bob had thirty years at Acme, in the paint shop.", "Bob works_at Acme"),
        ("Bob put in 12 years at Acme, then quit.", "Bob works_at Acme"),
        ("Zoe was voted president of the Rose Society.", "Zoe works_as president"),
        ("Anna was re-elected treasurer, unopposed.", "Anna works_as treasurer"),
        ("Anna stays on as treasurer, nobody fought her for it.", "Anna works_as treasurer"),
        ("Bob has hung up his boots, Anna does the visits.", "-Bob works_at None"),
        ("Zoe is in Oban with her husband now.", "Zoe lives_in Oban"),
        ("Zoe starts September 2 at Acme in Oslo.", "Zoe works_at Acme"),
        ("Bob starts as assistant editor on 3 June.", "Bob works_as assistant editor"),
        ("day 9 of being a vegetarian. it was chicken", "Ada follows_diet vegetarian"),
        ("my boss is one Peter Lund.", "Peter Lund manages Ada"),
        ("Zoe Lund is my line manager as of the 6th.", "Zoe Lund manages Ada"),
        ("I answer to Zoe Lund.", "Ada reports_to Zoe Lund"),
        ("Ravi is with Acme Ltd, 29 years.", "Ravi works_at Acme Ltd"),
        ("Last day is 31 May.", "-Ada works_at None"),
        ("I'm on 0770 090 0813 now, the old one is dead.", "Ada's phone number is 0770 090 0813"),
        ("so new phone new number, 210-555-0186", "Ada's phone number is 210-555-0186"),
        ("Our WhatsApp is on 98400 55512 since May.", "Ada's phone number is 98400 55512"),
        ("Ring me on 07700 900813 if it rains.", "Ada's phone number is 07700 900813"),
        ("Falcon's budget is 400,000 euros.", "Falcon's budget is 400,000 euros"),
        ("The licence has to be renewed before 15 March.", "the licence's deadline is 15 March"),
        ("My passport expires on 3 June.", "the passport's deadline is 3 June"),
        ("The wedding is on 5 June.", "the wedding's date is 5 June"),
        ("Zoe's wedding is 5 June.", "Zoe's wedding's date is 5 June"),
        ("Then she hands Bob the newsletter tonight, all of it.", "newsletter handed_to Bob"),
        ("Rent £780, landlady Mrs Farquhar, damp.", "Farquhar landlord_of Ada"),
        ("Rent £780, landlady Mrs Farquhar, damp.", "Ada's rent is £780"),
        ("Oban, at last. Rent 850 to Bo Lund, who lives below.", "Bo Lund landlord_of Ada"),
        ("Owner is Mr Reddy, rent 14000 every month.", "Reddy landlord_of Ada"),
        ("mom (Yvette, ER nurse, sees all) met him.", "Yvette parent_of Ada"),
        ("Bo and I, forty-one years married in June.", "Ada married_to Bo"),
        ("I'm a lifeguard at Woodlawn pool as of Monday.", "Ada works_as lifeguard"),
        ("Swathi, dentist, born in Oban.", "Swathi works_as dentist"),
        ("Vegetables only from Hill Farm.", "Hill Farm supplier_of Ada"),
        ("My oga is one Peter Lund.", "Peter Lund manages Ada"),
    ],
)
def test_half_a_sentence_is_read(text: str, wanted: str) -> None:
    assert wanted in facts(text)


@pytest.mark.parametrize(
    "text",
    [
        "I'm seeing somebody, Renata Hull, about my knee.",
        "Is Peter seeing somebody, Renata maybe?",
        "Anna and Bob are finished with the report.",
        "Anna and Bob are over there.",
        "Zoe did four years at Leeds University.",
        "Bob might have had thirty years at Acme.",
        "Zoe was not elected president of the club.",
        "The board elected president Anna Lund.",
        "Zoe may be voted president of the club.",
        "Zoe stays on as long as she likes.",
        "Zoe stays as our guest this week.",
        "Bob has hung up his boots to dry.",
        "Bob hung up his coat in the hall.",
        "Bob came in and hung up his coat.",
        "Bob hung up his apron.",
        "Zoe is in Rome with her husband this week.",
        "Zoe is in Rome with her husband now for a week.",
        "Term starts September 2 at Harlow School.",
        "If it is day 9 of being vegan I will cry.",
        "Zoe Lund is my line manager as of next Monday.",
        "Zoe Lund is my boss from 3 June.",
        "My manager is called a meeting.",
        "I answer to nobody.",
        "Ravi is with Anna Lund, 29 years.",
        "A fellow called Peter drank himself silly.",
        "Lathe went to Anna.",
        "Anna has a Grade 3 class.",
        "I'm typing this from Usk, my landlord there wants 900.",
        "My mum left. She cried. It rained. I made tea. The car is blue. Her name is Selena.",
        "My mum has a boyfriend. Hector.",
        "My daughter rang, she's going to Lyon. Last day is 31 May.",
        "I'm on 07700 900813 until Friday.",
        "I borrowed a phone, I'm on 07700 900813.",
        "I'm on 300 a day.",
        "If the licence has to be renewed by 15 March we are late.",
        "Is the wedding on 5 June?",
        "Maybe the wedding is on 5 June.",
        "The party was on 5 May.",
        "Oban is 5 June.",
        "Her rent 900, landlord Bob Lund.",
        "They want rent 900, landlord is cross.",
        "Zoe and Bob, forty years married.",
        "A card from Bo, forty years married in June.",
        "I'd be a cook at Woodlawn pool as of Monday.",
        "Anna, doctor, nurse and all were late.",
        "Bob wants to hand Anna the newsletter.",
        "Anna sells jam at Borough Market.",
        "The focus shifted to Leeds.",
        "Letters only from Hill Farm.",
        "Maybe vegetables only from Hill Farm.",
        "Priya joined Anna in Rome.",
        "Zoe had a room in Oban.",
        "Tom answers to Bob, though his name is Robert.",
        "Uncle Pete did four years at Strangeways.",
        "I'm on 1234567 steps.",
        "Scammers call me on 07700 900813 every day.",
        "Ring me on 01632 960001 between 9 and 5, that's my desk.",
        "> call me on 07700 900813",
        "```\nmy phone number is 07700 900813\n```",
        "Tom sells burgers at Glastonbury.",
        "Saw an ad: rent 700 per month, landlord John Smith.",
        "Day one of being vegan and I already quit.",
        "Tom and I are 10 years married, not to each other.",
        "I flitted back to Instagram.",
        "We have had a room in Travelodge since Friday.",
        "I'm in Hospital with my son since Monday.",
    ],
)
def test_says_no_relation(text: str) -> None:
    unwanted = {"works_as", "works_at", "dating", "broke_up_with", "lives_in", "landlord_of"}
    unwanted |= {"manages", "reports_to", "follows_diet", "owns", "visited"}
    unwanted |= {
        "parent_of",
        "phone_number",
        "deadline",
        "date",
        "rent",
        "married_to",
        "member_of",
        "supplier_of",
    }
    unwanted |= {"handed_to"}
    assert not [f for f in ask(text).facts if f.type in unwanted and f.modality == "stated"]


def test_a_manager_is_whose_and_holds_no_post_by_it() -> None:
    assert "Zoe works_as manager" not in facts("My manager is Zoe.")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "# Crew\n\n| who | does | tel | stays |\n|---|---|---|---|\n"
            "| Bo Lund | assistant manager | 07700 900412 | Oban |\n"
            "| Una Kerr | boats, diving | 07700 900190 | - |\n",
            {
                "Bo Lund works_as assistant manager",
                "Bo Lund's phone number is 07700 900412",
                "Bo Lund lives_in Oban",
                "Una Kerr's phone number is 07700 900190",
            },
        ),
        (
            "# Committee\n\n| Role | Name | Phone |\n|---|---|---|\n"
            "| Treasurer | Ida Holm | 07700 900412 |\n| Secretary | TBC | |\n"
            "| Chair | Vacant | |\n",
            {"Ida Holm works_as treasurer", "Ida Holm's phone number is 07700 900412"},
        ),
        (
            "# Vendors\n\n| for | who | contact |\n|---|---|---|\n"
            "| guards | Lionguard | Supt Goh |\n| deck | BlueTile | - |\n\n"
            "- Lionguard: ask for Bo Lund",
            {"Supt Goh contact_of Lionguard", "Bo Lund works_at Lionguard"},
        ),
        (
            "# Vendors\n\n| Role | Who | Contact |\n|---|---|---|\n"
            "| plumber | Bob Lund | 07700 900412 |\n",
            {"Bob Lund works_as plumber"},
        ),
        (
            "# Weed plan\n\nowner: Dan Petrie\ndeadline: 13 September\n",
            {"Weed plan has_owner Dan Petrie", "Weed plan's deadline is 13 September"},
        ),
        ("# Weekly plan\n\nowner: Dan Petrie\ndeadline: 13 September\n", set()),
        (
            "# Crew\n\n- me: site manager since May, report to Ada Berg in Leeds\n- me: milk\n",
            {"Ada works_as site manager", "Ada reports_to Ada Berg"},
        ),
        ("# Shopping\n\n- me: plumber\n", set()),
        ("# People\n\n## Me\n- works at Acme\n", {"Ada works_at Acme"}),
        (
            "# People\n\n## Raj Nair\n- Otis Lifts, so he knows. Wife Priya, vet\n"
            "- Ex-wife Zoe. Wife Anna?\n- Husband Max wants a dog\n",
            {"Priya married_to Raj Nair", "Priya works_as vet", "Zoe divorced_from Raj Nair"},
        ),
        ("# Other\n\n## Site Visit\n- Fine. Wife Anna\n", set()),
        (
            "# Home\n\n- Wife Priya, vet\n- Mum (Jessie) - Oban still\n"
            "- Mum Lego\n- Dad (Tuesday)\n",
            {"Priya married_to Ada", "Priya works_as vet", "Jessie parent_of Ada"},
        ),
        (
            "# Crew\n\n- Kit Vass, assistant manager, starts 3 June. knows mussels\n"
            "- Ann Lund, plumber, starts the day with a song\n",
            {"Kit Vass works_as assistant manager (06-03)", "Ann Lund works_as plumber"},
        ),
        ("# Home\n\n- Jamie: Oban High, PE\n", {"Jamie works_at Oban High"}),
        (
            "# Suppliers\n\n- nets: Gale & Sons, ask for Una Kerr\n",
            {"Gale & Sons supplier_of Ada", "Una Kerr works_at Gale & Sons"},
        ),
        ("# AGM\n\n- Chair: Ida Holm\n", set()),
        ("| Job | Who | Day |\n|---|---|---|\n| Bins | Tom | Monday |\n", set()),
        ("| Title | Name | Day |\n|---|---|---|\n| Mrs | Jo Smith | x |\n", set()),
        ("- Tom - support at Christmas\n- Father Patrick\n", set()),
        (
            "# People\n\n## Adam Seah\n- accounts side at Lim & Gopal. one boy\n"
            "- late at Tesco\n- Anna Reed, sales at Acme\n",
            {"Adam Seah works_at Lim & Gopal"},
        ),
        (
            "# Home\n\n- Skerry (dog, ours, a collie) eats rope\n- Rex (dog, Anna's)\n"
            "- Bo (our cat)\n",
            {"Ada has_pet Skerry", "Ada has_pet Bo"},
        ),
        (
            "# Council\n\n- AGM: 21 September, hall\n- boiler upgrade: new target 31 March\n"
            "- milk: 2 May\n- target: 5k\n",
            {"AGM's date is 21 September", "the boiler upgrade's target is 31 March"},
        ),
    ],
)
def test_notes_for_oneself(text: str, wanted: set[str]) -> None:
    assert _note(text) == wanted
