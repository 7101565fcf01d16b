"""The daily summary of a cluster: what is open, what is not seen, that somebody watches at all."""

from datetime import datetime

from bot.domain import audit, notice, units
from bot.flow import answers, tell


def detail(status: answers.ClusterStatus, *, deed: audit.Entry | None = None) -> notice.Detail:
    """Put a cluster's state into a message of its own. Silence would not tell health from death.

    `deed` is the newest entry of the chain of deeds: told outside of the database, its hash shows
    when the chain was changed or cut off at its end.
    """
    ready = f"{status.nodes_ready} of {status.nodes} nodes ready"
    flannel = [
        f"flannel {found.version} ({found.namespace}/{found.daemonset}): "
        f"{found.ready} of {found.desired} ready"
        for found in status.flannel
        if found.desired
    ]
    sections = [notice.Section(lines=(f"{status.health.value}: {ready}", *flannel))]
    if status.incidents:
        lines = [
            f"{each.name} {each.severity.value}: {each.title}" for each in status.incidents[:20]
        ]
        sections.append(notice.Section(heading="Open incidents", lines=tuple(lines)))
    if status.gaps:
        lines = [f"{gap.what}: {gap.reason}" for gap in status.gaps[:10]]
        sections.append(notice.Section(heading="Not seen", lines=tuple(lines)))
    if status.notes:
        sections.append(notice.Section(heading="Out of reach", lines=status.notes))
    if deed is not None:
        told = (
            f"{units.count(deed.number, 'entry', 'entries')}, the newest with hash {deed.hash}",
        )
        sections.append(notice.Section(heading="Chain of deeds", lines=told))
    return notice.Detail(title=f"Daily summary of {status.cluster}", sections=tuple(sections))


def row(
    status: answers.ClusterStatus,
    channel: str,
    *,
    now: datetime,
    new_id: str,
    deed: audit.Entry | None = None,
) -> notice.Outgoing:
    """Return the summary as a row of the outbox."""
    return notice.Outgoing(
        id=new_id,
        kind=notice.Kind.TEXT,
        channel=channel,
        created_at=now,
        cluster=status.cluster,
        priority=tell.PRIORITY_TEXT,
        detail=detail(status, deed=deed),
    )
