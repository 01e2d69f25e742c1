"""The values that a filter tests, by field: of a fact, a turn and an entity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from graphmem.clock import stamp
from graphmem.filters.tree import Record, Scalar, key_of
from graphmem.model import Entity, Episode, Fact, Turn
from graphmem.text import name_key, name_keys

RecordValues = dict[str, tuple[Scalar, ...]]


def fact_record(fact: Fact, *, speakers: Iterable[str] = (), sources: Iterable[str] = ()) -> Record:
    """``speakers`` and ``sources`` are those of its turns and episodes (kinds, such as
    ``messages``), which the fact itself does not say."""
    since, stated_at = fact.begins_at, _times(fact.stated_at)
    found: RecordValues = {
        "kind": ("fact",),
        "memory_type": (fact.memory_type,),
        "modality": (fact.modality,),
        "importance": (float(fact.importance),),
        "occurred_at": stated_at,
        "recorded_at": _times(fact.recorded_at),
        "begins_at": stated_at if since is fact.stated_at else _times(since),
        "speaker": tuple(dict.fromkeys(speakers)),
        "source": tuple(dict.fromkeys(sources)),
        "episode": tuple(dict.fromkeys([source.episode_id for source in fact.sources])),
        "agent": fact.agent_ids,
        "run": fact.run_ids,
        **metadata_record(fact.metadata),
    }
    if fact.entity_ids or fact.type is not None or fact.subject_id or fact.object_id:
        found["about"] = tuple(fact.entity_ids)
        found["subject"] = _one(fact.subject_id)
        found["object"] = _one(fact.object_id)
        found["type"] = _one(fact.type)
    if fact.tags:
        found["tag"] = tuple(fact.tags)
    if fact.valid_at is not None:
        found["valid_at"] = _times(fact.valid_at)
    ends = [end for end in (fact.invalid_at, fact.expires_at, fact.archived_at) if end is not None]
    if ends:
        found["invalid_at"] = _times(fact.invalid_at)
        found["ended_at"] = _times(min(ends))
    return {key: values for key, values in found.items() if values}


def turn_record(turn: Turn, episode: Episode, about: Iterable[str] = ()) -> Record:
    """``about`` are the ids of the entities that the turn mentions. A turn holds from when it was
    said."""
    stated_at = _times(turn.occurred_at or episode.occurred_at)
    found: RecordValues = {
        "kind": ("turn",),
        "about": tuple(dict.fromkeys(about)),
        "tag": tuple(episode.tags),
        "memory_type": (episode.memory_type,),
        "importance": (float(episode.importance),),
        "occurred_at": stated_at,
        "recorded_at": _times(episode.recorded_at),
        "begins_at": stated_at,
        "ended_at": _times(episode.expires_at),
        "speaker": _one(turn.speaker),
        "source": (episode.kind,),
        "episode": (episode.id,),
        "agent": _one(episode.scope.agent_id),
        "run": _one(episode.scope.run_id),
        **metadata_record(episode.metadata),
    }
    return {key: values for key, values in found.items() if values}


def entity_record(entity: Entity) -> Record:
    names = (entity.name, *entity.aliases)
    keys = dict.fromkeys(key for name in names for key in (name_key(name), *name_keys(name)))
    return {
        "name": tuple(keys),
        "kind": (entity.kind,),
        "recorded_at": _times(entity.recorded_at),
    }


def metadata_record(metadata: Mapping[str, Any]) -> RecordValues:
    """Every text, number and truth value by its path; those of a list under the list's."""
    if not metadata:
        return {}
    found: dict[str, list[Scalar]] = {}
    for path, value in _leaves(metadata, ()):
        found.setdefault(key_of("metadata", path), []).append(value)
    return {key: tuple(values) for key, values in found.items()}


def _leaves(
    metadata: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Scalar]]:
    for key, value in metadata.items():
        here = (*path, str(key))
        if isinstance(value, Mapping):
            yield from _leaves(value, here)
            continue
        for one in value if isinstance(value, list | tuple) else (value,):
            if isinstance(one, str | int | float | bool):
                yield here, one


def _one(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _times(moment: datetime | None) -> tuple[str, ...]:
    return () if moment is None else (stamp(moment),)
