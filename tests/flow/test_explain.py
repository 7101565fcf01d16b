"""What goes into a thread, and what must not."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import errors, incident, snapshot
from bot.domain.finding import Severity
from bot.domain.target import Target
from bot.flow import explain
from tests.checks import worlds
from tests.flow import fakes
from tests.flow.test_cycle import World, pod

SECRETS = [
    "Authorization: Bearer abcdefghijklmnop",
    "token=s3cr3t-value-1234",
    'password: "hunter2hunter2"',
    "xoxb-123456789012-abcdefghijkl",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl",
    "AKIAIOSFODNN7EXAMPLE",
    "https://user:s3cr3tpass@example.org/x",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
]
VALUES = [
    "abcdefghijklmnop", "s3cr3t-value-1234", "hunter2hunter2", "xoxb-123456789012",
    "eyJzdWIi", "AKIAIOSFODNN7EXAMPLE", "s3cr3tpass", "MIIEow",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), list(zip(SECRETS, VALUES, strict=True)))
def test_what_looks_like_a_secret_is_replaced(text: str, value: str) -> None:
    line = f"I1123 15:39:08 1 main.go:190] {text} and so on"
    assert value not in explain.redact(line)
    assert "main.go:190" in explain.redact(line)
    assert "[redacted]" in explain.redact(line)


def test_flannels_own_lines_are_left_as_they_are() -> None:
    line = 'failed to find IPv4 address for interface veth16a2dcc8; nodes "x" is forbidden'
    assert explain.redact(line) == line


@given(st.text(max_size=300))
def test_redacting_never_fails_and_twice_is_once(text: str) -> None:
    once = explain.redact(text)
    assert explain.redact(once) == once


class Logs:
    def __init__(self, text: str = "", error: Exception | None = None, hang: bool = False) -> None:
        self.text, self.error, self.hang = text, error, hang
        self.asked: list[bool] = []

    async def tail(
        self, namespace: str, pod: str, container: str, *, previous: bool, lines: int
    ) -> str:
        self.asked.append(previous)
        if self.hang:
            await asyncio.sleep(3600)
        if self.error:
            raise self.error
        return self.text


def trouble() -> incident.Incident:
    member = incident.Member(
        name="n1",
        fingerprint="f",
        target=Target("c", "Pod", "kube-system", "kube-proxy-1", "n1"),
        severity=Severity.WARNING,
        summary="OOM-killed",
        evidence=("exitCode=137",),
        first_seen_at=fakes.START,
        last_seen_at=fakes.START,
        container="proxy",
    )
    return incident.Incident(
        id=7,
        fingerprint="f",
        check="oom_killed",
        cluster="c",
        workload=Target("c", "DaemonSet", "kube-system", "kube-proxy"),
        state=incident.State.OPEN,
        severity=Severity.WARNING,
        summary="s",
        cure="Raise it.",
        opened_at=fakes.START,
        changed_at=fakes.START,
        members=(member,),
    )


async def composed(logs: Logs, **options: object) -> str:
    world = World(fakes.LoopClock())
    world.show(pod(1, 2, killed=3))
    explainer = explain.Explainer(
        {"c": logs},
        {"c": world},
        options=explain.Options(**options),  # type: ignore[arg-type, dict-item]
    )
    (detail,) = await explainer.compose(trouble())
    return "\n".join(
        "\n".join((section.heading, *section.lines, section.verbatim))
        for section in detail.sections
    )


@pytest.mark.looptime
async def test_the_thread_names_members_proof_history_cure_and_log() -> None:
    logs = Logs("the last words")
    text = await composed(logs)
    for part in ("n1", "exitCode=137", "Raise it.", "restarts: 2", "OOMKilled", "the last words"):
        assert part in text
    assert logs.asked == [True], "it runs again, so its last words are the previous run's"


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("logs", "told"),
    [
        (Logs(error=errors.Unavailable("pods/log is forbidden")), "pods/log is forbidden"),
        (Logs(hang=True), "could not be read in time"),
        (Logs("  \n"), "The log is empty"),
        (Logs("password=hunter2hunter2"), "[redacted]"),
    ],
)
async def test_a_log_that_cannot_be_had_is_said_and_never_stops_the_thread(
    logs: Logs, told: str
) -> None:
    text = await composed(logs, timeout=timedelta(seconds=2))
    assert told in text
    assert "restarts: 2" in text


@pytest.mark.looptime
async def test_log_tails_can_be_switched_off() -> None:
    logs = Logs("the last words")
    assert "the last words" not in await composed(logs, log_lines=0)
    assert logs.asked == []


@pytest.mark.looptime
async def test_a_cluster_or_pod_that_is_gone_is_no_reason_to_say_nothing() -> None:
    explainer = explain.Explainer({}, {}, options=explain.Options())
    (detail,) = await explainer.compose(trouble())
    assert any("n1" in line for section in detail.sections for line in section.lines)
    assert snapshot.Phase.RUNNING.value == "running"


FAILED = (
    "I1 main.go:1] Could not find valid interface matching eth1: failed to find IPv4 address for "
    "interface veth17f90f70\nE1 main.go:2] Failed to find interface to use that matches the "
    "interfaces and/or regexes provided"
)


def told_of(text: str, *, name: str = "kube-flannel") -> tuple[str, ...]:
    workload = Target("c", "DaemonSet", "kube-system", worlds.FLANNEL.name)
    seen = worlds.world(worlds.node(), worlds.daemonset(), worlds.pod())
    return explain.diagnosis(
        replace(trouble(), workload=workload), worlds.container(name), seen, text
    )


def test_flannels_log_is_told_with_its_cause_and_cure() -> None:
    (line,) = told_of(FAILED)
    assert "pod" in line
    assert "anchor" in line.lower() or "--iface" in line


def test_a_log_that_tells_no_failure_and_another_containers_are_left_as_they_are() -> None:
    assert told_of("I1 main.go:1] Running backend.") == ()
    assert told_of("whatever") == ()
    assert told_of(FAILED, name="install-cni") == ()
    assert explain.diagnosis(trouble(), None, None, FAILED) == ()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (Target("c", "Pod", "kube-system", "p", "n1"), "n1 (kube-system/p): Ready=False"),
        (Target("c", "PersistentVolume", "", "pv", "n1"), "n1 (pv): Ready=False"),
        (Target("c", "Node", "", "n1", "n1"), "n1: Ready=False"),
        (Target("c", "Deployment", "kube-system", "n1"), "n1: Ready=False"),
    ],
)
def test_what_was_over_before_it_could_be_told_still_names_who_was_affected(
    where: Target, said: str
) -> None:
    """Each as Kubernetes writes it: without a slash where there is no namespace, and once."""
    at = fakes.START
    member = incident.Member(
        name="n1", fingerprint="f", target=where,
        severity=Severity.WARNING, summary="not ready", evidence=("Ready=False",),
        first_seen_at=at, last_seen_at=at,
    )  # fmt: skip
    over = incident.Incident(
        id=1, fingerprint="f", check="pod_not_ready", cluster="c",
        workload=Target("c", "DaemonSet", "kube-system", "d"), state=incident.State.RESOLVED,
        severity=Severity.WARNING, summary="s", cure="", opened_at=at, changed_at=at, recovered=(member,),
    )  # fmt: skip
    assert explain.affected(over).lines == (said,)
