"""Why a search does not give something: each cause by its name."""

from __future__ import annotations

import pytest

from graphmem import Memory
from graphmem.clock import ManualClock
from graphmem.errors import UsageError

QUESTION = "Where is the parcel?"


def kept(memory: Memory, text: str, **more: object) -> str:
    (id,) = memory.add(text, infer=False, **more).fact_ids  # type: ignore[arg-type]
    return id


class TestCauses:
    def test_it_was_found(self, plain: Memory) -> None:
        id = kept(plain, "The parcel is at the neighbour's.")
        why = plain.why_not(QUESTION, id)
        assert (why.cause, why.rank, why.id) == ("found", 1, id)
        assert set(why.arms) >= {"bm25", "dense"}

    def test_by_its_sentence_too(self, plain: Memory) -> None:
        id = kept(plain, "The parcel is at the neighbour's.")
        assert plain.why_not(QUESTION, "the parcel is at the neighbour's").id == id

    def test_others_stand_above_it(self, plain: Memory) -> None:
        for at in range(5):
            kept(plain, f"The parcel is in room {at}.")
        id = kept(plain, "Rain fell on the harbour.")
        why = plain.why_not(QUESTION, id, limit=3)
        assert why.cause == "ranked_low"
        assert why.rank == 6
        assert why.held_down_by
        assert why.held_down_by in why.explanation

    def test_no_arm_found_it(self, plain: Memory) -> None:
        plain.add_many([f"The parcel number {at} is here." for at in range(150)], infer=False)
        id = kept(plain, "Rain fell on the harbour.")
        assert plain.why_not(QUESTION, id).cause == "no_arm"

    def test_less_likely_or_less_similar_than_was_asked_for(self, plain: Memory) -> None:
        id = kept(plain, "Rain fell on the harbour.")
        assert plain.why_not(QUESTION, id, min_score=0.99).cause == "below_min_score"
        assert plain.why_not(QUESTION, id, threshold=0.99).cause == "below_threshold"

    def test_it_does_not_pass_the_filter(self, plain: Memory) -> None:
        id = kept(plain, "The parcel is at the neighbour's.", tags=["home"])
        assert plain.why_not(QUESTION, id, where="tag = work").cause == "filtered"
        assert plain.why_not(QUESTION, id, where="tag = home").cause == "found"
        assert plain.why_not(QUESTION, id, kinds=["turn"]).cause == "filtered"

    def test_it_has_ended_expired_or_is_archived(self) -> None:
        clock = ManualClock("2024-01-01")
        with Memory("memory://", user_id="ada", clock=clock) as memory:
            ended = kept(memory, "The parcel is at the neighbour's.")
            memory.update(ended, invalid_at="2024-01-05")
            expired = kept(memory, "The parcel is in the hall.", expires_at="2024-01-05")
            archived = kept(memory, "The parcel is on the roof.")
            memory.archive(archived)
            clock.advance(days=10)
            found = {id: memory.why_not(QUESTION, id).cause for id in (ended, expired, archived)}
            assert found == {ended: "ended", expired: "expired", archived: "archived"}
            assert memory.why_not(QUESTION, ended, current=False).cause == "found"

    def test_it_was_deleted_and_its_turn_silenced(self, plain: Memory) -> None:
        episode = plain.add("Bob Stone lives in Oslo.").episode_id
        (relation,) = plain.relations("Bob Stone")
        plain.delete(relation.fact_id)
        assert plain.why_not("Where does Bob live?", relation.fact_id).cause == "deleted"
        turn = plain.episode(episode).turns[0].id
        assert plain.why_not("Where does Bob live?", turn).cause == "silenced"

    def test_it_is_of_another_run(self, plain: Memory) -> None:
        id = kept(plain, "The parcel is at the neighbour's.", run_id="monday")
        why = plain.why_not(QUESTION, id, run_id="tuesday")
        assert why.cause == "another_run"
        assert "monday" in why.explanation
        assert plain.why_not(QUESTION, id, run_id="monday").cause == "found"

    def test_nothing_was_drawn_from_it(self, plain: Memory) -> None:
        plain.add("Hm, the parcel again, who knows.")
        why = plain.why_not(QUESTION, "the parcel again, who knows", kinds=["fact"])
        assert why.cause == "not_extracted"
        assert why.sentence == "Hm, the parcel again, who knows."

    def test_it_is_unknown_or_somebody_elses(self, plain: Memory) -> None:
        id = kept(plain, "The parcel is at the neighbour's.", user_id="eve")
        for missing in ("nothing like it", id, "The parcel is at the neighbour's."):
            why = plain.why_not(QUESTION, missing)
            assert (why.cause, why.id) == ("unknown", None)


class TestSimilarity:
    def test_hits_say_how_near_they_are(self, plain: Memory) -> None:
        kept(plain, "The parcel is at the neighbour's.")
        kept(plain, "Rain fell on the harbour.")
        near, far = plain.search(QUESTION)
        assert near.similarity is not None
        assert far.similarity is not None
        assert 0 <= far.similarity < near.similarity <= 1

    def test_a_threshold_keeps_what_is_nearer(self, plain: Memory) -> None:
        id = kept(plain, "The parcel is at the neighbour's.")
        kept(plain, "Rain fell on the harbour.")
        between = sum(hit.similarity or 0 for hit in plain.search(QUESTION)) / 2
        assert [hit.id for hit in plain.search(QUESTION, threshold=between)] == [id]
        assert plain.search(QUESTION, threshold=1).hits == ()
        for wrong in (-0.1, 1.1, True, "x"):
            with pytest.raises(UsageError, match="threshold"):
                plain.search(QUESTION, threshold=wrong)  # type: ignore[arg-type]
