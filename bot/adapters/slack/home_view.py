"""The home tab as a page: what stands still while nothing changes, so that it can be compared."""

from bot.adapters.slack import answers_view, cards, prose, vocabulary, wording, wording_windows
from bot.domain import health
from bot.flow import answers


def page(value: answers.Status, *, slash: str) -> prose.Page:
    """The fleet at a glance: the worst first, then what can be asked."""
    worst = health.worst(cluster.health for cluster in value.clusters)
    ordered = sorted(value.clusters, key=lambda c: (-len(c.incidents), c.cluster))
    parts = [prose.paragraph(*_cluster(cluster)) for cluster in ordered]
    mode = wording.REMEDIATES if value.remediation_enabled else wording.OBSERVE_ONLY
    parts.append(prose.paragraph(prose.labelled(wording.BOT, f"{value.version} · {mode}")))
    commands = [
        prose.line(prose.code(f"{slash} {c.usage}"), f"  {c.help}") for c in vocabulary.COMMANDS
    ]
    parts.append(
        prose.paragraph(
            prose.line(prose.strong(wording.HELP_TITLE)),
            *commands,
            prose.line(wording.HELP_INTRO),
            prose.line(wording.HELP_MENTION),
            prose.marked(wording_windows.HELP_ELSEWHERE),
        )
    )
    return prose.Page(
        title=f"{wording_windows.HOME_TITLE} · {wording.HEALTH[worst]}", parts=tuple(parts)
    )


def _cluster(value: answers.ClusterStatus) -> list[prose.Line]:
    unseen = [age for age in value.ages if not age.synced or age.failures]
    return [
        prose.line(
            prose.strong(value.cluster),
            f"  {wording.HEALTH[value.health]}"
            f" · {wording.nodes_ready(value.nodes_ready, value.nodes)}",
        ),
        *answers_view.flannel(value.flannel),
        *([cards.brief(i) for i in value.incidents] or [prose.line(wording.NO_INCIDENTS)]),
        *answers_view.gaps(value.gaps),
        *[
            prose.labelled(wording.CANNOT_SEE, f"{age.namespace or '-'}/{age.resource}")
            for age in unseen
        ],
        *[prose.line(note) for note in value.notes],
    ]
