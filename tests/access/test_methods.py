"""The one table of methods and roles."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest

from graphmem.access import METHODS, Role
from graphmem.access.methods import WHOLE_STORE
from graphmem.errors import Forbidden
from graphmem.ports.api import MemoryAPI
from tests.access.conftest import OURS, THEIRS, Gate

API = {
    name: inspect.signature(value)
    for name, value in inspect.getmembers(MemoryAPI, inspect.isfunction)
    if not name.startswith("_")
}
ROLES: tuple[Role, ...] = get_args(Role)
# By what a role may do, and not by the table: whoever changes that, changes this.
READERS = """
agents as_of communities context cypher diff documents entities entity episode erasures explain
get get_all get_user_stats history known_keys neighbours paths projects relation_types relations
retention runs search search_by_people search_by_tags stats summary temporal_search timeline
to_networkx users whoami why_not
"""
WRITERS = """
add add_document add_many archive consolidate declare_type delete delete_all flush learn_types
merge promote relate relate_many remove_document restore resume sweep undo unmerge unrelate
update update_run
"""
OWNERS = """
add_key add_member add_project add_webhook audit export forget import_ keys members remove_member
remove_webhook revoke_key set_retention set_role usage webhooks
"""
ADMINISTRATORS = """
add_organisation apply_retention backup close close_organisation health organisations rebuild
set_limits verify
"""
MAY = {
    "reader": {*READERS.split()},
    "writer": {*READERS.split(), *WRITERS.split()},
    "owner": {*READERS.split(), *WRITERS.split(), *OWNERS.split()},
    "administrator": {*READERS.split(), *WRITERS.split(), *OWNERS.split(), *ADMINISTRATORS.split()},
}


def test_every_method_of_the_api_has_a_row() -> None:
    assert not API.keys() - METHODS.keys(), "who may call it? graphmem/access/methods.py says"
    assert METHODS.keys() == MAY["administrator"]


def test_every_argument_that_leaves_the_scope_is_known() -> None:
    """A flag for everybody's, or an id without a scope: in the table, or this fails."""
    suspicious = {
        name
        for signature in API.values()
        for name in signature.parameters
        if name.startswith(("all_", "every", "any_")) or name == "erasure_id"
    }
    assert suspicious == WHOLE_STORE


def test_what_takes_no_scope_is_about_the_whole_store() -> None:
    for name, signature in API.items():
        kinds = {one.kind for one in signature.parameters.values()}
        if inspect.Parameter.VAR_KEYWORD not in kinds and name not in {"as_of"}:
            assert METHODS[name].reach == "store", name


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_may_do_what_it_may(gate: Gate, role: Role) -> None:
    ours = await gate.principal(role, OURS)
    theirs = await gate.principal(role, THEIRS)
    for principal in (ours, theirs):
        for method in METHODS:
            if method in MAY[role]:
                assert gate.access.authorize(principal, method) is METHODS[method]
            else:
                with pytest.raises(Forbidden, match=method):
                    gate.access.authorize(principal, method)
        with pytest.raises(Forbidden, match="no method"):
            gate.access.authorize(principal, "drop_everything")


@pytest.mark.parametrize("role", ROLES)
async def test_what_is_about_everybody_is_for_administrators(gate: Gate, role: Role) -> None:
    principal = await gate.principal(role)
    for method, argument in (
        ("export", "all_scopes"),
        ("import_", "all_scopes"),
        ("cypher", "all_scopes"),
        ("erasures", "erasure_id"),
    ):
        if role == "administrator":
            gate.access.authorize(principal, method, [argument])
        else:
            with pytest.raises(Forbidden, match=r"administrator|owner"):
                gate.access.authorize(principal, method, [argument])
    if role == "owner":  # everybody in the project of the call
        gate.access.authorize(principal, "set_retention", ["all_scopes"])


async def test_a_read_only_key_changes_nothing_whatever_its_role(gate: Gate) -> None:
    for role in ROLES:
        whose = None if role == "administrator" else OURS
        made = await gate.administration.add_key(whose, "look", role=role, read_only=True)
        principal = await gate.access.authenticate(made.secret)
        for method in MAY[role]:
            if METHODS[method].changes:
                with pytest.raises(Forbidden, match="read-only"):
                    gate.access.authorize(principal, method)
            else:
                gate.access.authorize(principal, method)
    assert {name for name in MAY["reader"] if METHODS[name].changes} == set()
