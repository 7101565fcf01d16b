"""An Alertmanager posts: who may, what is refused, and that nothing it sends does harm."""

import io
import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest
import pytest_asyncio

from bot.adapters import alertmanager, health
from bot.adapters.store import memory
from bot.domain import errors
from bot.domain.alert import Status
from bot.flow import alerting
from tests.flow.fakes import LoopClock, NoTelemetry

TOKEN = "canary-alertmanager"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONE = {
    "status": "firing",
    "labels": {"alertname": "KubePodCrashLooping", "namespace": "kube-system", "pod": "p"},
    "annotations": {"summary": "it loops", "description": "more"},
    "startsAt": "2026-03-01T11:40:00.123456789Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus/graph",
    "fingerprint": "6a3b",
}
WEBHOOK = {
    "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing",
    "receiver": "flannel-bot", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
    "externalURL": "http://alertmanager", "alerts": [ONE],
}  # fmt: skip


def webhook(**changes: object) -> bytes:
    return json.dumps(WEBHOOK | changes).encode()


class Door:
    """The bot's HTTP server with an Alertmanager's path, and what is taken there."""

    def __init__(self, token: str = TOKEN) -> None:
        self.store = memory.MemoryStore()
        self.alerts = alerting.Alerts(
            ["prod", "lab"], self.store, clock=LoopClock(), telemetry=NoTelemetry(),
            options=alerting.Options(),
        )  # fmt: skip
        self.manager = alertmanager.Alertmanager(
            alertmanager.Options(token), clock=LoopClock(), telemetry=NoTelemetry()
        )
        self.manager.take = self.alerts.take
        self.url = ""

    async def post(self, body: bytes, *, token: str | None = TOKEN) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        async with aiohttp.ClientSession() as session:
            async with session.post(self.url, data=io.BytesIO(body), headers=headers) as answer:
                return answer.status, await answer.text()


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    made = Door()

    async def parts() -> dict[str, health.Part]:
        return {}

    server = health.HealthServer(
        health.Options("127.0.0.1", 0), alive=lambda: health.Part(ok=True), parts=parts,
        metrics=lambda: b"", posts={alertmanager.PATH: made.manager.answer},
    )  # fmt: skip
    made.url = f"http://127.0.0.1:{await server.start()}{alertmanager.PATH}"
    yield made
    await server.stop()


def of(cluster: str) -> bytes:
    labels = ONE["labels"] | {"cluster": cluster}  # type: ignore[operator]
    return webhook(alerts=[ONE | {"labels": labels}])


async def test_what_fires_is_kept_over_a_restart_until_it_is_resolved(door: Door) -> None:
    assert await door.post(of("prod")) == (200, "taken\n")
    (kept,) = door.alerts.firing("prod")
    assert (kept.key, kept.summary, kept.name) == ("6a3b", "it loops", "KubePodCrashLooping")
    assert kept.ends_at is None, "the year 1 means no end"
    assert door.alerts.firing("lab") == []
    again = alerting.Alerts(
        ["prod"], door.store, clock=LoopClock(), telemetry=NoTelemetry(), options=alerting.Options()
    )
    await again.begin()
    assert again.firing("prod") == [kept]
    labels = ONE["labels"] | {"cluster": "prod"}  # type: ignore[operator]
    over = ONE | {"labels": labels, "status": "resolved", "endsAt": "2026-03-01T12:00:00Z"}
    assert (await door.post(webhook(status="resolved", alerts=[over])))[0] == 200
    assert door.alerts.firing("prod") == []


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1], "ключ"])
async def test_without_the_token_nothing_is_taken(door: Door, token: str | None) -> None:
    sent = token.encode().decode("latin-1") if token else token
    status, said = await door.post(of("prod"), token=sent)
    assert status == 401
    assert TOKEN not in said
    assert door.alerts.firing("prod") == []


async def test_where_no_token_is_set_nobody_may_post(door: Door) -> None:
    door.manager._options = alertmanager.Options("")
    for token in ("", None, TOKEN):
        assert (await door.post(of("prod"), token=token))[0] == 401


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "no webhook"),
        (b"[" * 100_000, 400, "no webhook"),
        (b"\xff\xfe", 400, "no webhook"),
        (webhook(version="3"), 400, "version '3'"),
        (webhook(alerts=[ONE | {"status": "odd"}]), 400, "'odd'"),
        (webhook(alerts=[ONE | {"startsAt": "soon"}]), 400, "no webhook"),
        (webhook(alerts=[ONE | {"startsAt": "0001-01-01T00:00:00+14:00"}]), 400, "no time"),
        (webhook(alerts=[ONE | {"labels": {"a": 1}}]), 400, "no webhook"),
        (webhook(alerts=[ONE] * 2001), 400, "more than 2000"),
        (b"x" * (alertmanager.LARGEST + 1), 413, "larger"),
        (webhook(alerts=[]), 200, "taken"),
    ],
)
async def test_what_is_no_webhook_is_refused_in_a_sentence(
    door: Door, body: bytes, status: int, said: str
) -> None:
    code, text = await door.post(body)
    assert (code, said in text) == (status, True), text
    assert len(text) < 400


async def test_what_could_not_be_stored_is_asked_for_again(door: Door) -> None:
    async def locked(_alerts: object) -> None:
        raise errors.Unavailable("the database is locked")

    door.manager.take = locked
    assert await door.post(of("prod")) == (503, "the database is locked\n")
    door.manager.take = alertmanager._starting
    assert (await door.post(of("prod")))[0] == 503


def test_ten_thousand_spoilt_bodies_are_refused_or_understood_and_nothing_else() -> None:
    rng = random.Random(7)
    whole = webhook(alerts=[ONE, ONE])
    understood = longest = 0
    for _ in range(10_000):
        body = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(body))
            body[place : place + rng.randint(0, 6)] = rng.randbytes(rng.randint(0, 6))
        try:
            alerts = alertmanager.parse(bytes(body), now=NOW)
        except errors.Refused as error:
            longest = max(longest, len(str(error)))
        else:
            understood += 1
            assert all(one.status in Status for one in alerts)
            assert all(len(text) <= 200 for one in alerts for text in one.labels.values())
    assert understood > 100
    assert 0 < longest < 300


def test_long_texts_are_cut() -> None:
    long = ONE | {"labels": {f"l{n}": "v" * 5000 for n in range(500)},
                  "annotations": {"summary": "s\n" * 9000}, "fingerprint": "f" * 9000}  # fmt: skip
    (one,) = alertmanager.parse(webhook(alerts=[long]), now=NOW)
    assert len(one.labels) == 64
    assert max(len(text) for text in (*one.labels.values(), one.key)) == 200
    assert len(one.summary) <= 400
    assert "\n" not in one.summary
