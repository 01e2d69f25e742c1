"""The one table of what each role may do: every method of the API, and of this room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from graphmem.access.values import Role

Reach = Literal["project", "organisation", "store"]
"""What a call is about: one project (or one owner in it); the organisation; the whole store."""


@dataclass(frozen=True, slots=True)
class MethodRule:
    """The least ``role`` that may call a method; whether it ``changes`` anything, which no
    read-only key may; how far it reaches; whether it ``adds`` memories, which count."""

    role: Role
    changes: bool
    reach: Reach = "project"
    adds: bool = False


_READ = MethodRule("reader", changes=False)
_WRITE = MethodRule("writer", changes=True)
_ADD = MethodRule("writer", changes=True, adds=True)
_OWNER_READ = MethodRule("owner", changes=False)
_OWNER = MethodRule("owner", changes=True)
_OURS_READ = MethodRule("owner", changes=False, reach="organisation")
_OURS = MethodRule("owner", changes=True, reach="organisation")
_STORE_READ = MethodRule("administrator", changes=False, reach="store")
_STORE = MethodRule("administrator", changes=True, reach="store")

_BY_RULE: tuple[tuple[MethodRule, str], ...] = (
    (
        _READ,
        "search temporal_search search_by_tags search_by_people context explain why_not get "
        "get_all episode history relations entities entity neighbours paths timeline diff as_of "
        "cypher to_networkx relation_types stats get_user_stats documents known_keys users agents "
        "runs communities summary erasures retention",
    ),
    (_ADD, "add add_many add_document relate relate_many"),
    (
        _WRITE,
        "unrelate update delete delete_all remove_document undo merge unmerge resume flush "
        "archive restore promote sweep consolidate update_run declare_type learn_types",
    ),
    (_OWNER_READ, "export"),
    (_OWNER, "forget set_retention"),
    (MethodRule("owner", changes=True, adds=True), "import_"),
    (MethodRule("reader", changes=False, reach="organisation"), "projects whoami"),
    (_OURS_READ, "members keys usage audit webhooks"),
    (
        _OURS,
        "add_project add_member set_role remove_member add_key revoke_key add_webhook "
        "remove_webhook",
    ),
    # Graph, vectors and the ledger belong to everybody.
    (_STORE_READ, "health backup organisations"),
    (
        _STORE,
        "verify rebuild apply_retention close add_organisation close_organisation set_limits",
    ),
)

METHODS: Mapping[str, MethodRule] = MappingProxyType(
    {method: rule for rule, names in _BY_RULE for method in names.split()}
)
"""Every method by its name. One without a row is refused to everybody."""

WHOLE_STORE = frozenset({"all_scopes", "erasure_id"})
"""Arguments with which a method is about the whole store, whatever its row says."""
OF_A_PROJECT = frozenset({"set_retention"})
"""Methods for which ``all_scopes`` is everybody in the project that the call is about."""
