"""The stores under test, a private PostgreSQL, and values to keep in them."""

import dataclasses
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from bot.adapters.store import memory, migrate, options, sql, tables
from bot.domain import finding, notice
from bot.domain.incident import Incident, Member, State
from bot.domain.ledger import Record
from bot.domain.target import Target
from bot.flow import ports
from tests.domain import plans

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


class Samples:
    """Values with sensible defaults, each of its own."""

    now = NOW

    def __init__(self) -> None:
        self._count = 0

    def at(self, seconds: float) -> datetime:
        return NOW + timedelta(seconds=seconds)

    def incident(self, **changes: object) -> Incident:
        self._count += 1
        cluster = str(changes.get("cluster", "prod"))
        workload = Target(cluster, "DaemonSet", "kube-system", f"flannel-{self._count}")
        member = Member(
            name="node-7",
            fingerprint=f"oom:{cluster}/Pod/kube-system/flannel-abcde",
            target=Target(cluster, "Pod", "kube-system", "flannel-abcde", "node-7"),
            severity=finding.Severity.CRITICAL,
            summary='OOM-killed, "50Mi" ✂ <&>',
            evidence=("lastState.terminated.reason=OOMKilled", "exitCode=137"),
            first_seen_at=NOW,
            last_seen_at=NOW + timedelta(microseconds=1),
            occurrences=3,
            container="kube-flannel",
        )
        plain = Incident(
            id=0,
            fingerprint=f"oom:{workload.key}",
            check="oom",
            cluster=cluster,
            workload=workload,
            state=State.OPEN,
            severity=finding.Severity.CRITICAL,
            summary="flannel OOM-killed",
            cure="raise the limit",
            opened_at=NOW,
            changed_at=NOW,
            members=(member,),
        )
        return dataclasses.replace(plain, **changes)

    def record(self, uid: str, container: str = "kube-flannel", **changes: object) -> Record:
        return dataclasses.replace(Record(uid=uid, container=container, since=NOW), **changes)

    def row(
        self,
        kind: notice.Kind = notice.Kind.CARD,
        incident: int | None = None,
        *,
        channel: str = "C0ALERTS",
        priority: int = 50,
        after: float = 0,
        **changes: object,
    ) -> notice.Outgoing:
        plain = notice.Outgoing(
            id=uuid.uuid4().hex,
            kind=kind,
            channel=channel,
            created_at=self.at(after),
            cluster="prod",
            incident=incident,
            priority=priority,
        )
        return dataclasses.replace(plain, **changes)

    def card(self, incident: int, **changes) -> notice.Outgoing:
        return self.row(notice.Kind.CARD, incident, **changes)

    def detail(self, incident: int, title: str = "more", **changes) -> notice.Outgoing:
        what = notice.Detail(title=title, sections=(notice.Section("log", ("a",), "b\nc"),))
        return self.row(notice.Kind.DETAIL, incident, detail=what, **changes)

    def text(self, title: str = "summary", **changes) -> notice.Outgoing:
        return self.row(notice.Kind.TEXT, detail=notice.Detail(title=title), **changes)

    def plan(self, plan: int, **changes) -> notice.Outgoing:
        return self.row(notice.Kind.PLAN, plan=plan, **changes)

    async def planned(self, store: ports.Store, number: int = 1) -> list[int]:
        """Save fresh plans and return their numbers."""
        async with store.unit() as unit:
            made = [await unit.remedy.save_plan(plans.plan(id=0)) for _ in range(number)]
        return [value.id for value in made]

    def plan_place(
        self, plan: int, *, channel: str = "C0ALERTS", ts: str = "7.1", outbox_id: str = "first"
    ) -> notice.PostedPlan:
        return notice.PostedPlan(plan, channel, ts, NOW, self.at(1), outbox_id)

    def place(
        self, incident: int, *, channel: str = "C0ALERTS", ts: str = "1.1", digest: bool = False
    ) -> notice.Posted:
        return notice.Posted(
            incident=incident,
            channel=channel,
            ts=ts,
            posted_at=NOW,
            edited_at=self.at(1),
            digest=digest,
        )

    async def saved(self, store: ports.Store, number: int = 1, **changes: object) -> list[int]:
        """Save fresh incidents and return their numbers."""
        async with store.unit() as unit:
            made = [await unit.save_incident(self.incident(**changes)) for _ in range(number)]
        return [value.id for value in made]

    async def enqueued(self, store: ports.Store, *rows: notice.Outgoing) -> None:
        async with store.unit() as unit:
            for row in rows:
                await unit.enqueue(row)

    async def shown(self, store: ports.Store, *numbers: int, **where) -> None:
        await store.delivered([], at=NOW, posted=[self.place(n, **where) for n in numbers])


@pytest.fixture
def samples() -> Samples:
    return Samples()


class Cluster:
    """A PostgreSQL server of our own, on a free port of the loopback."""

    def __init__(self, directory: Path) -> None:
        tools = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        self.tools = tools[-1].parent if tools else Path(shutil.which("initdb") or "").parent
        self._data = directory / "data"
        # The server refuses to be root.
        self._user = "postgres" if os.getuid() == 0 else None
        if self._user:
            owner = pwd.getpwnam(self._user)
            os.chown(directory, owner.pw_uid, owner.pw_gid)
        self._server: subprocess.Popen[bytes] | None = None
        self._directory = directory
        self._run("initdb", "-D", self._data, "-U", "flannel", "-A", "trust", "--no-sync")
        self._template = ""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def _run(self, tool: str, *arguments: object) -> None:
        subprocess.run(
            [self.tools / tool, *map(str, arguments)],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=self._directory,
        )

    def start(self) -> None:
        self._server = subprocess.Popen(
            [
                *(self.tools / "postgres", "-D", self._data, "-p", str(self.port)),
                *(
                    "-c",
                    "listen_addresses=127.0.0.1",
                    "-c",
                    f"unix_socket_directories={self._directory}",
                ),
                *("-c", "fsync=off", "-c", "max_connections=40", "-c", "shared_buffers=16MB"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._user,
            cwd=self._directory,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            ready = subprocess.run(
                [self.tools / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port), "-q"],
                check=False,
            )
            if ready.returncode == 0:
                return
            time.sleep(0.05)
        raise TimeoutError("PostgreSQL did not start")

    def stop(self) -> None:
        if self._server is not None:
            self._server.send_signal(3)  # SIGQUIT: at once; the directory goes anyway
            self._server.wait(timeout=30)
            self._server = None

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://flannel@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        where = ("-h", "127.0.0.1", "-p", self.port, "-U", "flannel", "-d", database)
        self._run("psql", *where, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement)

    def create(self, template: str = "template0") -> str:
        name = f"test_{uuid.uuid4().hex}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")
        return name


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="flannel-bot-pg-") as name:
        cluster = Cluster(Path(name))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An upgraded SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: Cluster) -> str:
    """An upgraded PostgreSQL database, to be emptied for each test."""
    name = postgresql.create()
    migrate.upgrade(postgresql.url(name))
    return name


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_file: Path) -> str:
    path = tmp_path / "flannel-bot.db"
    shutil.copy(migrated_file, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgresql: Cluster, migrated_postgresql: str) -> str:
    names = ", ".join(table.name for table in tables.metadata.sorted_tables)
    postgresql.execute(f"TRUNCATE {names} RESTART IDENTITY", migrated_postgresql)
    return postgresql.url(migrated_postgresql)


Opener = Callable[..., AbstractAsyncContextManager[ports.Store]]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real("postgresql"))])
def url(request: pytest.FixtureRequest) -> str:
    """An upgraded, empty database."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def opened() -> Opener:
    """Open another store on the same database, as a second process would."""

    def open_(url: str, **changes: object) -> AbstractAsyncContextManager[sql.SqlStore]:
        return sql.opened(options.Options(url=url, **changes))

    return open_


@pytest.fixture(
    params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.real("postgresql"))]
)
def kept_in(request: pytest.FixtureRequest) -> str:
    """Where a store keeps things: an upgraded, empty database, or nowhere."""
    if request.param == "memory":
        return ""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest_asyncio.fixture
async def store(kept_in: str) -> AsyncIterator[ports.Store]:
    """Each implementation of the port, empty."""
    if not kept_in:
        yield memory.MemoryStore()
        return
    async with sql.opened(options.Options(url=kept_in)) as found:
        yield found
