"""Every sentence that Slack shows, in English.

Whole sentences, never glued together elsewhere: another language is another module with these
names. Names of things (nodes, commands, INC-42) are arguments and are not translated. What the
core of the bot says (summaries, evidence, cures, refusals) arrives as it is.
"""

import sys
from collections.abc import Sequence

from bot.adapters.slack import catalogue
from bot.adapters.slack.measures import count, duration
from bot.domain import finding, health, incident

# What does not fit


def does_not_fit(lines: int) -> str:
    """Said at the end of a message that had to be cut."""
    return f"… {count(lines, 'more line does', 'more lines do')} not fit into one message."


def earlier_cut(characters: int) -> str:
    """Said above verbatim text whose beginning was cut."""
    return f"[{count(characters, 'earlier character', 'earlier characters')} left out]"


# Cards

SEVERITY = {
    finding.Severity.CRITICAL: "🔴 Critical",
    finding.Severity.WARNING: "🟠 Warning",
    finding.Severity.INFO: "🔵 Info",
}
RESOLVED = "🟢 Resolved"
UNWATCHED = "⚪ No longer watched"
HEALTH = {
    health.Health.HEALTHY: "🟢 Healthy",
    health.Health.UNHEALTHY: "🔴 Unhealthy",
    health.Health.UNKNOWN: "⚪ Unknown",
}
STATE = {
    incident.State.OPEN: "open",
    incident.State.ACKNOWLEDGED: "acknowledged",
    incident.State.RESOLVED: "resolved",
}

WHERE = "Where"
AFFECTED = "Affected"
ALSO = "Also affected"
RECOVERING = "Recovering"
RECOVERED = "Recovered"
WHY = "Why"
SINCE = "Since"
STATUS = "State"
UNSEEN = "Not seen right now"
NEXT = "Next"
TOLD = "Told"
LASTED = "Lasted"

UNWATCHED_TEXT = (
    "this bot does not watch that cluster any more; whether it still stands is not known"
)
UNSEEN_TEXT = "some of these could not be looked at; none is called well before it is seen"


def affected(number: int, population: int) -> str:
    """How many of how many."""
    return f"{number:,} of {population:,}" if population else f"{number:,}"


def at_worst(peak: int) -> str:
    """The largest number affected at once."""
    return f" (at worst {peak:,})"


def more(number: int) -> str:
    """After the names that fit on a card."""
    return f" and {number:,} more"


def ago(seconds: float) -> str:
    """After a moment."""
    return f" ({duration(seconds)})"


LAST_AT = ", last at "
FROM_TO = " to "


def state(value: incident.Incident) -> str:
    """Where an incident stands, in a few words."""
    if value.unwatched:
        text = "no longer watched"
    elif value.state is incident.State.RESOLVED:
        text = "resolved"
    elif not value.affected and value.members and not value.unseen:
        text = f"{STATE[value.state]}, recovering: well again, watched until it stays so"
    else:
        text = STATE[value.state]
    if value.reopened:
        text += f", came back {count(value.reopened, 'time', 'times')}"
    return text


def latency(*, seen: float | None, told: float | None) -> str:
    """How fast the alert was."""
    if seen is not None and told is not None:
        return f"seen {duration(seen)} after it happened, told {duration(told)} later"
    if seen is not None:
        return f"seen {duration(seen)} after it happened"
    return f"{duration(told or 0.0)} after it was seen"


def delayed(seconds: float) -> str:
    """Said of an alert that Slack kept waiting."""
    return f"delayed {duration(seconds)} because Slack could not be reached"


def digest_title(incidents: Sequence[incident.Incident]) -> str:
    """Title of one message for many incidents."""
    standing = [i for i in incidents if i.state is not incident.State.RESOLVED]
    if not standing:
        return f"{RESOLVED} · all of {count(len(incidents), 'incident', 'incidents')}"
    worst = max((i.severity for i in standing), key=lambda severity: severity.rank)
    title = f"{SEVERITY[worst]} · {count(len(incidents), 'incident', 'incidents')} together"
    resolved = len(incidents) - len(standing)
    return f"{title}, {resolved:,} resolved" if resolved else title


# Answers

HELP_TITLE = "flannel-bot · help"
HELP_INTRO = "Begin with @cluster for one cluster; otherwise the channel's is meant, or all."
HELP_MENTION = "The same words work in a thread when you mention the bot."
STATUS_TITLE = "Status"
INCIDENTS_TITLE = "Incidents"
CHECK_TITLE = "Check"
SCHEDULE_TITLE = "Schedule"
LATELY_RESOLVED = "Lately resolved"
NO_INCIDENTS = "No open incidents."
NO_FINDINGS = "Nothing found wrong."
NO_JOBS = "Nothing is scheduled."
STORY = "What happened"
ALL_NAMES = "All of them"
OPEN_CARD = "Open its card in Slack"
FLANNEL = "flannel"
NO_FLANNEL = "no flannel DaemonSet found"
CANNOT_SEE = "Cannot see"
SLACK = "Slack"
SLACK_UP = "connected"
SLACK_DOWN = "not connected"
BOT = "Bot"
LED_BY = "Led by"
OBSERVE_ONLY = "observes only"
REMEDIATES = "repairs after approval"
NEVER = "never"
JUDGED_AT = "judged at "


def nodes_ready(ready: int, nodes: int) -> str:
    """Of a cluster."""
    return f"{ready:,} of {count(nodes, 'node', 'nodes')} ready"


def pods_ready(ready: int, desired: int) -> str:
    """Of a DaemonSet."""
    return f"{ready:,} of {count(desired, 'pod', 'pods')} ready"


def outbox(pending: int, waited: float, failed: int) -> str:
    """What waits to be told, and since when."""
    told = "no message waits"
    if pending:
        waiting = count(pending, "message waits", "messages wait")
        told = f"{waiting}, the oldest for {duration(waited)}"
    return f"{told}, {failed:,} refused by Slack for good" if failed else told


def mirror_age(objects: int, seconds: float | None) -> str:
    """How fresh the picture of a cluster is."""
    if seconds is None:
        return f"{count(objects, 'object', 'objects')} mirrored, not heard from yet"
    return f"{count(objects, 'object', 'objects')} mirrored, heard from {duration(seconds)} ago"


def job_line(result: str, *, failures: int, missed: int, overlapped: int) -> str:
    """How a job fares."""
    told = [result or "not run yet"]
    told += [
        f"{word} {count(number, 'time', 'times')}"
        for word, number in (("failed", failures), ("late", missed), ("overlapped", overlapped))
        if number
    ]
    return ", ".join(told)


LAST_RUN = "last "
NEXT_RUN = ", next "
TOOK = " in "

# Problems with what was asked

REFUSED_TITLE = "Not done"
DONE_TITLE = "Done"
TRY_HELP = "Ask `help` for what this bot can do."


def too_long(limit: int) -> str:
    """Of a command."""
    return f"That is longer than {limit:,} characters; please say it shorter."


def unbalanced(quote: str) -> str:
    """Of a quotation that never ends."""
    return f"A quotation begun with {quote} does not end."


def unknown_command(word: str) -> str:
    """Of a word that is no command."""
    return f"{word!r} is not something this bot can do."


def did_you_mean(names: Sequence[str]) -> str:
    """The nearest names."""
    return "Did you mean " + " or ".join(f"`{name}`" for name in names) + "?"


def usage(command: str) -> str:
    """How a command is written."""
    return f"Usage: `{command}`"


def too_few(name: str) -> str:
    """Of a command that wants more."""
    return f"`{name}` needs to know more."


def too_many(name: str, word: str) -> str:
    """Of a command that wants less."""
    return f"`{name}` does not know what to do with {word!r}."


def no_incident_number(word: str) -> str:
    """Of a word that names no incident."""
    return f"{word!r} names no incident; they are called like INC-42."


def no_cluster_name() -> str:
    """Of a bare @."""
    return "A cluster's name must follow the @."


def unknown_cluster(name: str, known: Sequence[str]) -> str:
    """Of a cluster that is not configured."""
    return f"There is no cluster {name!r}; known: {', '.join(known) or 'none'}."


CLUSTER_FIRST = "Put the @cluster before the command."

# Callers, clicks and faults

GUEST = "Guests cannot use this bot; a full member of the workspace can."
OUTSIDER = "Only members of this workspace can use this bot."
BOT_CALLER = "Bots cannot use this bot."
DEACTIVATED = "A deactivated account cannot use this bot."
UNKNOWN_CALLER = (
    "Slack does not say who you are right now, so nothing was done. Please try again in a minute."
)
NOT_READY = "The bot is still starting and cannot answer yet. Please try again in a minute."
TIMED_OUT = "That took too long and was given up. Please try again."
NO_FORMS = "This bot has no such form; nothing was done."


def unavailable(reason: str) -> str:
    """When something the answer needs did not answer."""
    return f"That cannot be answered right now: {reason}"


def went_wrong(reference: str) -> str:
    """When the fault is the bot's own."""
    return f"Something went wrong inside the bot; its log tells more under {reference}."


def cannot_act(what: str) -> str:
    """On a button that a bot which only observes cannot obey."""
    return f"Nothing was done: this bot runs observe-only and cannot {what}."


OLD_BUTTON = "This button is not known to the bot any more; nothing was done."

sys.modules[__name__].__class__ = catalogue.Words
