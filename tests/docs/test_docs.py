"""Documentation that is executed, or held against the code."""

from __future__ import annotations

import importlib.util
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

from graphmem.ports.api import MemoryAPI
from graphmem.settings import PREFIX, Settings
from graphmem.testing.llm_server import LocalModelServer, Says

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "cypher" / "README.md"]
_BLOCK = re.compile(r"^```(\w+(?: chat)?)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|sql|cypher|toml|yml)|(?:[\w.-]+/)+)`")
_MODULE = re.compile(r"`(graphmem(?:\.\w+){2,})`")
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def _environment() -> dict[str, str]:
    """This interpreter's programs first, and none of the user's own settings."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith((PREFIX, "OPENAI_"))}
    return {**clean, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def _blocks(page: Path) -> list[tuple[str, str]]:
    return [(found[1], found[2]) for found in _BLOCK.finditer(page.read_text())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_python_and_shell_block_runs(page: Path, tmp_path: Path) -> None:
    """In order, in one folder, as a reader would."""
    for language, code in _blocks(page):
        if language in {"python", "bash"}:
            program = [sys.executable, "-c"] if language == "python" else ["bash", "-ec"]
            done = subprocess.run(
                [*program, code],
                cwd=tmp_path,
                env=_environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
            assert done.stdout.strip(), f"printed nothing:\n{code}"


def test_the_readme_says_what_happens(tmp_path: Path) -> None:
    (code,) = [code for language, code in _blocks(ROOT / "README.md") if language == "python"]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Ada -lives_in→ Paris (until February 2025, said 2024-01-15)" in done.stdout
    assert "Ada -lives_in→ Berlin (since February 2025)\n" in done.stdout
    assert "-works_at→ Acme ←works_at- Bob" in done.stdout


def test_the_chat_of_the_readme_remembers(tmp_path: Path) -> None:
    (code,) = [code for language, code in _blocks(ROOT / "README.md") if language == "python chat"]
    with LocalModelServer(answer=lambda request: Says("I see.")) as server:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=_environment()
            | {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "k", "GRAPHMEM_LLM": "none"},
            input="I live in Lisbon.\nWhere do I live?\n\n",
            capture_output=True,
            text=True,
            check=True,
        )
        known = [chat.json["messages"][0]["content"] for chat in server.chats]
    assert done.stdout.count("I see.") == 2
    assert ["Lisbon" in one for one in known] == [False, True]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_and_modules_that_are_named_exist(page: Path) -> None:
    """Paths are written from the root, from ``graphmem/`` or from the page itself."""
    text = page.read_text()
    for path in _PATH.findall(text):
        found = [base for base in (ROOT, ROOT / "graphmem", page.parent) if (base / path).exists()]
        assert found, path
    for name in _MODULE.findall(text):
        assert pkgutil.resolve_name(name), name


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        assert f"`{PREFIX}{name.upper()}`" in text
        assert field.description is not None
        assert field.description in text
    named = set(re.findall(rf"^\| `{PREFIX}(\w+)`", text, re.MULTILINE))
    assert named == {name.upper() for name in Settings.model_fields}


def test_nothing_names_a_place_it_was_made_in() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    # Written so that this file does not name what it looks for.
    places = re.compile("|".join(("/" + "work/", "/" + "root/", "python" + "hosted", "npm" + "js")))
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".txt", ".sql", ".cypher", ".yml", ""}:
            assert not places.search(path.read_text(errors="replace")), name


def test_the_api_page_is_generated_and_complete() -> None:
    spec = importlib.util.spec_from_file_location("make_api", ROOT / "docs" / "make_api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (ROOT / "docs" / "api.md").read_text()
    assert text == module.page(), "run: python docs/make_api.py"
    for name, method in inspect.getmembers(MemoryAPI):
        if not name.startswith("_") and inspect.isfunction(method):
            assert f"### {name}\n" in text
