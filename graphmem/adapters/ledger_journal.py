"""How episodes are journalled, and with them what needs no decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from graphmem.adapters import ledger_believe as believing
from graphmem.adapters import ledger_rows as rows
from graphmem.adapters.ledger_read import by_id, with_turns
from graphmem.adapters.ledger_steps import Ask, By, Log, Steps, ask_all, tell
from graphmem.adapters.ledger_write import wall_of, write_plain
from graphmem.clock import stamp
from graphmem.model import Episode
from graphmem.ports.ledger import TAKEN_UP, Commit

Told: TypeAlias = tuple[Commit, datetime]
"""A commit of plain sentences, and its time."""


def journal(
    log: Log, episodes: Sequence[Episode], window_s: float, told: Sequence[Told] = ()
) -> Steps[list[Episode]]:
    """Store what is new; give for each the one that is stored."""
    by_id = {commit.episode.id: (commit, at) for commit, at in told if commit.episode is not None}
    stored: list[Episode] = []
    heard: dict[str, set[str]] = {}
    for run in _runs(episodes):
        stored += yield from _journal_run(log, run, window_s, (by_id, heard))
    return stored


def _runs(episodes: Sequence[Episode]) -> Iterator[list[Episode]]:
    """Consecutive episodes of which none can repeat another: these are looked up in one go."""
    run: list[Episode] = []
    seen: set[tuple[str, str, str]] = set()
    for episode in episodes:
        place = rows.place(episode.scope)
        marks = {(place, "content", episode.content_hash)}
        if episode.idempotency_key is not None:
            marks.add((place, "key", episode.idempotency_key))
        if marks & seen:
            yield run
            run, seen = [], set()
        run.append(episode)
        seen |= marks
    if run:
        yield run


def _journal_run(
    log: Log,
    run: Sequence[Episode],
    window_s: float,
    given: tuple[Mapping[str, Told], dict[str, set[str]]],
) -> Steps[list[Episode]]:
    told, heard = given
    places = list(dict.fromkeys(rows.place(episode.scope) for episode in run))
    found = yield from ask_all(
        [_repeated(episode, window_s) for episode in run]
        + [Ask("last_episode", {"place": place}) for place in places]
    )
    repeated = [earlier[0]["id"] if earlier else None for earlier in found[: len(run)]]
    last = {
        place: newest[0]["id"] if newest else None
        for place, newest in zip(places, found[len(run) :], strict=True)
    }
    ids = sorted({id for id in repeated if id is not None})
    known: dict[str, Episode] = {}
    if ids:
        earlier = with_turns(*(yield from ask_all(by_id(ids))))
        known = {episode.id: episode for episode in earlier}
    fresh = [told[e.id] for e, id in zip(run, repeated, strict=True) if not id and e.id in told]
    keys: dict[str, str] = {}
    unheard = yield from _unheard(fresh, keys, heard)
    stored: list[Episode] = []
    for asked, id in zip(run, repeated, strict=True):
        if id is not None:
            kept = known[id]
            if kept.status == "undone":
                by = By(asked.recorded_at, kept.id, "graphmem")
                yield from believing.take_up(log, {"id": id, "wall": kept.scope.wall}, by)
                kept = known[id] = replace(kept, status="pending", reason=TAKEN_UP)
            stored.append(kept)
            continue
        place = rows.place(asked.scope)
        status = "done" if asked.id in unheard else asked.status
        episode = replace(asked, previous_id=last[place], status=status)
        last[place] = episode.id
        stored.append(episode)
        log.append(
            at=episode.recorded_at,
            kind="episode",
            id=episode.id,
            action="ADD",
            wall=episode.scope.wall,
            episode_id=episode.id,
            actor="graphmem",
            value=episode,
        )
    new = [episode for episode, id in zip(stored, repeated, strict=True) if id is None]
    yield from tell("add_episode", *map(rows.episode_row, new))
    yield from tell(
        "add_turn", *(rows.turn_row(turn, e.scope.wall) for e in new for turn in e.turns)
    )
    plain = [(commit, By(at, id, commit.actor)) for id, (commit, at) in unheard.items()]
    yield from write_plain(log, plain, {}, keys)
    return stored


def _unheard(
    told: Sequence[Told], keys: dict[str, str], heard: dict[str, set[str]]
) -> Steps[dict[str, Told]]:
    """By episode, those of which no sentence was heard before in its wall. Notes in ``keys`` the
    key of each statement, and in ``heard``, by wall, all that is heard here."""
    by_wall: dict[str, list[Told]] = {}
    for one in told:
        for statement in one[0].statements:
            keys[statement.id] = rows.sentence_of(statement)
        by_wall.setdefault(wall_of(one[0]) or "", []).append(one)
    asks = []
    for wall, here in by_wall.items():
        wanted = {keys[s.id] for commit, _ in here for s in commit.statements}
        asks.append(Ask("heard", {"wall": wall, "keys": sorted(wanted)}))
    known = yield from ask_all(asks)
    found: dict[str, Told] = {}
    for (wall, here), rows_heard in zip(by_wall.items(), known, strict=True):
        before = heard.setdefault(wall, set())
        before.update(row["key"] for row in rows_heard)
        for one in here:
            said = [keys[s.id] for s in one[0].statements]
            once = len(set(said)) == len(said) and before.isdisjoint(said)
            if once and one[0].episode is not None:
                found[one[0].episode.id] = one
            before.update(said)
    return found


def _repeated(episode: Episode, window_s: float) -> Ask:
    """Asks for the earlier episode that this one would repeat."""
    place = rows.place(episode.scope)
    if episode.idempotency_key is not None:
        return Ask("same_key", {"place": place, "key": episode.idempotency_key})
    window = timedelta(0) if episode.time_given else timedelta(seconds=window_s)
    values = {
        "place": place,
        "content_hash": episode.content_hash,
        "time_given": episode.time_given,
        "since": stamp(episode.occurred_at - window),
        "until": stamp(episode.occurred_at + window),
    }
    return Ask("same_content", values)
