"""``infer=False``: a text is stored as it is, as one fact, without extraction.

Such a text has no entity and no date, so it affects only an earlier fact with the same sentence. If
there is none, the result of deciding is known in advance: :func:`verbatim_commit` makes it without
reading anything, and the ledger commits it with the journal if the sentence is indeed new. This
makes such an add, and a bulk load, fast. A test checks that both ways give the same result.
"""

from __future__ import annotations

from graphmem.belief.statements import importance_of
from graphmem.clock import Clock
from graphmem.model import Decision, Episode, Fact, Source, Statement, Turn
from graphmem.ports.ledger import Commit
from graphmem.ports.llm import CandidateFact, Extraction


def verbatim(episode: Episode) -> Extraction:
    """The text as one candidate, or each message as one."""
    if episode.kind == "text":
        ordinals = tuple(turn.ordinal for turn in episode.turns)
        facts = [CandidateFact(episode.content, turns=ordinals[:1])]
    else:
        facts = [CandidateFact(turn.text, turns=(turn.ordinal,)) for turn in episode.turns]
    return Extraction(entities=(), facts=tuple(facts), extractor="none", version="1")


def verbatim_commit(episode: Episode, clock: Clock) -> Commit:
    """The commit of an episode that repeats nothing."""
    at = clock.now()
    statements, decisions = [], []
    for ordinal, (text, turn) in enumerate(_parts(episode)):
        statement = _statement(clock.new_id(), episode, text, turn, ordinal)
        fact = Fact(
            id=statement.id,
            scope=episode.scope,
            text=text,
            recorded_at=at,
            stated_at=statement.stated_at,
            expires_at=episode.expires_at,
            sources=statement.sources,
            memory_type=episode.memory_type,
            importance=statement.importance,
            metadata=episode.metadata,
            tags=episode.tags,
            statement_ids=(statement.id,),
        )
        statements.append(statement)
        decisions.append(Decision("ADD", "new", None, fact))
    return Commit(episode=episode, decisions=tuple(decisions), statements=tuple(statements), at=at)


def _parts(episode: Episode) -> list[tuple[str, Turn | None]]:
    """The texts of the facts, each with its turn."""
    if episode.kind == "text":
        return [(episode.content.strip(), episode.turns[0] if episode.turns else None)]
    return [(turn.text.strip(), turn) for turn in episode.turns]


def _statement(id: str, episode: Episode, text: str, turn: Turn | None, ordinal: int) -> Statement:
    scope = episode.scope
    return Statement(
        id=id,
        episode_id=episode.id,
        text=text,
        stated_at=(turn.occurred_at if turn else None) or episode.occurred_at,
        turn=turn.ordinal if turn else 0,
        ordinal=ordinal,
        importance=importance_of(None, episode),
        sources=(Source(episode.id, turn.id if turn else None, scope.agent_id, scope.run_id),),
        scope=scope,
        expires_at=episode.expires_at,
        memory_type=episode.memory_type,
        metadata=episode.metadata,
        tags=episode.tags,
    )
