"""A real, private PostgreSQL for the tests: made once per test session, stopped and removed at its end, killed or not.

Binaries come from PATH, Debian's or Homebrew's folders. Without any, tests that ask for it are skipped, or fail when
KEFU_TEST_REQUIRE_POSTGRES=1. PostgreSQL refuses root: as root it runs as the user `postgres` (or `nobody`).
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "a:b c"  # needs quoting in a URL, and must never be seen in an error
_GUARD = 'read -r line; "$0" stop -w -m immediate -D data; cd / && rm -rf "$1"'  # the pipe ends with the tests
_PLACES = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin")


class Postgres:
    """One server on loopback. `database()` is the URL, without a driver's name, of an empty database; `give_back`
    empties one for whoever asks next: making a new one costs more, and 7 MB on the disk."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._user: dict[str, Any] = {}  # whom the programs run as
        if os.geteuid() == 0:
            user = _unprivileged()
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.port = 0
        self._guard: subprocess.Popen[bytes] | None = None
        self._empty: list[str] = []

    def start(self) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run("initdb", "-D", "data", "-U", "kefu", "--pwfile=password", "--auth=scram-sha-256",
                  "--encoding=UTF8", "--locale=C", "--no-sync")  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, self._binaries / "pg_ctl", self._folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            start_new_session=True,  # a Ctrl-C is for the tests
            **self._user,
        )
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", options)

    def stop(self) -> None:
        if self._guard is not None:
            self._guard.communicate(timeout=60)  # closes the pipe

    def database(self) -> str:
        if self._empty:
            return self._empty.pop()
        name = f"kefu_{uuid.uuid4().hex}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "kefu", name)
        return f"postgresql://kefu:{PASSWORD.replace(':', '%3A').replace(' ', '%20')}@127.0.0.1:{self.port}/{name}"

    def give_back(self, url: str) -> None:
        """No test may use it any more; whoever is still connected is cut off."""
        name = url.rpartition("/")[2]
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
        others += "pid <> pg_backend_pid()"
        emptied = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
        self._run("psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "kefu", "-q", "-v", "ON_ERROR_STOP=1",
                  "-d", name, "-c", others, "-c", emptied)  # fmt: skip
        self._empty.append(url)

    def _run(self, program: str, *arguments: str) -> None:
        # The server outlives pg_ctl and would hold a pipe open: output goes to a file
        with open(self._folder / "output", "w+") as output:
            done = subprocess.run(
                [self._binaries / program, *arguments],
                cwd=self._folder,
                env={"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=60,
                **self._user,
            )
            output.seek(0)
            assert done.returncode == 0, f"{program}: {output.read()}"


def _unprivileged() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _binaries() -> Path | None:
    folders = [*os.environ.get("PATH", "").split(os.pathsep), *(f for place in _PLACES for f in sorted(glob(place)))]
    return next(((Path(f) / "initdb").resolve().parent for f in folders if (Path(f) / "initdb").exists()), None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    binaries = _binaries()
    if binaries is None:
        if os.environ.get("KEFU_TEST_REQUIRE_POSTGRES") == "1":
            pytest.fail("no PostgreSQL found (initdb, pg_ctl), and KEFU_TEST_REQUIRE_POSTGRES=1 asks for it")
        pytest.skip("no PostgreSQL found (initdb, pg_ctl): install Debian's postgresql or Homebrew's postgresql@17")
    folder = Path(tempfile.mkdtemp(prefix="kefu-postgres-"))
    server = Postgres(binaries, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)  # gone already, unless the server never started
