"""A span for each request, where ``GRAPHMEM_TELEMETRY`` asks for it: below whatever span the caller
says that it is in. The address is told as the route has it, never as it was written."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphmem.doors.http.middleware import method_of


class Tracing:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp) -> None:
        from opentelemetry import metrics, trace

        self._app = app
        self._tracer = trace.get_tracer("graphmem")
        self._took = metrics.get_meter("graphmem").create_histogram(
            "http.server.request.duration", "s", "How long requests took."
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        method = method_of(scope)
        attributes: dict[str, str | int] = {"http.request.method": method}
        began = time.perf_counter()

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start":
                attributes["http.response.status_code"] = message["status"]
            await send(message)

        given = {name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]}
        # Nothing else that a caller writes is taken on: baggage may be anything.
        above = TraceContextTextMapPropagator().extract(given)
        with self._tracer.start_as_current_span(
            method,
            context=above,
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                await self._app(scope, receive, answering)
            finally:
                route = getattr(scope.get("route"), "path_format", None)
                if route is not None:
                    attributes["http.route"] = route
                    span.update_name(f"{method} {route}")
                span.set_attributes(attributes)
                self._took.record(time.perf_counter() - began, attributes)
