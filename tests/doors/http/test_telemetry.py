"""What OpenTelemetry is told: one trace for a request, through door, engine, stages and stores; and
nothing of what anybody said, of who they are, or of their keys."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.testing.llm_server import LocalModelServer, Says
from tests.docs.test_docs import ROOT
from tests.doors.http.running import RunningServer, serving
from tests.engine.helpers import child_environment

pytest.importorskip("opentelemetry.sdk")

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

_ABOVE = "4bf92f3577b34da6a3ce929d0e0e4736"
PLANTED = ("zebrafish", "planted-user", "planted-project", "planted-tag", "planted-request")


@dataclass
class Told:
    """All that was told so far."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def spans(self, last: str | None = None) -> list[ReadableSpan]:
        """All that ended; with ``last``, when one of this name has: a request's ends after its
        answer has come."""
        until = time.monotonic() + 10
        while last and last not in {span.name for span in self.exporter.get_finished_spans()}:
            assert time.monotonic() < until, f"no span {last} ended"
            time.sleep(0.01)
        found = list(self.exporter.get_finished_spans())
        self.exporter.clear()
        return found

    def points(self) -> dict[str, list[Any]]:
        """The points of each metric."""
        data = self.reader.get_metrics_data()
        found: dict[str, list[Any]] = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    found.setdefault(metric.name, []).extend(metric.data.data_points)
        return found


@pytest.fixture(scope="module")
def told() -> Told:
    """The providers of this process, which are set once."""
    found = Told(InMemorySpanExporter(), InMemoryMetricReader())
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(found.exporter))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([found.reader]))
    return found


@pytest.fixture(scope="module")
def server(told: Told, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings = Settings.load({}, telemetry=True)
    with serving(tmp_path_factory.mktemp("told") / "store", settings=settings) as running:
        yield running


def _above(found: dict[str, list[ReadableSpan]], name: str) -> list[str]:
    """The names from a span up to its request."""
    by_id = {s.context.span_id: s for spans in found.values() for s in spans if s.context}
    names, span = [], found[name][0]
    while span.parent is not None and span.parent.span_id in by_id:
        span = by_id[span.parent.span_id]
        names.append(span.name)
    return names


def test_a_search_and_an_add_are_one_trace_each(server: RunningServer, told: Told) -> None:
    told.spans()
    with server.http(traceparent=f"00-{_ABOVE}-00f067aa0ba902b7-01") as http:
        body = {"content": "Kim moved to Oslo.", "user_id": "ada"}
        assert http.post("/v1/add", json=body).status_code == 200
        assert http.post("/v1/search", json={"query": "Oslo?", "user_id": "ada"}).json()["hits"]
        assert http.post("/v1/get", json={"fact_id": "no", "user_id": "ada"}).status_code == 404
    spans = told.spans("POST /v1/get")
    assert all(
        span.context.trace_id == int(_ABOVE, 16)
        for span in spans
        if span.context and span.name.startswith("POST")
    )
    found: dict[str, list[ReadableSpan]] = {}
    for span in spans:
        found.setdefault(span.name, []).append(span)
    assert _above(found, "graphmem.ledger.journal") == [
        "graphmem.ingest", "graphmem.add", "POST /v1/add"
    ]  # fmt: skip
    for name in ("extractor.extract", "decide", "ledger.commit"):
        assert _above(found, f"graphmem.{name}")[-2:] == ["graphmem.add", "POST /v1/add"], name
    for name in ("vectors.search", "embedder.embed", "project.graph", "project.vectors"):
        assert _above(found, f"graphmem.{name}")[-2:] == ["graphmem.search", "POST /v1/search"]
    assert "graphmem.retrieve" in _above(found, "graphmem.rank")
    (failed,) = found["graphmem.get"]
    assert dict(failed.attributes or {}) == {"error.type": "NotFound"}
    assert not failed.events
    request = dict(found["POST /v1/get"][0].attributes or {})
    assert request == {
        "http.request.method": "POST", "http.route": "/v1/get", "http.response.status_code": 404
    }  # fmt: skip


def test_nothing_that_was_said_is_told(
    server: RunningServer, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    user, project = "planted-user", "planted-project"
    body = {"user_id": user, "project_id": project}
    with caplog.at_level(logging.DEBUG), server.http(**{"x-request-id": "planted-request"}) as http:
        tags = {"tags": ["planted-tag"], "metadata": {"zebrafish": "zebrafish"}}
        added = http.post("/v1/add", json={"content": "I keep a zebrafish.", **tags, **body})
        assert added.status_code == 200
        for path, more in (
            ("search", {"query": "zebrafish"}),
            ("get", {"fact_id": "zebrafish"}),
            ("zebrafish", {}),
            ("cypher", {"query": "MATCH (zebrafish) RETURN zebrafish"}),
            ("search", {"query": 7, "zebrafish": 1}),
        ):
            http.post(f"/v1/{path}", json={**more, **body})
        http.get(f"/v1/users/{user}/stats?zebrafish=zebrafish")
        http.get(f"/v1/memories/{added.json()['episode_id']}", params=body)
        http.request("ZEBRAFISH", "/v1/search", json=body)
    spans, points = told.spans(), told.points()
    seen = [f"{s.name} {dict(s.attributes or {})} {s.events} {s.status.description}" for s in spans]
    seen += [f"{name} {dict(p.attributes)}" for name, all_ in points.items() for p in all_]
    assert len(seen) > 100
    secrets = [*PLANTED, server.key, server.key[3:], added.json()["episode_id"]]
    assert [one for one in seen if any(secret in one.lower() for secret in secrets)] == []
    logged = [r.getMessage().lower() for r in caplog.records if r.name.startswith("graphmem")]
    given = ("/v1/zebrafish", "planted-request")  # what is no address, and an id to find a line by
    assert any("/v1/users/{user_id}/stats" in one for one in logged)
    for part in given:
        logged = [one.replace(part, "") for one in logged]
    assert [one for one in logged if any(s.lower() in one for s in secrets[:-1])] == []


def test_what_models_cost_and_what_waits_is_counted(told: Told) -> None:
    before = {p.attributes["graphmem.direction"]: p.value for p in _tokens(told)}
    with LocalModelServer(answer=lambda request: Says('{"facts": []}')) as model:
        settings = Settings.load(
            {}, telemetry=True, llm="openai:m", openai_base_url=model.base_url, openai_api_key="k"
        )
        with Memory("memory://", user_id="ada", settings=settings) as memory:
            receipt = memory.add("Kim moved to Oslo.")
    assert receipt.model_calls == 1
    after = {p.attributes["graphmem.direction"]: p.value for p in _tokens(told)}
    assert after["input"] - before.get("input", 0) == receipt.tokens_in > 0
    assert after["output"] - before.get("output", 0) == receipt.tokens_out > 0
    points = told.points()
    lag = {p.attributes["graphmem.projection"]: p.value for p in points["graphmem.lag"]}
    assert lag == {"graph": 0, "vectors": 0}
    waiting = {p.attributes["graphmem.in"]: p.value for p in points["graphmem.waiting"]}
    assert waiting == {"queue": 0, "pending": 0}
    stages = {p.attributes["graphmem.of"] for p in points["graphmem.duration"]}
    assert {"search", "rank", "retrieve", "ledger.journal", "vectors.search"} <= stages
    routes = {p.attributes.get("http.route") for p in points["http.server.request.duration"]}
    assert {"/v1/add", "/v1/search", "/v1/users/{user_id}/stats", None} <= routes


def _tokens(told: Told) -> list[Any]:
    return told.points().get("graphmem.model.tokens", [])


def test_what_nobody_asked_for_costs_nothing(tmp_path: Path) -> None:
    """Without the setting the parts are the adapters themselves, and OpenTelemetry is not read."""
    code = """
import sys
import time
from graphmem import Memory
with Memory(sys.argv[1], user_id="ada") as memory:
    memory.add("Kim moved to Oslo.")
    memory.search("Where is Kim?")
    parts, present = memory._async._parts, memory._async._current
    print(type(parts.ledger).__name__, "search" in vars(present.retrieve), "search" in
          vars(memory._async), any(name.startswith("opentelemetry") for name in sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "store")],
        env=child_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["SqliteLedger", "False", "False", "False"]


def test_the_example_of_the_page_runs(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "deploy.md").read_text()
    code = page.partition("```python otel\n")[2].partition("```")[0]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=child_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "graphmem.search" in done.stdout
    assert "graphmem.vectors.search" in done.stdout
