"""`nics`: which NIC flannel uses, what a restart would do, and every NIC that matters."""

from bot.adapters.slack import interpreter, limits, looks, prose, wording_network, wording_work
from bot.domain import finding
from bot.flannel import logs, roles
from bot.flannel.outlook import Outlook, Verdict
from bot.flow import network_answers

LOOK = "look_by_probe_pod"
"""The action of the button that allows a look by a probe pod; its value is the offer's id."""

_IPS = 3
_HITS = 6
_LOG = 12
_WHY = 5


def node(value: network_answers.NodeNics) -> prose.Page:
    """One node: the verdict first, then its NICs, then how it was seen."""
    ahead = value.outlook
    words = wording_network
    now = ahead.present.best
    using = ahead.present.nic or ahead.present.likely
    using_now = (
        (prose.code(using), f" {ahead.present.ip} · {interpreter.told(now.text)}") if now else ()
    )
    fails = ahead.verdict is Verdict.FAILS and bool(ahead.choice.log)
    # What flannel would say itself is quoted below, and what the outlook ends with is said there.
    why = [
        one
        for one in ahead.choice.reasons
        if not (fails and _quoted(one, ahead)) and not ahead.risk.endswith(one)
    ]
    now_label = words.BEFORE if value.stopped else words.NOW
    lines = [
        *(
            [prose.labelled(words.NOW, words.stopped(interpreter.told(value.stopped)))]
            if value.stopped
            else []
        ),
        *_failure(value.failure),
        prose.labelled(now_label, *(using_now or (words.NOT_KNOWN,))),
        prose.labelled(words.OUTLOOK, *looks.text(ahead.risk)),
        *looks.several(words.WHY, why[:_WHY]),
        *looks.several(words.BUT, ahead.doubts),
        *looks.several(words.BUT, [f"{one.summary}. {one.cure}" for one in value.troubles]),
        *looks.several(words.DO, value.cures),
    ]
    parts: list[prose.Part] = [prose.paragraph(*lines)]
    if value.failure is not None:
        parts[0] = prose.paragraph(*lines, prose.line(prose.strong(words.LAST_WORDS)))
        parts.append(prose.Verbatim(value.failure.line))
    elif fails:
        parts[0] = prose.paragraph(*lines, prose.line(prose.strong(words.WORDS)))
        parts.append(prose.Verbatim("\n".join(ahead.choice.log[-_LOG:])))
    parts.append(_nics(value))
    parts.append(looks.footer(value.about, looks.look(value.look, value.about.now)))
    if value.offer:
        parts.append(_offer(value.offer))
    verdict = words.VERDICT[ahead.verdict]
    if value.stopped:
        verdict = words.STOPPED
    elif ahead.verdict is Verdict.UNCHANGED and ahead.hits:
        verdict = words.FOR_NOW
    title = f"{limits.cut(value.look.node, limits.NAME)} · {words.NICS} · {verdict}"
    return prose.Page(title=title, parts=tuple(parts))


def _offer(ticket: str) -> prose.Buttons:
    work = wording_work
    confirm = prose.Confirm(work.LOOK, work.LOOK_ASKS, work.LOOK, work.LOOK_NO)
    return prose.Buttons((prose.Button(LOOK, work.LOOK, ticket, confirm=confirm),))


def _failure(told: logs.Told | None) -> list[prose.Line]:
    if told is None:
        return []
    lines = [prose.labelled(wording_network.CAUSE, *prose.marked(told.cause))]
    if told.cure:
        lines.append(prose.labelled(wording_network.DO, *prose.marked(told.cure)))
    return lines


def _quoted(reason: str, ahead: Outlook) -> bool:
    return reason in ahead.choice.log or any(
        one.error and reason.endswith(one.error) for one in ahead.choice.attempts
    )


def _nics(value: network_answers.NodeNics) -> prose.Paragraph:
    words = wording_network
    if not value.nics.read:
        return prose.paragraph(prose.labelled(words.NICS, words.NICS_NOT_READ))
    lines = [prose.line(prose.strong(words.NICS), f"  {words.IN_ORDER}")]
    lines += [_nic(one) for one in value.nics.shown]
    lines.append(prose.line(words.pods_nics(value.nics.pods)))
    for hit in value.outlook.hits[:_HITS]:
        whose = words.of_pod(hit.pod, value.pod_ips.get(hit.nic, ""))
        told = f" {whose}, {words.hit_by(hit.pattern, hit.ip)}"
        lines.append(prose.line("· ", prose.code(hit.nic), *prose.marked(told)))
    if len(value.outlook.hits) > _HITS:
        lines.append(prose.line("·", words.more(len(value.outlook.hits) - _HITS)))
    if value.nics.idle:
        lines.append(prose.line(words.idle(value.nics.idle)))
    return prose.paragraph(*lines)


def _nic(one: roles.Nic) -> prose.Line:
    words = wording_network
    ips = ", ".join(one.ips[:_IPS])
    if len(one.ips) > _IPS:
        ips += words.more(len(one.ips) - _IPS)
    told = [
        *([ips] if ips else []),
        *([words.mtu(one.mtu)] if one.mtu else []),
        words.STATE[one.state],
        *([words.part_of(one.master)] if one.master else []),
        *[words.ROLE[role] for role in one.roles],
    ]
    return prose.line(prose.code(limits.cut(one.name, 20)), f" {' · '.join(told)}")


def fleet(value: network_answers.FleetNics) -> prose.Page:
    """All nodes: only the deviants, by what is wrong; the rest counted."""
    return looks.shortened(_fleet(value, most=looks.EACH), _fleet(value, most=looks.ALL))


def _fleet(value: network_answers.FleetNics, *, most: int) -> prose.Page:
    words = wording_network
    wrong = {
        member.node
        for group in value.groups
        if group.severity is not finding.Severity.INFO
        for member in group.members
    }
    untold = {member.node for group in value.groups for member in group.members} - wrong
    told = [
        prose.line(words.rest(value.rest.nodes, value.rest.nics)),
        *([prose.line(words.near(value.rest.near))] if value.rest.near else []),
        *looks.coverage(value.coverage, value.about.now, most=most),
        *looks.about(value.about),
    ]
    return prose.Page(
        title=words.nics_title(
            value.about.cluster, len(wrong), len(untold) + len(value.coverage.unseen)
        ),
        parts=(*[looks.group(one, most=most) for one in value.groups], prose.paragraph(*told)),
    )
