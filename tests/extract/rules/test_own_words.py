"""What stands in a text without being said by whoever wrote it: quoted lines, mail of others,
comments, what is struck out, tasks."""

from __future__ import annotations

from dataclasses import replace
from time import process_time

import pytest

from graphmem.extract.rules.extractor import extract
from graphmem.text.outline import paragraphs
from tests.extract.rules.helpers import episode, short


def _noted(text: str) -> set[str]:
    note = replace(episode(*((None, part) for part in paragraphs(text))), kind="text")
    return {short(fact) for fact in extract(note, ()).facts}


def _said(text: str) -> set[str]:
    return {short(fact) for fact in extract(episode(("Wim", text)), ()).facts}


@pytest.mark.parametrize(
    "others",
    [
        "> I live in Rome.",
        "> [!quote] Bob\n> I live in Rome.",
        "~~I live in Rome.~~",
        "<!-- I live in Rome. -->",
        "<!--\nI live in Rome.\n-->",
        "%% I live in Rome. %%",
    ],
)
def test_what_is_quoted_struck_out_or_a_comment_is_not_believed(others: str) -> None:
    assert _noted(f"Hello.\n{others}\nI work at Acme.") == {"ada works_at Acme"}
    assert _said(f"Hello.\n{others}\nI work at Acme.") == {"Wim works_at Acme"}


@pytest.mark.parametrize(
    "head",
    [
        "-----Original Message-----\nFrom: Bob\nSent: Monday\nTo: Ada\nSubject: news",
        "---------- Forwarded message ---------\nFrom: Bob <b@x.org>\nDate: Mon, 4 Mar 2024",
        "Begin forwarded message:",
        "**From:** Bob <b@x.org>\n**To:** Ada\n**Subject:** news",
        "Von: Bob\nGesendet: Montag\nAn: Ada\nBetreff: Neues",
        "On Mon, 4 Mar 2024 at 10:00, Bob <b@x.org> wrote:",
    ],
)
def test_mail_of_somebody_else_is_theirs(head: str) -> None:
    text = f"I work at Acme.\n\n{head}\n\nMy name is Bob Green. I live in Rome.\n\nI own a kayak."
    assert _noted(text) == {"ada works_at Acme"}
    assert _said(text) == {"Wim works_at Acme"}


def test_mail_of_the_writer_what_stands_below_quoted_lines_and_the_next_part_are_the_writers() -> (
    None
):
    own = "From: Ada <ada@x.org>\nTo: Bob\nSubject: news\n\nI live in Rome."
    assert _noted(own) == {"ada lives_in Rome"}
    inline = "On Mon, 4 Mar 2024 at 10:00, Bob wrote:\n> Where do you live?\n\nI live in Rome."
    assert _said(inline) == {"Wim lives_in Rome"}
    pasted = "# Mail\n\nFrom: Bob\nSubject: news\n\nI live in Lyon.\n\n# Today\n\nI live in Rome."
    assert _noted(pasted) == {"ada lives_in Rome"}


def test_a_comment_may_span_paragraphs_and_what_is_never_closed_is_none() -> None:
    assert _noted("I live in Rome.\n\n<!-- old\n\nI own a kayak.\n\n-->\n\nI work at Acme.") == {
        "ada lives_in Rome",
        "ada works_at Acme",
    }
    assert _said("a <!-- b\n%%\nI work at Acme.") == {"Wim works_at Acme"}


def test_what_only_looks_like_mail_is_read() -> None:
    assert _noted("From: Utrecht\nTo: Lyon\nDate: 5 May\n\nI live in Rome.") == {
        "ada lives_in Rome"
    }


@pytest.mark.parametrize(
    "chat",
    [
        "Tom: I live in Rome.\nSarah Hall: Well, I own a kayak.",
        "[10:00] Tom: I live in Rome.\n[10:01] Wimke: We live in Lyon.",
        "12/03/24, 09:16 - Svenja: I live in Rome",
        "- **Tom:** I've moved to Rome",
    ],
)
def test_a_chat_that_was_pasted_is_of_who_speaks_in_it(chat: str) -> None:
    assert _noted(f"{chat}\nI work at Acme.") == {"ada works_at Acme"}
    assert _said(f"{chat}\nI work at Acme.") == {"Wim works_at Acme"}


def test_what_only_looks_like_a_chat_is_the_writers() -> None:
    assert "Wim works_at Acme" in _said("Wim: I work at Acme.")
    assert "ada lives_in Rome" in _noted("Update: I moved to Rome.")


def test_a_task_in_a_message_has_not_happened() -> None:
    assert _said("- [ ] Moved to Rome\n- [x] Moved to Lyon") == {"Wim lives_in Lyon"}


def test_a_task_names_whom_it_names() -> None:
    note = "- [x] Call [[Lotte Peeters]] about the flat\n- [ ] Email Nils Berg"
    found = extract(replace(episode((None, note)), kind="text"), ())
    assert {entity.name for entity in found.entities} == {"Lotte Peeters", "Nils Berg"}


@pytest.mark.parametrize(
    "part", ["<!--", "%%", "~~", "> ", "From: a\n", "On a Monday it wrote:\n", "-- "]
)
def test_marks_without_end_are_read_in_time(part: str) -> None:
    began = process_time()
    extract(replace(episode((None, part * (60_000 // len(part)))), kind="text"), ())
    assert process_time() - began < 20
