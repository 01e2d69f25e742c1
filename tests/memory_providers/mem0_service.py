"""A small service that speaks mem0's addresses, over HTTP, with faults on demand."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Mem0Service:
    """``fault`` is what it does instead of answering: a status with a body, or silence. ``seen``
    are the headers of each request. With ``later`` it stores at once, but says that it will."""

    def __init__(self, later: bool = False) -> None:
        self.fault: tuple[int, str] | float | None = None
        self.later = later
        self.seen: list[dict[str, str]] = []
        self.memories: dict[str, dict[str, Any]] = {}
        self.silence = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def _any(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                service.seen.append({k.lower(): v for k, v in self.headers.items()})
                if isinstance(service.fault, float):
                    service.silence.wait(service.fault)
                    self.close_connection = True
                    return
                if service.fault is not None:
                    self._send(*service.fault)
                    return
                status, answer = service.answer(self.command, self.path, json.loads(raw or b"{}"))
                self._send(status, json.dumps(answer))

            def _send(self, status: int, text: str) -> None:
                data = text.encode("utf-8", "surrogateescape")
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = _any  # noqa: N815 - the library's names

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        parts = urlsplit(path)
        if parts.path == "/v1/ping/":
            return 200, {"status": "ok", "org_id": "o", "project_id": "p", "user_email": "a@b"}
        if parts.path == "/v3/memories/add/":
            return 200, self._added(body)
        mine = [m for m in self.memories.values() if m["user_id"] == _user(body)]
        if parts.path == "/v3/memories/search/":
            words = set(body["query"].lower().split())
            found = [{**m, "score": 0.5} for m in mine if words & set(m["memory"].lower().split())]
            return 200, {"results": found[: body["top_k"]]}
        if parts.path == "/v3/memories/":
            query = parse_qs(parts.query)
            page, size = int(query["page"][0]), int(query["page_size"][0])
            more = self.url if page * size < len(mine) else None
            part = mine[(page - 1) * size : page * size]
            return 200, {"count": len(mine), "next": more, "previous": None, "results": part}
        return self._one(method, parts.path.removeprefix("/v1/memories/").strip("/"))

    def _one(self, method: str, id: str) -> tuple[int, Any]:
        if id not in self.memories:
            return 404, {"error": "Memory not found!"}
        if method == "DELETE":
            del self.memories[id]
            return 200, {"message": "Memory deleted successfully!"}
        return 200, self.memories[id]

    def _added(self, body: dict[str, Any]) -> Any:
        id = str(uuid.uuid4())
        self.memories[id] = {
            "id": id,
            "memory": body["messages"][0]["content"],
            "user_id": body["user_id"],
            "metadata": body.get("metadata"),
            "created_at": "2025-01-05T10:00:00-07:00",
            "updated_at": "not a time",
        }
        if self.later:
            return {"message": "queued", "status": "PENDING", "event_id": f"event {id}"}
        results = [{"id": id, "memory": self.memories[id]["memory"], "event": "ADD"}]
        return {"results": results}


def _user(body: dict[str, Any]) -> Any:
    return body.get("filters", {}).get("user_id")


@contextmanager
def mem0_service(**given: Any) -> Iterator[Mem0Service]:
    service = Mem0Service(**given)
    thread = threading.Thread(target=service._server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.silence.set()
        service._server.shutdown()
        service._server.server_close()
        thread.join(10)
