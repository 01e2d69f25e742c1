"""Real servers for the tests: Neo4j and PostgreSQL, on free ports of this machine's loopback.

``python -m tests.servers`` starts both and prints the variables that point a test run at them.
"""

from tests.servers.base import Server, ServerMissing, had_or_skipped, remove_stale, running
from tests.servers.environment import environment_with
from tests.servers.neo4j import Neo4jServer
from tests.servers.postgres import PostgresServer

__all__ = [
    "Neo4jServer",
    "PostgresServer",
    "Server",
    "ServerMissing",
    "environment_with",
    "had_or_skipped",
    "remove_stale",
    "running",
]
