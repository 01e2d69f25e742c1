"""One hop from entities, over edges alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import itemgetter

from graphmem.adapters.graph.cypher_files import statement_text
from graphmem.adapters.graph.kuzu.session import Session
from graphmem.ports.graph import Link


def links_of(
    tenant: str, entity_ids: Sequence[str], limit: int, reader: Session
) -> dict[str, tuple[Link, ...]]:
    """The links of each of these entities that is the tenant's, by entity id; at most ``limit``."""
    found: dict[str, tuple[Link, ...]] = {}
    some = statement_text("read.kuzu.cypher", "expand_some")
    known = statement_text("read.cypher", "get_entity")
    for entity_id in entity_ids:
        asked = {"id": entity_id, "scope": tenant, "limit": limit}
        rows = sorted(reader.run(some, {**asked, "limit": limit + 1}), key=itemgetter(0))
        if len(rows) > limit:
            rows = reader.run(statement_text("read.cypher", "expand"), asked)
        scopes = [] if rows else [row[0] for row in reader.run(known, {"id": entity_id})]
        if rows or scopes == [tenant]:
            found[entity_id] = tuple(
                Link(row[0], tuple(json.loads(row[1])), *row[2:]) for row in rows
            )
    return found
