"""What a card says, and when."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.slack import answers_view, blocks, cards, measures, prose
from bot.domain import finding, incident, notice
from tests.adapters.slack import judge, samples


def said(page: prose.Page) -> str:
    return judge.seen(blocks.render(page))


def line(page: prose.Page, label: str) -> str:
    found = [text for text in said(page).splitlines() if text.startswith(label)]
    return found[0] if found else ""


def test_a_card_says_what_where_why_since_when_and_what_next() -> None:
    page = cards.card(samples.view())
    assert said(page).splitlines() == [
        "🔴 Critical · INC-42 · flannel OOM-killed on 4 of 120 nodes",
        "Where  prod · DaemonSet kube-system/kube-flannel-ds",
        "Affected  4 of 120: node-001, node-002, node-003, node-004",
        ("Why  kube-flannel OOM-killed · lastState.terminated.reason=OOMKilled"),
        "Since  2026-01-02 03:04:05 UTC",
        "State  open",
        "Next  Raise the memory limit of kube-flannel.",
        "Told  seen 0.2 s after it happened, told 0.3 s later",
    ]


def test_severity_is_a_word_and_not_a_colour_alone() -> None:
    for severity, word in (("critical", "Critical"), ("warning", "Warning"), ("info", "Info")):
        value = samples.trouble(severity=finding.Severity(severity))
        assert word in cards.card(samples.view(value)).title


def test_the_headline_counts_what_is_affected_now() -> None:
    value = samples.trouble(7, headline="kube-flannel OOM-killed")
    assert cards.card(samples.view(value)).title.endswith("OOM-killed on 7 of 120 nodes")
    assert "OOM-killed on 7 of 120 nodes" in said(
        cards.digest(notice.DigestView(incidents=(value,), now=samples.NOW))
    )


def test_nodes_are_listed_as_people_count_and_each_once() -> None:
    members = tuple(samples.member(n, name=f"n{n}") for n in (10, 9, 2, 1, 2))
    value = samples.trouble(members=members)
    assert line(cards.card(samples.view(value)), "Affected").endswith("n1, n2, n9, n10")


def test_members_that_are_well_again_are_recovering_and_not_affected() -> None:
    members = (samples.member(1), samples.member(2, clear_since=samples.NOW))
    page = cards.card(samples.view(samples.trouble(members=members, peak=2)))
    assert line(page, "Affected") == "Affected  1 of 120 (at worst 2): node-001"
    assert line(page, "Recovering") == "Recovering  node-002"
    assert line(page, "State") == "State  open"


def test_all_well_again_is_said_to_be_watched() -> None:
    members = (samples.member(1, clear_since=samples.NOW),)
    page = cards.card(samples.view(samples.trouble(members=members, peak=1)))
    assert "recovering: well again, watched until it stays so" in line(page, "State")


def test_what_cannot_be_seen_is_never_called_well() -> None:
    members = (samples.member(1, clear_since=samples.NOW),)
    page = cards.card(samples.view(samples.trouble(members=members, unseen=True)))
    assert "none is called well before it is seen" in line(page, "Not seen right now")
    assert "recovering" not in line(page, "State")


def test_a_resolved_card_tells_who_it_was_and_how_long() -> None:
    value = samples.trouble(
        members=(),
        recovered=samples.trouble(3).members,
        peak=3,
        state=incident.State.RESOLVED,
        resolved_at=samples.NOW,
    )
    page = cards.card(samples.view(value))
    assert page.title.startswith("🟢 Resolved · INC-42")
    assert line(page, "Recovered") == "Recovered  3 of 120: node-001, node-002, node-003"
    assert line(page, "Lasted").startswith("Lasted  10 min: 2026-01-02 03:04:05 UTC to")
    assert not line(page, "Next")
    assert not line(page, "Not seen")


def test_an_acknowledged_incident_that_came_back_says_both() -> None:
    value = samples.trouble(state=incident.State.ACKNOWLEDGED, reopened=1)
    assert line(cards.card(samples.view(value)), "State") == "State  acknowledged, came back 1 time"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"delayed_seconds": 42.0}, "told 0.3 s later; delayed 42 s because Slack could not be"),
        ({"detected_at": None}, ""),
        ({"detected_at": samples.BEGAN - timedelta(seconds=0.4)}, "seen 0.0 s after it happened"),
        ({"detected_at": samples.BEGAN - timedelta(seconds=30)}, "Told  30 s after it was seen"),
        ({"posted_at": None, "now": samples.BEGAN + timedelta(seconds=1)}, "told 0.8 s later"),
    ],
)  # fmt: skip
def test_every_alert_carries_its_latency(changes: dict[str, object], told: str) -> None:
    assert told in line(cards.card(samples.view(**changes)), "Told")


def test_the_strongest_proof_is_shown_as_the_reason() -> None:
    members = (
        samples.member(1, severity=finding.Severity.WARNING, occurrences=99),
        samples.member(2, occurrences=5, evidence=("restarted 5 times",)),
        samples.member(3, occurrences=2),
    )
    page = cards.card(samples.view(samples.trouble(members=members)))
    assert line(page, "Why").startswith("Why  kube-flannel OOM-killed · restarted 5")


def test_a_digest_puts_what_stands_and_is_worst_first() -> None:
    values = (
        samples.trouble(id=1, state=incident.State.RESOLVED, resolved_at=samples.NOW),
        samples.trouble(id=2, severity=finding.Severity.WARNING),
        samples.trouble(id=3),
    )
    page = cards.digest(notice.DigestView(incidents=values, now=samples.NOW))
    assert page.title == "🔴 Critical · 3 incidents together, 1 resolved"
    order = [text.split("INC-")[1][0] for text in said(page).splitlines()[1:]]
    assert order == ["3", "2", "1"]


def test_a_digest_that_slack_kept_waiting_says_for_how_long() -> None:
    view = notice.DigestView(incidents=(samples.trouble(),) * 30, now=samples.NOW)
    assert "delayed" not in said(cards.digest(view))
    late = said(cards.digest(replace(view, delayed_seconds=540.0)))
    assert "delayed 9 min" in late.splitlines()[1]


def test_a_digest_of_what_is_over_is_green() -> None:
    values = (samples.trouble(state=incident.State.RESOLVED),) * 2
    page = cards.digest(notice.DigestView(incidents=values, now=samples.NOW))
    assert page.title == "🟢 Resolved · all of 2 incidents"


def test_status_tells_clusters_gaps_slack_and_the_bot() -> None:
    text = said(answers_view.status(samples.status(), now=samples.NOW))
    for told in (
        "Status · 🔴 Unhealthy",
        "119 of 120 nodes ready",
        "v0.12.0 · vxlan · 116 of 120 pods ready · --ip-masq --iface-regex=eth1|bond1",
        "INC-42",
        "Cannot see  pods in kube-system: 403 Forbidden",
        "kube-system/pods",
        "connected · 3 messages wait, the oldest for 42 s, 1 refused by Slack for good",
        "0.1.0 · observes only",
    ):
        assert told in text


def test_a_story_names_all_members_that_a_card_cannot() -> None:
    story = answers_view.answers.IncidentStory(samples.trouble(60), (), "", "")
    text = said(answers_view.story(story, now=samples.NOW, permalink=""))
    assert all(f"node-{number:03}" in text for number in range(1, 61))


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-1, "0.0 s"), (0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (119, "119 s"),
        (120, "2 min"), (3_599, "60 min"), (7_199, "2 h"), (7_260, "2 h 1 min"),
        (86_400 * 2, "2 d"), (86_400 * 2 + 3_600, "2 d 1 h"),
    ],
)  # fmt: skip
def test_durations_are_told_as_people_tell_them(seconds: float, told: str) -> None:
    assert measures.duration(seconds) == told
