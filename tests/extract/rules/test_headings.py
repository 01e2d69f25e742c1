"""What a document says that it is about."""

from __future__ import annotations

import pytest

from graphmem import Memory, Settings
from graphmem.text import heading

PROSE = "It is told of in many books, and everybody who reads them knows it."


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("Green tea", "Green tea"),
        ("# Green tea", "Green tea"),
        ("Mercury (planet)", "Mercury"),
        ('"Dear Sister"', "Dear Sister"),
        ("1984 in music", "1984 in music"),
        ("Mars 2020", "Mars 2020"),
        ("May 1968 events", "May 1968 events"),
        ("2024-06-04 Team meeting", "2024-06-04 Team meeting"),
        ("## 2026-05-11", None),
        ("Monday, 4 June 2024", None),
        ("June 4th, 2024", None),
        ("11.5.2026 10:30", None),
        ("It was late.", None),
        ("Dear Ada,", None),
        ("green tea", None),
        ("One two three four five six seven eight nine ten eleven", None),
        ("A" * 120, None),
        ("(only brackets)", None),
    ],
)
def test_a_first_line_that_is_a_title(line: str, title: str | None) -> None:
    assert heading(f"{line}\n{PROSE}") == title


def test_a_title_stands_above_prose() -> None:
    assert heading("Green tea") is None
    assert heading("Shopping\nmilk\neggs") is None
    assert heading(PROSE) is None
    assert heading("") is None


def test_the_rules_take_it_for_what_the_text_names() -> None:
    with Memory("memory://", user_id="ada", settings=Settings.load({})) as memory:
        memory.add(f"Green tea\nGreen tea is a drink. {PROSE}")
        memory.add(f"My plans\n{PROSE}")
        memory.add(f"Hello there\n{PROSE}")
        assert {entity.name for entity in memory.entities()} == {"Green tea", "ada"}
