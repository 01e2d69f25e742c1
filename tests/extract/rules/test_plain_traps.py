"""What looks as if it were stated, and is not: questions, wishes, hearsay, fiction, other meanings
of the same words, and what is told of somebody else."""

from __future__ import annotations

import pytest

from tests.extract.rules.helpers import ask


@pytest.mark.parametrize(
    "text",
    [
        "I've known Java since 2010.",
        "Tom plays with Anna.",
        "Tom has gone to work in Leeds today.",
        "Working at Acme must be awful.",
        "Anna (Berlin) called me.",
        "Should we switch from Slack to Teams?",
        "Mum, can you come?",
        "Mum and I went out.",
        "Work at home is hard.",
        "Ada Reed is the new head of state.",
        "Reading Dune again. Paul Reed lives in Oslo with his mother Jessica.",
        "If we switched from Slack to Teams we would save.",
        "Bob wants to switch from Slack to Teams.",
        "I never switched from Slack to Teams.",
        "Anna said she resigned.",
        "I almost resigned.",
        "Was Bob let go?",
        "I'd quit if I could.",
        "Would you move out?",
        "Ben is not the owner of Orion.",
        "Is Ben the owner of Orion?",
        "Maybe our supplier is Vestas.",
        "I left my umbrella at Anna's.",
        "In my dream I worked at Acme.",
        "She had a baby face.",
        "Antonia had a boy, Emil was there.",
        "Ben lives with his parents in the north.",
        "I live with pain in my knee.",
        "Bob had twins in his class: Ann and Joe.",
        "My mum says she lives in Oban.",
        "My dad wants to live in Spain.",
        "My brother doesn't work at Acme.",
        "Does my sister live in Oslo?",
        "I wish my mum lived in Oban.",
        "Seeing Anna off at the station.",
        "Our client is always right.",
        "The last day of the sale is 31 May.",
        "Alex is the master of disguise.",
        "I met someone. Her name is on the door.",
        "It's called Orion.",
        "I'm seeing someone about the roof. He's called Bob.",
        "Me and Bob split up the work.",
        "Bob and Anna split the bill.",
        "Bob and Anna are separated by a wall.",
        "Bob and Anna are over there.",
        "I sold Bob the car.",
        "Watched Severance last night. Mark works at Lumon and lives in Kier.",
        "For my novel: Viktor lives in Prague. Lenka is married to Viktor.",
        "In the game I play I'm a blacksmith who lives in Whiterun.",
        "Can you proofread this? 'Dear Ben, I live in London and work for Penguin.'",
        'Ben wrote: "I live in London. I work at Acme."',
        "For example, Joe Bloggs works at Acme.",
        "My boss Anna left the company.",
        "Dressed as Dracula. Lived in Transylvania, worked nights.",
        "Read The Christmas Carol to Euan. Scrooge has a clerk called Cratchit.",
    ],
)
def test_nothing_is_believed(text: str) -> None:
    believed = [f for f in ask(text).facts if f.type is not None and not f.retracts]
    assert [f.text for f in believed if f.type not in {"watched"}] == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Sold the Fiesta.", "-Ada owns Fiesta"),
        ("Me and Elio broke up.", "-Elio dating Ada"),
        ("Me and Jo are no longer together.", "-Jo broke_up_with Ada"),
        ("We switched from Slack to Zulip.", "Ada uses Zulip"),
        ("We switched from Slack to Zulip.", "-Ada uses Slack"),
        ("My boss Anna left the company.", "-Anna manages Ada"),
        ("Anna, Bob and Carl work at Acme.", "Anna works_at Acme"),
        ("My mum lives in Oban.", "Ada's mum lives_in Oban"),
        ("My mum lives in Oban. She's called Moira.", "Moira parent_of Ada"),
        ("We got a dog from the shelter, her name is Polka.", "Ada has_pet Polka"),
        ("Chiara had her baby, a boy, his name is Leo.", "Leo child_of Chiara"),
        ("Our lawyer is Astrid Lund of Lund & Falk.", "Astrid Lund works_as lawyer"),
        ("Ben is the harbour master of Port of Delfzijl.", "Ben works_at Port of Delfzijl"),
        ("Nautibuoy, based in Tromsø, makes sensors.", "Nautibuoy based_in Tromsø"),
        ("Vestas is a supplier of ours.", "Vestas supplier_of Ada"),
        ("I'm engaged!! to Tobias", "Ada engaged_to Tobias"),
        ("I proposed to Anna. She said yes.", "Ada engaged_to Anna"),
        ("My number's changed, new one is 07700 900451", "Ada phone_number None"),
        ("Antonia had a boy, Emil.", "Emil child_of Antonia"),
        ("I live in Bristol with Clara and our daughter Edie.", "Ada lives_with Clara"),
        ("Ben moved out. He lives with his girlfriend Ann in Rome.", "Ben lives_in Rome"),
        ("I'm a translator living in Turin.", "Ada lives_in Turin"),
        ("Zoe dressed up as a cat. Zoe works at Beta.", "Zoe works_at Beta"),
        ("Read the Guardian this morning. Anna works at Acme.", "Anna works_at Acme"),
    ],
)
def test_is_found(text: str, wanted: str) -> None:
    found = {f"{'-' if f.retracts else ''}{f.subject} {f.type} {f.object}" for f in ask(text).facts}
    assert wanted in found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Our kids are our future.", set()),
        ("Our children deserve the best.", set()),
        ("Our kids are excited about summer.", {"Ada has kids"}),
        ("My girlfriend and I had an amazing and emotional wedding ceremony.", set()),
        ("My girlfriend and I had a row at a wedding.", {"Ada has a girlfriend"}),
        ("We made a bunch of money for charity!", set()),
        ("I started introducing Max, Daisy and the new pup Ned.", set()),
        ("I started lifting weights.", {"Ada started lifting weights"}),
        ("We got another cat named Bailey.", {"Ada has another cat named Bailey"}),
    ],
)
def test_it_is_said_of_whom_it_is_true(text: str, wanted: set[str]) -> None:
    untyped_or_pets = {f.text for f in ask(text).facts if f.type in {None, "did", "has_pet"}}
    assert untyped_or_pets == wanted


def test_who_was_let_go_has_no_job_and_a_last_day_ends_it_then() -> None:
    gone = [f for f in ask("I was let go yesterday.").facts if f.retracts]
    assert {(f.type, f.object) for f in gone} == {("works_at", None), ("works_as", None)}
    (fact, _) = ask("I handed in my notice. My last day is 31 May.").facts
    assert (fact.type, f"{fact.invalid_at:%Y-%m-%d}") == ("works_at", "2024-05-31")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "Sanjay reports to Philippa, Greta reports to Sanjay.",
            {"Sanjay reports_to Philippa", "Greta reports_to Sanjay"},
        ),
        ("Ann is married to Bob, Carl is single.", {"Ann married_to Bob"}),
        ("Sam is my big brother. Tom from work called.", {"Sam sibling_of Ada"}),
        ("My brother is Sam. Tom from the bank called.", {"Sam sibling_of Ada"}),
        ("Ruben's my partner. Ruben Hall from the shop is off.", {"Ruben partner_of Ada"}),
        ("I have a brother. Tom from Leeds.", {"Tom sibling_of Ada"}),
        ("Ines lives with Dora and Theo moved out.", {"Ines lives_with Dora"}),
        ("Anna knows Ben and Carl now.", {"Anna knows Ben", "Anna knows Carl"}),
    ],
)
def test_a_name_that_does_something_itself_is_no_more_of_a_list(
    text: str, wanted: set[str]
) -> None:
    found = {f"{f.subject} {f.type} {f.object}" for f in ask(text).facts if not f.retracts}
    assert found == wanted
