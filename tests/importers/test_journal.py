"""Notes that say on which day each part was told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from graphmem.importers import FileReader, detect

AT = datetime(2020, 1, 1, tzinfo=UTC)


def parts(path: Path, text: str, at: datetime | None = None) -> list[tuple[str | None, str]]:
    path.write_bytes(text.encode())
    found = []
    for item in FileReader(path, at=at):
        when = item.get("occurred_at")
        found.append((f"{when:%Y-%m-%d}" if when else None, item["content"].strip()))
    return found


def test_lines_that_begin_with_a_date(tmp_path: Path) -> None:
    text = (
        "My diary.\r\n\r\n2024-10-01: I started at Acme.\r\nIt is good.\r\n"
        "2024-10-03 - I moved to Oslo.\r\n\r\nI like it.\r\n\r\n- 2024-10-05: I slept.\r\n"
    )
    assert parts(tmp_path / "d.txt", text, AT) == [
        ("2020-01-01", "My diary."),
        ("2024-10-01", "I started at Acme.\nIt is good."),
        ("2024-10-03", "I moved to Oslo.\n\nI like it."),
        ("2024-10-05", "I slept."),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "2024-06-04: I ran.",
        "2024-06-04 – I ran.",
        "2024-06-04 10:30: I ran.",
        "**2024-06-04:** I ran.",
        "**2024-06-04**: I ran.",
        "[2024-06-04]: I ran.",
        "4 June 2024: I ran.",
        "2024/06/04: I ran.",
        "4.6.2024: I ran.",
        "04.06.2024\nI ran.",
        "June 4th, 2024 - I ran.",
        "Tue, 4 Jun 2024: I ran.",
        "\ufeff2024-06-04\nI ran.",
        "Tuesday, June 4, 2024:\n\nI ran.",
    ],
)
def test_every_way_a_line_is_dated(tmp_path: Path, line: str) -> None:
    assert parts(tmp_path / "d.txt", line) == [("2024-06-04", "I ran.")]


@pytest.mark.parametrize(
    "heading",
    ["## 2024-06-04", "# 2024-06-04 Team meeting", "### 4 June 2024", "## June 4, 2024: Trip",
     "## [2024-06-04]", "## Tuesday, 4 June 2024", "## 2024/06/04", "## 04.06.2024 Trip"],
)  # fmt: skip
def test_headings_that_begin_with_a_date(tmp_path: Path, heading: str) -> None:
    assert parts(tmp_path / "d.md", f"{heading}\n\nI ran.\n") == [
        ("2024-06-04", f"{heading}\n\nI ran.")
    ]


@pytest.mark.parametrize(
    "heading",
    ["# Kick-off, 4 June 2024", "## Standup - 2024-06-04", "# Kick-off (June 4, 2024)",
     "# Standup 2024-06-04", "## Board | 4.6.2024", "# Trip – Tuesday, 4 June 2024"],
)  # fmt: skip
def test_headings_that_end_with_a_date(tmp_path: Path, heading: str) -> None:
    assert parts(tmp_path / "d.md", f"{heading}\n\nI ran.\n") == [
        ("2024-06-04", f"{heading}\n\nI ran.")
    ]


@pytest.mark.parametrize(
    "heading",
    ["# Plan for 4 June 2024", "# Deadline: 4 June 2024", "# Since 4 June 2024",
     "# Room 2024-06-045", "# 3, 4 June 2024-ish"],
)  # fmt: skip
def test_a_date_that_a_heading_is_about_is_not_when_it_was_written(
    tmp_path: Path, heading: str
) -> None:
    (tmp_path / "d.md").write_text(f"{heading}\n\nI ran.\n")
    assert detect(tmp_path / "d.md") == "markdown"


def test_a_heading_counts_until_the_next_of_its_rank(tmp_path: Path) -> None:
    text = (
        "---\ndate: 2020-01-01\ntitle: Diary\n---\n# Diary\n\n## 2024-06-04\n\nOne.\n\n### Work\n\n"
        "Two.\n\n## 2024-06-05\n\nThree.\n\n2024-06-06: Four.\n\n### Home\n\nFive.\n\n"
        "## Ideas\n\nSix."
    )
    assert parts(tmp_path / "d.md", text) == [
        ("2024-06-04", "# Diary\n\n## 2024-06-04\n\nOne.\n\n### Work\n\nTwo."),
        ("2024-06-05", "## 2024-06-05\n\nThree."),
        ("2024-06-06", "Four."),
        ("2024-06-05", "### Home\n\nFive."),
        ("2020-01-01", "## Ideas\n\nSix."),
    ]
    item = next(iter(FileReader(tmp_path / "d.md")))
    assert item["metadata"]["title"] == "Diary"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I was born on 2024-10-01: a Tuesday.",
        "I have lived in Oslo since\n2024-10-01 - it was a Tuesday.",
        "2024-10-01 was a Tuesday.",
        "2024-10-01 - 2024-10-05: a week in Rome.",
        "2024-13-45: no date.",
        "## Since 2024-06-04\n\nI ran.",
        "## [1.0] - 2024-06-04",
        "```\n2024-06-04: started\n```\n",
        "2024-06-04x: no. " * 100_000,
    ],
)
def test_a_date_elsewhere_changes_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "n.md").write_text(text)
    assert detect(tmp_path / "n.md") == "markdown"
