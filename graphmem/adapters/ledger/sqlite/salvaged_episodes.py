"""Episodes of a salvaged ledger that are lost, or have lost turns: from the graph, from their
turns, from their text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sqlite.salvaged_rows import NewLedger
from graphmem.clock import unstamp
from graphmem.model import Episode, Statement, Turn, tenant_scope
from graphmem.text import digest

_PUT_TOGETHER = "salvaged: put together from its turns"


class SalvagedEpisodes:
    """``changed`` are those, with their tenants, that graph and vectors have to be told of."""

    def __init__(
        self,
        new: NewLedger,
        cut: Callable[[str, str], Sequence[Turn]],
        in_graph: Mapping[str, Episode],
    ) -> None:
        self.lost: list[str] = []
        self.from_graph: list[str] = []
        self.from_turns: list[str] = []
        self.changed: set[tuple[str, str]] = set()
        self._new, self._cut, self._in_graph = new, cut, in_graph

    def run(self) -> None:
        known = {row["id"]: row for row in self._new.ask("lost_episodes").fetchall()}
        there = {row["id"] for row in self._new.ask("all_episodes")}
        for id, one in self._in_graph.items():
            if id not in known and id not in there:
                known[id] = {"id": id, "tenant": one.scope.tenant, "at": None, "seq": None}
        for id, row in known.items():
            turns = [_turn(id, turn) for turn in self._new.ask("turns_of", id=id).fetchall()]
            episode = self._made(id, row, turns)
            if episode is None:
                self.lost.append(id)
                continue
            before = self._new.ask("number_before", seq=row["seq"] or 1 << 62).fetchone()
            n = before["n"] + 1 if before else 1
            occupied = self._new.ask("number_is_taken", n=n).fetchone()
            self._new.take(
                "episodes", [{**rows.episode_row(episode), "n": None if occupied else n}]
            )
            self.changed.add((id, episode.scope.tenant))
        for row in self._new.ask("all_episodes").fetchall():
            self._complete(row)

    def _made(self, id: str, row: Mapping[str, Any], turns: Sequence[Turn]) -> Episode | None:
        stated = [rows.to_statement(one) for one in self._new.ask("statements_of", id=id)]
        if (known := self._in_graph.get(id)) is not None:
            self.from_graph.append(id)
            made = known
        elif turns:
            self.from_turns.append(id)
            made = self._put_together(id, row, turns, stated)
        else:
            return None
        # What it says was found before, or is still to be found.
        return replace(made, status="done" if stated else "pending")

    def _put_together(
        self, id: str, row: Mapping[str, Any], turns: Sequence[Turn], stated: Sequence[Statement]
    ) -> Episode:
        scope = next((one.scope for one in stated if one.scope), None) or tenant_scope(
            row["tenant"]
        )
        spoken = any(turn.role != "user" or turn.source_id for turn in turns)
        content = "\n\n".join(turn.text for turn in turns)
        if spoken:
            content = json.dumps(
                [{"role": turn.role, "content": turn.text} for turn in turns], ensure_ascii=False
            )
        kind: Any = "messages" if spoken else "text"
        at = turns[0].occurred_at or (stated[0].stated_at if stated else unstamp(row["at"]))
        return Episode(
            id=id,
            scope=scope,
            content=content,
            kind=kind,
            content_hash=digest(kind, content),
            occurred_at=at,
            recorded_at=unstamp(row["at"]) if row["at"] else at,
            time_given=False,
            reason=_PUT_TOGETHER,
        )

    def _complete(self, row: Mapping[str, Any]) -> None:
        """The turns that an episode's text has and that are not there; without gaps in the end."""
        turns = {turn["ordinal"]: turn for turn in self._new.ask("turns_of", id=row["id"])}
        whole = self._cut(row["kind"], row["content"])
        fits = all(n < len(whole) and whole[n].text == turn["text"] for n, turn in turns.items())
        if fits and len(turns) < len(whole):
            ids = self._turn_ids(row["id"])
            missing = [
                replace(turn, id=ids.get(n, turn.id), episode_id=row["id"])
                for n, turn in enumerate(whole)
                if n not in turns
            ]
            self._new.take("turns", [rows.turn_row(turn, row["tenant"]) for turn in missing])
        elif sorted(turns) != list(range(len(turns))):
            self._renumber(row, [turns[n] for n in sorted(turns)])
        else:
            return
        self.changed.add((row["id"], row["tenant"]))

    def _renumber(self, row: Mapping[str, Any], turns: Sequence[Mapping[str, Any]]) -> None:
        self._new.ask("drop_turns", id=row["id"])
        left = [replace(_turn(row["id"], turn), ordinal=n) for n, turn in enumerate(turns)]
        self._new.take("turns", [rows.turn_row(turn, row["tenant"]) for turn in left])

    def _turn_ids(self, episode: str) -> dict[int, str]:
        """As far as statements tell which turn they stood in."""
        found: dict[int, str] = {}
        for row in self._new.ask("statements_of", id=episode):
            statement = rows.to_statement(row)
            for source in statement.sources:
                if source.episode_id == episode and source.turn_id:
                    found.setdefault(statement.turn, source.turn_id)
        return found


def _turn(episode: str, row: Mapping[str, Any]) -> Turn:
    return rows.to_turn({**dict(row), "episode_id": episode, "silenced": False})
