"""Relations that are given directly, one or as rows of a table, without extraction: as an episode,
and from there as candidates.

The episode's content is one JSON object, with the same text for the same statement, so that a
repetition is recognised like that of any episode. Its one turn is the sentence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from graphmem import limits
from graphmem.clock import Clock, Date, parse_date_or_none, parse_when_or_none
from graphmem.errors import UsageError, shown
from graphmem.ingest import make_episode
from graphmem.model import Episode, Modality, Scope, Turn, valid_from, valid_until
from graphmem.ports.llm import CandidateEntity, CandidateFact, Extraction
from graphmem.relation_types.types import normal, snake
from graphmem.text import digest, plain

_MISSING = frozenset({"nan", "nat", "<na>"})


def rows_of(rows: object) -> Iterator[Any]:
    """The rows of a table, or of any iterable, one by one."""
    for method in ("to_pylist", "to_dicts"):  # Arrow, polars
        if callable(make := getattr(rows, method, None)):
            return iter(make())
    if hasattr(rows, "columns") and callable(make := getattr(rows, "to_dict", None)):  # pandas
        return iter(make("records"))
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        raise UsageError(
            "relate_many takes a table or an iterable of rows (subject, type, object); "
            f"got {type(rows).__name__}: for one relation, use relate"
        )
    return iter(rows)


def is_empty(value: object) -> bool:
    """Whether a cell counts as not given: blank text, NaN."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    if isinstance(value, float) and math.isnan(value):
        return True
    # Collections are excluded: ``str`` of a deeply nested list may fail.
    return not isinstance(value, str | int | Collection) and str(value).lower() in _MISSING


_EXTRACTOR = "given"
_VERSION = "1"

_SCOPE = ("user_id", "agent_id", "run_id", "project_id")
RELATION_OPTIONS = frozenset(
    {"fact", "valid_at", "invalid_at", "occurred_at", "modality", "subject_kind", "object_kind"}
    | {"metadata", "tags", "importance", "idempotency_key", "actor", *_SCOPE}
)
"""The options of :meth:`~graphmem.ports.api.MemoryAPI.relate` beside subject, type and object."""

_KINDS: Mapping[str, tuple[str | None, str | None]] = {
    "works_at": ("person", "organization"),
    "works_as": ("person", None),
    "studies_at": ("person", "organization"),
    "lives_in": ("person", "place"),
    "born_in": ("person", "place"),
    "born_on": ("person", None),
    "comes_from": ("person", "place"),
    "visited": ("person", None),
    "speaks": ("person", None),
    "headquartered_in": ("organization", "place"),
    "founded": ("person", None),
    "has_pet": ("person", "animal"),
} | dict.fromkeys(
    (
        "married_to", "engaged_to", "divorced_from", "dating", "sibling_of", "cousin_of",
        "parent_of", "child_of", "friend_of", "colleague_of", "neighbour_of", "roommate_of",
        "lives_with",
    ),
    ("person", "person"),
)  # fmt: skip
"""The usual kinds of a relation's subject and object; used where no kind is given."""

_IS = frozenset(
    {"married_to", "engaged_to", "allergic_to", "related_to", "located_in", "based_in"}
    | {"headquartered_in", "interested_in", "afraid_of", "fond_of", "responsible_for"}
    | {"enrolled_in", "enrolled_at", "known_to", "connected_to", "member_at", "part_of"}
)
_WAS = frozenset({"born_in", "born_on", "born_at", "named_after"})
_THE = frozenset({"capital_of", "head_of"})
_MEANT: Mapping[str, str] = {
    "stated": "{}",
    "planned": "It is planned that {}",
    "hearsay": "It is said that {}",
    "hypothetical": "It may be that {}",
    "negated": "It is not so that {}",
}


@dataclass(frozen=True, slots=True)
class GivenRelation:
    """A checked relation. ``object`` may be None only if it retracts, and then means every
    object."""

    subject: str
    type: str
    object: str | None
    fact: str
    valid_at: Date | None = None
    invalid_at: Date | None = None
    modality: Modality = "stated"
    subject_kind: str | None = None
    object_kind: str | None = None
    retracts: bool = False


def checked(
    subject: object,
    type: object,
    object_: object,
    options: Mapping[str, Any],
    *,
    retracts: bool = False,
) -> GivenRelation:
    """The checked relation; :class:`~graphmem.errors.UsageError` names what is wrong."""
    names = [_name(subject, "subject")]
    if object_ is not None or not retracts:
        names.append(_name(object_, "object"))
    kind_of = _type(type)
    modality = _modality(options.get("modality"))
    since, until = (
        parse_date_or_none(options.get(name), name=name) for name in ("valid_at", "invalid_at")
    )
    if since and until and until.at < since.at < until.end:
        until = until.over  # it began within the time in which it ended
    if since and until and until.at < since.at:
        raise UsageError("invalid_at is before valid_at")
    text = options.get("fact")
    other = names[1] if len(names) > 1 else None
    fact = (
        sentence(names[0], kind_of, other, modality, retracts=retracts, ended=until is not None)
        if text is None
        else make_episode.check_text(text, "fact", limits.RELATED_FACT_BYTES, remedy="shorten it")
    )
    kinds = [_kind(options.get(name), name) for name in ("subject_kind", "object_kind")]
    return GivenRelation(
        names[0], kind_of, other, fact, since, until, modality, kinds[0], kinds[1], retracts
    )


def content_of(given: GivenRelation) -> str:
    """The relation as the JSON content of an episode."""
    data = {
        "subject": given.subject,
        "type": given.type,
        "object": given.object,
        "fact": given.fact,
        "valid_at": given.valid_at and given.valid_at.iso(),
        "invalid_at": given.invalid_at and given.invalid_at.iso(),
        "modality": given.modality,
        "subject_kind": given.subject_kind,
        "object_kind": given.object_kind,
        "retracts": given.retracts or None,
    }
    kept = {name: value for name, value in data.items() if value is not None}
    return json.dumps(kept, ensure_ascii=False, sort_keys=True)


def build_relation_episode(
    given: GivenRelation, options: Mapping[str, Any], scope: Scope, clock: Clock, *, max_bytes: int
) -> Episode:
    """An episode of kind ``statements``; :class:`~graphmem.errors.UsageError` for a wrong
    option."""
    content = make_episode.check_text(
        content_of(given), "the statement", max_bytes, remedy=limits.SHORTER_OR_MORE
    )
    occurred_at_given = parse_when_or_none(options.get("occurred_at"), name="occurred_at")
    importance = options.get("importance")
    key = options.get("idempotency_key")
    tags = options.get("tags")
    recorded_at = clock.now()
    episode_id = clock.new_id()
    occurred_at = occurred_at_given or recorded_at
    turn = Turn(clock.new_id(), episode_id, 0, given.fact, occurred_at=occurred_at)
    return Episode(
        id=episode_id,
        scope=scope,
        content=content,
        kind="statements",
        content_hash=digest("statements", content),
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        turns=(turn,),
        idempotency_key=(None if key is None else make_episode.check_key(key)),
        importance=make_episode.check_importance(0.5 if importance is None else importance),
        metadata=limits.checked_metadata(options.get("metadata")),
        tags=make_episode.check_tags(() if tags is None else tags),
        time_given=occurred_at_given is not None,
        actor=make_episode.check_actor(options.get("actor")),
    )


def given(episode: Episode) -> Extraction:
    """The candidates of an episode of kind ``statements``."""
    data = json.loads(episode.content)
    subject, object_ = data["subject"], data.get("object")
    names = [name for name in (subject, object_) if name is not None]
    plain = normal(data["type"])
    first, second = _KINDS.get(plain.type, (None, None))
    if plain.swapped:
        first, second = second, first
    kinds = (data.get("subject_kind") or first, data.get("object_kind") or second)
    valid_at, invalid_at = (
        parse_date_or_none(data.get(name)) for name in ("valid_at", "invalid_at")
    )
    entities = [
        CandidateEntity(name, kind or "thing") for name, kind in zip(names, kinds, strict=False)
    ]
    fact = CandidateFact(
        text=data["fact"],
        subject=subject,
        type=data["type"],
        object=object_,
        entities=tuple(names),
        **valid_from(valid_at),
        **valid_until(invalid_at),
        turns=(0,),
        retracts=bool(data.get("retracts")),
        modality=data["modality"],
    )
    return Extraction(
        entities=tuple(entities),
        facts=(fact,),
        extractor=_EXTRACTOR,
        version=_VERSION,
        mentions=tuple((0, name) for name in names),
    )


def sentence(
    subject: str,
    type: str,
    object_: str | None,
    modality: str = "stated",
    *,
    retracts: bool = False,
    ended: bool = False,
) -> str:
    """A sentence for a relation that came without one: ``Ada works at Acme.``"""
    other = "any of those named before" if object_ is None else object_
    words = f"{subject} {_phrase(type)} {other}"
    if retracts:
        words = f"It {'is no longer' if ended else 'was never'} so that {words}"
    return _MEANT[modality].format(words) + ("" if words.endswith((".", "!", "?")) else ".")


def _phrase(type: str) -> str:
    """``works_at`` as ``works at``, ``friend_of`` as ``is a friend of``."""
    words = type.replace("_", " ")
    if type in _IS or words.startswith("part of") or words.split(" ")[0].endswith("ing"):
        return f"is {words}"
    if type in _WAS or type.endswith("_by"):
        return f"was {words}"
    if type in _THE:
        return f"is the {words}"
    noun, of, rest = type.rpartition("_of")
    if of and noun and not rest and not noun.endswith(("s", "ed")):
        return f"is {'an' if noun[0] in 'aeiou' else 'a'} {words}"
    return words


def _name(value: object, what: str) -> str:
    most = limits.RELATED_NAME_CHARACTERS
    shorter = f"shorten it, a name has at most {most} characters"
    text = " ".join(make_episode.check_text(value, what, 4 * most, remedy=shorter).split())
    if len(text) > most:
        raise UsageError(f"{what} has {len(text)} characters; a name has at most {most}")
    return limits.check_name(text, what)


def _type(value: object) -> str:
    """``works at`` and ``worksAt`` as ``works_at``; synonyms are unified when it is decided."""
    most = limits.RELATION_TYPE_CHARACTERS
    verb = f"write a verb phrase of up to {most} characters, for example works_at"
    text = make_episode.check_text(value, "type", 4 * most, remedy=verb)
    name = snake(text)
    if not name or len(name) > most:
        raise UsageError(f"type {shown(text)} is no relation; {verb}")
    return name


def _modality(value: object) -> Modality:
    if value is None or (isinstance(value, str) and not value):
        return "stated"
    if not isinstance(value, str) or value not in get_args(Modality):
        known = ", ".join(get_args(Modality))
        raise UsageError(f"modality {shown(value)} is unknown; known are: {known}")
    return cast(Modality, plain(value))


def _kind(value: object, what: str) -> str | None:
    if value is None:
        return None
    most = limits.RELATION_TYPE_CHARACTERS
    text = make_episode.check_text(value, what, most, remedy="write a word or two")
    return snake(text) or text.strip().lower()
