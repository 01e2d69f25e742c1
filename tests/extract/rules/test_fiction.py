"""What is told inside a series, a play, a game or a dream is not so in the world; and what only
looks like that is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graphmem.extract.rules.extractor import extract
from tests.extract.rules.helpers import ask, episode


@pytest.mark.parametrize(
    "text",
    [
        "in Billions they're all crooks. Wendy works at Axe Capital and lives in Connecticut",
        "Billions is back on tonight. Wendy works at Axe Capital",
        "In Poldark, Demelza lives in Cornwall.",
        "On EastEnders Kat works at the Vic and is married to Alfie.",
        "I married Abigail in Stardew Valley.",
        "In Animal Crossing I live in Pinewood.",
        "Dream last night: I lived in Rome and worked for the pope.",
        "Went to the opera. Mimi lives in Paris and loves Rodolfo.",
        "Zoe is playing Cordelia. Cordelia lives in France.",
        "At the village panto, Buttons works for Cinderella.",
        "The kids do a nativity: Mary is married to Joseph.",
        "Halloween display: Mrs Lovett lives in Fleet Street",
        "For Halloween I'm Doctor Who and I live in a box in London.",
        "Act two: Viola lives in Illyria.",
        "My novel is about Greta, who works at Acme.",
        "I'm writing a story. Greta lives in Oslo.",
        "Prospero lives in Milan with his daughter Miranda.",
        "Ophelia is Polonius's daughter.",
        "Greta works at Acme, best film ever.",
        "I have a degree from the School of Hard Knocks.",
    ],
)
def test_fiction_is_not_believed(text: str) -> None:
    lives = {"lives_in", "works_at", "married_to", "parent_of", "likes", "graduated_from"}
    assert [f.text for f in ask(text).facts if f.type in lives] == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("My cat is called Gandalf.", "Ada has_pet Gandalf"),
        ("The Prospero project uses Postgres.", "Prospero uses Postgres"),
        ("The game is about to start. Anna lives in Leeds.", "Anna lives_in Leeds"),
        ("Anna works at the theatre. Tom works at Acme.", "Tom works_at Acme"),
        ("In March Anna moved to Leeds.", "Anna lives_in Leeds"),
        ("In Industry the bosses are mad. I work at Acme.", "Ada works_at Acme"),
    ],
)
def test_what_only_looks_like_fiction_is_believed(text: str, wanted: str) -> None:
    assert wanted in {f"{f.subject} {f.type} {f.object}" for f in ask(text).facts}


@pytest.mark.parametrize(
    ("heading", "believed"),
    [
        ("School play cast", False), ("Costumes", False), ("Novel ideas", False),
        ("D&D session 3", False), ("Characters", False), ("Campaign notes", True),
        ("Plot 7", True), ("Book club", True),
    ],
)  # fmt: skip
def test_a_heading_of_fiction(heading: str, believed: bool) -> None:
    note = replace(
        episode((None, f"# {heading}\n- Lena Holt - nurse, lives in Leeds")), kind="text"
    )
    assert bool(extract(note, ()).facts) is believed
