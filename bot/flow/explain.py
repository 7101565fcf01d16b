"""Explain: the particulars that go into an incident's thread.

Composed when they are sent, not when the incident opens: reading a log may take seconds, and
the card must not wait for it.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain import errors, notice, snapshot, target
from bot.domain.incident import Incident, Member
from bot.flannel import discovery, logs, versions
from bot.flow import ports

_LISTED = 60
"""Members listed by name in a thread; with their evidence that is about Slack's limit."""

_SECRETS = re.compile(
    r"""(?xi)
    (?P<keep>\b(?:authorization|token|password|passwd|secret|api[_-]?key|access[_-]?key)\b
        ["']?\s*[:=]\s*(?:bearer\s+|basic\s+)?["']?)[^\s"',;]+
    | (?P<keep2>\bbearer\s+)[\w.~+/=-]{8,}
    | \bxox[abeprs]-[\w-]+ | \bxapp-[\w-]+
    | \beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*
    | \bAKIA[0-9A-Z]{16}\b
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----[\s\S]*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    | (?P<keep3>\b[a-z][a-z0-9+.-]*://[^\s:/@]+:)[^\s@]+(?=@)
    """
)


def redact(text: str) -> str:
    """Replace what looks like a secret.

    Patterns cannot know them all, so a setting can switch log tails off altogether.
    """

    def hide(match: re.Match[str]) -> str:
        kept = match.group("keep") or match.group("keep2") or match.group("keep3") or ""
        return f"{kept}[redacted]"

    return _SECRETS.sub(hide, text)


@dataclass(frozen=True, slots=True)
class Options:
    """What goes into a thread."""

    log_lines: int = 20
    """Lines of the failing container's last run; 0 switches log tails off."""
    timeout: timedelta = timedelta(seconds=2)
    """How long a log may take to be read before the thread is told without it."""


class Explainer:
    """Composes particulars for incidents of several clusters."""

    def __init__(
        self,
        logs: Mapping[str, ports.Logs],
        mirrors: Mapping[str, ports.Mirror],
        *,
        options: Options,
    ) -> None:
        self._logs = logs
        self._mirrors = mirrors
        self._options = options

    async def compose(self, incident: Incident) -> Sequence[notice.Detail]:
        """Return what the thread should say now. Never raises: what fails is said instead."""
        mirror = self._mirrors.get(incident.cluster)
        taken = mirror.snapshot() if mirror else None
        sections = [affected(incident)]
        if incident.cure:
            sections.append(notice.Section(heading="What to do", lines=(incident.cure,)))
        chosen = _newest(incident)
        if chosen is not None and chosen.target.kind == "Pod":
            container = _container(chosen, taken)
            if container is not None:
                sections.append(history(chosen, container))
            if self._options.log_lines > 0 and chosen.container:
                sections.append(await self._log(incident, chosen, container, taken))
        return [notice.Detail(title=f"{incident.name}: particulars", sections=tuple(sections))]

    async def _log(
        self,
        incident: Incident,
        member: Member,
        container: snapshot.Container | None,
        taken: snapshot.Snapshot | None,
    ) -> notice.Section:
        source = self._logs.get(incident.cluster)
        running = (
            container is not None
            and container.state is not None
            and container.state.phase is snapshot.Phase.RUNNING
        )
        # While it runs again, the words before its death are those of the previous run; while it
        # waits, its newest run is the one that died.
        previous = running and (container is not None and container.restart_count > 0)
        heading = f"Last lines of {member.container} on {member.name}"
        if source is None:
            return notice.Section(heading=heading, lines=("That cluster is not configured now.",))
        try:
            async with asyncio.timeout(self._options.timeout.total_seconds()):
                text = await source.tail(
                    member.target.namespace,
                    member.target.name,
                    member.container,
                    previous=previous,
                    lines=self._options.log_lines,
                )
        except TimeoutError:
            return notice.Section(heading=heading, lines=("The log could not be read in time.",))
        except errors.BotError as error:
            return notice.Section(
                heading=heading, lines=(f"The log could not be read: {redact(str(error))}",)
            )
        if not text.strip():
            return notice.Section(heading=heading, lines=("The log is empty.",))
        lines = diagnosis(incident, container, taken, text)
        return notice.Section(heading=heading, lines=lines, verbatim=redact(text))


def diagnosis(
    incident: Incident,
    container: snapshot.Container | None,
    taken: snapshot.Snapshot | None,
    text: str,
) -> tuple[str, ...]:
    """Tell cause and cure that flannel's log shows; nothing for another container's."""
    if container is None or taken is None:
        return ()
    daemonset = taken.daemonsets.get((incident.workload.namespace, incident.workload.name))
    flannel = discovery.container_of(daemonset) if daemonset is not None else None
    if flannel is None or flannel.name != container.name:
        return ()
    said = logs.read(text, version=versions.parse(container.image)).explanation
    return (redact(said),) if said else ()


def affected(incident: Incident) -> notice.Section:
    """Name every member with its proof; of what is over by now, those that were."""
    members = incident.affected or incident.members or incident.recovered
    lines = []
    for member in members[:_LISTED]:
        proof = "; ".join(member.evidence)
        lines.append(f"{member.name}{_place(member.target)}: {proof or member.summary}")
    if len(members) > _LISTED:
        lines.append(f"and {len(members) - _LISTED} more: `incident {incident.name}` lists them")
    return notice.Section(heading="Affected", lines=tuple(lines))


def _place(where: target.Target) -> str:
    """Which object it is, where a member goes by its node; one of no namespace has no slash."""
    if not where.node or where.name == where.node:
        return ""
    return f" ({where.namespace}/{where.name})" if where.namespace else f" ({where.name})"


def history(member: Member, container: snapshot.Container) -> notice.Section:
    """Tell how a container ended and how often it began."""
    lines = [f"restarts: {container.restart_count}"]
    for title, state in (("now", container.state), ("before", container.last_state)):
        if state is not None:
            lines.append(f"{title}: {_state(state)}")
    return notice.Section(heading=f"{member.container} on {member.name}", lines=tuple(lines))


def _state(state: snapshot.ContainerState) -> str:
    text = state.phase.value
    if state.exit_code is not None:
        text += f", exit code {state.exit_code}"
    if state.reason:
        text += f", {state.reason}"
    if state.started_at is not None:
        text += f", started {_time(state.started_at)}"
    if state.finished_at is not None:
        text += f", ended {_time(state.finished_at)}"
    return text


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _newest(incident: Incident) -> Member | None:
    members = incident.affected or incident.members
    if not members:
        return None
    return max(members, key=lambda member: member.happened_at or member.first_seen_at)


def _container(member: Member, taken: snapshot.Snapshot | None) -> snapshot.Container | None:
    if taken is None:
        return None
    pod = taken.pods.get((member.target.namespace, member.target.name))
    if pod is None:
        return None
    return next((c for c in pod.containers if c.name == member.container), None)
