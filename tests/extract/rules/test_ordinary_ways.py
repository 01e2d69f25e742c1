"""Ordinary ways of saying ordinary things, and what stands close to them and says nothing of the
kind. Every sentence is said by Ada."""

from __future__ import annotations

import pytest

from tests.extract.rules.helpers import facts

WAYS = [
    (
        "I start at Oakley Partners on the 24th as a paralegal.",
        "Ada works_as paralegal",
        "Ada works_at Oakley Partners",
    ),
    ("I've been with Acme since 2019.", "Ada works_at Acme"),
    ("Been at Acme three years now.", "Ada works_at Acme"),
    ("I've been at Acme since May.", "Ada works_at Acme"),
    ("My job's at Acme these days.", "Ada works_at Acme"),
    ("Acme hired me as a designer last week.", "Ada works_as designer", "Ada works_at Acme"),
    ("Acme have taken me on.", "Ada works_at Acme"),
    ("I got made redundant from Acme.", "-Ada works_at Acme"),
    ("I packed in my job at Acme.", "-Ada works_at Acme"),
    ("I'm leaving Acme at the end of May.", "-Ada works_at Acme"),
    ("Last day at Acme today.", "-Ada works_at Acme"),
    ("My new line manager is Deborah.", "Deborah manages Ada"),
    ("She's my new line manager, Deborah.", "Deborah manages Ada"),
    ("Met Deborah, she's my new line manager.", "Deborah manages Ada"),
    ("Amit's taken over as my manager.", "Amit manages Ada"),
    ("My flat's in Hull.", "Ada lives_in Hull"),
    ("We've left Hull for Leeds.", "-Ada lives_in Hull", "Ada lives_in Leeds"),
    ("Originally from Hull.", "Ada comes_from Hull"),
    ("My girlfriend's called Suki.", "Suki dating Ada"),
    ("I left Paul.", "-Ada dating Paul"),
    ("My sister's called Jo.", "Jo sibling_of Ada"),
    ("Our son's called Leo.", "Leo child_of Ada"),
    ("Zoe's my best friend.", "Zoe friend_of Ada"),
    ("My personal trainer's called Kit.", "Kit coaches Ada"),
    ("We got a kitten and called her Biscuit.", "Ada has_pet Biscuit"),
    ("My cat's called Mog.", "Ada has_pet Mog"),
    ("Rex is my dog.", "Ada has_pet Rex"),
    ("Rex, our dog, is ill.", "Ada has_pet Rex"),
    ("I've started learning Welsh.", "Ada learns Welsh"),
    ("I'm at Durham University studying law.", "Ada studies_at Durham University"),
    ("I've gone vegetarian.", "Ada follows_diet vegetarian"),
    ("I went veggie in May.", "Ada follows_diet vegetarian"),
    ("I started eating meat again.", "-Ada follows_diet None"),
    ("I've got a nut allergy.", "Ada allergic_to nut"),
    ("I have an allergy to penicillin.", "Ada allergic_to penicillin"),
    ("I'm lactose intolerant.", "Ada allergic_to lactose"),
    ("I'm not allergic to nuts after all.", "-Ada allergic_to nuts"),
    ("Turns out I'm not allergic to nuts.", "-Ada allergic_to nuts"),
    ("I'm in a band called Moths.", "Ada member_of Moths"),
    ("I joined the Hackney choir.", "Ada member_of Hackney choir"),
    ("My birthday's on 3 May.", "Ada's birthday is on 3 May"),
    ("Rent's gone up to £950.", "Ada's rent is £950"),
    ("I pay £950 a month rent.", "Ada's rent is £950 a month"),
    ("I earn 40k.", "Ada's salary is 40k"),
    ("Acme's headquarters are in Leeds.", "Acme based_in Leeds"),
    ("Our client Acme is in Leeds.", "Acme client_of Ada"),
    ("We buy our paper from Globex.", "Globex supplier_of Ada"),
    ("Globex supplies our paper.", "Globex supplier_of Ada"),
    ("Raj is in charge of Orion.", "Raj manages Orion"),
    ("Priya has replaced Raj as CTO.", "-Raj works_as CTO", "Priya works_as CTO"),
    ("Sana sold her Golf.", "-Sana owns Golf"),
    ("Our neighbour, Ron, is a plumber.", "Ron neighbour_of Ada"),
    ("Our new manager started today. Her name's Deborah.", "Deborah manages Ada"),
    ("Started a new job today. It's at Acme.", "Ada works_at Acme"),
    ("I've got a new job! I start on Monday at Acme.", "Ada works_at Acme"),
    ("Leo goes to Elm Park Primary.", "Leo studies_at Elm Park Primary"),
    ("my gf is called suki", "Suki dating Ada"),
    ("got a dog called rex", "Ada has_pet Rex"),
    ("just got a job at acme!!", "Ada works_at Acme"),
    ("i've got a dog called rex", "Ada has_pet Rex"),
]
NOTHING = [
    "My flat's in a mess.",
    "I make 3 cakes a day.",
    "I earn 40 points.",
    "Rent's due on Friday.",
    "I left Paul at the station.",
    "I left Paul a message.",
    "Rex is my favourite name for a dog.",
    "Rex is not my dog.",
    "I'm leaving Hull for the weekend.",
    "She's my hero, Deborah.",
    "My sister's called the police.",
    "My brother's called off the party.",
    "Mum's called the plumber.",
    "Zoe has a nut allergy sticker.",
    "my dog was called back",
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way[0])
def test_it_is_understood(way: tuple[str, ...]) -> None:
    text, *wanted = way
    assert set(wanted) <= facts(text)


@pytest.mark.parametrize("text", NOTHING)
def test_no_relation_is_made_of_it(text: str) -> None:
    assert {fact for fact in facts(text) if " has a " not in fact} == set()
