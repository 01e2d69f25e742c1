"""Summaries: each sentence cites facts that say it; folded into a fact, and taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.clock import ManualClock
from graphmem.errors import NotFound, UsageError
from graphmem.model import Summary
from graphmem.testing.llm_server import LocalModelServer, Says
from tests.engine.model_script import settings
from tests.engine.remainders import remainders

LIFE = (
    ("2024-01-05", "Anna Schmidt works at Acme."),
    ("2024-02-06", "Anna Schmidt lives in Oslo."),
    ("2024-03-07", "Anna Schmidt likes tea."),
    ("2024-04-08", "Anna Schmidt plays chess."),
    ("2024-05-09", "Anna Schmidt knows Bob Stone."),
    ("2024-06-10", "Bob Stone lives in Rome."),
)


def _live(memory: Memory, **scope: Any) -> None:
    for day, text in LIFE:
        memory.add(text, occurred_at=day, **scope)


@pytest.fixture
def memory() -> Iterator[Memory]:
    with Memory("memory://", user_id="ada", clock=ManualClock("2025-01-01")) as opened:
        _live(opened, run_id="monday")
        yield opened


def _check(memory: Memory, found: Summary) -> None:
    for one in found.sentences:
        cited = [memory.get(id).text for id in one.fact_ids]
        assert cited == [one.text], "without a model each sentence is that of its fact"


class TestWithoutAModel:
    def test_each_sentence_cites_a_fact_that_says_it(self, memory: Memory) -> None:
        found = memory.summary("Anna Schmidt")
        assert (found.about, found.by, found.reason) == ("Anna Schmidt", "facts", None)
        assert [one.text for one in found.sentences] == [text[:-1] for _, text in LIFE[:5]]
        assert [str(one.at)[:10] for one in found.sentences] == [day for day, _ in LIFE[:5]]
        _check(memory, found)
        assert str(found).splitlines()[0] == "[1] 2024-01-05 Anna Schmidt works at Acme"

    def test_what_matters_comes_first(self, memory: Memory) -> None:
        tea = next(f for f in memory.get_all().items if "tea" in f.text)
        memory.update(tea.id, importance=1.0)
        (one,) = memory.summary("Anna Schmidt", max_sentences=1).sentences
        assert one.fact_ids == (tea.id,)
        memory.archive(tea.id)
        assert tea.id not in {id for s in memory.summary("Anna Schmidt").sentences
                              for id in s.fact_ids}  # fmt: skip

    def test_what_has_ended_is_not_in_it(self, memory: Memory) -> None:
        memory.add("Anna Schmidt moved to Lisbon.", occurred_at="2024-12-01")
        texts = [one.text for one in memory.summary("Anna Schmidt").sentences]
        assert not [text for text in texts if "Oslo" in text]
        assert [text for text in texts if "Lisbon" in text]

    def test_a_conversation(self, memory: Memory) -> None:
        memory.add("Carla plays golf.", run_id="tuesday")
        found = memory.summary(run_id="monday")
        assert len(found.sentences) == len(LIFE)
        _check(memory, found)
        assert [one.text for one in memory.summary(run_id="tuesday").sentences] == [
            "Carla plays golf"
        ]

    def test_what_cannot_be_summed_up(self, memory: Memory) -> None:
        with pytest.raises(UsageError, match="summary of what"):
            memory.summary()
        with pytest.raises(NotFound):
            memory.summary("Nobody")
        with pytest.raises(NotFound):
            memory.summary("Anna Schmidt", user_id="eve")
        assert memory.summary(run_id="monday", user_id="eve").sentences == ()


class TestConsolidated:
    def test_it_cites_hides_nothing_and_is_undone(self, memory: Memory) -> None:
        before = memory.get_all().items
        receipt = memory.consolidate("Anna Schmidt", actor="night")
        (id,) = receipt.fact_ids
        fact = memory.get(id)
        assert set(fact.metadata["consolidates"]) <= {one.id for one in before}
        assert "Acme" in fact.text
        assert "chess" in fact.text
        assert memory.history(id)[0].actor == "night"
        after = memory.get_all().items
        assert [one for one in after if one.id != id] == list(before)
        assert len(memory.relations("Anna Schmidt")) >= 3
        assert id not in {i for s in memory.summary("Anna Schmidt").sentences for i in s.fact_ids}
        assert memory.consolidate("Anna Schmidt").status == "duplicate"
        memory.undo(receipt.episode_id)
        assert list(memory.get_all().items) == list(before)
        assert memory.verify().ok

    def test_it_goes_with_the_first_fact_that_is_deleted(self, memory: Memory) -> None:
        folded = memory.consolidate("Anna Schmidt")
        tea = next(f for f in memory.get_all().items if f.text == "Anna Schmidt likes tea")
        bob = memory.consolidate("Bob Stone", min_facts=1)
        memory.delete(tea.id)
        assert not [hit.text for hit in memory.search("tea", limit=50) if "tea" in hit.text]
        assert memory.episode(folded.episode_id).status == "undone"
        assert memory.get(bob.fact_ids[0]), "another stays"
        again = memory.consolidate("Anna Schmidt", min_facts=4)
        assert "tea" not in memory.get(again.fact_ids[0]).text
        memory.undo(memory.history(tea.id)[-1].seq)
        back = memory.consolidate("Anna Schmidt")
        assert back.episode_id == folded.episode_id, "taken up again, in the place of the other"
        assert "tea" in memory.get(back.fact_ids[0]).text
        assert len([f for f in memory.get_all().items if "consolidates" in f.metadata]) == 2
        assert memory.verify().ok

    def test_it_expires_with_the_first_of_its_facts(self, memory: Memory) -> None:
        tea = next(f for f in memory.get_all().items if f.text == "Anna Schmidt likes tea")
        assert memory.get(memory.consolidate("Anna Schmidt").fact_ids[0]).expires_at is None
        memory.update(tea.id, expires_at="2025-02-02")
        memory.archive(next(f for f in memory.get_all().items if "chess" in f.text).id)
        folded = memory.get(memory.consolidate("Anna Schmidt", min_facts=4).fact_ids[0])
        assert folded.expires_at == memory.get(tea.id).expires_at

    def test_of_one_entity_there_is_one(self, memory: Memory) -> None:
        first = memory.consolidate("Anna Schmidt")
        memory.add("Anna Schmidt plays golf.", occurred_at="2024-07-01")
        second = memory.consolidate("Anna Schmidt")
        folds = [f for f in memory.get_all().items if "consolidates" in f.metadata]
        assert [f.id for f in folds] == list(second.fact_ids)
        assert memory.episode(first.episode_id).status == "undone"
        narrow = memory.consolidate("Anna Schmidt", run_id="monday")
        folds = [f for f in memory.get_all().items if "consolidates" in f.metadata]
        assert len(folds) == 2, "that of a conversation alone is another"
        memory.undo(narrow.episode_id)
        assert memory.get(second.fact_ids[0])

    def test_few_facts_are_not_folded(self, memory: Memory) -> None:
        with pytest.raises(UsageError, match="too few to fold"):
            memory.consolidate("Bob Stone")
        assert memory.consolidate("Bob Stone", min_facts=1).fact_ids


def erased_with_what_it_sums_up(place: Path, **more: Any) -> None:
    """No fold outlives what is erased of it, nor does one that was undone; others stay."""
    settings_ = Settings.load({}, **more)
    with Memory(place, user_id="ada", settings=settings_) as memory:
        for number, word in enumerate(("Zyxquorple", "Quuxbert", "Vlimkort", "tea", "golf")):
            memory.add(f"Anna Schmidt likes {word}.", run_id=f"r{number}")
        undone = memory.consolidate("Anna Schmidt")
        memory.undo(undone.episode_id)
        zyx = next(f for f in memory.get_all().items if "Zyxquorple" in f.text)
        memory.delete(zyx.id, erase=True)
        memory.consolidate("Anna Schmidt", min_facts=4)
        memory.delete_all(run_id="r1")
        memory.consolidate("Anna Schmidt", min_facts=3)
        episode = memory.add("Anna Schmidt likes Vlimkort.", run_id="r2")
        memory.delete(episode.episode_id, erase=True)
        assert sorted(f.text for f in memory.get_all().items) == [
            "Anna Schmidt likes golf", "Anna Schmidt likes tea",
        ]  # fmt: skip
        assert memory.verify().ok
        memory.add("Anna Schmidt likes tea and golf.")
        kept = memory.consolidate("Anna Schmidt", min_facts=2)
        memory.add("Bob Stone likes milk.", run_id="bob")
        memory.delete_all(run_id="bob")
        assert memory.get(kept.fact_ids[0])


def test_what_is_erased_is_summed_up_nowhere(tmp_path: Path) -> None:
    erased_with_what_it_sums_up(tmp_path / "m")
    assert remainders(tmp_path / "m", ["Zyxquorple", "Quuxbert", "Vlimkort"]) == []


def _answer(title: str, *sentences: tuple[str, list[int]]) -> str:
    return json.dumps(
        {"title": title, "sentences": [{"text": t, "facts": n} for t, n in sentences]}
    )


@pytest.mark.parametrize("odd", ["\ud800", "\x00", "\u202e", "\x1b"])
def test_what_a_model_words_can_be_stored_and_shown(odd: str) -> None:
    """Of what it gives, what is no sentence of any fact is left out, and the rest stays."""
    good: dict[str, Any] = {"text": f"Anna{odd} Schmidt likes tea{odd}.", "facts": [1]}
    bad = [5, None, {"facts": [1]}, {"text": "Tea.", "facts": 1}, {"text": None, "facts": [1]}]
    answer = json.dumps({"title": f"T{odd}ea", "sentences": [*bad, good, good, {}]})
    with (
        LocalModelServer([Says(answer)]) as server,
        Memory("memory://", user_id="ada", settings=settings(server)) as memory,
    ):
        memory.relate("Anna Schmidt", "likes", "tea")
        found = memory.summary("Anna Schmidt")
        assert [one.text for one in found.sentences] == ["Anna Schmidt likes tea."]
        assert (found.title, found.reason) == ("Tea", None)
        assert memory.summary("Anna Schmidt") == found
        assert memory.entity("Anna Schmidt").summary == str(found)
        assert len(server.requests) == 1


class TestByAModel:
    def test_in_one_call_with_what_facts_bear_out(self) -> None:
        wording = _answer(
            "Anna in Oslo",
            ("Anna Schmidt works at Acme and lives in Oslo.", [1, 2]),
            ("Anna Schmidt has 3 dogs.", [1]),
            ("Anna Schmidt knows Zorro.", [5]),
            ("She likes tea.", [3]),
            ("Anna Schmidt likes tea.", [99]),
        )
        with LocalModelServer([Says(wording)]) as server:
            given = settings(server)
            with Memory("memory://", user_id="ada", settings=given) as memory:
                for day, text in LIFE:
                    memory.add(text, occurred_at=day, infer=False)
                    memory.relate("Anna Schmidt", "likes", f"thing {day}", fact=text[:-1] + "!")
                assert not server.requests
                found = memory.summary("Anna Schmidt")
                assert len(server.requests) == 1
                assert (found.by, found.title) == ("openai:test-model", "Anna in Oslo")
                assert [one.text for one in found.sentences][-1] == "She likes tea."
                assert all("Zorro" not in s.text and "3" not in s.text for s in found.sentences)
                assert memory.summary("Anna Schmidt") == found
                assert len(server.requests) == 1, "not asked again while little has changed"
                assert [one.calls for one in memory.stats().spend] == [1]

    def test_it_is_made_anew_when_what_it_cites_is_gone(self) -> None:
        wording = _answer("Anna", ("Anna Schmidt likes Assam.", [1]))
        with (
            LocalModelServer([Says(wording), Says(wording)]) as server,
            Memory("memory://", user_id="ada", settings=settings(server)) as memory,
        ):
            receipt = memory.relate("Anna Schmidt", "likes", "Assam")
            memory.relate("Anna Schmidt", "knows", "tea", fact="Anna Schmidt knows tea.")
            assert memory.summary("Anna Schmidt").by == "openai:test-model"
            memory.delete(receipt.fact_ids[0], erase=True)
            found = memory.summary("Anna Schmidt")
            assert len(server.requests) == 2
            assert found.by == "facts", "what the model says no fact bears out"
            assert "bear out" in str(found.reason)

    def test_at_a_ceiling_the_facts_stand(self) -> None:
        with LocalModelServer() as server:
            given = settings(server, max_calls_per_owner=0)
            with Memory("memory://", user_id="ada", settings=given) as memory:
                memory.relate("Anna Schmidt", "likes", "tea")
                found = memory.summary("Anna Schmidt")
                assert found.by == "facts"
                assert "calls per user and day (0)" in str(found.reason)
                assert len(found.sentences) == 1
                assert memory.summary("Anna Schmidt", ask_model=False).reason is None
                assert not server.requests
