"""Organisations, members, keys, usage and the audit log, by command."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path

import pytest

from graphmem import Memory, open_memory
from graphmem.access import KEY_PREFIX, Principal
from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from graphmem.clock import ManualClock, SystemClock
from graphmem.errors import Unauthenticated
from graphmem.settings import LEDGER_FILE
from graphmem.wiring.access import access_of
from tests.access.conftest import Gate
from tests.doors.cli.conftest import Run

STORE = "graphmem-store"


@pytest.fixture
def acme(graphmem: Run) -> str:
    """The first key of an organisation, in a store that was made for it."""
    assert graphmem("orgs", "add", "acme").code == 0
    ran = graphmem("keys", "add", "acme", "--role", "owner", "--name", "first")
    assert ran.code == 0
    assert "shown this once" in ran.err
    return ran.out.strip()


def called(key: str) -> Principal | None:
    """Who a key stands for; it is used twice."""

    async def call() -> Principal | None:
        ledger = SqliteLedger(Path(STORE) / LEDGER_FILE)
        await ledger.open()
        access = Gate(ledger, ManualClock(SystemClock().now())).access
        try:
            principal = await access.authenticate(key)
            await access.record(principal, "add")
            await access.record(principal, "search")
        except Unauthenticated:
            return None
        finally:
            await access.close()
            await ledger.close()
        return principal

    return asyncio.run(call())


async def served(key: str) -> None:
    """A call as a server makes it."""
    async with open_memory(STORE) as memory:
        access = access_of(memory)
        principal = await access.authenticate(key, address="192.0.2.1")
        access.authorize(principal, "add")
        scope = await access.scope_of(principal, {"user_id": "ada"})
        await access.admit(principal, "add")
        receipt = await memory.add("I live in Rome.", **scope, actor=principal.actor)
        noted = {"scope": scope, "address": "192.0.2.1"}
        await access.record(principal, "add", target=receipt.episode_id, **noted)  # type: ignore[arg-type]
        await access.record(principal, "search", **noted)  # type: ignore[arg-type]
        await access.close()


def test_from_nothing_to_a_key_that_is_good(graphmem: Run, acme: str) -> None:
    assert acme.startswith(KEY_PREFIX)
    ran = graphmem("keys", "list", "acme")
    assert "first" in ran.out
    assert acme not in ran.out
    principal = called(acme)
    assert principal is not None
    assert (principal.organisation, principal.role) == ("acme", "owner")
    (key,) = graphmem("keys", "list", "acme", "--json").json
    assert key["calls"] == 2
    assert key["last_used_at"]
    assert "digest" not in key
    assert graphmem("keys", "revoke", principal.key_id, "acme").code == 0
    assert called(acme) is None
    assert "revoked" in graphmem("keys", "list", "acme").out


def test_usage_and_audit_are_read_back(graphmem: Run, acme: str) -> None:
    asyncio.run(served(acme))
    uses = graphmem("usage", "acme", "--json").json
    assert [(one["method"], one["calls"]) for one in uses] == [("add", 1), ("search", 1)]
    lines = list(csv.DictReader(io.StringIO(graphmem("usage", "acme", "--csv").out)))
    assert [(one["method"], one["calls"]) for one in lines] == [("add", "1"), ("search", "1")]
    assert "search" in graphmem("usage").out
    entries = graphmem("audit", "acme", "--json").json
    assert [one["method"] for one in entries] == ["search", "add"]
    assert entries[1]["user_id"] == "ada"
    assert entries[1]["address"] == "192.0.2.1"
    shown = graphmem("audit", "acme", "--changes").out
    assert "ada" in shown
    assert "Rome" not in shown
    (added,) = graphmem("audit", "acme", "--changes", "--json").json
    assert graphmem("audit", "acme", "--before", str(added["n"]), "--json").json == []
    assert graphmem("audit", "--method", "search", "--json").json[0]["method"] == "search"
    # Whoever holds the store finds it in the project's place.
    ran = graphmem("--user", "ada", "--project", "acme/default", "search", "Rome", "--json")
    assert "Rome" in ran.out


def test_members_have_keys_that_go_with_them(graphmem: Run, acme: str) -> None:
    assert (
        "Grace belongs to acme, as reader"
        in graphmem("members", "add", "acme", "Grace", "--role", "reader").out
    )
    made = graphmem("keys", "add", "acme", "--member", "Grace", "--json").json
    grace = called(made["key"])
    assert grace is not None
    assert (grace.role, grace.member) == ("reader", "Grace")
    assert graphmem("members", "set-role", "acme", "Grace", "owner").code == 0
    grace = called(made["key"])
    assert grace is not None
    assert grace.role == "owner"
    assert "Grace" in graphmem("members", "list", "acme").out
    assert graphmem("members", "remove", "acme", "Grace").code == 0
    assert called(made["key"]) is None
    assert graphmem("members", "remove", "acme", "Grace").code == 4


def test_keys_with_limits(graphmem: Run, acme: str) -> None:
    assert graphmem("orgs", "add-project", "acme", "research").code == 0
    assert "acme/research" in graphmem("orgs", "projects", "acme").out
    made = graphmem(
        "keys", "add", "acme", "--only-project", "research", "--only-user", "ada", "--read-only",
        "--expires", "90d", "--calls-per-minute", "60", "--json",
    ).json  # fmt: skip
    assert (made["project"], made["user_id"], made["read_only"]) == ("research", "ada", True)
    assert made["limits"] == {"calls_per_minute": 60}
    shown = graphmem("keys", "list", "acme").out
    assert "project research" in shown
    assert "60 calls per minute" in shown
    assert graphmem("orgs", "limit", "acme", "--memories", "100").code == 0
    assert "100 memories" in graphmem("orgs", "list").out
    assert graphmem("orgs", "limit", "acme", "--memories", "-1").code == 2
    operations = graphmem("keys", "add", "--administrator", "--name", "operations").out.strip()
    principal = called(operations)
    assert principal is not None
    assert principal.administrator
    assert "operations" in graphmem("keys", "list").out


def test_what_is_wrong_is_said(graphmem: Run, acme: str, tmp_path: Path) -> None:
    for arguments, code, words in (
        (("orgs", "add", "acme"), 2, "already"),
        (("orgs", "add", "Acme Inc"), 2, "small letters"),
        (("keys", "add"), 2, "--administrator"),
        (("keys", "add", "acme", "--administrator"), 2, "--administrator"),
        (("keys", "add", "globex"), 4, "no organisation 'globex'"),
        (("keys", "add", "acme", "--only-project", "x"), 4, "no project 'x'"),
        (("keys", "add", "acme", "--expires", "soon"), 2, "--expires"),
        (("keys", "revoke", "nothing", "acme"), 4, "no key 'nothing'"),
        (("members", "add", "acme", "Grace", "--role", "king"), 2, "king"),
        (("--store", str(tmp_path / "none"), "orgs", "list"), 2, "no store"),
        (("--store", str(tmp_path / "none"), "keys", "add", "acme"), 2, "no store"),
    ):
        ran = graphmem(*arguments)
        assert ran.code == code, arguments
        assert words in ran.err, ran.err
    assert not (tmp_path / "none").exists()
    assert graphmem("orgs", "close", "acme").code == 0
    assert called(acme) is None


def test_lists_are_read_beside_whoever_holds_the_store(graphmem: Run, acme: str) -> None:
    with Memory(STORE):
        assert "first" in graphmem("keys", "list", "acme").out
        assert "acme" in graphmem("orgs", "list").out
        assert graphmem("audit").code == graphmem("usage").code == 0
        assert graphmem("keys", "add", "acme").code == 75


def test_webhooks_are_added_listed_and_removed(graphmem: Run, acme: str) -> None:
    made = graphmem("webhooks", "add", "acme", "https://example.org/hook", "--news", "added")
    assert made.code == 0
    assert made.out.startswith("whsec_")
    listed = graphmem("webhooks", "list", "acme")
    assert "https://example.org/hook" in listed.out
    assert made.out.strip() not in listed.out
    (hook,) = json.loads(graphmem("--json", "webhooks", "list", "acme").out)
    assert (hook["news"], "secret" in hook) == (["added"], False)
    for bad, why in (
        (("add", "acme", "http://example.org"), "goes to https"),
        (("add", "acme", "https://127.0.0.1/x"), "an address inside"),
        (("add", "acme", "nonsense"), "no address"),
        (("add", "acme", "https://example.org", "--news", "all"), "is not one of"),
        (("add", "bolt", "https://example.org"), "no organisation 'bolt'"),
        (("remove", "acme", "w-none"), "no webhook 'w-none'"),
    ):
        ran = graphmem("webhooks", *bad)
        assert ran.code in {2, 4}
        assert why in ran.err
    assert graphmem("webhooks", "remove", "acme", hook["id"]).code == 0
    assert json.loads(graphmem("--json", "webhooks", "list", "acme").out) == []


@pytest.mark.parametrize(
    "asked",
    ["usage nope", "audit nope", "keys list nope", "members list nope", "orgs projects nope"],
)
def test_of_an_organisation_that_is_not_there_nothing_is_listed(
    graphmem: Run, acme: str, asked: str
) -> None:
    ran = graphmem(*asked.split())
    assert (ran.code, "no organisation 'nope'" in ran.err) == (4, True)


def test_times_the_wrong_way_round_are_a_mistake(graphmem: Run, acme: str) -> None:
    for name in ("usage", "audit"):
        ran = graphmem(name, "acme", "--since", "2026-01-02", "--until", "2026-01-01")
        assert (ran.code, "is after until" in ran.err) == (2, True)
    assert graphmem("audit", "acme", "--before", "9" * 20).code == 2
