"""The run of several engines: its material, its model and embedder, graphmem's part of it.

The others are not installed here: they live in virtual environments that the run makes itself.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers.engines import ENGINES
from benchmarks.peers.material import SENTENCE, USERS, episodes, questions
from benchmarks.peers.script import ScriptedServer, answer
from graphmem.adapters.models.wordllama.embedder import WordLlamaEmbedder

ROOT = Path(__file__).parents[2]


def test_the_material_is_the_same_each_time() -> None:
    made = list(episodes(95, 10))
    assert made == list(episodes(95, 10))
    assert list(episodes(2000, 10))[:9] == made[:9]
    assert [one["facts"] for one in made] == [10, 20, 30, 40, 50, 60, 70, 80, 90, 95]
    sentences = [text for one in made for text in one["sentences"]]
    assert all(SENTENCE.fullmatch(text) for text in sentences)
    assert len({one["user"] for one in episodes(1000, 10)}) == USERS
    for question in questions(made, 20):
        match = SENTENCE.fullmatch(sentences[question["entry"]])
        assert match is not None
        assert match[1] in question["text"]
        assert match[3] not in question["text"]


def sentence(number: int) -> str:
    return next(one for one in episodes(100, 1) if one["facts"] == number + 1)["sentences"][0]


def test_the_model_reads_what_is_new_only() -> None:
    old, new = sentence(3), sentence(7)
    match = SENTENCE.fullmatch(new)
    assert match is not None
    mem0 = f"## Existing Memories\n{old}\n\n## New Messages\nuser: {new}\n\n## Observation Date\nx"
    assert answer("", mem0) == {"memory": [{"id": "0", "text": new}]}
    graphiti = f"<PREVIOUS MESSAGES>\n{old}</PREVIOUS MESSAGES>\n<TEXT>\n{new}\n</TEXT>"
    found = answer("ExtractedEntities", graphiti)["extracted_entities"]
    assert [entity["name"] for entity in found] == [match[1], match[3]]
    (edge,) = answer("ExtractedEdges", graphiti.replace("TEXT", "CURRENT_MESSAGE"))["edges"]
    assert edge["fact"] == new
    same = '<ENTITIES>\n[{"id": 4, "name": "A B"}]\n</ENTITIES>'
    assert answer("NodeResolutions", same)["entity_resolutions"][0]["duplicate_candidate_id"] == -1


def test_the_model_answers_what_graphmem_is_in_ambiguity_about() -> None:
    turn = {"turn": 0, "text": sentence(3)}
    choices = [{"number": 1, "name": "Ba Ck"}, {"number": 2, "name": "Ba Dert"}]
    lines = [
        turn,
        {"question": 1, "name": "Ba Dert", "choices": choices},
        {"question": 2, "name": "Ba", "choices": choices},
        {"question": 3, "earlier": {"text": "x"}, "later": {"text": "y"}},
    ]
    answers = answer("", "\n".join(map(json.dumps, lines)))["answers"]
    assert [(one["question"], one["answer"]) for one in answers] == [(1, 2), (2, 0), (3, 3)]


def ask(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request) as answered:
        found: dict[str, Any] = json.load(answered)
        return found


def test_the_embedder_is_wordllama_in_either_encoding() -> None:
    (own,) = asyncio.run(WordLlamaEmbedder().embed(["a small boat"], "document"))
    with ScriptedServer() as server:
        url, body = f"{server.base_url}/embeddings", {"model": "x", "input": "a small boat"}
        plain = ask(url, body)["data"][0]["embedding"]
        packed = ask(url, {**body, "encoding_format": "base64"})["data"][0]["embedding"]
    np.testing.assert_allclose(plain, own, rtol=1e-6)
    np.testing.assert_allclose(np.frombuffer(base64.b64decode(packed), np.float32), own, rtol=1e-6)


@pytest.mark.parametrize("engine", [name for name in ENGINES if name.startswith("graphmem")])
def test_graphmem_in_the_run(tmp_path: Path, engine: str) -> None:
    out = tmp_path / "peers.json"
    command = [sys.executable, "-m", "benchmarks.peers", "--engines", engine, "--json", str(out)]
    done = subprocess.run(
        [*command, "--sizes", "20", "40", "--searches", "10"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    first, second = result["peers"]
    assert (first["facts"], second["facts"], second["episodes"]) == (20, 40, 4)
    assert second["recall@10"] == 1
    # A question's vector is asked for once, and not at all where the embedder is at home.
    assert second["embedded_per_search"] == (1 if engine == "graphmem" else 0)
    assert (second["embedding_ms"] > 0) == (engine == "graphmem")
    assert second["model_calls_per_episode"] == (1 if engine == "graphmem" else 0)
    assert second["reached_out"] == []
    assert "| 40 | graphmem" in done.stdout
    assert str(tmp_path) not in out.read_text()


def test_what_reaches_beyond_this_machine_is_refused() -> None:
    code = (
        "import socket, sys\n"
        "from benchmarks.peers import child\n"
        "sys.addaudithook(child.guard)\n"
        "for way in (lambda: socket.create_connection(('192.0.2.7', 80), 1),\n"
        "            lambda: socket.getaddrinfo('telemetry.example', 443)):\n"
        "    try:\n"
        "        way()\n"
        "    except ConnectionRefusedError as error:\n"
        "        print(error)\n"
        "print(sorted(child.reached_out))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "192.0.2.7: nothing beyond this machine" in done.stdout
    assert "['192.0.2.7', 'telemetry.example']" in done.stdout
