"""What a memory believes against what is expected of it.

Compared are relations as triples. An expected name is that of an entity when it is its name or one
of its aliases; a relation that holds both ways may be stored in either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphmem.model import Relation
from graphmem.text import name_key
from tests.scenarios.data import Expect, Scenario, Statement, parse_statement

OBJECT = "object of "
_MOST = 1000
_MUTUAL = frozenset(
    {
        "married_to", "engaged_to", "dating", "partner_of", "divorced_from", "sibling_of",
        "friend_of", "knows", "met", "colleague_of", "lives_with", "cousin_of", "neighbour_of",
    }
)  # fmt: skip
_INVERSE = {"child_of": "parent_of", "employs": "works_at"}


@dataclass(frozen=True, slots=True)
class _Believed:
    """A believed relation, and every name of its ends."""

    relation: Relation
    subject: frozenset[str]
    object: frozenset[str]

    def __str__(self) -> str:
        r = self.relation
        return f"{r.subject} {r.type} {r.object}"


@dataclass(frozen=True, slots=True)
class _Match:
    """The believed relation that an expected one is, and its ends as expected."""

    believed: _Believed
    subject_id: str
    object_id: str

    def end(self, line: str) -> str:
        return self.object_id if line.startswith(OBJECT) else self.subject_id


def differences(memory: Any, scenario: Scenario, expect: Expect, *, strict: bool) -> list[str]:
    """What differs from an expectation, a line each; nothing when all is as expected.

    Everything believed counts, or what ``about`` names. Not ``strict``, only the types that the
    scenario speaks of count: the rules may rightly read more in a text than its statements say.
    """
    wanted = [parse_statement(line) for line in expect.relations]
    believed = _believed(memory, expect)
    if expect.about is not None:
        believed = [one for one in believed if any(_about(one, *pair) for pair in expect.about)]
    elif not strict:
        types = {_plain(statement.type) for statement in (*wanted, *_statements(scenario))}
        believed = [one for one in believed if _plain(one.relation.type) in types]
    matches = _pair_up(wanted, believed)
    matched = {match.believed.relation.fact_id for match in matches.values()}
    missing = [line for line, statement in zip(expect.relations, wanted, strict=True)
               if statement not in matches]  # fmt: skip
    extra = [str(one) for one in believed if one.relation.fact_id not in matched]
    problems = [f"  missing: {line}" for line in missing]
    problems += [f"  not to be believed: {line}" for line in extra]
    if not problems:
        by_line = dict(
            zip(expect.relations, (matches[statement] for statement in wanted), strict=True)
        )
        problems = _ends(expect, by_line) + _sources(memory, expect, by_line)
    return [_moment(expect), *problems] if problems else []


def _statements(scenario: Scenario) -> list[Statement]:
    return [statement for step in scenario.steps for statement in step.statements]


def _moment(expect: Expect) -> str:
    at = "now" if expect.valid_at is None else f"at {expect.valid_at:%Y-%m-%d}"
    known = "" if expect.known_at is None else f" as known at {expect.known_at:%Y-%m-%d}"
    return f" {at}{known}, for {expect.user}:"


def _believed(memory: Any, expect: Expect) -> list[_Believed]:
    """Plain belief, without plans, hearsay and the like."""
    view = memory
    if not expect.is_present:
        view = memory.as_of(valid_at=expect.valid_at, known_at=expect.known_at)
    relations = view.relations(limit=_MOST, user_id=expect.user)
    names = {
        entity.id: frozenset(name_key(name) for name in (entity.name, *entity.aliases))
        for entity in view.entities(limit=_MOST, user_id=expect.user)
    }
    return [
        _Believed(relation, names[relation.subject_id], names[relation.object_id])
        for relation in relations
        if getattr(relation, "modality", "stated") == "stated"
    ]


def _plain(type: str) -> str:
    return _INVERSE.get(type, type)


def _swapped(type: str) -> bool:
    return type in _INVERSE


_Side = tuple[frozenset[str], frozenset[str], str, str]


def _sides(one: _Believed) -> list[_Side]:
    """Names of the subject and of the object, and their ids, in each way that it reads."""
    r = one.relation
    there = (one.subject, one.object, r.subject_id, r.object_id)
    back = (one.object, one.subject, r.object_id, r.subject_id)
    if r.type in _MUTUAL:
        return [there, back]
    return [back] if _swapped(r.type) else [there]


def _about(one: _Believed, name: str, type: str) -> bool:
    if _plain(one.relation.type) != _plain(type):
        return False
    place = 1 if _swapped(type) else 0
    return any(name_key(name) in side[place] for side in _sides(one))


def _match(statement: Statement, one: _Believed) -> _Match | None:
    if _plain(statement.type) != _plain(one.relation.type):
        return None
    left, right = statement.subject, statement.object or ""
    if _swapped(statement.type):
        left, right = right, left
    for subject, object_, *ids in _sides(one):
        if name_key(left) in subject and name_key(right) in object_:
            return _Match(one, *(reversed(ids) if _swapped(statement.type) else ids))
    return None


def _pair_up(wanted: Sequence[Statement], believed: Sequence[_Believed]) -> dict[Statement, _Match]:
    """Each expected relation with a believed one of its own, as many as can be."""
    options = {
        statement: [match for one in believed if (match := _match(statement, one))]
        for statement in wanted
    }
    best: dict[Statement, _Match] = {}

    def choose(rest: Sequence[Statement], made: dict[Statement, _Match]) -> None:
        nonlocal best
        if len(made) > len(best):
            best = dict(made)
        if not rest or len(best) == len(wanted):
            return
        matched = {match.believed.relation.fact_id for match in made.values()}
        for match in options[rest[0]]:
            if match.believed.relation.fact_id not in matched:
                choose(rest[1:], {**made, rest[0]: match})
        choose(rest[1:], made)

    choose(sorted(wanted, key=lambda statement: len(options[statement])), {})
    return best


def _ends(expect: Expect, matches: dict[str, _Match]) -> list[str]:
    problems = []
    for pairs, alike in ((expect.same, True), (expect.apart, False)):
        for one, other in pairs:
            ends = {matches[line.removeprefix(OBJECT)].end(line) for line in (one, other)}
            if (len(ends) == 1) != alike:
                word = "one entity" if alike else "two entities"
                problems.append(f"  not {word}: in {one!r} and in {other!r}")
    return problems


def _sources(memory: Any, expect: Expect, matches: dict[str, _Match]) -> list[str]:
    problems = []
    for line, count in expect.sources.items():
        fact = memory.get(matches[line].believed.relation.fact_id, user_id=expect.user)
        episodes = len({source.episode_id for source in fact.sources})
        if episodes != count:
            problems.append(f"  stated in {episodes} episodes, not {count}: {line}")
    return problems
