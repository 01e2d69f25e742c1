"""Documents: what the newest version says counts, and nothing else does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory
from graphmem.clock import ManualClock
from graphmem.errors import NotFound, UsageError

NOTE = "/notes/lars.md"
WHEN = "2025-01-03"


def relations(memory: Memory) -> list[tuple[str, str, str]]:
    return sorted((str(r.subject), r.type, str(r.object)) for r in memory.relations(current=False))


def test_a_newer_version_takes_the_place_of_the_older(memory: Memory) -> None:
    first = memory.add_document(NOTE, "Lars Holm works at Acme.", occurred_at=WHEN)
    assert (first.new, first.kept, first.undone) == (1, 0, 0)
    second = memory.add_document(NOTE, "Lars Holm works at Fjord Labs.", occurred_at=WHEN)
    assert (second.new, second.kept, second.undone) == (1, 0, 1)
    assert relations(memory) == [("Lars Holm", "works_at", "Fjord Labs")]
    assert not [hit for hit in memory.search("Acme", current=False) if "Acme" in hit.text]
    assert memory.stats().episodes == 1
    assert [len(one.episode_ids) for one in memory.documents()] == [1]
    assert memory.verify().ok


def test_the_same_again_changes_nothing(memory: Memory) -> None:
    for expected in ((2, 0, 0), (0, 2, 0)):
        done = memory.add_document(NOTE, ["I live in Paris.", "I work at Acme."])
        assert (done.new, done.kept, done.undone) == expected
    assert memory.stats().episodes == 2


def test_only_the_parts_that_changed_are_replaced(memory: Memory) -> None:
    memory.add_document(NOTE, ["I live in Paris.", "I work at Acme."], occurred_at=WHEN)
    (before,) = memory.documents()
    done = memory.add_document(
        NOTE, ["I live in Paris.", "I work at Quill.", "Zoe is my sister."], occurred_at=WHEN
    )
    assert (done.new, done.kept, done.undone) == (2, 1, 1)
    (after,) = memory.documents()
    assert before.episode_ids[0] == after.episode_ids[0]
    assert len(after.episode_ids) == 3


def test_what_is_written_back_is_taken_up_again(memory: Memory) -> None:
    texts = ("I live in Paris.", "I live in Rome.", "I live in Paris.")
    for text in texts:
        memory.add_document(NOTE, text, occurred_at=WHEN)
    assert [object for _, _, object in relations(memory)] == ["Paris"]
    assert memory.stats().episodes == 1
    assert memory.verify().ok


def test_the_same_words_in_two_documents_are_each_their_own(memory: Memory) -> None:
    for name in ("/a.md", "/b.md"):
        assert memory.add_document(name, "I live in Paris.", occurred_at=WHEN).new == 1
    memory.remove_document("/a.md")
    assert relations(memory) == [("ada", "lives_in", "Paris")]
    memory.remove_document("/b.md")
    assert relations(memory) == []
    with pytest.raises(NotFound, match=r"/b\.md"):
        memory.remove_document("/b.md")


def test_tags_and_dates_belong_to_what_it_says(memory: Memory) -> None:
    memory.add_document(NOTE, "I live in Paris.", occurred_at=WHEN)
    assert memory.add_document(NOTE, "I live in Paris.", occurred_at=WHEN, tags=["home"]).new == 1
    assert memory.add_document(NOTE, "I live in Paris.", occurred_at="2024-01-01").undone == 1
    (hit,) = [hit for hit in memory.search("Where do I live?") if hit.kind == "fact"]
    assert str(hit.occurred_at)[:4] == "2024"


def test_documents_are_listed_by_where_they_are(memory: Memory) -> None:
    for name in ("/notes/b.md", "/notes/a.md", "/other/c.md"):
        memory.add_document(name, f"This is about {name}.")
    assert [one.id for one in memory.documents(under="/notes/")] == ["/notes/a.md", "/notes/b.md"]
    assert len(memory.documents()) == 3
    assert memory.documents(document="/notes/b.md") == memory.documents(under="/notes/b.md")
    assert memory.documents(document="/notes/") == []
    assert memory.documents(run_id="another") == []


@pytest.mark.parametrize(
    ("document", "contents", "options", "message"),
    [
        ("", "text", {}, "document must be text"),
        ("a\x1bb", "text", {}, "control character"),
        (NOTE, [], {}, "remove_document"),
        (NOTE, ["fine", ""], {}, "part 1 of /notes/lars.md: .*empty"),
        (NOTE, {"content": "x"}, {}, "the parts of /notes/lars.md, got dict"),
        (NOTE, "text", {"idempotency_key": "k"}, "leave out idempotency_key"),
        (NOTE, [{"content": "x", "run_id": "r"}, "y"], {}, "several scopes"),
        (NOTE, "text", {"tagz": []}, "unknown option tagz"),
    ],
)
def test_bad_input_changes_nothing(
    memory: Memory,
    document: str,
    contents: str | Sequence[Any],
    options: dict[str, Any],
    message: str,
) -> None:
    memory.add_document(NOTE, "I live in Paris.", occurred_at=WHEN)
    with pytest.raises(UsageError, match=message):
        memory.add_document(document, contents, **options)
    assert relations(memory) == [("ada", "lives_in", "Paris")]
    assert len(memory.documents()) == 1


def test_nobody_sees_the_documents_of_others(memory: Memory) -> None:
    memory.add_document(NOTE, "I live in Paris.", user_id="bob")
    memory.add_document(NOTE, "I live in Rome.", user_id="cyd")
    memory.remove_document(NOTE, user_id="cyd")
    assert len(memory.documents(user_id="bob")) == 1
    assert memory.documents(user_id="cyd") == []
    assert memory.documents() == []
    assert [r.object for r in memory.relations(user_id="bob")] == ["Paris"]


def test_a_heading_is_no_hit_by_itself(memory: Memory) -> None:
    memory.add("# The Brackwater budget\n\nIngrid owns it.\n\n## Brackwater dates\n\nNone yet.")
    texts = [hit.text for hit in memory.search("Brackwater budget", limit=20)]
    assert "Ingrid owns it." in texts
    assert not [text for text in texts if text.startswith("#")]


def test_progress_and_many_parts(memory: Memory) -> None:
    told: list[int] = []
    parts = [f"Remark number {n}." for n in range(130)]
    done = memory.add_document(NOTE, parts, infer=False, progress=told.append)
    assert (done.new, told) == (130, [64, 128, 130])
    assert memory.add_document(NOTE, parts[:-1], infer=False).undone == 1
    assert memory.stats().episodes == 129


def test_what_stood_there_before_is_not_said_anew(tmp_path: Path) -> None:
    clock = ManualClock("2024-01-10")
    with Memory(tmp_path / "store", user_id="ada", clock=clock) as memory:
        memory.add_document(NOTE, "I moved to Oslo last month.\n\nI bought a kayak yesterday.")
        clock.advance(days=30)
        memory.add("I moved to Bergen.")
        clock.advance(days=120)
        edited = "I moved to Oslo last month.\n\nI bought a canoe yesterday.\n\nMilk is out."
        for _ in range(2):
            memory.add_document(NOTE, edited)
            clock.advance(days=10)
        found = {str(r.object): f"{r.valid_at:%Y-%m-%d}" for r in memory.relations(current=False)}
        assert found == {"Oslo": "2023-12-01", "Bergen": "2024-02-09"}
        assert "canoe on 2024-06-07" in "".join(fact.text for fact in memory.get_all().items)
        (home,) = memory.relations(type="lives_in")
        assert home.object == "Bergen"
        memory.add_document(NOTE, edited, occurred_at="2024-03-10")
        (moved,) = (r for r in memory.relations(current=False) if r.object == "Oslo")
        assert f"{moved.valid_at:%Y-%m-%d}" == "2024-02-01"
        assert memory.verify().ok
