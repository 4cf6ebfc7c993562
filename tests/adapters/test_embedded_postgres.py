"""The embedded server with real processes: started once, shared, stopped by the last, brought back after a kill."""

# ruff: noqa: ASYNC220, ASYNC240 - nothing else runs in these loops while a test looks at files and processes

import asyncio
import contextlib
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from adapters.postgres import embedded, embedded_install
from adapters.postgres.embedded import EmbeddedServer, embedded_server, open_server
from core.errors import DatabaseError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="drives processes by POSIX signals")

_PROJECT: Final = Path(__file__).parents[2]
_DEADLINE_S: Final = 60

_HOLDER: Final = """
import asyncio, pathlib, sys
from adapters.postgres.embedded import embedded_server

async def hold():
    async with embedded_server(pathlib.Path(sys.argv[1])):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(hold())
"""

_PARENT_OF_A_ZOMBIE: Final = """
import asyncio, ctypes, os, pathlib, signal, sys, time
from adapters.postgres.embedded import embedded_server

PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

async def main():
    data_dir = pathlib.Path(sys.argv[1])
    async with embedded_server(data_dir) as server:
        pid = int((data_dir / "postgres/cluster/postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while ") Z " not in pathlib.Path(f"/proc/{pid}/stat").read_text():
            assert time.monotonic() < deadline, "the killed server did not die"
            time.sleep(0.01)
        await server.ensure_running()
        print("ready", flush=True)

asyncio.run(main())
"""

_MAKER: Final = """
import asyncio, pathlib, sys, threading
from adapters.postgres.embedded import open_server
from adapters.postgres.embedded_cluster import Cluster

initialise = Cluster.initialise

def initialise_and_stay(cluster, passwords):
    initialise(cluster, passwords)
    threading.Event().wait()

Cluster.initialise = initialise_and_stay
asyncio.run(open_server(pathlib.Path(sys.argv[1])))
"""
"""Never gives the data folder its final name."""


class Process:
    """Another process that uses the server of a data folder."""

    def __init__(self, data_dir: Path, script: str = _HOLDER) -> None:
        self.popen = subprocess.Popen(  # noqa: S603 - this interpreter and the scripts above
            [sys.executable, "-c", script, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            cwd=_PROJECT, env={**os.environ, "PYTHONPATH": str(_PROJECT)}, text=True,
        )  # fmt: skip

    def wait_until_ready(self) -> None:
        assert self.popen.stdout is not None
        readable, _, _ = select.select([self.popen.stdout], [], [], _DEADLINE_S)
        assert readable, f"waited {_DEADLINE_S} s in vain for the process to be ready"
        assert self.popen.stdout.readline() == "ready\n"

    def leave(self) -> None:
        self.popen.communicate("\n", timeout=_DEADLINE_S)
        assert self.popen.returncode == 0

    def kill(self) -> None:
        self.popen.kill()
        self.popen.communicate(timeout=_DEADLINE_S)


@pytest.fixture
def spawn() -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def start(data_dir: Path, script: str = _HOLDER) -> Process:
        started.append(Process(data_dir, script))
        return started[-1]

    yield start
    for process in started:
        if process.popen.returncode is None:
            process.kill()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that was used and closed; tests work on copies of it."""
    data_dir = tmp_path_factory.mktemp("made") / "data"

    async def use() -> None:
        async with embedded_server(data_dir) as server:
            await _execute(server.url, "CREATE TABLE kept (word text)", "INSERT INTO kept VALUES ('still here')")

    asyncio.run(use())
    return data_dir


@pytest.fixture
def fresh_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    pid = _server_pid(tmp_path / "data")
    if pid is not None:
        os.kill(pid, signal.SIGQUIT)
        _wait_until(lambda: _server_pid(tmp_path / "data") is None)


@pytest.fixture
def data_dir(fresh_dir: Path, made: Path) -> Path:
    shutil.copytree(made, fresh_dir)
    return fresh_dir


@pytest.fixture
async def server(data_dir: Path) -> AsyncIterator[EmbeddedServer]:
    async with embedded_server(data_dir) as opened:
        yield opened


def _cluster(data_dir: Path) -> Path:
    return data_dir / "postgres" / "cluster"


def _server_pid(data_dir: Path) -> int | None:
    """The process in the pid file, while it runs: PostgreSQL removes the file when it stops in order."""
    try:
        pid = int((_cluster(data_dir) / "postmaster.pid").read_text().split()[0])
        os.kill(pid, 0)
    except (FileNotFoundError, IndexError, ProcessLookupError):
        return None
    return pid


def _running_pid(data_dir: Path) -> int:
    pid = _server_pid(data_dir)
    assert pid is not None
    return pid


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def _wait_for_a_busy_session(url: str) -> None:
    busy = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
    async with asyncio.timeout(_DEADLINE_S):
        while not await _value(url, busy):
            await asyncio.sleep(0.01)


async def _kept_word(server: EmbeddedServer) -> object:
    return await _value(server.url, "SELECT word FROM kept")


async def test_the_first_starts_it_a_second_joins_and_the_last_stops_it(
    data_dir: Path, spawn: Callable[..., Process]
) -> None:
    first = await open_server(data_dir)
    pid = _running_pid(data_dir)
    second = spawn(data_dir)
    second.wait_until_ready()
    await first.close()
    assert await _kept_word(first) == "still here"
    assert _running_pid(data_dir) == pid
    second.leave()
    assert _server_pid(data_dir) is None


async def test_one_process_can_hold_it_twice(data_dir: Path) -> None:
    async with embedded_server(data_dir) as outer:
        async with embedded_server(data_dir):
            pass
        assert await _kept_word(outer) == "still here"
    assert _server_pid(data_dir) is None


async def test_closing_twice_gives_up_one_share(data_dir: Path) -> None:
    async with embedded_server(data_dir) as other:
        again = await open_server(data_dir)
        await again.close()
        await again.close()
        assert await _kept_word(other) == "still here"


def test_processes_that_start_at_once_make_one_server(fresh_dir: Path, spawn: Callable[..., Process]) -> None:
    together = [spawn(fresh_dir) for _ in range(3)]
    for process in together:
        process.wait_until_ready()
    pid = _running_pid(fresh_dir)
    together[0].leave()
    together[1].leave()
    assert _running_pid(fresh_dir) == pid
    together[2].leave()
    assert _server_pid(fresh_dir) is None


async def test_a_killed_server_is_brought_back_with_its_data(server: EmbeddedServer, data_dir: Path) -> None:
    killed = _running_pid(data_dir)
    os.kill(killed, signal.SIGKILL)
    await server.ensure_running()
    assert _running_pid(data_dir) != killed
    assert await _kept_word(server) == "still here"


async def test_ensure_running_leaves_a_living_server_alone(server: EmbeddedServer, data_dir: Path) -> None:
    pid = _running_pid(data_dir)
    await server.ensure_running()
    assert _running_pid(data_dir) == pid


async def test_a_session_that_outlives_its_server_does_not_block_the_next(
    server: EmbeddedServer, data_dir: Path
) -> None:
    busy = await asyncpg.connect(server.url)
    query = asyncio.create_task(busy.fetchval("SELECT count(*) FROM generate_series(1, 100000000000)"))
    try:
        await _wait_for_a_busy_session(server.url)
        os.kill(_running_pid(data_dir), signal.SIGKILL)
        await server.ensure_running()
        assert await _kept_word(server) == "still here"
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await query
    finally:
        query.cancel()
        busy.terminate()


@pytest.mark.skipif(sys.platform != "linux", reason="needs a child subreaper, as a container's first process is one")
def test_a_server_that_is_our_zombie_counts_as_dead(data_dir: Path, spawn: Callable[..., Process]) -> None:
    process = spawn(data_dir, _PARENT_OF_A_ZOMBIE)
    process.wait_until_ready()
    process.leave()


async def test_a_killed_starter_neither_stops_the_server_nor_keeps_it_alive(
    data_dir: Path, spawn: Callable[..., Process]
) -> None:
    starter = spawn(data_dir)
    starter.wait_until_ready()
    pid = _running_pid(data_dir)
    starter.kill()
    async with embedded_server(data_dir) as server:
        assert _running_pid(data_dir) == pid
        assert await _kept_word(server) == "still here"
    assert _server_pid(data_dir) is None


async def test_a_killed_holder_does_not_make_the_others_stop_too_early(
    data_dir: Path, spawn: Callable[..., Process]
) -> None:
    killed, living = spawn(data_dir), spawn(data_dir)
    killed.wait_until_ready()
    living.wait_until_ready()
    killed.kill()
    async with embedded_server(data_dir) as server:
        pass
    assert await _kept_word(server) == "still here"
    living.leave()
    assert _server_pid(data_dir) is None


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(data_dir: Path, spawn: Callable[..., Process]) -> None:
    starter = spawn(data_dir)
    starter.wait_until_ready()
    assert os.getsid(_running_pid(data_dir)) != os.getsid(starter.popen.pid)
    starter.leave()


async def test_a_process_killed_while_it_makes_the_data_folder_leaves_nothing_in_the_way(
    fresh_dir: Path, spawn: Callable[..., Process]
) -> None:
    starter = spawn(fresh_dir, _MAKER)
    _wait_until(lambda: any((fresh_dir / "postgres").glob("cluster.partial-*/base")))
    starter.kill()
    assert not (_cluster(fresh_dir) / "PG_VERSION").exists()
    async with embedded_server(fresh_dir) as server:
        assert await _value(server.url, "SELECT 1") == 1
    await _open_until_swept(fresh_dir)


async def _open_until_swept(data_dir: Path) -> None:
    """The killed process's initdb lives on for a moment and may write where the first sweep has been."""
    async with asyncio.timeout(_DEADLINE_S):
        while any((data_dir / "postgres").glob("cluster.partial-*")):
            async with embedded_server(data_dir):
                pass


async def test_a_stale_pid_file_that_names_another_process_is_ignored(data_dir: Path) -> None:
    async with embedded_server(data_dir):
        owner = _cluster(data_dir).stat()
        content = (_cluster(data_dir) / "postmaster.pid").read_text()
    stranger = subprocess.Popen(["/bin/sleep", "600"], user=owner.st_uid if os.geteuid() == 0 else None)
    try:
        lines = [str(stranger.pid), *content.splitlines()[1:]]
        (_cluster(data_dir) / "postmaster.pid").write_text("\n".join(lines) + "\n")
        async with embedded_server(data_dir) as server:
            assert await _kept_word(server) == "still here"
    finally:
        stranger.kill()
        stranger.wait()


async def test_a_session_that_never_ends_does_not_keep_the_server_from_stopping(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_STOP_PATIENCE_S", 1)
    server = await open_server(data_dir)
    stuck = await asyncpg.connect(server.url)
    backend: int = await stuck.fetchval("SELECT pg_backend_pid()")
    os.kill(backend, signal.SIGSTOP)
    try:
        await server.close()
        assert _server_pid(data_dir) is None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(backend, signal.SIGKILL)
        stuck.terminate()


async def test_the_role_that_is_handed_out_is_bound_by_row_level_security(server: EmbeddedServer) -> None:
    role = "SELECT NOT rolsuper AND NOT rolbypassrls AND rolcreaterole FROM pg_roles WHERE rolname = current_user"
    assert await _value(server.url, role)
    assert await _value(server.url, "SELECT current_user::text") == "chronos_owner"
    owner = "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()"
    assert await _value(server.url, owner) == "chronos_owner"


async def test_nobody_gets_in_without_the_password(server: EmbeddedServer) -> None:
    for role in ("postgres", "chronos_owner"):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.url, user=role, password="guessed")


async def test_passwords_and_data_are_closed_to_other_accounts(server: EmbeddedServer, data_dir: Path) -> None:
    files = [*(data_dir / "postgres").glob("*.password")]
    assert len(files) == 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(_cluster(data_dir).stat().st_mode) == 0o700


async def test_it_is_set_up_for_safety_and_a_small_machine(server: EmbeddedServer) -> None:
    expected = {
        "fsync": "on", "data_checksums": "on", "jit": "off", "max_connections": "60", "shared_buffers": "64MB",
        "TimeZone": "UTC", "server_encoding": "UTF8", "listen_addresses": "",
    }  # fmt: skip
    found = {name: await _value(server.url, f"SELECT current_setting('{name}')") for name in expected}
    assert found == expected


async def test_letters_of_all_scripts_are_letters(server: EmbeddedServer) -> None:
    assert await _value(server.url, "SELECT lower('ÄРУС')") == "äрус"
    assert await _value(server.url, "SELECT similarity('привет', 'привет мир') > 0.3")


async def test_a_scratch_database_has_the_extensions_and_can_be_dropped_while_in_use(server: EmbeddedServer) -> None:
    url = await server.create_database('scratch "one"')
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT '[1,2]'::vector <-> '[1,3]'::vector") == 1
    assert await connection.fetchval("SELECT unaccent('é') || show_trgm('a')::text") is not None
    await server.drop_database('scratch "one"')
    connection.terminate()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(url)
    await server.drop_database('scratch "one"')


async def test_a_scratch_database_can_be_a_copy_of_another(server: EmbeddedServer) -> None:
    url = await server.create_database("copied", template="chronos")
    assert await _value(url, "SELECT word FROM kept") == "still here"
    with pytest.raises(DatabaseError, match="already exists"):
        await server.create_database("copied")


async def test_data_of_another_major_version_is_refused_in_words(data_dir: Path) -> None:
    (_cluster(data_dir) / "PG_VERSION").write_text("16\n")
    with pytest.raises(DatabaseError, match=r"written by PostgreSQL 16.*brings PostgreSQL 18.*chronos backup"):
        await open_server(data_dir)


async def test_a_folder_that_is_not_ours_is_left_alone(fresh_dir: Path) -> None:
    _cluster(fresh_dir).mkdir(parents=True)
    (_cluster(fresh_dir) / "thesis.txt").write_text("precious")
    with pytest.raises(DatabaseError, match="not empty and not a PostgreSQL data folder"):
        await open_server(fresh_dir)
    assert (_cluster(fresh_dir) / "thesis.txt").read_text() == "precious"


async def test_a_data_dir_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match=r"cannot use .*file/data.*storage\.data_dir"):
        await open_server(tmp_path / "file" / "data")


async def test_a_full_disk_is_named_and_the_next_attempt_starts_clean(
    fresh_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "mkdtemp", full)
        with pytest.raises(DatabaseError, match="disk is full"):
            await open_server(fresh_dir)
    async with embedded_server(fresh_dir) as server:
        assert await _value(server.url, "SELECT 1") == 1


async def test_a_lost_password_file_is_named(data_dir: Path) -> None:
    (data_dir / "postgres" / "postgres.password").unlink()
    with pytest.raises(DatabaseError, match=r"postgres\.password is missing"):
        await open_server(data_dir)


async def test_a_server_that_cannot_start_says_why_and_holds_nothing(data_dir: Path) -> None:
    (_cluster(data_dir) / "global" / "pg_control").unlink()
    for _ in range(2):
        with pytest.raises(DatabaseError, match="pg_control"):
            await open_server(data_dir)


async def test_a_data_dir_deeper_than_socket_paths_may_be_works(tmp_path: Path, made: Path) -> None:
    deep = tmp_path / ("d" * 80) / ("e" * 80) / "data"
    shutil.copytree(made, deep)
    async with embedded_server(deep) as server:
        assert await _kept_word(server) == "still here"
        alias = Path(server.url.partition("?host=")[2].partition("&")[0])
        assert alias.is_symlink()
        alias.unlink()
        await server.ensure_running()
        assert await _kept_word(server) == "still here"
    assert not alias.is_symlink()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root runs it as another account")
async def test_as_root_it_runs_unprivileged_though_all_folders_above_are_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data and programs below a folder of mode 0700 of root's, as in /root; nothing is opened up for the server."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    _hide_the_wheel(closed, monkeypatch)
    with tempfile.TemporaryDirectory() as public:
        Path(public).chmod(0o755)
        monkeypatch.setattr(embedded_install, "_copy_parents", lambda: [Path(public)])
        async with embedded_server(closed / "data") as server:
            pid = _running_pid(closed / "data")
            assert Path(f"/proc/{pid}").stat().st_uid != 0
            assert Path(f"/proc/{pid}/exe").readlink().is_relative_to(public)
            assert await _value(server.url, "SELECT '[1,2]'::vector <-> '[1,3]'::vector") == 1
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert stat.S_IMODE((closed / "data" / "postgres").stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root runs it as another account")
async def test_programs_that_another_account_could_have_planted_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    _hide_the_wheel(tmp_path, monkeypatch)
    with tempfile.TemporaryDirectory() as public:
        Path(public).chmod(0o755)
        monkeypatch.setattr(embedded_install, "_copy_parents", lambda: [Path(public)])
        async with embedded_server(tmp_path / "data"):
            pass
        (copy,) = Path(public).iterdir()
        copy.chmod(0o777)
        with pytest.raises(DatabaseError, match="no folder for a copy"):
            await open_server(tmp_path / "data")


def _hide_the_wheel(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = embedded_install._wheel_folder()
    shutil.copytree(package / "pginstall", closed / package.name / "pginstall", symlinks=True)
    shutil.copytree(package.with_name(f"{package.name}.libs"), closed / f"{package.name}.libs")
    monkeypatch.setattr(embedded_install, "_wheel_folder", lambda: closed / package.name)
