"""Whether the rows of an import agree with one another: what is there now with what its last event
says, and rows that tie others together with what they tie."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from graphmem.errors import UsageError, shown
from graphmem.ports.ledger import Row

_DEFINED_BY: Mapping[str, str] = {
    "episode_id": "episodes",
    "turn_id": "turns",
    "entity_id": "entities",
    "fact_id": "facts",
    "statement_id": "statements",
}
_TIES: Mapping[str, tuple[str, ...]] = {
    "turns": ("episode_id",),
    "mentions": ("turn_id", "entity_id", "episode_id"),
    "sources": ("fact_id",),
    "fact_entities": ("fact_id",),
    "supports": ("statement_id", "fact_id"),
}
"""Rows that are erased with what they name, and by which columns they name it."""
_BELIEVED = frozenset({"sources", "fact_entities"})
"""Those that are about what is believed now."""


class Agreement:
    """Takes row by row, and says in the end what contradicts what."""

    def __init__(self) -> None:
        self._defined: dict[str, set[str]] = defaultdict(set)
        self._now: dict[str, dict[str, int]] = {"facts": {}, "entities": {}}
        """What is believed now, by id, as a hash of its text."""
        self._last: dict[str, dict[str, int]] = {"facts": {}, "entities": {}}
        """What the last event that says anything says."""
        self._believed = set[str]()
        """Facts whose last event says that they are believed."""
        self._merged_into: dict[str, str] = {}
        self._present = set[str]()
        """Episodes that were not undone."""
        self._mentioned: dict[str, set[str]] = defaultdict(set)
        self._last_mentioned: dict[str, list[str]] = {}
        """What the last event about it says that an episode mentions."""
        self._ordinals: dict[str, set[int]] = defaultdict(set)
        self._episode_of: dict[str, str] = {}

    def note(self, table: str, row: Row) -> None:
        """Take a row; :class:`UsageError` when it is about something that the file has not."""
        for column in _TIES.get(table, ()):
            there = _DEFINED_BY[column]
            known = self._now["facts"] if table in _BELIEVED else self._defined[there]
            if row[column] not in known:
                raise UsageError(f"its {column} {shown(row[column])} is not among the {there}")
        if table in _DEFINED_BY.values():
            self._defined[table].add(row["id"])
        if table == "events":
            self._note_event(row)
        elif table in {"turns", "mentions"}:
            self._note_turn_or_mention(table, row)
        else:
            self._note_present(table, row)

    def _note_turn_or_mention(self, table: str, row: Row) -> None:
        episode = row["episode_id"]
        if table == "turns":
            if row["ordinal"] in self._ordinals[episode]:
                raise UsageError(f"the turn {row['ordinal']} of its episode was there before")
            self._ordinals[episode].add(row["ordinal"])
            self._episode_of[row["id"]] = episode
        else:
            if self._episode_of[row["turn_id"]] != episode:
                raise UsageError("its turn is of another episode")
            self._mentioned[episode].add(row["entity_id"])

    def _note_present(self, table: str, row: Row) -> None:
        match table:
            case "episodes" if row["status"] != "undone":
                self._present.add(row["id"])
            case "entities":
                if row["gone_at"] is None:
                    self._now["entities"][row["id"]] = hash(row["body"])
                if row["merged_into"]:
                    self._merged_into[row["id"]] = row["merged_into"]
            case "facts" if row["retired_at"] is None:
                self._now["facts"][row["id"]] = hash(row["body"])

    def _note_event(self, row: Row) -> None:
        id, after = row["id"], row["after"]
        match row["kind"]:
            case "entity" if after is not None:
                self._last["entities"][id] = hash(after)
            case "fact":
                if after is not None:
                    self._last["facts"][id] = hash(after)
                ended = after is None or row["action"] in {"DELETE", "ERASE"}
                (self._believed.discard if ended else self._believed.add)(id)
            case "mention" if after is not None:
                self._last_mentioned[id] = json.loads(after)["entity_ids"]

    def check(self) -> None:
        """Once all rows were taken: :class:`UsageError` when they contradict one another."""
        for problem in self._problems():
            raise UsageError(problem)

    def _problems(self) -> Iterator[str]:
        for table, now in self._now.items():
            last = self._last[table]
            for id, text in now.items():
                if last.get(id) != text:
                    yield f"{table}: {shown(id)} is not what its last event says"
        for id in self._believed - self._now["facts"].keys():
            yield f"facts: {shown(id)} is missing, which its last event says is believed"
        for id, ordinals in self._ordinals.items():
            if len(ordinals) != max(ordinals) - min(ordinals) + 1:
                yield f"turns of the episode {shown(id)} are missing"
        for id in self._present:
            named, stated = self._mentioned.get(id, ()), self._last_mentioned.get(id, ())
            if self._ends(named) != self._ends(stated):
                yield f"mentions of the episode {shown(id)} are not what their last event says"

    def _ends(self, ids: Iterable[str]) -> set[str]:
        """What these entities have become in merges."""
        return {self._merged_into.get(id, id) for id in ids}
