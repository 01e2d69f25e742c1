"""However a server refuses a form of answer: the episode is done, and what it takes is
remembered."""

from __future__ import annotations

import pytest

from graphmem import Memory
from graphmem.testing.llm_server import Body, LocalModelServer, Request, ScriptedAnswer, Status
from tests.engine.model_script import ANSWER, TEXT, as_scripted, settings

STATUSES = (400, 404, 415, 422, 500, 501)
OTHERS = (405, 409, 451, 503)
NAMING = (
    "response_format: Input should be 'text' or 'json_object'",
    "'json_schema' is not one of ['text', 'json_object']",
    "Guided decoding is not available on this backend",
    "Grammar error: schema could not be compiled",
)


def _done_with(refusal: ScriptedAnswer, taken: set[str]) -> list[str]:
    """The formats that were asked for over two episodes by a server that takes ``taken``."""

    def answer(request: Request) -> ScriptedAnswer:
        return ANSWER if request.format in taken else refusal

    with (
        LocalModelServer(answer=answer) as server,
        Memory("memory://", user_id="ada", settings=settings(server)) as memory,
    ):
        assert memory.add(TEXT, occurred_at="2024-06-01").status == "done"
        as_scripted(memory)
        assert memory.add(TEXT, occurred_at="2024-06-02").status == "done"
        return [request.format for request in server.chats]


@pytest.mark.parametrize("message", [NAMING[0], "", "Internal Server Error"])
@pytest.mark.parametrize("status", STATUSES)
def test_a_refused_format_does_not_hold_an_episode_up(status: int, message: str) -> None:
    taken = {"json_object", "text"} if status % 2 else {"text"}
    formats = _done_with(Status(status, message), taken)
    assert formats[-1] in taken
    assert formats.count("json_schema") == 1
    assert formats.index(formats[-1]) == len(formats) - 2


@pytest.mark.parametrize(("status", "message"), list(zip(OTHERS, NAMING, strict=True)))
def test_a_refusal_that_names_the_format_counts_whatever_its_status(
    status: int, message: str
) -> None:
    assert _done_with(Status(status, message), {"text"})[-1] == "text"


@pytest.mark.parametrize(
    "body",
    [
        Body("", status=400, content_type="text/plain"),
        Body("", status=500),
        Body("<html><h1>415 Unsupported Media Type</h1></html>", 415, "text/html"),
        Body('{"detail": [{"loc": ["body", "response_format", "type"]}]}', status=422),
        Body('{"error": {"message": "response_format is not supported"}}'),
        Body('{"error": "json_schema unsupported"}', status=500),
    ],
)
def test_a_refusal_in_any_body(body: Body) -> None:
    assert _done_with(body, {"text"})[-1] == "text"


def test_a_server_that_answered_before_is_not_asked_for_less() -> None:
    """What fails without a reason after that is a failure."""
    with (
        LocalModelServer([ANSWER, Status(500, ""), ANSWER]) as server,
        Memory("memory://", user_id="ada", settings=settings(server)) as memory,
    ):
        memory.add(TEXT, occurred_at="2024-06-01")
        assert memory.add(TEXT, occurred_at="2024-06-02").status == "pending"
        memory.resume()
        assert {request.format for request in server.chats} == {"json_schema"}


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_what_is_about_something_else_is_not_tried_in_other_forms(status: int) -> None:
    with (
        LocalModelServer([Status(status, "no, not now")] * 4) as server,
        Memory("memory://", user_id="ada", settings=settings(server)) as memory,
    ):
        receipt = memory.add(TEXT, occurred_at="2024-06-01")
        assert receipt.status == "pending"
        assert str(status) in (receipt.reason or "")
        assert len(server.chats) == 1
