"""`routes`: what should be in the kernel against what is there; only what deviates is told."""

from dataclasses import replace

from bot.adapters.slack import limits, looks, prose, wording_network
from bot.flannel import faults
from bot.flow import drawings, network_answers

_EVIDENCE = 4
_FAULTS = 12
_PEERS = 6


def node(value: network_answers.NodeRoutes) -> prose.Page:
    """One node: each fault with evidence, cause and cure."""
    return looks.shortened(_node(value, most=_FAULTS), _node(value, most=looks.ALL))


def _node(value: network_answers.NodeRoutes, *, most: int) -> prose.Page:
    words = wording_network
    judged = value.judgement
    name = limits.cut(value.look.node, limits.NAME)
    seen = looks.look(value.look, value.about.now)
    if judged is None:
        return prose.Page(
            title=words.node_routes_title(name, 0, judged=False),
            parts=(
                prose.paragraph(prose.line(words.NO_TABLES)),
                looks.footer(value.about, seen),
            ),
        )
    head = [
        prose.line(
            f"{words.entries(judged.expected - judged.missing, judged.expected)}"
            f" · {words.peers(value.peers)}"
        )
    ]
    if not judged.deviations and judged.whole:
        head.append(prose.line(words.ALL_RIGHT if judged.expected else words.NOTHING_EXPECTED))
    head += [prose.labelled(words.NOT_SEEN, *looks.text(one)) for one in judged.unseen]
    if judged.settling:
        head.append(prose.labelled(words.NOTE, words.settling(judged.settling)))
    head += looks.several(words.NOTE, [one.summary for one in judged.notes])
    return prose.Page(
        title=words.node_routes_title(name, len(judged.deviations), judged=judged.whole),
        parts=(
            prose.paragraph(*head),
            *[_fault(one, most=most) for one in judged.deviations[:most]],
            *_left(len(judged.deviations) - most),
            *_careful(value),
            looks.footer(value.about, seen),
        ),
    )


def _careful(value: network_answers.NodeRoutes) -> list[prose.Paragraph]:
    """Most cures are a restart of flannel: say so where that would make it worse."""
    if value.outlook.safe or value.judgement is None or value.judgement.right:
        return []
    words = wording_network
    lines = [prose.labelled(words.CAREFUL, *looks.text(value.outlook.risk))]
    return [
        prose.paragraph(
            *lines, prose.marked(words.before_restart(limits.cut(value.look.node, limits.NAME)))
        )
    ]


def _left(number: int) -> list[prose.Paragraph]:
    if number <= 0:
        return []
    return [prose.paragraph(prose.line(wording_network.more_faults(number)))]


def _fault(one: faults.Deviation, *, most: int) -> prose.Paragraph:
    words = wording_network
    facts = one.evidence if most >= looks.ALL else one.evidence[:_EVIDENCE]
    lines = [
        prose.line(words.SEVERITY[one.severity], " ", prose.strong(limits.cut(one.summary, 300)))
    ]
    lines += looks.several(words.EVIDENCE, facts)
    if len(one.peers) > _EVIDENCE:
        named = most if most >= looks.ALL else _PEERS
        lines.append(prose.line(words.peers_named(one.peers[:named], len(one.peers))))
    lines.append(prose.labelled(words.CAUSE, *prose.marked(one.cause)))
    lines.append(prose.labelled(words.DO, *prose.marked(one.cure)))
    return prose.paragraph(*lines)


def fleet(value: network_answers.FleetRoutes) -> prose.Page:
    """All nodes: only the deviants, by what is wrong."""
    page = looks.shortened(_fleet(value, most=looks.EACH), _fleet(value, most=looks.ALL))
    return replace(page, picture=_picture(value)) if value.matrix.troubled else page


def _picture(value: network_answers.FleetRoutes) -> drawings.Picture:
    """Which node lacks which peer: rows tell a node cut off, columns one that nobody reaches."""
    words, troubled = wording_network, value.matrix.troubled
    title = words.matrix_title(value.about.cluster, len(troubled), len(value.matrix.nodes))
    return drawings.Picture(
        name="routes.png",
        title=limits.clean(title),
        alt=limits.clean(
            words.matrix_alt(title, [limits.cut(one, limits.NAME) for one in troubled])
        ),
        drawing=drawings.MatrixChart(title=title, subtitle=value.about.flannel, table=value.matrix),
    )


def _fleet(value: network_answers.FleetRoutes, *, most: int) -> prose.Page:
    words = wording_network
    troubled = {member.node for group in value.groups for member in group.members}
    unseen = len(value.coverage.unseen) + len(value.partly)
    careful = [
        prose.labelled(
            words.CAREFUL, *looks.names(list(value.unsafe), most=max(most, looks.NAMES)),
            ": ", *prose.marked(words.UNSAFE_CURE),
        )
    ]  # fmt: skip
    told = [
        prose.line(words.entries(value.expected - value.missing, value.expected)),
        *looks.coverage(value.coverage, value.about.now, most=most),
    ]
    told += looks.reasons(value.partly, most=most)
    if value.settling:
        told.append(prose.labelled(words.NOTE, words.settling(value.settling)))
    return prose.Page(
        title=words.routes_title(value.about.cluster, len(troubled), unseen),
        parts=(
            *[looks.group(one, most=most) for one in value.groups],
            *([prose.paragraph(*careful)] if value.unsafe else []),
            looks.footer(value.about, told),
        ),
    )
