"""Episodes that stay, without the sentences that stated what is erased."""

from __future__ import annotations

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.steps import (
    EventLog,
    Fetch,
    Steps,
    WriteContext,
    execute,
    fetch,
    fetch_all,
)
from graphmem.ports.ledger import Erasure


def rewrite_episodes(log: EventLog, erasure: Erasure, by: WriteContext) -> Steps[set[str]]:
    """Write them, with what they name no more; gives the texts of their turns as they may have
    been embedded before."""
    ids = [episode.id for episode in erasure.rewritten]
    if not ids:
        return set()
    own = {"ids": ids, "tenant": erasure.scope.tenant}
    (before,) = yield from fetch_all([Fetch("turns_of_episodes", own)])
    after = {turn.id: turn.text for episode in erasure.rewritten for turn in episode.turns}
    changed = [row for row in before if row["text"] != after.get(row["id"], row["text"])]
    yield from execute(
        "rewrite_episode",
        *(
            {
                "id": one.id,
                "content": one.content,
                "content_hash": one.content_hash,
                "idempotency_key": one.idempotency_key,
            }
            for one in erasure.rewritten
        ),
    )
    yield from execute(
        "rewrite_turn", *({"id": row["id"], "text": after[row["id"]]} for row in changed)
    )
    yield from execute("erase_answers", {"ids": ids})
    yield from execute(
        "erase_mention",
        *({"turn_id": turn, "entity_id": entity} for turn, entity in erasure.unmentioned),
    )
    mentioned: dict[str, list[str]] = {id: [] for id in ids}
    for row in (yield from fetch("mentioned_by", ids=ids)):
        mentioned[row["episode_id"]].append(row["entity_id"])
    for episode in erasure.rewritten:
        of = by._replace(episode_id=episode.id)
        tenant = episode.scope.tenant
        named = rows.mention_body(mentioned[episode.id])
        log.append(of, "episode", episode.id, "UPDATE", tenant)
        log.append(of, "mention", episode.id, "REPLACE", tenant, after=named)
    return {text for row in changed for text in rows.turn_texts(row)}
