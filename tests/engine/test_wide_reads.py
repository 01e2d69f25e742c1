"""Reads of more than one owner are told to a log, for who wants to know of them."""

from __future__ import annotations

import logging

import pytest

from graphmem import Memory


def test_they_are_logged_with_who_made_them(caplog: pytest.LogCaptureFixture) -> None:
    with Memory("memory://", actor="night shift") as memory:
        (id,) = memory.add("Tea at four.", user_id="ada", infer=False).fact_ids
        with caplog.at_level(logging.INFO, "graphmem.wide_reads"):
            memory.get(id, user_id="ada")
            memory.search("tea", user_id="ada")
            memory.stats(user_id="ada")
            memory.runs(user_id="ada")
            assert caplog.messages == [], "of one owner nothing is said"
            memory.get(id)
            memory.users()
            memory.stats()
            memory.cypher("MATCH (e:Entity) RETURN e.name", all_scopes=True)
            memory.learn_types(all_scopes=True)
        assert len(caplog.messages) == 5
        assert all(line.endswith(", by night shift") for line in caplog.messages)
        assert caplog.messages[0].startswith(f"{id} of whoever has it in the project default")
        assert not [line for line in caplog.messages if "ada" in line or "Tea" in line]
