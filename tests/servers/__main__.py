"""Start both servers, print how to reach them, stop on Enter."""

from __future__ import annotations

import sys

from tests.servers import Neo4jServer, PostgresServer


def main() -> None:
    running = [Neo4jServer(), PostgresServer()]
    try:
        for variable, server in zip(("NEO4J_URI", "POSTGRES_URL"), running, strict=True):
            server.start()
            sys.stdout.write(f"export {variable}={server.uri}\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        for server in running:
            server.stop()


if __name__ == "__main__":
    main()
