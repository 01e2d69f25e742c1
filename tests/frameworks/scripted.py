"""A scripted model that uses a tool and then answers."""

from __future__ import annotations

import json
from typing import Any

from graphmem.testing.llm_server import Request, Says


def calls(tool: str, **arguments: Any) -> Says:
    """An answer of a model that calls one tool."""
    function = {"name": tool, "arguments": json.dumps(arguments)}
    call = {"id": f"call_{tool}", "type": "function", "function": function}
    return Says(more={"tool_calls": [call]}, finish_reason="tool_calls")


def shown_to_the_model(request: Request) -> list[str]:
    """What tools have answered, as a request carries it."""
    messages = request.json["messages"]
    return [message["content"] for message in messages if message["role"] == "tool"]
