"""What a store, and a call, say about how their texts are to be read."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from graphmem import ExtractionOptions, Memory, Settings
from graphmem.doors.cli import run_cli
from graphmem.errors import UsageError
from graphmem.testing.llm_server import LocalModelServer, Status
from tests.engine.model_script import ANSWER, TEXT

MARK = re.compile(r"\b[0-9a-f]{16}\b")
NOTHING: dict[str, Any] = {"entities": [], "facts": []}


class Ingredient(BaseModel):
    """Something to cook with."""


@pytest.fixture
def server() -> Iterator[LocalModelServer]:
    with LocalModelServer(answer=lambda _: NOTHING) as server:
        yield server


def settings(server: LocalModelServer, **more: Any) -> Settings:
    return Settings.load(
        {}, llm="openai:test-model", openai_base_url=server.base_url, llm_attempts=1, **more
    )


def noted(server: LocalModelServer) -> list[str]:
    return [request.text("system") for request in server.chats]


def test_those_of_a_store_are_settings(server: LocalModelServer) -> None:
    environ = {
        "GRAPHMEM_INSTRUCTIONS": "Only food.",
        "GRAPHMEM_ENTITY_TYPES": "dish, Sauce Boat,",
        "GRAPHMEM_RELATION_TYPES": "contains",
        "GRAPHMEM_LLM": "openai:test-model",
        "GRAPHMEM_OPENAI_BASE_URL": server.base_url,
    }
    with Memory("memory://", user_id="ada", settings=Settings.load(environ)) as memory:
        assert memory.add(TEXT).status == "done"
    (system,) = noted(server)
    for stated in ("Only food.", "`dish`", "`sauce_boat`", "`contains`"):
        assert stated in system


def test_what_is_given_at_opening_goes_before_settings_and_a_call_before_both(
    server: LocalModelServer,
) -> None:
    store = ExtractionOptions(entity_types=[Ingredient], relation_types=["contains"])
    chosen = settings(server, instructions="From the settings.", relation_types=["fits"])
    with Memory("memory://", user_id="ada", settings=chosen, extraction=store) as memory:
        memory.add(TEXT)
        memory.add(f"{TEXT} Again.", extraction=ExtractionOptions(instructions="From the call."))
        memory.add_many(
            [{"content": "One.", "extraction": ExtractionOptions(entity_types=["pan"])}]
        )
        memory.add("Two.")
    first, second, third, last = noted(server)
    assert "From the settings." in first
    assert "Something to cook with." in first
    assert "`contains`" in first
    assert "`fits`" not in first
    assert "From the call." in second
    assert "From the settings." not in second
    assert "Something to cook with." in second
    assert "`pan`" in third
    assert "`ingredient`" not in third
    assert MARK.sub("", last) == MARK.sub("", first)


def test_a_pending_episode_is_read_as_its_call_wanted(
    server: LocalModelServer, tmp_path: Path
) -> None:
    call = ExtractionOptions(instructions="Word it for a waiter.", entity_types=[Ingredient])
    server.script(Status(500))
    with Memory(tmp_path / "s", user_id="ada", settings=settings(server)) as memory:
        asked = memory.add(TEXT, extraction=call, occurred_at="2024-06-01")
        assert asked.status == "pending"
    server.script(ANSWER)
    with Memory(tmp_path / "s", user_id="ada", settings=settings(server)) as memory:
        (receipt,) = memory.resume()
        assert receipt.status == "done"
        assert [relation.object for relation in memory.relations("Bob")] == ["Lisbon"]
    failed, done = noted(server)
    assert MARK.sub("", failed) == MARK.sub("", done)
    assert "Word it for a waiter." in done
    assert "Something to cook with." in done


def test_own_prompts(server: LocalModelServer, tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    assert run_cli(["prompts", str(folder)]) == 0
    prompt = folder / "extract.md"
    prompt.write_text(prompt.read_text().replace("You read what", "You, a careful cook, read what"))
    assert run_cli(["prompts", str(folder)]) == 0  # and leaves it as it is
    assert (folder / "README.md").exists()
    with Memory("memory://", user_id="ada", settings=settings(server, prompts=str(folder))) as m:
        m.add(TEXT)
    assert "a careful cook" in noted(server)[0]


def test_prompts_that_have_gone_leave_it_pending(server: LocalModelServer, tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    assert run_cli(["prompts", str(folder)]) == 0
    call = ExtractionOptions(prompts=folder)
    server.script(Status(500))
    with Memory(tmp_path / "s", user_id="ada", settings=settings(server)) as memory:
        asked = memory.add(TEXT, extraction=call, occurred_at="2024-06-01")
        assert asked.status == "pending"
    shutil.rmtree(folder)
    with Memory(tmp_path / "s", user_id="ada", settings=settings(server)) as memory:
        (receipt,) = memory.resume()
        assert receipt.status == "pending"
        assert str(folder) in str(receipt.reason)
        assert run_cli(["prompts", str(folder)]) == 0
        assert [r.status for r in memory.resume()] == ["done"]


def test_bad_options_store_nothing(server: LocalModelServer, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    with Memory("memory://", user_id="ada", settings=settings(server)) as memory:
        for bad, stated in (
            ({"instructions": "x"}, "extraction must be ExtractionOptions"),
            (ExtractionOptions(prompts=missing), "has no prompt"),
        ):
            with pytest.raises(UsageError, match=stated):
                memory.add(TEXT, extraction=bad)  # type: ignore[arg-type]
        assert memory.stats().episodes == 0
    for bad_settings in ({"prompts": str(missing)}, {"entity_types": ["?"]}):
        with pytest.raises(UsageError, match=r"has no prompt|cannot be the name"):
            Memory(tmp_path / "s", user_id="ada", settings=settings(server, **bad_settings))
        assert not (tmp_path / "s").exists()
    assert noted(server) == []


def test_the_rules_take_and_ignore_them() -> None:
    with Memory("memory://", user_id="ada", extraction=ExtractionOptions(instructions="x")) as m:
        assert m.add("I live in Oslo.", extraction=ExtractionOptions(entity_types=["fjord"]))
        assert [relation.object for relation in m.relations("ada")] == ["Oslo"]
