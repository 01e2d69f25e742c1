"""How servers that speak OpenAI's format differ: what they take, and how they refuse the rest.

Messages are worded after those of the servers themselves (OpenAI's error reference, vLLM's
``serving_engine.py``, llama.cpp's ``tools/server``, Ollama's ``openai/openai.go``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Format = Literal["json_schema", "json_object", "text"]
ALL_FORMATS: tuple[Format, ...] = ("json_schema", "json_object", "text")


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of server. Texts are format strings."""

    supports: tuple[Format, ...] = ALL_FORMATS
    refuses: tuple[str, ...] = ()
    refusal_status: int = 400
    flat_errors: bool = False
    schema_beside: bool = True
    """Whether ``json_object`` may have a ``schema`` beside it; False refuses that."""
    no_format: str = "Invalid parameter: 'response_format' of type '{}' is not supported."
    no_parameter: str = "Unsupported parameter: '{}' is not supported with this model."
    no_model: str = "The model `{}` does not exist or you do not have access to it."
    overflow: str | None = (
        "This model's maximum context length is {limit} tokens. However, your messages resulted "
        "in {asked} tokens. Please reduce the length of the messages."
    )
    """None: what does not fit is dropped without a word."""
    overflow_code: str | None = "context_length_exceeded"


PROFILES: Mapping[str, Profile] = {
    "openai": Profile(),
    "openai-reasoning": Profile(refuses=("temperature", "max_tokens", "seed")),
    "openai-older": Profile(supports=("json_object", "text"), schema_beside=False),
    "ollama": Profile(
        no_model='model "{}" not found, try pulling it first',
        overflow=None,
    ),
    "vllm": Profile(
        flat_errors=True,
        no_model="The model `{}` does not exist.",
        overflow="This model's maximum context length is {limit} tokens. However, you requested "
        "{asked} tokens in the messages, Please reduce the length of the messages.",
        overflow_code=None,
    ),
    "vllm-older": Profile(
        supports=("json_object", "text"),
        flat_errors=True,
        no_format="[{{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': "
        "\"Input should be 'text' or 'json_object'\", 'input': '{}'}}]",
        overflow="This model's maximum context length is {limit} tokens. However, you requested "
        "{asked} tokens. Please reduce the length of the messages or completion.",
        overflow_code=None,
    ),
    "llama.cpp": Profile(
        overflow="request ({asked} tokens) exceeds the available context size ({limit} tokens), "
        "try increasing it",
        overflow_code="exceed_context_size_error",
    ),
    "llama.cpp-older": Profile(
        supports=("json_object", "text"),
        refusal_status=500,
        no_format='response_format type must be one of "text" or "json_object", but got: {}',
        overflow="the request exceeds the available context size. try increasing the context size",
        overflow_code=None,
    ),
    "strict": Profile(
        supports=("text",),
        refuses=("temperature", "seed", "max_tokens", "max_completion_tokens", "response_format"),
        refusal_status=422,
        no_parameter="body.{}: Extra inputs are not permitted",
    ),
}
"""By name. ``strict`` is a gateway that knows nothing but model and messages."""
