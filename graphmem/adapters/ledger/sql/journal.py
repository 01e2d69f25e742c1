"""How episodes are journalled, and with them what needs no decision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql import statements as believing
from graphmem.adapters.ledger.sql.commit import tenant_of, write_plain
from graphmem.adapters.ledger.sql.read import by_id, with_turns
from graphmem.adapters.ledger.sql.steps import Ask, By, Log, Steps, ask, ask_all, tell
from graphmem.clock import stamp
from graphmem.model import Episode
from graphmem.ports.ledger import RESUBMITTED, Commit

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
    repeated, last = yield from _earlier(run, window_s)
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
                yield from believing.take_up(log, {"id": id, "tenant": kept.scope.tenant}, by)
                kept = known[id] = replace(kept, status="pending", reason=RESUBMITTED)
            stored.append(kept)
            continue
        place = rows.place(asked.scope)
        status = "done" if asked.id in unheard else asked.status
        episode = replace(asked, previous_id=last.get(place), status=status)
        last[place] = episode.id
        stored.append(episode)
        log.append(
            By(episode.recorded_at, episode.id, "graphmem"),
            kind="episode",
            id=episode.id,
            action="ADD",
            tenant=episode.scope.tenant,
            value=episode,
        )
    new = [episode for episode, id in zip(stored, repeated, strict=True) if id is None]
    yield from tell("add_episode", *map(rows.episode_row, new))
    yield from tell(
        "add_turn", *(rows.turn_row(turn, e.scope.tenant) for e in new for turn in e.turns)
    )
    plain = [(commit, By(at, id, commit.actor)) for id, (commit, at) in unheard.items()]
    yield from write_plain(log, plain, {}, keys)
    return stored


def _unheard(
    told: Sequence[Told], keys: dict[str, str], heard: dict[str, set[str]]
) -> Steps[dict[str, Told]]:
    """By episode, those of which no sentence was heard before in its tenant. Notes in ``keys`` the
    key of each statement, and in ``heard``, by tenant, all that is heard here."""
    tenants = [tenant_of(commit) or "" for commit, _ in told]
    asked = set()
    for (commit, _), tenant in zip(told, tenants, strict=True):
        for statement in commit.statements:
            key = keys[statement.id] = rows.sentence_of(statement)
            asked.add((tenant, key))
    for row in (yield from ask("heard", asked=_as_asked(sorted(asked)))) if asked else ():
        heard.setdefault(row["tenant"], set()).add(row["key"])
    found: dict[str, Told] = {}
    for one, tenant in zip(told, tenants, strict=True):
        before = heard.setdefault(tenant, set())
        said = [keys[s.id] for s in one[0].statements]
        once = len(set(said)) == len(said) and before.isdisjoint(said)
        if once and one[0].episode is not None:
            found[one[0].episode.id] = one
        before.update(said)
    return found


def _earlier(
    run: Sequence[Episode], window_s: float
) -> Steps[tuple[list[str | None], dict[str, str]]]:
    """For each episode the earlier one that it would repeat, and by place the newest: three
    questions, however many episodes there are."""
    keyed = [at for at, episode in enumerate(run) if episode.idempotency_key is not None]
    others = [at for at, episode in enumerate(run) if episode.idempotency_key is None]
    places = list(dict.fromkeys(rows.place(episode.scope) for episode in run))
    asks = [Ask("last_episode", {"places": places})]
    if keyed:
        keys = [(rows.place(run[at].scope), run[at].idempotency_key) for at in keyed]
        asks.append(Ask("same_key", {"asked": _as_asked(keys)}))
    if others:
        contents = [_content(run[at], window_s) for at in others]
        asks.append(Ask("same_content", {"asked": _as_asked(contents)}))
    newest, *found = yield from ask_all(asks)
    repeated: list[str | None] = [None] * len(run)
    for numbers, earlier in zip([each for each in (keyed, others) if each], found, strict=True):
        for row in earlier:
            repeated[numbers[row["at"]]] = row["id"]
    return repeated, {row["place"]: row["id"] for row in newest}


def _content(episode: Episode, window_s: float) -> tuple[object, ...]:
    """What ``same_content`` is asked for."""
    window = timedelta(0) if episode.time_given else timedelta(seconds=window_s)
    since, until = stamp(episode.occurred_at - window), stamp(episode.occurred_at + window)
    place = rows.place(episode.scope)
    return place, episode.content_hash, episode.time_given, since, until


def _as_asked(wanted: Iterable[tuple[object, ...]]) -> list[str]:
    """Tuples as statements take many of them: each as JSON text."""
    return [rows.as_array(one) for one in wanted]
