"""Rules of relation types: what a person declares, what the data shows, and which types a new rule
affects."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from graphmem.errors import UsageError, shown
from graphmem.limits import RELATION_TYPE_CHARACTERS
from graphmem.model import TypeRule
from graphmem.relation_types.types import Normal, RelationTypes, normal, snake


def in_force(everybodys: Iterable[TypeRule], own: Iterable[TypeRule]) -> list[TypeRule]:
    """The rules in force in a tenant: what it has declared or learned itself overrides what holds
    for everybody. A synonym for everybody that would close a circle with the tenant's own is
    dropped."""
    mine = {rule.type: rule for rule in own}
    stands = {type: name for type, rule in mine.items() if (name := rule.same_as) is not None}
    found = dict(mine)
    for theirs in sorted(everybodys, key=lambda rule: rule.type):
        rule = _over(mine[theirs.type], theirs) if theirs.type in mine else theirs
        target = rule.same_as
        if target is not None and rule.type not in stands:
            if _leads(stands, target, rule.type):
                rule = replace(rule, same_as=None, inverse=False)
            else:
                stands[rule.type] = target
        found[rule.type] = rule
    return [found[type] for type in sorted(found)]


def _over(own: TypeRule, theirs: TypeRule) -> TypeRule:
    """A tenant's rule combined with everybody's rule for the same type, which it overrides."""
    base = theirs if own.declared is None and own.same_as is None else own
    learned = theirs.learned if own.learned is None else own.learned
    both = tuple(sorted({*own.unsettled, *theirs.unsettled}))
    return replace(base, learned=learned, unsettled=both)


def _leads(stands: Mapping[str, str], type: str, to: str) -> bool:
    """Whether ``type`` is ``to``, or stands for it directly or through others."""
    at: str | None = type
    while at is not None and at != to:
        at = stands.get(at)
    return at == to


def leading_to(types: RelationTypes, wanted: Collection[str]) -> list[str]:
    """The types that stand for any of the wanted ones, directly or through others."""
    found = []
    for type in sorted(types.synonyms.keys() - set(wanted)):
        form = types.synonyms.get(type)
        while form is not None and form.type not in wanted:
            form = types.synonyms.get(form.type)
        if form is not None:
            found.append(type)
    return found


def declared(
    rules: Iterable[TypeRule],
    type: str,
    *,
    everybodys: Iterable[TypeRule] = (),
    single_valued: bool | None = None,
    same_as: str | None = None,
    inverse_of: str | None = None,
) -> TypeRule:
    """The rule of a type after a declaration; the present one if nothing changes. A declaration of
    nothing takes the present one back. ``rules`` are those of a tenant (or for everybody), which
    override ``everybodys``.

    :class:`~graphmem.errors.UsageError` on what cannot be: two things at once, no relation, or
    synonyms in a circle.
    """
    _check_one(single_valued, same_as, inverse_of)
    before = {rule.type: rule for rule in rules}
    name, other = _name(type), same_as if same_as is not None else inverse_of
    old = before.get(name, TypeRule(name))
    if single_valued is not None and old.same_as is not None:
        raise UsageError(
            f"{name} stands for {old.same_as}: declare that, or take this back first by declaring "
            f"nothing of {name}"
        )
    new = replace(old, declared=single_valued, same_as=None, inverse=False)
    if other is not None:
        if snake(type) != name:
            raise UsageError(f"{snake(type)} is always kept as {name}: declare that")
        target = _target(other, in_force(everybodys, before.values()), name)
        new = replace(new, same_as=target.type, inverse=target.swapped != (inverse_of is not None))
    return _touching(before, old, new, list(everybodys))


def relearned(
    rules: Iterable[TypeRule], found: Mapping[str, bool], everybodys: Iterable[TypeRule] = ()
) -> list[TypeRule]:
    """The rules that change if ``found`` is all that the data shows: by type, True for one object
    at a time, False for several."""
    now, beneath = {rule.type: rule for rule in rules}, list(everybodys)
    changed = []
    for type in sorted({*found, *(t for t, rule in now.items() if rule.learned is not None)}):
        old = now.get(type, TypeRule(type))
        shown = found.get(type)
        if shown is not None and not RelationTypes.learnable(type, one=shown):
            shown = None
        if shown != old.learned:
            now[type] = _touching(now, old, replace(old, learned=shown), beneath)
            changed.append(now[type])
    return changed


def reason(rule: TypeRule) -> str:
    """Why facts are decided again because of a rule."""
    if rule.same_as is not None:
        how = ", the other way round," if rule.inverse else ""
        return f"{rule.type} is {rule.same_as}{how} since it was declared so"
    if rule.declared is not None:
        return f"{_HOW_MANY[rule.declared]} since it was declared so"
    if rule.learned is not None:
        return f"{_HOW_MANY[rule.learned]}, as the data shows"
    return f"what was declared or learned of {rule.type} here was taken back"


_HOW_MANY = {True: "only one at a time", False: "several at a time"}


def _check_one(single_valued: object, same_as: object, inverse_of: object) -> None:
    if single_valued is not None and not isinstance(single_valued, bool):
        raise UsageError(f"single_valued must be True, False or None, got {shown(single_valued)}")
    if sum(given is not None for given in (single_valued, same_as, inverse_of)) > 1:
        raise UsageError(
            "declare one of single_valued, same_as and inverse_of: a type that stands for another "
            "behaves as that does"
        )


def _name(type: object) -> str:
    form = _normal(type, "type")
    if form.swapped:
        raise UsageError(
            f"{snake(str(type))} is always kept as {form.type}, the other way round: declare that"
        )
    return form.type


def _normal(type: object, what: str) -> Normal:
    name = snake(type) if isinstance(type, str) else ""
    if not name or len(name) > RELATION_TYPE_CHARACTERS:
        raise UsageError(
            f"{what} {shown(type)} is no relation; write a verb phrase of up to "
            f"{RELATION_TYPE_CHARACTERS} characters, for example works_at"
        )
    return normal(name)


def _target(other: str, before: Iterable[TypeRule], name: str) -> Normal:
    target = _normal(other, "the type that it is the same as, or the inverse of,")
    if target.past:
        raise UsageError(f"{snake(other)} is {target.type} that is over: name {target.type}")
    others = RelationTypes.ruled(rule for rule in before if rule.type != name)
    if others.canonical_form(target.type).type == name:
        raise UsageError(
            f"{target.type} and {name} are one already"
            if target.type == name
            else f"{target.type} stands for {name}: take that back first by declaring nothing of "
            f"{target.type}"
        )
    return target


def _touching(
    before: Mapping[str, TypeRule], old: TypeRule, new: TypeRule, everybodys: Iterable[TypeRule]
) -> TypeRule:
    """The new rule, with the types whose facts it may change (as they are stored) as
    ``unsettled``."""
    was = RelationTypes.ruled(in_force(everybodys, before.values()))
    now = RelationTypes.ruled(in_force(everybodys, {**before, new.type: new}.values()))
    meant = was.canonical_form(new.type), now.canonical_form(new.type)
    if meant[0] == meant[1] and was.count(new.type) == now.count(new.type):
        return new
    forms = (f.type for one in meant for types in (was, now) for f in types.forms(one.type))
    return replace(new, unsettled=tuple(sorted({*old.unsettled, *forms})))
