"""A line break inside a sentence, as mail and PDF files have them, ends no sentence; one between
the lines of quick notes does."""

from __future__ import annotations

import textwrap

import pytest

from graphmem import Memory
from graphmem.text.outline import unwrapped

LETTER = (
    "Dear all, I hope that this finds you well. My sister Nina Berger lives in Passau with her two "
    "dogs, and her husband Karl Berger works at Siemens since last summer. My brother Paul moved "
    "from Bremen to Leipzig in March 2025, because he started a new job at the Charles University, "
    "where he teaches history. I still work as a nurse at the General Hospital, though from next "
    "month on I will only be there on three days a week."
)


def _relations(text: str) -> set[str]:
    with Memory("memory://", user_id="max") as memory:
        memory.add(text)
        return {str(one) for one in memory.relations()}


@pytest.mark.parametrize("width", [50, 66, 72, 78])
def test_a_wrapped_letter_says_what_it_says_on_one_line(width: int) -> None:
    found = _relations(textwrap.fill(LETTER, width))
    assert any("Karl Berger -works_at→ Siemens" in one for one in found)
    assert found == _relations(LETTER)


def test_an_item_of_a_list_goes_on_below() -> None:
    item = (
        "- Emil Novak is the head of sales, and since May lives in\n  Pilsen\n- Tom works at Acme"
    )
    assert unwrapped(item) == item.replace("\n  ", " ")


@pytest.mark.parametrize(
    "notes",
    [
        "Had a long talk with Anna about the move and the money\nshe works at Acme now",
        "Greta left on Friday. The new chef is Ikram, before at Fabrique\nmoved to SumUp.\nok",
        "The people whom we want to invite to the party on Sunday are:\nKarl and Nina.",
        "Everything that I still have to buy before we go is in\n\nKarl has the rest.",
        "Name: somebody with a very long name who lives in\nPassau",
        "| a table with one very long cell about where he lives in |\n| Passau |",
    ],
)
def test_other_lines_end_where_they_end(notes: str) -> None:
    assert unwrapped(notes) == notes


def test_a_wrapped_sentence_is_erased_whole() -> None:
    text = "We had rain. My sister Rosa Klein, who is a gardener, lives in\nPassau. It was cold."
    with Memory("memory://", user_id="max") as memory:
        id = memory.add(text).episode_id
        (fact,) = (one for one in memory.relations() if one.object == "Passau")
        memory.delete(fact.fact_id, erase=True)
        (turn,) = memory.episode(id).turns
    assert "Passau" not in turn.text
    assert "Klein" not in turn.text
    assert turn.text.startswith("We had rain.")
    assert turn.text.endswith("It was cold.")
