"""The daily summary says what is so, and what proves later that the record was not changed."""

from datetime import UTC, datetime

from bot.domain import audit, health, notice
from bot.domain.finding import Severity
from bot.domain.incident import Incident, State
from bot.domain.snapshot import Gap
from bot.domain.target import Target
from bot.flow import answers, summary

NOW = datetime(2026, 1, 2, 9, tzinfo=UTC)


def status(**changes: object) -> answers.ClusterStatus:
    known: dict[str, object] = {
        "cluster": "prod",
        "taken_at": NOW,
        "health": health.Health.HEALTHY,
        "nodes": 3,
        "nodes_ready": 3,
        "flannel": (
            answers.FlannelFound("kube-flannel", "kube-flannel-ds", "v0.25.1", "vxlan", (), 3, 2),
            answers.FlannelFound(
                "kube-flannel", "kube-flannel-ds-arm", "v0.25.1", "vxlan", (), 0, 0
            ),
        ),
        "notes": (),
        "incidents": (),
        "gaps": (),
        "ages": (),
    }
    return answers.ClusterStatus(**{**known, **changes})  # type: ignore[arg-type]


def told(detail: notice.Detail) -> str:
    return "\n".join(
        line for section in detail.sections for line in (section.heading, *section.lines)
    )


def test_it_says_what_is_ready_and_leaves_out_what_has_no_node() -> None:
    text = told(summary.detail(status()))
    assert "healthy: 3 of 3 nodes ready" in text
    assert "2 of 3 ready" in text
    assert "kube-flannel-ds-arm" not in text


def test_what_is_not_seen_is_in_it() -> None:
    gap = Gap("pods", "connection refused", NOW, namespace="kube-system")
    text = told(summary.detail(status(health=health.Health.UNKNOWN, gaps=(gap,))))
    assert "Not seen" in text
    assert "pods in kube-system: connection refused" in text


def test_the_newest_hash_of_the_chain_of_deeds_is_told_outside_of_the_database() -> None:
    sealed = audit.sealed(
        previous=audit.BEGINNING, at=NOW, actor="U1", subject="PLAN-1", kind="x", text=""
    )
    deed = audit.Entry(1, NOW, "U1", "PLAN-1", "x", "", audit.BEGINNING, sealed)
    row = summary.row(status(), "C1", now=NOW, new_id="a", deed=deed)
    assert row.detail is not None
    assert f"1 entry, the newest with hash {sealed}" in told(row.detail)
    assert "Chain of deeds" not in told(summary.detail(status()))


def test_open_incidents_are_listed_by_name() -> None:
    many = tuple(_incident(number) for number in range(1, 30))
    text = told(summary.detail(status(incidents=many)))
    assert "INC-1 " in text
    assert "INC-20 " in text
    assert "INC-21 " not in text


def _incident(number: int) -> Incident:
    return Incident(
        id=number, cluster="prod", check="oom_killed", fingerprint=f"f{number}",
        workload=Target("prod", "DaemonSet", "kube-flannel", "kube-flannel-ds"),
        summary="OOM-killed", cure="", severity=Severity.CRITICAL, state=State.OPEN,
        opened_at=NOW, changed_at=NOW, members=(),
    )  # fmt: skip
