"""Who may do what in a store that others reach through a server: organisations with their projects,
members and keys; the one table of methods and roles; limits; what was used; the audit log.

:class:`Access` is asked on each call, :class:`Administration` sets up what it goes by. Nothing here
reads or writes a memory, and nothing here knows HTTP: the ledger keeps it all
(:mod:`graphmem.ports.access`), a door turns the errors into its own words.
"""

from graphmem.access.administration import Administration
from graphmem.access.gate import Access
from graphmem.access.methods import METHODS, MethodRule
from graphmem.access.secrets import KEY_PREFIX, user_signature
from graphmem.access.values import (
    AccessKey,
    Allowance,
    Limits,
    Member,
    NewKey,
    Organisation,
    OrganisationProject,
    Principal,
    Role,
)

__all__ = [
    "KEY_PREFIX",
    "METHODS",
    "Access",
    "AccessKey",
    "Administration",
    "Allowance",
    "Limits",
    "Member",
    "MethodRule",
    "NewKey",
    "Organisation",
    "OrganisationProject",
    "Principal",
    "Role",
    "user_signature",
]
