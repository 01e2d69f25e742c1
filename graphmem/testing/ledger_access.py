"""What a ledger keeps of organisations, keys, use and the audit log."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from graphmem.ports.access import AuditEntry, AuditQuery, Grant, KeyedRequest, KeyUse
from graphmem.ports.ledger import Erasure, Forgetting, Ledger
from graphmem.testing.ledger_draft import ADA, Draft

_ACME = Grant("organisation", "acme", "acme", None, {"limits": {"memories": 3}})
_PROJECT = Grant("project", "acme", "default", "acme/default", {})
_GRACE = Grant("member", "acme", "m-1", "Grace", {"role": "reader"})
_KEY = Grant("key", "acme", "k1", "ada", {"member_id": "m-1", "digest": "d"})


class AccessContract:
    """Part of :class:`~graphmem.testing.ledger.LedgerContract`."""

    async def test_grants_are_found_by_what_they_are(self, ledger: Ledger) -> None:
        every = (_ACME, _PROJECT, _GRACE, _KEY)
        assert await ledger.put_grants(*every, new=True)
        elsewhere = replace(_GRACE, organisation="other")
        assert await ledger.put_grants(elsewhere, new=True)
        assert await ledger.grants("member", organisation="acme") == [_GRACE]
        assert await ledger.grants("member", id="m-1") == [_GRACE, elsewhere]
        assert await ledger.grants("member", organisation="acme", id="m-1") == [_GRACE]
        assert await ledger.grants("member", organisation="acme", about="Grace") == [_GRACE]
        assert await ledger.grants("member", organisation="acme", about="grace") == []
        assert await ledger.grants("project", about="acme/default") == [_PROJECT]
        assert await ledger.grants("organisation") == [_ACME]
        assert set(map(repr, await ledger.grants_of_key("k1"))) == set(
            map(repr, (_KEY, _ACME, _GRACE))
        )
        assert await ledger.grants_of_key("k2") == []
        await ledger.drop_grant(_GRACE)
        assert await ledger.grants("member", id="m-1") == [elsewhere]
        assert len(await ledger.grants_of_key("k1")) == 2

    async def test_what_is_new_takes_nobodys_place(self, ledger: Ledger, second: Ledger) -> None:
        await ledger.put_grants(_ACME, _PROJECT, _GRACE)
        for occupied in (
            replace(_ACME, body={}),
            replace(_PROJECT, about="elsewhere"),
            replace(_PROJECT, organisation="other"),
            replace(_GRACE, id="m-2"),
        ):
            fresh = Grant("member", "acme", "m-9", "Ida", {})
            assert not await second.put_grants(fresh, occupied, new=True)
        assert await ledger.grants("member") == [_GRACE], "all or nothing"
        changed = replace(_GRACE, body={"role": "owner"})
        assert await ledger.put_grants(changed)
        assert await second.grants("member") == [changed]
        both = (replace(_GRACE, id=f"m-{n}", about="Same") for n in range(2))
        made = await asyncio.gather(
            *(
                one.put_grants(grant, new=True)
                for one, grant in zip((ledger, second), both, strict=True)
            )
        )
        assert sorted(made) == [False, True]

    async def test_use_adds_up(self, ledger: Ledger, draft: Draft) -> None:
        now = draft.clock.now()
        use = KeyUse("2026-01-02", "k1", "search", "acme", 2, 1, 10, 20, now)
        later = replace(use, calls=5, refused=0, last_at=now + timedelta(hours=1))
        other = replace(use, key_id="k2", day="2026-01-05")
        theirs = replace(use, key_id="k3", organisation="other")
        await ledger.add_access_records([use, other, theirs], [])
        await ledger.add_access_records([later, replace(use, calls=0, last_at=now)], [])
        summed = replace(
            use, calls=7, refused=2, tokens_in=30, tokens_out=60, last_at=later.last_at
        )
        assert await ledger.key_uses("acme", "2026-01-01", "2026-01-31") == [summed, other]
        assert await ledger.key_uses("acme", "2026-01-05", "2026-01-05") == [other]
        assert await ledger.key_uses("acme", "", "9", "k1") == [summed]
        assert len(await ledger.key_uses(None, "", "9")) == 3

    async def test_the_audit_log_names_whom_nobody_has_forgotten(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        scope = ADA.under("a" * 32)
        await ledger.journal([draft.episode("I moved.", scope)], 0)
        entry = AuditEntry(
            draft.clock.now(), "acme", "k1", "::1", "add", True, "done", "default", "ada", None, "e"
        )
        unknown = replace(entry, user_id="nobody yet")
        agents = replace(entry, user_id=None, agent_id="bot", changed=False)
        await ledger.add_access_records([], [entry, unknown, agents])
        found = await ledger.audit_entries(AuditQuery("acme"))
        assert [(one.user_id, one.agent_id) for one in found] == [
            (None, "bot"), (None, None), ("ada", None)
        ]  # fmt: skip
        assert replace(found[2], n=0) == entry
        assert found[0].n > found[1].n > found[2].n
        await ledger.forget(Forgetting((scope,), "user", draft.clock.now(), {}))
        forgotten = (await ledger.audit_entries(AuditQuery("acme")))[2]
        assert replace(forgotten, user_id="ada") == found[2]
        assert forgotten.user_id == "a" * 32

    async def test_the_audit_log_is_read_in_pages_and_pruned_from_its_beginning(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        begun = draft.clock.now()
        entries = [
            AuditEntry(
                begun + timedelta(days=n), f"o{n % 2}", f"k{n}", "::1", "get", n == 4, "done"
            )
            for n in range(10)
        ]
        await ledger.add_access_records([], entries)
        page = await ledger.audit_entries(AuditQuery("o0", limit=2))
        assert [one.key_id for one in page] == ["k8", "k6"]
        rest = await ledger.audit_entries(AuditQuery("o0", before=page[-1].n))
        assert [one.key_id for one in rest] == ["k4", "k2", "k0"]
        for query, keys in (
            (AuditQuery(changed=True), ["k4"]),
            (AuditQuery(changed=False, limit=1), ["k9"]),
            (AuditQuery(key_id="k3"), ["k3"]),
            (AuditQuery(method="add"), []),
            (AuditQuery(since=begun + timedelta(days=3), until=begun + timedelta(days=5)),
             ["k4", "k3"]),
        ):  # fmt: skip
            assert [one.key_id for one in await ledger.audit_entries(query)] == keys
        until = begun + timedelta(days=5)
        for gone in (3, 2, 0):
            found = await ledger.prune_access(audit=until, uses=begun, replies=begun, limit=3)
            assert found == gone
        assert [one.n for one in await ledger.audit_entries(AuditQuery())] == [10, 9, 8, 7, 6]
        await ledger.add_access_records([], entries[:1])
        assert (await ledger.audit_entries(AuditQuery()))[0].n == 11

    async def test_usage_goes_by_its_days(self, ledger: Ledger, draft: Draft) -> None:
        now = draft.clock.now()
        uses = [
            KeyUse((now + timedelta(days=n)).date().isoformat(), "k", "get", "o", 1, 0, 0, 0, now)
            for n in range(4)
        ]
        await ledger.add_access_records(uses, [])
        until = now + timedelta(days=2)
        await ledger.prune_access(audit=now, uses=until, replies=now, limit=9)
        assert await ledger.key_uses(None, "", "9") == uses[2:]

    async def test_a_request_is_begun_once(
        self, ledger: Ledger, second: Ledger, draft: Draft
    ) -> None:
        now = draft.clock.now()
        begun = [KeyedRequest("k", "n", "r", f"h{n}", now) for n in range(2)]
        found = await asyncio.gather(ledger.begin_request(begun[0]), second.begin_request(begun[1]))
        assert found[0] == found[1]
        assert found[0] in begun
        (loser,) = set(begun) - {found[0]}
        await second.finish_request(loser, "not theirs", {})
        await second.finish_request(loser, None, {})
        assert await ledger.begin_request(loser) == found[0]
        await ledger.finish_request(found[0], "done", {})
        assert await second.begin_request(loser) == replace(found[0], answer="done")
        failed = replace(loser, name="m")
        assert await ledger.begin_request(failed) == failed
        await ledger.finish_request(failed, None, {})
        assert (await ledger.begin_request(replace(failed, holder="other"))).holder == "other"
        await ledger.prune_access(audit=now, uses=now, replies=now + timedelta(1), limit=9)
        assert await second.begin_request(loser) == loser

    async def test_what_is_erased_is_in_no_reply(self, ledger: Ledger, draft: Draft) -> None:
        scope = ADA.under("a" * 32)
        episode = draft.episode("I live in Rome.", scope)
        await ledger.journal([episode], 0)
        now, owner = draft.clock.now(), "ada"
        scopes = {
            "hers": {"project_id": ADA.project_id, "user_id": owner},
            "whose": {"project_id": ADA.project_id},
            "anybody's": {},
            "elsewhere": {"project_id": "elsewhere", "user_id": owner},
            "an agent's": {"project_id": ADA.project_id, "agent_id": "guide"},
        }
        begun = {name: KeyedRequest("k", name, "r", "h", now) for name in (*scopes, "under way")}
        for name, keyed in begun.items():
            await ledger.begin_request(keyed)
            if name in scopes:
                await ledger.finish_request(keyed, "Rome", scopes[name])
        await ledger.erase(Erasure(scope, episode_ids=(episode.id,), at=now))
        await ledger.finish_request(begun["under way"], "Rome", scopes["hers"])
        kept = {n: (await ledger.begin_request(one)).answer for n, one in begun.items()}
        assert kept == {
            **dict.fromkeys(("hers", "whose", "anybody's", "under way"), ""),
            **dict.fromkeys(("elsewhere", "an agent's"), "Rome"),
        }

    async def test_calls_are_counted_for_all(self, ledger: Ledger, second: Ledger) -> None:
        hour = 3600.0
        for n in range(1, 4):
            one = (ledger, second)[n % 2]
            ahead = await one.take_rate("a", hour, 3 * hour)
            assert n * hour - 60 < ahead <= n * hour, "the third is the last at once"
        for one in (ledger, second):
            assert await one.take_rate("a", hour, 3 * hour) > 3 * hour
        assert await ledger.take_rate("b", hour, 3 * hour) <= hour
        assert [await one.take_quota("q", 2, 5, 1) for one in (ledger, second, ledger)] == [3, 5, 7]
        assert await ledger.take_quota("q", 0, None, 0) == 5
        assert await ledger.take_quota("r", 1, 0, 0) == 1
        assert await ledger.take_quota("r", 0, 0, 0) == 0

    async def test_a_forgotten_user_is_named_in_no_grant(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        """In the organisation whose project it was, unless they are known in another of its
        projects."""
        members = [replace(_GRACE, about="ada"), replace(_GRACE, organisation="other", about="ada")]
        keys = [
            _KEY,
            Grant("key", "acme", "k2", None, {"member_id": "m-1", "name": "ada's laptop"}),
            Grant("key", "acme", "k3", "bob", {"name": "bob's"}),
            Grant("key", "other", "k4", "ada", {"name": "another ada's"}),
        ]
        second_project = Grant("project", "acme", "two", "acme/two", {})
        await ledger.put_grants(_ACME, _PROJECT, second_project, *members, *keys)
        scopes = [
            replace(ADA, project_id=f"acme/{name}").under(c * 32)
            for name, c in (("default", "a"), ("two", "b"))
        ]
        for scope in scopes:
            await ledger.journal([draft.episode("I moved.", scope)], 0)
        now = draft.clock.now()
        await ledger.forget(Forgetting((scopes[0],), "tenant", now, {}))
        assert len(await ledger.grants("key", about="ada")) == 2
        await ledger.forget(Forgetting((scopes[1],), "tenant", now, {}))
        assert await ledger.grants("key", about="ada") == [keys[3]]
        assert await ledger.grants("member") == [members[1]]
        left = {one.id: one for one in await ledger.grants("key", organisation="acme")}
        assert left["k3"] == keys[2]
        for id in ("k1", "k2"):
            assert left[id].about is None
            assert left[id].body["revoked_at"]
            assert "ada" not in str(left[id].body)
