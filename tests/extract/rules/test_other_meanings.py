"""Loose ways of saying something that mean something else as often: a trip, a loan, an errand, a
match; and what ends nothing."""

from __future__ import annotations

import pytest

from tests.extract.rules.helpers import facts


@pytest.mark.parametrize(
    ("text", "unsaid"),
    [
        (
            "I have a dog called Biscuit. We gave Biscuit to my aunt for a fortnight.",
            "-Ada has_pet",
        ),
        ("I have a dog called Biscuit. I gave Biscuit to the groomer to hold.", "-Ada has_pet"),
        ("We're renting a villa in Portugal for two weeks.", "lives_in"),
        ("I'm staying in Leeds for the wedding.", "lives_in"),
        ("neighbour of Leo Marsh relocated to Leeds", "lives_in"),
        ("I caught up with my former manager, Rachel.", "works_as"),
        ("I'm using a drip coffee maker.", "works_as"),
        ("I like the idea of asking Jen.", "likes"),
        ("I prefer clear, concise answers.", "prefers"),
        ("i hate gardening today", "dislikes"),
        ("We signed with Tiree Yarns.", "plays_for"),
        ("Ben Toll left the choir a note.", "-Ben Toll"),
        ("Zoe left the QA team a message.", "-Zoe"),
        ("I'm renting a van in Porto.", "lives_in"),
        ("We moved on to Chapter Two.", "works_at"),
        ("She's taken up residence.", "likes"),
        ("New job at Corus: closing date Friday.", "works_at"),
        ("Our old client Corus Ltd rang.", "client_of"),
        ("Hermes delivers the parcels.", "supplier_of"),
        ("We get our jam from Gran.", "supplier_of"),
        ("Corus took me on a tour.", "works_at"),
        ("My boss at Corus used to sing.", "works_at"),
        ("They shop at Morrisons, same as me.", "works_at"),
        ("Zoe is from Skipton, where she is famous.", "lives_in"),
        ("I moved back in with my dad in Hull for the summer.", "lives_in"),
        ("I'm a Bond girl.", "comes_from"),
        ("I adore the vet, Mr John Hill's brother.", "works_as"),
        ("Zoe is the cook of the family.", "works_as"),
        ("I'm doing pilates now instead.", "studies"),
        ("We've won the Cup.", "client_of"),
        ("Ditched Bob on the second lap.", "-"),
        ("Zoe has taken the spare room key.", "lives_with"),
        ("Brexit is out, Remain is in.", "uses"),
        ("We're on Season Two now instead.", "uses"),
        ("Zoe bought a flat in Hull and moved the tenants in.", "lives_in"),
        ("Back in Rome after three years, what a trip.", "lives_in"),
        ("Two days in at Glastonbury.", "works_at"),
        ("Our old Fiesta was sold to Bob.", "acquired"),
        ("I'm off on 9 June.", "-"),
        ("I'm leaving on 9 June and back on the 20th.", "-"),
        ("Zoe leaves on 9 June for her honeymoon.", "-"),
        ("I moved into the lead with Zoe.", "lives_with"),
        ("I gave up meat once.", "follows_diet"),
        ("My parents lived in Hull in the sixties.", "lives_in"),
        ("I've been seeing Zoe about the invoice.", "dating"),
        ("I left Corus at six.", "-"),
        ("I left Hull this morning.", "-"),
        ("I quit the Rotary raffle.", "-"),
        ("I left Hull City's fan club.", "-"),
        ("My last shift this week is Friday.", "-"),
        ("We broke up on Friday for half term.", "-"),
        ("My uncle Bob passed on the pudding.", "-"),
        ("My brother Bob died twice in Elden Ring.", "-"),
        ("Our dog Rex ran away from a squirrel.", "-"),
        ("Our dog Rex was put down for a nap.", "-"),
        ("My neighbour's dog Rex died.", "-"),
        ("I saw Zoe yesterday.", "watched"),
        ("We bought Tom and Zoe a present.", "Tom"),
        ("I bought Zoe lunch.", "Zoe"),
        ("I found Tom a job at Corus.", "works_at"),
        ("I met a dog called Rex.", "has_pet"),
        ("We had a hot dog.", "has_pet"),
        ("I got the job at Corus! Just kidding.", "works_at"),
        ("Tom's my brother from another mother.", "sibling_of"),
        ("My sister is Bob's wife.", "sibling_of"),
        ("Tom's boss is Bob's brother.", "manages"),
        ("Me and Zoe split a pizza.", "-"),
        ("Me and Zoe called it a day at five.", "-"),
        ("Me and Zoe got hitched to a trailer.", "married_to"),
        ("I'm reading my book at Costa.", "studies_at"),
        ("Still stuck in Luton, no trains.", "lives_in"),
        ("I was transferred to the Hull office for a week.", "lives_in"),
        ("I work with Zoe at Christmas.", "works_at"),
        ("We lost Corus in the fog.", "-"),
        ("My favourite doctor is David Tennant.", "doctor_of"),
    ],
)
def test_says_no_more_than_it_means(text: str, unsaid: str) -> None:
    assert [fact for fact in facts(text) if unsaid in fact] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I have a dog called Biscuit. We gave Biscuit to a farmer.", "-Ada has_pet Biscuit"),
        ("I'm renting a room in Leeds.", "Ada lives_in Leeds"),
        ("We've won Corus as a new client.", "Corus client_of Ada"),
        ("Zoe has moved on from Corus to Velux.", "Zoe works_at Velux"),
        ("Corus hired me last week.", "Ada works_at Corus"),
        ("I left Corus last month.", "-Ada works_at Corus"),
        ("My uncle Bob passed on.", "Bob died"),
        ("My parents live in Hull.", "Ada's mum lives_in Hull"),
        ("I'm leaving on 9 June.", "-Ada works_at None"),
    ],
)
def test_what_it_means_is_found(text: str, said: str) -> None:
    assert said in facts(text)
