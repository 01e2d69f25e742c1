"""The model and the embedder of all engines: a local endpoint in OpenAI's format.

The model finds the sentences of :mod:`benchmarks.peers.material` in what it is asked to read, and
answers in whatever form each engine asks for. It is right about all of them and knows nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from benchmarks.peers.material import SENTENCE
from graphmem.adapters.models.wordllama.embedder import WordLlamaEmbedder

_CHARACTERS_PER_TOKEN = 4
_MEM0 = re.compile(r"## New Messages\n(.*?)\n\n## Observation Date", re.DOTALL)
_CURRENT = re.compile(
    r"<CURRENT[_ ]MESSAGES?>\n(.*?)</CURRENT[_ ]MESSAGES?>|<TEXT>\n(.*?)</TEXT>", re.DOTALL
)
_NAMED = re.compile(r"<ENTITIES>(.*?)</ENTITIES>", re.DOTALL)
_ID = re.compile(r'"id":\s*(\d+),\s*"name":\s*"([^"]*)"')


def answer(schema: str, prompt: str) -> dict[str, Any]:
    """What the model says to a prompt that asks for this form (a schema's name, or nothing)."""
    if found := _MEM0.search(prompt):
        texts = [match.group() for match in SENTENCE.finditer(found[1])]
        return {"memory": [{"id": str(n), "text": text} for n, text in enumerate(texts)]}
    if schema.startswith("Extracted") or "Edges" in schema:
        return _graphiti_extraction(schema, prompt)
    if schema == "NodeResolutions":
        listed = _NAMED.search(prompt)
        ids = _ID.findall(listed[1]) if listed else []
        return {
            "entity_resolutions": [
                {"id": int(id), "name": name, "duplicate_candidate_id": -1} for id, name in ids
            ]
        }
    simple: dict[str, dict[str, Any]] = {
        "EdgeDuplicate": {"duplicate_facts": [], "contradicted_facts": []},
        "SummarizedEntities": {"summaries": []},
        "EdgeTimestamps": {"valid_at": None, "invalid_at": None},
        "EntitySummary": {"summary": ""},
    }
    if schema in simple:
        return simple[schema]
    if schema == "BatchEdgeTimestamps":
        count = len(SENTENCE.findall(prompt))
        return {"timestamps": [{"valid_at": None, "invalid_at": None}] * count}
    ambiguities = [
        json.loads(line) for line in prompt.splitlines() if line.startswith('{"question"')
    ]
    return _graphmem_verdicts(ambiguities) if ambiguities else _graphmem_extraction(prompt)


def _graphiti_extraction(schema: str, prompt: str) -> dict[str, Any]:
    current = _CURRENT.search(prompt)
    read = (current[1] or current[2]) if current else prompt
    matches = list(SENTENCE.finditer(read))
    if schema == "ExtractedEntities":
        names = dict.fromkeys(name for match in matches for name in (match[1], match[3]))
        return {"extracted_entities": [{"name": name, "entity_type_id": 0} for name in names]}
    return {
        "edges": [
            {
                "source_entity_name": match[1],
                "target_entity_name": match[3],
                "relation_type": match[2].upper(),
                "fact": match.group(),
            }
            for match in matches
        ]
    }


def _graphmem_extraction(prompt: str) -> dict[str, Any]:
    """Each turn is a line of JSON."""
    turns = [json.loads(line) for line in prompt.splitlines() if line.startswith('{"turn"')]
    found = [(turn["turn"], match) for turn in turns for match in SENTENCE.finditer(turn["text"])]
    names = dict.fromkeys(name for _, match in found for name in (match[1], match[3]))
    return {
        "entities": [{"name": name, "kind": "person", "aliases": []} for name in names],
        "facts": [
            {
                "text": match.group(),
                "subject": match[1],
                "type": match[2],
                "object": match[3],
                "entities": [match[1], match[3]],
                "valid_at": None,
                "invalid_at": None,
                "importance": 0.5,
                "turns": [turn],
                "retracts": False,
                "modality": "stated",
            }
            for turn, match in found
        ],
    }


_BOTH_HOLD = 3


def _graphmem_verdicts(ambiguities: list[dict[str, Any]]) -> dict[str, Any]:
    """Each question is a line of JSON. A name means whoever bears exactly that name, or nobody
    known; any two statements here are two occasions."""
    answers = []
    for ambiguity in ambiguities:
        same = [c["number"] for c in ambiguity.get("choices", ()) if c["name"] == ambiguity["name"]]
        choice = (same[0] if len(same) == 1 else 0) if "name" in ambiguity else _BOTH_HOLD
        answers.append({"question": ambiguity["question"], "answer": choice})
    return {"answers": answers}


class ScriptedServer:
    """The endpoint, on a free port of this machine, from ``with``."""

    def __init__(self) -> None:
        self._embedder = WordLlamaEmbedder()
        self._lock = threading.Lock()
        self.counts: dict[str, float] = {"calls": 0, "tokens": 0, "embedded": 0, "embedding_ms": 0}
        self.unknown: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                body = json.loads(self.rfile.read(size))
                embeds = self.path.endswith("/embeddings")
                self._send(outer.embeddings(body) if embeds else outer.chat(body))

            def do_GET(self) -> None:
                self._send(outer.counts)

            def _send(self, value: Any) -> None:
                data = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing is logged."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def __enter__(self) -> ScriptedServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        form = body.get("response_format") or {}
        schema = str((form.get("json_schema") or {}).get("name") or "")
        asked = "\n".join(str(message.get("content")) for message in body["messages"])
        user = str(body["messages"][-1].get("content"))
        reply = json.dumps(answer(schema, user))
        spent = [math.ceil(len(text) / _CHARACTERS_PER_TOKEN) for text in (asked, reply)]
        with self._lock:
            self.counts["calls"] += 1
            self.counts["tokens"] += sum(spent)
        message = {"role": "assistant", "content": reply}
        return {
            "id": "scripted",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": spent[0],
                "completion_tokens": spent[1],
                "total_tokens": sum(spent),
            },
        }

    def embeddings(self, body: dict[str, Any]) -> dict[str, Any]:
        given = body["input"]
        texts = [given] if isinstance(given, str) else list(given)
        began = time.perf_counter()
        with self._lock:
            vectors = asyncio.run(self._embedder.embed(texts, "document"))
            self.counts["embedded"] += len(texts)
            self.counts["embedding_ms"] += (time.perf_counter() - began) * 1000
        packed = body.get("encoding_format") == "base64"
        rows = [
            {
                "object": "embedding",
                "index": at,
                "embedding": (
                    base64.b64encode(np.asarray(vector, np.float32).tobytes()).decode()
                    if packed
                    else [float(number) for number in vector]
                ),
            }
            for at, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        return {"object": "list", "model": body["model"], "data": rows, "usage": usage}
