"""A PostgreSQL data folder: made, configured, started, stopped and freed of what a dead server left behind."""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.postgres.embedded_install import Installation, ServerAccount
from core.errors import DatabaseError

SUPERUSER: Final = "postgres"
OWNER: Final = "chronos_owner"
DATABASE: Final = "chronos"
SOCKET_PORT: Final = 5432

_EXTENSIONS: Final = ("vector", "pg_trgm", "unaccent")
_CTYPES: Final = {"linux": "C.UTF-8", "darwin": "en_US.UTF-8"}
_WAIT_FOR_THE_DEAD_S: Final = 10
_OWN_FOLDER: Final = "/proc/self/cwd"
_LINES_SHOWN: Final = 2
_SIGNS_OF_FAILURE: Final = ("PANIC", "FATAL", "ERROR", "error:")

_SETTINGS: Final = """\
# Written by Chronos at every start; changes made here are lost.
unix_socket_permissions = 0700
max_connections = 60
shared_buffers = 64MB
max_wal_size = 256MB
jit = off
timezone = 'UTC'
password_encryption = 'scram-sha-256'
log_timezone = 'UTC'
logging_collector = on
log_directory = 'log'
log_filename = 'postgresql-%a.log'
log_rotation_age = 1d
log_rotation_size = 0
log_truncate_on_rotation = on
log_min_messages = warning
log_min_error_statement = panic  # statements hold people's questions
"""


@dataclass(frozen=True, slots=True)
class Passwords:
    """Of the two roles that the cluster is made with."""

    superuser: str
    owner: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """The data folder ``folder``, whose server runs from ``install``; methods block, none is for an event loop."""

    folder: Path
    install: Installation

    @property
    def socket_folder(self) -> Path:
        """The folder of the Unix socket, inside the data folder and as private."""
        return self.folder / "run"

    @property
    def log_folder(self) -> Path:
        """The server's log: a file for each day of the week, begun anew a week later."""
        return self.folder / "log"

    def port(self) -> int:
        """Return the port the running server listens on (a socket's name holds one too)."""
        return int(self._pid_file_lines()[3])

    def exists(self) -> bool:
        """Say whether the folder is a data folder that this installation can run.

        Raises:
            DatabaseError: it holds something else, or the data of another major version.
        """
        version_file = self.folder / "PG_VERSION"
        if not version_file.exists():
            if self.folder.exists() and any(self.folder.iterdir()):
                raise DatabaseError(
                    f"{self.folder} is not empty and not a PostgreSQL data folder. Move its content away, "
                    "or point storage.data_dir to another folder."
                )
            return False
        self._refuse_other_version(version_file.read_text().strip())
        return True

    def _refuse_other_version(self, found: str) -> None:
        wanted = self.install.major_version()
        if found != wanted:
            raise DatabaseError(
                f"{self.folder} was written by PostgreSQL {found}, this Chronos brings PostgreSQL {wanted}. Run "
                f"'chronos backup FILE' with the Chronos that wrote it, move the folder away, then 'chronos restore "
                "FILE' with this one."
            )

    def sweep(self) -> None:
        """Throw away what killed processes left of their attempts; what is still written to goes the next time."""
        for leftover in self.folder.parent.glob(f"{self.folder.name}.partial-*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def create(self, passwords: Passwords) -> None:
        """Make the data folder complete with roles, database and extensions, or leave none.

        Everything happens in a folder beside it that gets the final name at the end, so that a crash in between
        leaves only what ``sweep`` throws away.
        """
        # A name of its own: the initdb of a killed process may still be writing to the last one.
        named = tempfile.mkdtemp(prefix=f"{self.folder.name}.partial-", dir=self.folder.parent)
        partial = Cluster(Path(named), self.install)
        try:
            hand_over(partial.folder, self.install.account)
            partial.initialise(passwords)
            if self.folder.exists():
                self.folder.rmdir()
            partial.folder.rename(self.folder)
        finally:
            shutil.rmtree(partial.folder, ignore_errors=True)
        flush_folder(self.folder.parent)

    def initialise(self, passwords: Passwords) -> None:
        """Run initdb in the empty folder, then the first statements in a single-user server."""
        self._must(
            "initdb", "-U", SUPERUSER, "-A", "trust", "--encoding=UTF8", "--data-checksums", "--no-instructions",
            "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            f"--lc-ctype={_CTYPES.get(sys.platform, 'C')}",
        )  # fmt: skip
        self._must(
            "postgres", "--single", "-j", "-c", "exit_on_error=true",
            database="template1", statements=_first_statements(passwords),
        )  # fmt: skip

    def _must(self, tool: str, *arguments: str, database: str = "", statements: str = "") -> None:
        # postgres wants --single first and a database's name last, the others take any order.
        ordered = [*arguments, "-D", self._own_name(), *([database] if database else [])]
        status, output = self.install.run(tool, *ordered, folder=self.folder, statements=statements)
        if status:
            raise DatabaseError(f"The embedded database cannot be set up: {self._reason(output)}")

    def _own_name(self) -> str:
        """Name the folder so that the server's account can enter it.

        It may lie below folders closed to that account. The server is started inside it, and the kernel lets
        a process into its own working directory without asking the folders above.
        """
        if self.install.account is not None and sys.platform == "linux":
            return _OWN_FOLDER
        return str(self.folder)

    def start(self) -> str | None:
        """Start the server and wait until it takes connections; return None, or why it did not.

        It is in a session of its own: neither Ctrl-C in our terminal nor our death ends it.
        """
        self._configure()
        before = self._logs()
        options = f"-c cluster_name={self._cluster_name()}"
        status, output = self.install.run(
            "pg_ctl", "start", "-w", "-t", "60", "-D", self._own_name(), "-l", "start.log", "-o", options,
            folder=self.folder,
        )  # fmt: skip
        if status == 0:
            return None
        written = [log.read_bytes()[before.get(log, 0) :] for log in self._logs()]
        return self._reason(b"\n".join(written).decode(errors="replace")) or self._reason(output)

    def _logs(self) -> dict[Path, int]:
        """Return the logs with their sizes in bytes; what the server says before its log is open is in start.log."""
        logs = [self.folder / "start.log", *sorted(self.log_folder.glob("*.log"))]
        return {log: log.stat().st_size for log in logs if log.exists()}

    def _reason(self, output: str) -> str:
        return _telling_lines(output.replace(_OWN_FOLDER, str(self.folder)))

    def stop(self, *, patience_s: float) -> None:
        """Stop the server in order; where that takes longer than ``patience_s``, without a checkpoint."""
        for mode, limit_s in (("fast", patience_s), ("immediate", 30.0)):
            if self.server_pid() is None:
                break
            self.install.run(
                "pg_ctl", "stop", "-w", "-m", mode, "-t", str(max(1, round(limit_s))), "-D", self._own_name(),
                folder=self.folder,
            )  # fmt: skip
        if self.server_pid() is not None:
            raise DatabaseError(f"The embedded database (process {self.server_pid()}) does not stop.")

    def server_pid(self) -> int | None:
        """Return the process id of this folder's server, or None where it is dead, also when as a zombie."""
        try:
            pid = abs(int(self._pid_file_lines()[0]))
        except (FileNotFoundError, IndexError, ValueError):
            return None
        return pid if self._is_ours(pid) else None

    def clear_remains(self) -> None:
        """After the server's death: end the sessions that outlived it and drop its lock files.

        PostgreSQL refuses to start while such a session still holds the shared memory, and while a file names a
        number that some other process carries by now.
        """
        if sys.platform != "linux":
            return
        deadline = time.monotonic() + _WAIT_FOR_THE_DEAD_S
        while (orphans := self._processes()) and time.monotonic() < deadline:
            for pid in orphans:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        for lock in (self.folder / "postmaster.pid", self.socket_folder / f".s.PGSQL.{SOCKET_PORT}.lock"):
            lock.unlink(missing_ok=True)

    def _processes(self) -> list[int]:
        return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if self._is_ours(int(entry.name))]

    def _is_ours(self, pid: int) -> bool:
        """Say whether a live process belongs to this folder; the title of all of them holds the cluster's name."""
        if sys.platform != "linux":
            return _answers_signals(pid)
        process = Path(f"/proc/{pid}")
        try:
            # A zombie has no command line any more.
            titled = self._cluster_name().encode() in (process / "cmdline").read_bytes()
            return titled and (process / "comm").read_text() == "postgres\n"
        except OSError:
            return False

    def _cluster_name(self) -> str:
        return f"chronos_{hashlib.sha256(os.fsencode(self.folder.resolve())).hexdigest()[:24]}"

    def _pid_file_lines(self) -> list[str]:
        return (self.folder / "postmaster.pid").read_text().splitlines()

    def _configure(self) -> None:
        account = self.install.account
        if account is not None and self.folder.stat().st_uid == 0:
            hand_over(self.folder, account)  # a copy that root made
        for folder in (self.socket_folder, self.log_folder):
            if not folder.exists():
                folder.mkdir(mode=0o700)
                hand_over(folder, account)
        method = "scram-sha-256"
        hosts = f"local all all {method}\n" if sys.platform != "win32" else f"host all all 127.0.0.1/32 {method}\n"
        for name, text in (
            ("postgresql.conf", _SETTINGS + _listening()),
            ("pg_hba.conf", hosts),
            ("start.log", ""),
        ):
            write_private(self.folder / name, text, account)


def _listening() -> str:
    """Listen on a socket in the data folder; relative, because the way there may be closed to the server."""
    if sys.platform == "win32":
        return f"listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nport = {_free_port()}\n"
    return f"listen_addresses = ''\nunix_socket_directories = 'run'\nport = {SOCKET_PORT}\n"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _first_statements(passwords: Passwords) -> str:
    """Say what is done before anybody can connect; in template1, so that each new database has the extensions."""
    statements = [f"CREATE EXTENSION {name}" for name in _EXTENSIONS]
    statements += [
        f"ALTER ROLE {SUPERUSER} PASSWORD '{passwords.superuser}'",
        f"CREATE ROLE {OWNER} LOGIN CREATEROLE NOSUPERUSER NOBYPASSRLS PASSWORD '{passwords.owner}'",
        f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
    ]
    return "".join(f"{statement};\n\n" for statement in statements)


def hand_over(folder: Path, account: ServerAccount | None) -> None:
    """Give a folder and everything in it to the server's account; None: it is ours and stays ours."""
    if account is None:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def write_private(path: Path, text: str, account: ServerAccount | None = None) -> None:
    """Write a file that only its owner reads, complete or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        if account is not None:
            os.fchown(descriptor, account.uid, account.gid)
        os.fsync(descriptor)
    partial.replace(path)


def flush_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut; Windows has no such call and does not need it."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _answers_signals(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # signal 0 would end the process there; pg_ctl finds out
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _telling_lines(output: str) -> str:
    """Pick the lines of a program's output that say why it gave up; its last ones may only say that it tidied up."""
    lines = [line.strip() for line in output.strip().splitlines()]
    telling = [line for line in lines if any(sign in line for sign in _SIGNS_OF_FAILURE)]
    return " / ".join((telling or lines)[-_LINES_SHOWN:])
