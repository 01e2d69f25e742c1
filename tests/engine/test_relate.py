"""Relations given as they are: one, many, and taken back; an episode like any other."""

from __future__ import annotations

from typing import Any

import pytest

from graphmem import Memory
from graphmem.clock import ManualClock
from graphmem.errors import NotFound, UsageError
from graphmem.ingest.given_relations import sentence
from graphmem.testing.replay import replay_differences
from tests.engine.helpers import OnLoop


def _holding(memory: Memory, **options: Any) -> set[tuple[str, str, str]]:
    return {(r.subject, r.type, r.object) for r in memory.relations(**options)}


def test_a_relation_is_an_episode_like_any_other(memory: Memory) -> None:
    receipt = memory.relate(
        "Ada Lovelace", "works_at", "Acme", valid_at="2024-01-01", tags=["hr"],
        metadata={"row": 1}, importance=0.9, occurred_at="2024-02-01",
    )  # fmt: skip
    assert (receipt.status, receipt.model_calls) == ("done", 0)
    (fact,) = memory.get_all().items
    assert fact.text == "Ada Lovelace works at Acme."
    assert (fact.tags, fact.metadata, fact.importance) == (("hr",), {"row": 1}, 0.9)
    assert str(fact.valid_at)[:10] == "2024-01-01"
    assert str(fact.stated_at)[:10] == "2024-02-01"
    assert [source.episode_id for source in fact.sources] == [receipt.episode_id]
    episode = memory.episode(receipt.episode_id)
    assert (episode.kind, [turn.text for turn in episode.turns]) == ("statements", [fact.text])
    assert memory.entity("Acme").kind == "organization"
    assert [hit.kind for hit in memory.search("Where does Ada work?", kinds=["fact"])] == ["fact"]
    assert [change.action for change in memory.history(fact.id)] == ["ADD"]


def test_the_same_again_changes_nothing(memory: Memory) -> None:
    first = memory.relate("Ada", "likes", "tea")
    again = memory.relate("Ada", "likes", "tea")
    assert (again.status, again.episode_id) == ("duplicate", first.episode_id)
    keyed = memory.relate("Ada", "likes", "tea", idempotency_key="k")
    assert memory.relate("Eve", "likes", "rum", idempotency_key="k").episode_id == keyed.episode_id
    assert len(memory.get_all().items) == 1


def test_a_newer_one_closes_the_older(memory: Memory) -> None:
    memory.relate("Ada", "lives in", "Paris", valid_at="2020-01-01")
    memory.relate("Ada", "livesIn", "Rome", valid_at="2022-01-01")
    assert _holding(memory) == {("Ada", "lives_in", "Rome")}
    (old,) = [f for f in memory.get_all(current=False).items if "Paris" in f.text]
    assert str(old.invalid_at)[:10] == "2022-01-01"


def test_words_and_rows_are_one_belief(memory: Memory) -> None:
    """What is told in words and what is given as a relation corroborate each other."""
    memory.add("Bob Stone works at Acme.", occurred_at="2024-01-01")
    memory.relate("Bob Stone", "works_at", "Acme", occurred_at="2024-02-01")
    (fact,) = [f for f in memory.get_all().items if f.type == "works_at"]
    assert len({source.episode_id for source in fact.sources}) == 2


def test_withdrawn_as_ended_or_as_never_so(memory: Memory) -> None:
    memory.relate("Ada", "works_at", "Acme", valid_at="2020-01-01")
    memory.unrelate("Ada", "works_at", "Acme", invalid_at="2021-06-01")
    assert _holding(memory) == set()
    assert _holding(memory, current=False) == {("Ada", "works_at", "Acme")}
    memory.unrelate("Ada", "works_at", "Acme")
    assert _holding(memory, current=False) == set()


def test_what_a_withdrawn_one_had_closed_is_open_again(memory: Memory) -> None:
    memory.relate("Ada", "lives_in", "Paris", valid_at="2020-01-01")
    memory.relate("Ada", "lives_in", "Rome", valid_at="2022-01-01")
    memory.unrelate("Ada", "lives_in", "Rome")
    assert _holding(memory) == {("Ada", "lives_in", "Paris")}


def test_all_of_a_type_at_once(memory: Memory) -> None:
    memory.relate("Ada", "likes", "tea")
    memory.relate("Ada", "likes", "rum")
    memory.unrelate("Ada", "likes")
    assert _holding(memory, current=False) == set()


def test_stated_again_after_it_was_withdrawn(memory: Memory) -> None:
    """Within the time in which a repeated text is no news: here it is."""
    memory.relate("Ada", "likes", "tea")
    memory.unrelate("Ada", "likes", "tea")
    assert memory.relate("Ada", "likes", "tea").status == "done"
    assert _holding(memory) == {("Ada", "likes", "tea")}
    assert memory.unrelate("Ada", "likes", "tea").status == "done"
    assert _holding(memory) == set()
    assert memory.unrelate("Ada", "likes", "tea").status == "duplicate"


@pytest.mark.parametrize(
    ("ends", "stated"),
    [
        (("Ada", "works_at", "Acm"), "no entity 'Acm' .*did you mean Acme?"),
        (("Adda", "works_at"), "no entity 'Adda' .*did you mean Ada?"),
        (
            ("Ada", "works_at", "Qqq"),
            "no entity 'Qqq' in this scope; entities.. lists those it has$",
        ),
    ],
)
def test_nothing_is_withdrawn_of_whom_nobody_knows(
    memory: Memory, ends: tuple[str, ...], stated: str
) -> None:
    memory.relate("Ada", "works_at", "Acme")
    with pytest.raises(NotFound, match=stated):
        memory.unrelate(*ends)
    assert [entity.name for entity in memory.entities()] == ["Acme", "Ada"]
    assert (memory.stats().turns, len(_holding(memory))) == (1, 1)
    # An end may be read before the beginning, when it says when it was told.
    memory.unrelate("Bob", "works_at", "Bolt", invalid_at="2023-01-01", occurred_at="2023-01-01")
    memory.relate("Bob", "works_at", "Bolt", valid_at="2022-01-01", occurred_at="2022-01-01")
    (job,) = memory.relations("Bob", current=False)
    assert str(job.invalid_at)[:10] == "2023-01-01"


@pytest.mark.parametrize("modality", ["planned", "hearsay", "hypothetical", "negated"])
def test_what_is_not_stated_is_no_relation(memory: Memory, modality: Any) -> None:
    memory.relate("Ada", "lives_in", "Oslo", modality=modality, valid_at="2030-01-01")
    assert memory.relations(current=False) == []
    assert memory.neighbours("Ada").relations == ()
    assert memory.paths("Ada", "Oslo", current=False) == []
    assert len(memory.to_networkx().edges) == 0
    (fact,) = memory.get_all(current=False).items
    assert fact.modality == modality
    assert fact.text.startswith("It ")
    (hit,) = memory.search("Oslo", kinds=["fact"], current=False)
    assert hit.fact is not None
    assert hit.fact.modality == modality
    assert {moment.what for moment in memory.timeline()} == {modality}


def test_many_rows_of_every_shape(memory: Memory) -> None:
    seen: list[int] = []
    rows: list[Any] = [
        ("Ada", "works_at", "Acme"),
        ["Bob", "works_at", "Acme", "2020-01-01", "2021-01-01"],
        {"subject": "Cleo", "type": "lives_in", "object": "Rome", "valid_at": "2020-01-01"},
        {"subject": "Dan", "type": "likes", "object": "tea", "tags": "a, b", "importance": "0.7"},
        {"subject": "Eve", "type": "born_in", "object": 1984, "fact": None, "valid_at": ""},
        {"subject": "Fay", "type": "likes", "object": "rum", "importance": float("nan")},
    ]
    assert memory.relate_many(rows, progress=seen.append, occurred_at="2024-01-01") == 6
    assert seen == [6]
    assert memory.relate_many(rows, occurred_at="2024-01-01") == 0
    assert len(_holding(memory, current=False)) == 6
    facts = {fact.text: fact for fact in memory.get_all(current=False).items}
    assert facts["Dan likes tea."].tags == ("a", "b")
    assert facts["Dan likes tea."].importance == 0.7
    assert facts["Eve was born in 1984."].valid_at is None


def test_rows_of_a_table(plain: Memory) -> None:
    class Table:
        """As pandas has it."""

        columns = ("subject", "type", "object")

        def to_dict(self, orient: str) -> list[dict[str, Any]]:
            assert orient == "records"
            return [{"subject": "Ada", "type": "likes", "object": "tea"}]

    class Arrow:
        def to_pylist(self) -> list[dict[str, Any]]:
            return [{"subject": "Bob", "type": "likes", "object": "tea"}]

    assert plain.relate_many(Table()) == 1  # type: ignore[arg-type]
    assert plain.relate_many(Arrow()) == 1  # type: ignore[arg-type]
    assert _holding(plain) == {("Ada", "likes", "tea"), ("Bob", "likes", "tea")}


@pytest.mark.parametrize(
    ("rows", "noted"),
    [
        ([("Ada", "likes")], r"row 1: .*2 values"),
        ([("Ada", "likes", "tea"), {"subject": "Ada", "type": "likes"}], r"row 2: .*no object"),
        (
            [{"subject": "A", "type": "b", "object": "c", "wrong": 1}],
            "row 1: unknown option of a row: wrong",
        ),
        ([("Ada", "likes", "tea", "soon")], r"row 1: valid_at: 'soon'"),
        ([("Ada", "!!", "tea")], r"row 1: type '!!'"),
        (["Ada likes tea"], r"row 1: a row is a mapping"),
        ("Ada likes tea", r"for one relation, use relate"),
        ({"subject": "Ada"}, r"for one relation, use relate"),
    ],
)
def test_a_bad_row_is_named_and_its_chunk_not_stored(plain: Memory, rows: Any, noted: str) -> None:
    with pytest.raises(UsageError, match=noted):
        plain.relate_many(rows)
    assert plain.stats().episodes == 0


@pytest.mark.parametrize(
    ("arguments", "options", "noted"),
    [
        (("", "likes", "tea"), {}, "subject is empty"),
        (("Ada", "likes", None), {}, "object must be text"),
        (("Ada", "", "tea"), {}, "type is empty"),
        (("Ada", "likes", "x" * 201), {}, "at most 200"),
        (("Ada", "likes", "tea\0"), {}, "NUL"),
        (("Ada", "likes", "tea"), {"modality": "perhaps"}, "modality 'perhaps' is unknown"),
        (("Ada", "likes", "tea"), {"valid_at": "2024-13"}, "valid_at: '2024-13'"),
        (
            ("Ada", "likes", "tea"),
            {"valid_at": "2024", "invalid_at": "2023-11"},
            "before valid_at",
        ),
        (("Ada", "likes", "tea"), {"importance": 2}, "importance"),
        (("Ada", "likes", "tea"), {"tags": "x"}, "tags must be a list"),
        (("Ada", "likes", "tea"), {"metadata": {1: 2}}, "metadata keys"),
        (("Ada", "likes", "tea"), {"wrong": 1}, "unknown argument wrong"),
        (("Ada", "likes", "tea"), {"fact": " "}, "fact is empty"),
    ],
)
def test_bad_input_is_refused_with_nothing_stored(
    memory: Memory, arguments: Any, options: dict[str, Any], noted: str
) -> None:
    with pytest.raises(UsageError, match=noted):
        memory.relate(*arguments, **options)
    with pytest.raises(UsageError):
        memory.unrelate("Ada", "likes", "tea", invalid_at="never")
    assert memory.stats().episodes == 0
    assert memory.get_all(current=False).items == ()


def test_kinds_keep_homonyms_apart(memory: Memory) -> None:
    memory.relate("Ada", "lives_in", "Paris", object_kind="place")
    memory.relate("Ada", "friend_of", "Paris", object_kind="person")
    kinds = sorted(e.kind for e in memory.entities("Paris"))
    assert kinds == ["person", "place"]


def test_undo_and_tenants(memory: Memory) -> None:
    receipt = memory.relate("Ada", "lives_in", "Paris", valid_at="2020-01-01")
    later = memory.relate("Ada", "lives_in", "Rome", valid_at="2022-01-01")
    assert memory.relations(user_id="eve") == []
    memory.undo(later.episode_id)
    assert _holding(memory) == {("Ada", "lives_in", "Paris")}
    memory.undo(receipt.episode_id)
    assert _holding(memory, current=False) == set()


def test_the_ledger_replays_to_the_same(tmp_path: Any) -> None:
    driven = OnLoop.open(tmp_path / "store", user_id="ada", clock=ManualClock())
    memory = driven.as_memory
    memory.relate_many([("Ada", "lives_in", "Paris", "2020-01-01"), ("Bob", "knows", "Ada")])
    memory.relate("Ada", "lives_in", "Rome", valid_at="2021-01-01")
    memory.unrelate("Bob", "knows")
    assert memory.verify().ok
    assert driven._runner.run(replay_differences(driven._memory)) == []
    driven.close()


@pytest.mark.parametrize(
    ("type", "stated"),
    [
        ("works_at", "Ada works at Bo."),
        ("friend_of", "Ada is a friend of Bo."),
        ("uncle_of", "Ada is an uncle of Bo."),
        ("part_of", "Ada is part of Bo."),
        ("capital_of", "Ada is the capital of Bo."),
        ("married_to", "Ada is married to Bo."),
        ("born_in", "Ada was born in Bo."),
        ("founded_by", "Ada was founded by Bo."),
        ("dating", "Ada is dating Bo."),
        ("visited", "Ada visited Bo."),
    ],
)
def test_a_sentence_that_reads_well(type: str, stated: str) -> None:
    assert sentence("Ada", type, "Bo") == stated


def test_sentences_say_how_they_are_meant() -> None:
    assert sentence("Ada", "works_at", "Bo", "planned") == "It is planned that Ada works at Bo."
    assert sentence("Ada", "works_at", "B.", "hearsay") == "It is said that Ada works at B."
    ended = sentence("Ada", "works_at", "Bo", retracts=True, ended=True)
    assert ended == "It is no longer so that Ada works at Bo."
    never = sentence("Ada", "likes", None, retracts=True)
    assert never == "It was never so that Ada likes any of those named before."
