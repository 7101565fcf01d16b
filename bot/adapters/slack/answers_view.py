"""Answers of the desk, as pages. Lines rather than tables: a table is unreadable on a phone."""

from collections.abc import Sequence
from datetime import datetime

from bot.adapters.slack import (
    cards,
    interpreter,
    limits,
    measures,
    prose,
    vocabulary,
    wording,
    wording_windows,
)
from bot.domain import finding, health, notice, snapshot
from bot.flow import answers, ports

_ANYWHERE = "[@cluster] "
"""How the usage of a command begins that can be asked about any cluster; the hints say it once."""
_HELP = 120
"""Characters about a command where all are listed."""
_GAPS = 8
_LISTED = 60
_STORY = 40
_MEMBERS = 200


def help_page(commands: Sequence[vocabulary.Command], *, slash: str) -> prose.Page:
    """Tell what can be asked, each in a line: what a line lacks, the command's own help has.

    Told whole, all of them would one day be more than a message holds, and Slack would show the
    first ones only.
    """
    told = [
        prose.line(
            prose.code(f"{slash} {each.usage.removeprefix(_ANYWHERE)}"),
            f"  {limits.sentences(each.help, _HELP)}",
        )
        for each in commands
    ]
    hints = [
        prose.line(wording.HELP_INTRO),
        prose.line(wording.HELP_MENTION),
        prose.marked(wording_windows.HELP_ELSEWHERE),
    ]
    return prose.Page(
        title=wording.HELP_TITLE, parts=(prose.paragraph(*told), prose.paragraph(*hints))
    )


def command_page(command: vocabulary.Command, *, slash: str) -> prose.Page:
    """Tell one command."""
    return prose.Page(
        title=f"{wording.HELP_TITLE} · {command.name}",
        parts=(
            prose.paragraph(
                prose.marked(wording.usage(f"{slash} {command.usage}")), prose.line(command.help)
            ),
        ),
    )


def waiting() -> prose.Page:
    """Say that an answer is on its way."""
    return prose.Page(
        title=wording_windows.WAITING_TITLE,
        parts=(prose.paragraph(prose.line(wording_windows.WAITING)),),
    )


def problem(text: str, hint: str = "") -> prose.Page:
    """Tell why something was not done, and what would be."""
    return prose.Page(
        title=wording.REFUSED_TITLE,
        parts=(prose.paragraph(prose.marked(text), prose.marked(hint)),),
    )


def told(text: str) -> prose.Page:
    """Tell what was done."""
    return prose.Page(title=wording.DONE_TITLE, parts=(prose.paragraph(prose.marked(text)),))


def status(value: answers.Status, *, now: datetime) -> prose.Page:
    """Everything at a glance: clusters, then the bot itself."""
    worst = health.worst(cluster.health for cluster in value.clusters)
    parts = [prose.paragraph(*_cluster(cluster)) for cluster in value.clusters]
    waited = (now - value.outbox.oldest).total_seconds() if value.outbox.oldest else 0.0
    outbox = wording.outbox(value.outbox.pending, waited, value.outbox.failed)
    slack = wording.SLACK_UP if value.slack_connected else wording.SLACK_DOWN
    mode = wording.REMEDIATES if value.remediation_enabled else wording.OBSERVE_ONLY
    parts.append(
        prose.paragraph(
            prose.labelled(wording.SLACK, f"{slack} · {outbox}"),
            prose.labelled(
                wording.BOT,
                f"{value.version} · {mode} · ",
                prose.Moment(value.started_at),
                wording.ago((now - value.started_at).total_seconds()),
            ),
            *([prose.labelled(wording.LED_BY, value.led_by)] if value.led_by else []),
        )
    )
    return prose.Page(title=f"{wording.STATUS_TITLE} · {wording.HEALTH[worst]}", parts=tuple(parts))


def _cluster(value: answers.ClusterStatus) -> list[prose.Line]:
    lines = [
        prose.line(
            prose.strong(value.cluster),
            f"  {wording.HEALTH[value.health]}"
            f" · {wording.nodes_ready(value.nodes_ready, value.nodes)}",
        ),
        *flannel(value.flannel),
        *[cards.brief(i) for i in value.incidents],
    ]
    if not value.incidents:
        lines.append(prose.line(wording.NO_INCIDENTS))
    lines += gaps(value.gaps)
    lines += [prose.marked(note) for note in value.notes]
    lines += [_age(age) for age in value.ages if not age.synced or age.failures or age.error]
    synced = [age for age in value.ages if age.synced]
    if synced:
        oldest = max(
            (age.age_seconds for age in synced if age.age_seconds is not None), default=None
        )
        lines.append(prose.line(wording.mirror_age(sum(age.objects for age in synced), oldest)))
    return lines


def _age(age: ports.ResourceAge) -> prose.Line:
    where = f"{age.namespace}/{age.resource}" if age.namespace else age.resource
    told = wording.mirror_age(age.objects, age.age_seconds)
    return prose.labelled(where, f"{told}: {interpreter.told(age.error)}" if age.error else told)


def flannel(found: Sequence[answers.FlannelFound]) -> list[prose.Line]:
    """Each flannel that was found, in a line."""
    if not found:
        return [prose.labelled(wording.FLANNEL, wording.NO_FLANNEL)]
    # Old versions have a DaemonSet for each architecture; those for none of the nodes say nothing.
    found = [one for one in found if one.desired] or found
    return [
        prose.labelled(
            wording.FLANNEL,
            " · ".join(
                part
                for part in (
                    f"{one.namespace}/{one.daemonset}",
                    one.version,
                    one.backend,
                    wording.pods_ready(one.ready, one.desired),
                )
                if part
            ),
            *((" · ", prose.code(" ".join(one.flags))) if one.flags else ()),
        )
        for one in found
    ]


def gaps(found: Sequence[snapshot.Gap]) -> list[prose.Line]:
    """What cannot be read, and since when."""
    lines = [
        prose.labelled(
            wording.CANNOT_SEE,
            f"{interpreter.told(gap.what)}: {limits.cut(interpreter.told(gap.reason), 200)} · ",
            prose.Moment(gap.since),
        )
        for gap in found[:_GAPS]
    ]
    if len(found) > _GAPS:
        lines.append(prose.line(wording.does_not_fit(len(found) - _GAPS)))
    return lines


def incidents(value: answers.IncidentList) -> prose.Page:
    """List what stands, then what lately stood."""
    title = wording.INCIDENTS_TITLE + (f" · {value.cluster}" if value.cluster else "")
    standing = [cards.brief(i) for i in value.unresolved] or [prose.line(wording.NO_INCIDENTS)]
    parts = [prose.paragraph(*standing)]
    if value.resolved:
        heading = prose.line(prose.strong(wording.LATELY_RESOLVED))
        parts.append(prose.paragraph(heading, *[cards.brief(i) for i in value.resolved]))
    return prose.Page(title=title, parts=tuple(parts))


def story(value: answers.IncidentStory, *, now: datetime, permalink: str) -> prose.Page:
    """Tell one incident whole: its card, all its names, what happened."""
    told = value.incident
    page = cards.card(notice.CardView(incident=told, now=now))
    parts = list(page.parts)
    listed = told.affected or told.members or told.recovered
    if len(listed) > cards.NAMED:
        heading = prose.line(prose.strong(wording.ALL_NAMES))
        parts.append(prose.paragraph(heading, cards.names(listed, _MEMBERS)))
    if value.timeline:
        lines = [
            prose.line(
                prose.Moment(entry.at),
                f"  {interpreter.told(entry.kind)}: {interpreter.told(entry.text)}",
            )
            for entry in value.timeline[-_STORY:]
        ]
        parts.append(prose.paragraph(prose.line(prose.strong(wording.STORY)), *lines))
    if permalink:
        parts.append(prose.paragraph(prose.line(prose.Link(permalink, wording.OPEN_CARD))))
    return prose.Page(title=page.title, parts=tuple(parts))


def check(value: answers.CheckReport) -> prose.Page:
    """One pass, judged now."""
    lines = [
        prose.line(
            prose.strong(wording.SEVERITY[one.severity]),
            f"  {one.target}{f' ({one.target.node})' if one.target.node else ''}: ",
            *prose.marked(one.summary),
        )
        for one in sorted(value.findings, key=_worst_first)[:_LISTED]
    ]
    if len(value.findings) > _LISTED:
        lines.append(prose.line(wording.does_not_fit(len(value.findings) - _LISTED)))
    cures = dict.fromkeys(one.cure for one in value.findings if one.cure)
    parts = [
        prose.paragraph(
            prose.line(wording.JUDGED_AT, prose.Moment(value.taken_at)),
            *flannel(value.flannel),
            *gaps(value.gaps),
            *[prose.marked(note) for note in value.notes],
        ),
        prose.paragraph(*(lines or [prose.line(wording.NO_FINDINGS)])),
        prose.paragraph(
            *[prose.labelled(wording.NEXT, *prose.marked(cure)) for cure in list(cures)[:5]]
        ),
    ]
    return prose.Page(
        title=f"{wording.CHECK_TITLE} · {value.cluster} · {wording.HEALTH[value.health]}",
        parts=tuple(parts),
    )


def _worst_first(one: finding.Finding) -> tuple[int, str, str]:
    return -one.severity.rank, one.check, one.target.key


def schedule(value: answers.ScheduleView) -> prose.Page:
    """What runs when, and how it fares."""
    lines = []
    for job in value.jobs:
        told = wording.job_line(
            interpreter.told(job.last_result),
            failures=job.failures,
            missed=job.missed,
            overlapped=job.overlapped,
        )
        pieces: list[str | prose.Piece] = [
            prose.strong(interpreter.told(job.name)),
            f"  {interpreter.told(job.trigger)} · {told} · ",
        ]
        last = wording.NEVER if job.last_run is None else prose.Moment(job.last_run)
        pieces += [wording.LAST_RUN, last]
        if job.last_run is not None and job.last_seconds is not None:
            pieces += [wording.TOOK, measures.duration(job.last_seconds)]
        following = wording.NEVER if job.next_run is None else prose.Moment(job.next_run)
        pieces += [wording.NEXT_RUN, following]
        lines.append(prose.line(*pieces))
    return prose.Page(
        title=wording.SCHEDULE_TITLE,
        parts=(prose.paragraph(*(lines or [prose.line(wording.NO_JOBS)])),),
    )
