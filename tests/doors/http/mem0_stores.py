"""Run by an interpreter that has mem0: makes a Qdrant folder and a history with mem0's own classes.

``python mem0_stores.py FOLDER``"""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

from mem0.memory.storage import SQLiteManager
from mem0.vector_stores.qdrant import Qdrant

STORED = [
    {
        "data": "Likes hiking in the Alps",
        "hash": "h1",
        "created_at": "2024-01-05T10:00:00+00:00",
        "updated_at": "2024-03-01T10:00:00+00:00",
        "user_id": "ada",
        "run_id": "r1",
        "text_lemmatized": "like hike alp",
        "mood": "good",
    },
    {
        "data": "Speaks Portuguese",
        "hash": "h2",
        "created_at": "2024-02-05T10:00:00-07:00",
        "agent_id": "bot",
        "expiration_date": "2999-12-31",
        "actor_id": "ada",
        "role": "user",
    },
]


def main(folder: Path) -> None:
    ids = [str(uuid.UUID(int=number)) for number in (1, 2)]
    store = Qdrant("mem0", 3, path=str(folder / "qdrant"), on_disk=True)
    store.insert(vectors=[[0.1, 0.2, 0.3]] * 2, payloads=STORED, ids=ids)
    entities = Qdrant("mem0_entities", 3, client=store.client)
    linked = {"data": "Alps", "entity_type": "PROPER", "linked_memory_ids": ids[:1]}
    entities.insert(vectors=[[0.1, 0.2, 0.3]], payloads=[linked], ids=[str(uuid.UUID(int=9))])
    store.client.close()
    history = SQLiteManager(str(folder / "history.db"))
    first = "2024-01-05T10:00:00+00:00"
    history.add_history(ids[0], None, "Likes swimming", "ADD", created_at=first)
    history.add_history(
        ids[0],
        "Likes swimming",
        "Likes hiking in the Alps",
        "UPDATE",
        created_at=first,
        updated_at="2024-03-01T10:00:00+00:00",
        actor_id="ada",
        role="user",
    )
    history.add_history(ids[1], None, "Speaks Portuguese", "ADD", created_at=first)
    gone = str(uuid.UUID(int=3))
    history.add_history(gone, None, "Had a secret", "ADD", created_at=first)
    history.add_history(gone, "Had a secret", None, "DELETE", created_at=first, is_deleted=1)
    history.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
