"""``infer=False``: a text kept as it is, one fact without extraction.

Such a text names no entity and no date, so it touches nothing but the same sentence told before.
Where there is none, what the fold over statements would come to is plain. It is written down here
without reading anything, and the ledger takes it along with the journal when it finds that nothing
was heard of it: that is what makes such an add, and a bulk load of them, fast. A test holds the two
ways to the same result.
"""

from __future__ import annotations

from graphmem.clock import Clock
from graphmem.ingest.journal import importance_of
from graphmem.model import Decision, Episode, Fact, Source, Statement
from graphmem.ports.ledger import Commit
from graphmem.ports.llm import CandidateFact, Extraction


def verbatim(episode: Episode) -> Extraction:
    """A text is one fact, of messages each is one."""
    if episode.kind == "text":
        ordinals = tuple(turn.ordinal for turn in episode.turns)
        facts = [CandidateFact(episode.content, turns=ordinals[:1])]
    else:
        facts = [CandidateFact(turn.text, turns=(turn.ordinal,)) for turn in episode.turns]
    return Extraction(entities=(), facts=tuple(facts), extractor="none", version="1")


def as_told(episode: Episode, clock: Clock) -> Commit:
    """What a new episode comes to if nothing that it says was ever heard."""
    extraction = verbatim(episode)
    turns = {turn.ordinal: turn for turn in episode.turns}
    importance = importance_of(None, episode)
    scope = episode.scope
    statements, decisions = [], []
    for ordinal, candidate in enumerate(extraction.facts):
        turn = turns[candidate.turns[0]] if candidate.turns else None
        sources = (Source(episode.id, turn.id if turn else None, scope.agent_id, scope.run_id),)
        statement = Statement(
            id=clock.new_id(),
            episode_id=episode.id,
            text=candidate.text.strip(),
            stated_at=(turn.occurred_at if turn else None) or episode.occurred_at,
            turn=turn.ordinal if turn else 0,
            ordinal=ordinal,
            importance=importance,
            sources=sources,
            scope=scope,
            expires_at=episode.expires_at,
            memory_type=episode.memory_type,
            metadata=episode.metadata,
            tags=episode.tags,
        )
        fact = Fact(
            id=statement.id,
            scope=scope,
            text=statement.text,
            recorded_at=clock.now(),
            stated_at=statement.stated_at,
            expires_at=episode.expires_at,
            sources=sources,
            memory_type=episode.memory_type,
            importance=importance,
            metadata=episode.metadata,
            tags=episode.tags,
            statement_ids=(statement.id,),
        )
        statements.append(statement)
        decisions.append(Decision("ADD", "new", None, fact))
    return Commit(
        episode=episode,
        decisions=tuple(decisions),
        statements=tuple(statements),
        extraction=extraction,
        at=clock.now(),
    )
