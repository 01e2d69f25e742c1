"""What is told, and what people say when it changes: in ordinary words, one user for each pair."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

import pytest

from graphmem import Memory, Settings

_USERS = count()
# What is believed then; after "!", what is not.
CHANGES = [
    (
        "I live in Bath.",
        "Moved! 3 Malt House Lane, Buckfast.",
        "lives_in Buckfast ; !lives_in Bath",
    ),
    ("I'm dating Jude.", "Me and Jude have called it a day.", "!dating Jude"),
    ("I'm dating Jude.", "Dumped Jude on Sunday.", "!dating Jude"),
    ("My landlord is Clive.", "New landlord is Esk Estates.", "Esk Estates ; !Clive landlord_of"),
    ("Malt comes from Tuckers.", "Malt comes from Crisp now.", "Crisp"),
    ("I own a Micra.", "The Micra failed its MOT. Scrapped it.", "!owns Micra"),
    ("I'm a nurse.", "I gave up nursing.", "!works_as nurse"),
    ("I'm vegetarian.", "I went from vegetarian to vegan.", "vegan ; !is vegetarian"),
    ("I have a dog called Rex.", "Gave Rex to my sister.", "!has_pet Rex"),
    ("I have a cat called Mog.", "We had to put Mog down.", "!has_pet Mog"),
    ("I'm dating Jude.", "Jude is my ex now.", "!dating Jude"),
    ("I live with Mei.", "I've moved into my own place.", "!lives_with Mei"),
    (
        "I live in Hull.",
        "We've just bought a house in Leeds and moved in.",
        "lives_in Leeds ; !lives_in Hull",
    ),
    ("My doctor is Dr Evans.", "My doctor is Dr Shah now.", "Shah ; !Evans doctor_of"),
    ("My dentist is Dr Evans.", "I changed dentists, it's Dr Shah now.", "Shah"),
    ("I bank with Monzo.", "I closed my Monzo account.", "!customer_of Monzo"),
    ("I'm learning Welsh.", "I gave up on Welsh.", "!learns Welsh"),
    (
        "I'm a member of the Green party.",
        "I left the Green party.",
        "!member_of Green party",
    ),
    ("I have asthma.", "I no longer have asthma.", "!has_condition asthma"),
    (
        "My manager is Suresh.",
        "Maria replaced Suresh as my manager.",
        "Maria ; !managed_by Suresh",
    ),
    ("My son Leo plays football.", "Leo quit football for rugby.", "rugby ; !plays football"),
    ("Kestrel uses Postgres.", "Kestrel has moved to MySQL.", "uses MySQL"),
    ("I work at Acme as a nurse.", "I've left Acme.", "!works_at Acme"),
    ("I work at Acme.", "Today was my last day.", "!works_at Acme"),
    ("I work at Acme.", "Got made redundant.", "!works_at Acme"),
    ("I work at Acme.", "I've been made redundant.", "!works_at Acme"),
    ("I work at Acme.", "I started at Globex today.", "works_at Globex ; !works_at Acme"),
    ("I work at Acme.", "I've got a new job, at Globex.", "works_at Globex ; !works_at Acme"),
    ("I work at Acme.", "I now work for Globex.", "works_at Globex ; !works_at Acme"),
    ("I work at Acme.", "Finished at Acme on Friday.", "!works_at Acme"),
    ("I work at Acme.", "I don't work there any more.", "!works_at Acme"),
    ("I work at Acme.", "I'm unemployed now.", "!works_at Acme"),
    ("I work at Acme.", "I retired last week.", "!works_at Acme"),
    ("I work at Acme.", "I'm freelance now.", "!works_at Acme"),
    ("I'm a nurse.", "I'm a midwife now.", "works_as midwife ; !works_as nurse"),
    ("I'm a nurse.", "I've been promoted to ward sister.", "works_as ward sister"),
    ("My boss is Tariq.", "My new boss is Deborah.", "managed_by Deborah ; !managed_by Tariq"),
    (
        "My boss is Tariq.",
        "Tariq left. Deborah's my boss now.",
        "managed_by Deborah ; !managed_by Tariq",
    ),
    ("My boss is Tariq.", "I report to Deborah now.", "Deborah ; !managed_by Tariq"),
    ("I live in Hull.", "I moved to Leeds.", "lives_in Leeds ; !lives_in Hull"),
    ("I live in Hull.", "I'm in Leeds now.", "lives_in Leeds ; !lives_in Hull"),
    ("I live in Hull.", "We've got a flat in Leeds now, moved in on Friday.", "lives_in Leeds"),
    ("I live in Hull.", "Moved in to the new place in Leeds!", "lives_in Leeds"),
    ("I live in Hull.", "Back in Leeds for good.", "lives_in Leeds ; !lives_in Hull"),
    ("I live in Hull.", "I've moved out of Hull.", "!lives_in Hull"),
    ("I live in Hull.", "I live in Leeds these days.", "lives_in Leeds ; !lives_in Hull"),
    ("I'm dating Paul.", "Paul and I broke up.", "!dating"),
    ("I'm dating Paul.", "We've split up.", "!dating"),
    ("I'm dating Paul.", "It's over between me and Paul.", "!dating"),
    ("I'm dating Paul.", "Paul dumped me.", "!dating"),
    ("I'm dating Paul.", "I'm single again.", "!dating"),
    ("I'm dating Paul.", "My ex Paul rang.", "!dating"),
    ("I'm dating Paul.", "Paul and I got engaged!", "engaged_to"),
    ("I'm engaged to Paul.", "We got married on Saturday.", "married_to"),
    ("I'm engaged to Paul.", "I married Paul on Saturday.", "married_to ; !engaged_to"),
    ("I'm engaged to Paul.", "We called off the wedding.", "!engaged_to"),
    ("My husband is Paul.", "We're divorced.", "!married_to"),
    ("My husband is Paul.", "The divorce came through.", "!married_to"),
    ("My husband is Paul.", "Paul died in March.", "!married_to"),
    ("My husband is Paul.", "I'm a widow now.", "!married_to"),
    ("My husband is Paul.", "My ex-husband Paul rang.", "!married_to"),
    ("I live with Zoe.", "Zoe moved out.", "!lives_with"),
    ("My flatmate is Zoe.", "I live alone now.", "!lives_with"),
    ("My flatmate is Zoe.", "My new flatmate is Bogdan.", "Bogdan lives_with"),
    ("I have a dog called Rex.", "Rex died.", "!has_pet Rex"),
    ("I have a dog called Rex.", "We had to put Rex to sleep.", "!has_pet Rex"),
    ("I have a dog called Rex.", "Rex passed away last night.", "!has_pet Rex"),
    ("I have a dog called Rex.", "We rehomed Rex.", "!has_pet Rex"),
    ("I have a dog called Rex.", "We don't have Rex any more.", "!has_pet Rex"),
    ("I drive a Golf.", "Sold the Golf.", "!Golf"),
    ("I drive a Golf.", "I got rid of the Golf.", "!Golf"),
    ("I drive a Golf.", "The Golf got written off.", "!Golf"),
    ("I drive a Golf.", "I traded the Golf in for a Polo.", "Polo ; !Golf"),
    ("I drive a Golf.", "I've swapped my Golf for a Polo.", "Polo ; !Golf"),
    ("I drive a Golf.", "Got a new car, a Polo.", "Polo"),
    ("I play the cello.", "I gave up the cello.", "!plays"),
    ("I play the cello.", "I don't play the cello any more.", "!plays"),
    ("I'm learning Welsh.", "I stopped learning Welsh.", "!learns"),
    ("I'm vegan.", "I'm not vegan any more.", "!follows_diet"),
    ("I'm vegan.", "I started eating meat again.", "!follows_diet"),
    ("I'm allergic to nuts.", "I'm not allergic to nuts any more.", "!allergic_to"),
    ("I'm allergic to nuts.", "Turns out I'm not allergic to nuts after all.", "!allergic_to"),
    ("I like jazz.", "I don't like jazz any more.", "!likes jazz"),
    ("I like jazz.", "I've gone off jazz.", "!likes jazz"),
    ("I'm a member of PureGym.", "I cancelled my PureGym membership.", "!member_of PureGym"),
    ("I joined PureGym.", "I've quit PureGym.", "!PureGym"),
    ("I'm in the Hackney choir.", "I've left the choir.", "!choir"),
    ("I study at Durham University.", "I dropped out of uni.", "!studies_at"),
    ("I study at Durham University.", "I graduated in June.", "!studies_at"),
    ("I study at Durham University.", "I've finished uni.", "!studies_at"),
    ("My rent is £900.", "My rent's gone up to £950.", "£950 ; !£900"),
    (
        "My phone number is 07700 900123.",
        "I've changed my number, it's 07700 900999.",
        "900999 ; !900123",
    ),
    ("We use Slack.", "We've dropped Slack.", "!uses Slack"),
    ("We use Slack.", "We've replaced Slack with Teams.", "uses Teams ; !uses Slack"),
    ("Acme is our client.", "Acme are no longer a client.", "!client_of"),
    ("Acme is our client.", "We lost Acme.", "!client_of"),
    ("Raj leads Orion.", "Priya has taken over Orion.", "Priya ; !managed_by Raj"),
    ("Raj leads Orion.", "Priya leads Orion now.", "Priya ; !managed_by Raj"),
    (
        "Raj is the CTO of Acme.",
        "Priya is the new CTO of Acme.",
        "Priya works_as CTO ; !Raj works_as CTO",
    ),
    ("Raj is the CTO of Acme.", "Raj stepped down.", "!Raj works_as CTO"),
    ("The deadline for Orion is 14 March.", "Orion slipped to 28 March.", "28 March ; !14 March"),
    ("The budget for Orion is £40k.", "The Orion budget was cut to £30k.", "£30k ; !£40k"),
    ("Zoe lives in Hull.", "Zoe's moved to Leeds.", "lives_in Leeds ; !lives_in Hull"),
    ("Zoe lives in Hull with Tom.", "Zoe and Tom have split up.", "!dating"),
    ("My sister Jo is married to Tom.", "Jo and Tom got divorced.", "!married_to"),
    ("My mum Jean lives in Cork.", "Mum's moved to Dublin.", "Dublin ; !Cork"),
    ("My dentist is Dr Shah.", "My new dentist is Dr Bell.", "Bell ; !Dr Shah doctor_of"),
    ("My favourite band is Pulp.", "My favourite band is Blur now.", "Blur ; !Pulp"),
]
STAYS = [
    ("I live in Bath.", "Back in Leeds for the weekend.", "lives_in Bath"),
    ("I live in Bath.", "Two weeks in Cumbria, still wet.", "lives_in Bath"),
    ("I live in Bath.", "Moving! If only. Leeds, here I don't come.", "lives_in Bath"),
    ("I live in Bath.", "Zoe left for Leeds. She lives there now.", "lives_in Bath"),
    ("I'm dating Jude.", "Zoe dumped Jamie.", "dating Jude"),
    ("I'm dating Jude.", "Conor and Jamie have called it a day.", "dating Jude"),
    ("Malt comes from Tuckers.", "Does the malt come from Crisp now?", "Tuckers supplier_of"),
    ("I own a Micra.", "Zoe's Golf failed its MOT. She scrapped it.", "owns Micra"),
    ("I work at Acme.", "Zoe gave notice. Her last day is Friday.", "works_at Acme"),
    ("I work at Acme.", "My brother Ben quit. Went to work for Halfords.", "works_at Acme"),
    ("I have a dog called Rex.", "Zoe's cat died. She passed last week.", "has_pet Rex"),
    ("I work at Acme.", "My last day of holiday was Friday.", "works_at Acme"),
    ("I work at Acme.", "Today was my last day of leave.", "works_at Acme"),
    ("I work at Acme.", "Zoe is unemployed now.", "works_at Acme"),
    ("I work at Acme.", "I might go freelance.", "works_at Acme"),
    ("I work at Acme.", "I'm not out of work.", "works_at Acme"),
    ("I work at Acme.", "Zoe doesn't work there any more.", "works_at Acme"),
    ("I work at Acme.", "I have a freelance job on the side now.", "works_at Acme"),
    ("I'm dating Paul.", "Zoe's divorce came through.", "dating"),
    ("I'm dating Paul.", "My parents are divorced.", "dating"),
    ("My husband is Paul.", "My sister is divorced.", "married_to"),
    ("My husband is Paul.", "I'm not divorced.", "married_to"),
    ("I'm engaged to Paul.", "Zoe and Tom got married.", "engaged_to"),
    ("I'm engaged to Paul.", "We're getting married in June.", "engaged_to"),
    ("I'm engaged to Paul.", "We got married people over for dinner.", "engaged_to"),
    ("I live with Zoe.", "I could never live alone.", "lives_with"),
    ("I live with Zoe.", "I lived alone before.", "lives_with"),
    ("I have a dog called Rex.", "I don't have a cat any more.", "has_pet Rex"),
    ("I have a dog called Rex.", "Rex isn't limping any more.", "has_pet Rex"),
    ("I drive a Golf.", "The Golf was nearly written off.", "Golf"),
    ("I drive a Golf.", "Zoe's Golf was stolen.", "Golf"),
    ("I drive a Golf.", "I don't have a bike any more.", "Golf"),
    ("I'm vegan.", "Zoe is vegetarian now.", "vegan"),
    ("I'm vegan.", "I used to be vegetarian.", "vegan"),
    ("My dentist is Dr Shah.", "Zoe's new dentist is Dr Bell.", "Dr Shah doctor_of"),
    ("My dentist is Dr Shah.", "My new doctor is Dr Bell.", "Dr Shah doctor_of"),
    ("We use Slack.", "They replaced Slack with Teams.", "uses Slack"),
    ("I'm a member of PureGym.", "I cancelled my Netflix subscription.", "member_of PureGym"),
    ("Raj leads Orion.", "Priya took over the meeting.", "managed_by Raj"),
    ("Raj works at Acme.", "Raj left the room.", "Raj works_at Acme"),
    ("I live in Hull.", "My flat's in Hull too.", "lives_in Hull"),
    ("I live in Hull.", "My parents' house is in Leeds.", "lives_in Hull"),
    ("I live in Hull.", "Been in Leeds all week.", "lives_in Hull"),
    ("I live in Hull.", "I'm leaving Hull for the weekend.", "lives_in Hull"),
    ("I live in Hull.", "We left Hull for York this morning and came back.", "lives_in Hull"),
    ("We use Slack.", "Acme switched from Slack to Teams.", "uses Slack"),
    ("My supplier is Best.", "Acme switched from Best to Hales.", "Best supplier_of ann"),
    ("My husband is Paul.", "Paul passed on my message.", "married_to"),
    ("I have a dog called Rex.", "We gave Rex to my mum for the weekend.", "has_pet Rex"),
    ("I have a cat called Tib.", "Tib sat on the laptop. It died.", "has_pet Tib"),
]


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    store = tmp_path_factory.mktemp("changes") / "store"
    with Memory(store, settings=Settings.load({})) as opened:
        yield opened


@pytest.mark.parametrize(("told", "then", "wanted"), [*CHANGES, *STAYS])
def test_it_is_believed_then(memory: Memory, told: str, then: str, wanted: str) -> None:
    user = f"ann{next(_USERS)}"
    memory.add(told, user_id=user, occurred_at="2025-01-10")
    memory.add(then, user_id=user, occurred_at="2025-03-10")
    relations = memory.relations(user_id=user)
    facts = memory.get_all(user_id=user).items
    held = [re.sub(r" -(\w+)→", r" \1", str(one)) for one in relations]
    held += [fact.text for fact in facts if fact.invalid_at is None]
    for words in wanted.split(" ; "):
        believed = any(words.removeprefix("!") in one for one in held)
        assert believed != words.startswith("!"), held
