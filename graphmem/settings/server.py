"""The settings of a server, and of whoever goes through one."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

NameList = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda given: given.split(",") if isinstance(given, str) else given),
    AfterValidator(lambda given: tuple(name.strip() for name in given if name.strip())),
]
"""Text with commas, or a list."""


def _checked_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for one in origins:
        if one != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+", one):
            raise ValueError(
                f"{one!r} is no origin, which no page would have: write https://HOST or "
                "http://HOST:PORT, with nothing behind it"
            )
    return origins


class ServerSettings(BaseModel):
    """How ``graphmem serve`` answers, and which server a client asks."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    url: str | None = Field(
        None, description="a server to go through, https://HOST or http://HOST:PORT, where no "
        "folder is given"
    )  # fmt: skip
    api_key: SecretStr | None = Field(None, description="the key that goes to the server")
    client_timeout_s: float = Field(
        330.0, gt=0, le=86_400, description="how long a server that is gone through may be silent"
    )
    client_attempts: int = Field(
        4, ge=1, le=100, description="how often a request to it is tried that may be made again"
    )
    server_host: str = Field(
        "127.0.0.1", description="the address that `graphmem serve` listens on"
    )
    server_port: int = Field(7788, ge=0, le=65_535, description="its port; 0: one that is free")
    server_workers: int = Field(
        1, ge=1, le=256, description="processes that answer; more than one only on databases that "
        "are servers"
    )  # fmt: skip
    server_log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="what a server writes to its log: debug, info, warning or error"
    )
    server_cors: Annotated[NameList, AfterValidator(_checked_origins)] = Field(
        (), description="origins whose pages may ask from a browser, with commas between them"
    )
    webhook_hosts: NameList = Field(
        (), description="the only hosts that webhooks go to, inside addresses too, with commas "
        "between them; without it any public address"
    )  # fmt: skip
    server_signature_secret: SecretStr | None = Field(
        None, min_length=16, description="the secret, of 16 characters and more, with which "
        "requests may be signed for one user (X-User-Context, X-Signature), beside their key"
    )  # fmt: skip
    server_docs: bool = Field(
        True,
        description="show the OpenAPI document at /openapi.json, and a page to read it at /docs",
    )
    server_explorer: bool = Field(
        True, description="show the explorer at the server's root, for whoever has a key"
    )
    server_max_body_bytes: int = Field(
        32 * 1024 * 1024,
        ge=1024,
        description="the largest body of a request; a batch makes no more reads once its results "
        "are larger",
    )
    server_max_upload_bytes: int = Field(
        4 * 1024**3, ge=1024, description="the largest file that import takes"
    )
    server_body_timeout_s: float = Field(
        30.0, gt=0, le=86_400, description="how long a request may take to arrive"
    )
    server_timeout_s: float = Field(
        300.0, gt=0, le=86_400, description="how long a call may take whose progress is not told"
    )
    server_drain_s: float = Field(
        30.0, ge=0, le=86_400, description="how long a server that is to end waits for what it does"
    )
    server_max_connections: int = Field(
        1000, ge=1, le=1_000_000, description="connections at a time; more are told to come later"
    )

    def of_the_server(self) -> dict[str, str]:
        """How it answers, as texts by the names of its settings, secrets among them: for processes
        that are to answer alike."""
        found: dict[str, str] = {}
        for name in ServerSettings.model_fields:
            value = getattr(self, name)
            if name.startswith("server_") and value is not None:
                if isinstance(value, SecretStr):
                    value = value.get_secret_value()
                found[name] = ",".join(value) if isinstance(value, tuple) else str(value)
        return found
