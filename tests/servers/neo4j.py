"""A real Neo4j Community server, fetched by Maven and run by Java 17 or newer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock
from neo4j import GraphDatabase
from neo4j.exceptions import AuthError, ClientError, DriverError, Neo4jError

from tests.servers.base import PASSWORD, Server, ServerMissing

_CONF = """\
server.bolt.listen_address=127.0.0.1:{port}
server.http.enabled=false
server.https.enabled=false
dbms.usage_report.enabled=false
server.memory.heap.max_size=512m
server.memory.pagecache.size=128m
"""

_QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""It lives for minutes: to compile its code twice costs more than it gives."""


class Neo4jServer(Server):
    """Starts in about ten seconds; takes about 450 MB."""

    name = "neo4j"

    def __init__(self) -> None:
        self._jars = jars()
        super().__init__()
        conf = self.folder / "conf" / "neo4j.conf"
        conf.parent.mkdir()
        conf.write_text(_CONF.format(port=self.port))

    @property
    def uri(self) -> str:
        return f"neo4j://neo4j:{PASSWORD}@127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [
            "java",
            *_QUICK,
            "-Xmx512m",
            "-cp",
            f"{self._jars}/*",
            "org.neo4j.server.CommunityEntryPoint",
            f"--home-dir={self.folder}",
            f"--config-dir={self.folder / 'conf'}",
        ]

    def ready(self) -> bool:
        """It answers, with a password of its own: the first one is good for nothing but that."""
        address = f"bolt://127.0.0.1:{self.port}"
        try:
            with GraphDatabase.driver(address, auth=("neo4j", PASSWORD)) as driver:
                driver.verify_connectivity()
        except AuthError:
            self._set_password(address)
            return False
        except (DriverError, Neo4jError):
            return False
        return True

    def _set_password(self, address: str) -> None:
        try:
            with GraphDatabase.driver(address, auth=("neo4j", "neo4j")) as driver:
                driver.execute_query(
                    "ALTER CURRENT USER SET PASSWORD FROM 'neo4j' TO $new",
                    new=PASSWORD,
                    database_="system",
                )
        except (AuthError, ClientError, DriverError):
            return  # not ready yet: asked again


def jars() -> Path:
    """The folder of the server's jars, filled once per environment."""
    for needed, package in (("java", "a Java runtime, 17 or newer"), ("mvn", "Maven")):
        if shutil.which(needed) is None:
            raise ServerMissing(
                f"Neo4j cannot be started: {package} is not here (no {needed} on the PATH)"
            )
    folder = Path(sys.prefix) / "servers" / "neo4j"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "complete").exists():
            pom = Path(__file__).with_name("pom.xml")
            fetched = subprocess.run(
                [
                    "mvn",
                    "-q",
                    "-B",
                    "-f",
                    str(pom),
                    "dependency:copy-dependencies",
                    f"-DoutputDirectory={folder}",
                ],
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "MAVEN_OPTS": "-Xmx512m"},
            )
            if fetched.returncode:
                raise ServerMissing(f"Maven could not fetch Neo4j: {fetched.stdout[-1000:]}")
            (folder / "complete").touch()
    return folder
