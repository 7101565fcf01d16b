"""What the doctor makes of facts: every fault is a line with its cure, and not knowing is no health."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.flow import doctor
from bot.flow.doctor import Answer, Mark

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WANTED = doctor.Wanted({"chat:write": "nothing is told", "files:write": "no files"},
                       frozenset({"chat:write"}))  # fmt: skip
CHANNEL = doctor.Channel("C1", ("prod",), name="alerts", member=True)
SLACK = doctor.SlackFacts(
    Answer(), Answer(), who="U1 in T1", scopes=("chat:write", "files:write"), channels=(CHANNEL,),
    ahead=0.4,
)  # fmt: skip
RIGHT = doctor.Right("patch", "apps", "daemonsets", "kube-system", "flannel")
CLUSTER = doctor.ClusterFacts(
    "prod", Answer(), version="v1.36", needs=3, memory=Answer(), memory_source="Prometheus",
    flannels=(doctor.Found("kube-flannel/flannel", "v0.26", "vxlan", "--ip-masq"),), ahead=-0.2,
)  # fmt: skip
STORE = doctor.StoreFacts("/data/x.db", Answer(), state="current")
FACTS = doctor.Facts(NOW, SLACK, (CLUSTER,), STORE, versions=(("python", "3.13"),))


def slack(**changes: object) -> doctor.Facts:
    return replace(FACTS, slack=replace(SLACK, **changes))  # type: ignore[arg-type]


def channel(**changes: object) -> doctor.Facts:
    return slack(channels=(replace(CHANNEL, **changes),))  # type: ignore[arg-type]


def cluster(**changes: object) -> doctor.Facts:
    return replace(FACTS, clusters=(replace(CLUSTER, **changes),))  # type: ignore[arg-type]


def store(**changes: object) -> doctor.Facts:
    return replace(FACTS, store=replace(STORE, **changes))  # type: ignore[arg-type]


def test_what_is_well_is_said_and_nothing_else() -> None:
    report = doctor.judge(FACTS, WANTED)
    assert {line.mark for line in report.lines} == {Mark.GOOD, Mark.NOTE}
    assert report.ok
    assert {line.part for line in report.lines} == {"slack", "cluster prod", "database", "versions"}


BAD, ODD = Mark.BAD, Mark.WARNING
FAULTS = [
    (slack(bot_token=Answer("is not set", "set it")), BAD, "bot token", "is not set"),
    (slack(app_token=Answer("refused", "renew it")), BAD, "app token", "refused"),
    (slack(scopes=("files:write",)), BAD, "scope chat:write", "nothing is told"),
    (slack(scopes=("chat:write",)), ODD, "scope files:write", "no files"),
    (slack(scopes=(*SLACK.scopes, "admin")), ODD, "scopes in excess", "admin"),
    (slack(scopes=()), ODD, "scopes", "did not tell"),
    (slack(ahead=7.0), ODD, "clock", "7 s behind Slack's"),
    (slack(ahead=-90.0), BAD, "clock", "90 s ahead of Slack's"),
    (channel(id=""), BAD, "channel (none)", "no channel"),
    (channel(answer=Answer("channel_not_found", "invite")), BAD, "channel C1", "not_found"),
    (channel(member=False), BAD, "channel C1", "no member"),
    (channel(archived=True), BAD, "channel C1", "archived"),
    (channel(shared=True), ODD, "channel C1", "outsiders"),
    (cluster(server=Answer("refused", "start it")), BAD, "API server", "refused"),
    (cluster(lacking=(doctor.Need(RIGHT, "no fix"),)), ODD,
     "right to patch daemonsets.apps flannel in kube-system", "no fix"),
    (cluster(lacking=(doctor.Need(RIGHT, "blind", vital=True),)), BAD,
     "right to patch daemonsets.apps flannel in kube-system", "blind"),
    (cluster(excess=(doctor.Right("get", "", "secrets"),)), ODD, "rights in excess", "get secrets"),
    (cluster(unknown="403"), ODD, "rights", "not known: 403"),
    (cluster(flannels=()), BAD, "flannel", "no DaemonSet"),
    (cluster(flannels=(), unread="403"), BAD, "flannel", "could not be looked for"),
    (cluster(flannels=(replace(CLUSTER.flannels[0], problem="odd"),)), ODD,
     "flannel kube-flannel/flannel", "odd"),
    (cluster(memory=Answer("HTTP 500", "mend it")), BAD, "Prometheus", "HTTP 500"),
    (cluster(ahead=30.0), ODD, "clock", "30 s behind the API server's"),
    (store(answer=Answer("is locked", "unlock it")), BAD, "/data/x.db", "is locked"),
    (store(state="empty"), ODD, "/data/x.db", "not there yet"),
    (store(state="behind"), ODD, "/data/x.db", "older"),
    (replace(FACTS, notes=("nobody is approver",)), ODD, "settings", "nobody is approver"),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "mark", "name", "said"), FAULTS, ids=lambda v: str(v)[:40])
def test_every_fault_is_one_line_with_its_cure(
    facts: doctor.Facts, mark: Mark, name: str, said: str
) -> None:
    report = doctor.judge(facts, WANTED)
    wrong = [line for line in report.lines if line.mark in (BAD, ODD)]
    assert [(line.mark, line.name) for line in wrong] == [(mark, name)]
    assert said in wrong[0].said
    assert wrong[0].cure or name in ("scopes", "flannel", "settings") or "odd" in wrong[0].said
    assert report.ok == (mark is not BAD)
    assert len({(line.part, line.name) for line in report.lines}) == len(report.lines)


def test_what_is_not_known_is_not_called_good() -> None:
    for facts in (slack(bot_token=Answer("no answer")), cluster(server=Answer("no answer"))):
        good = {line.name for line in doctor.judge(facts, WANTED).lines if line.mark is Mark.GOOD}
        assert not good & ({"scopes", "channel C1"} if facts.slack != SLACK else {"rights"})
    unknown = doctor.judge(cluster(unknown="403"), WANTED).lines
    assert not [line for line in unknown if line.name == "rights" and line.mark is Mark.GOOD]


@pytest.mark.parametrize(
    ("date", "ahead"),
    [("Sun, 01 Mar 2026 12:00:10 GMT", 10.5), ("Sun, 01 Mar 2026 11:59:59 GMT", -0.5),
     ("", None), ("soon", None), ("Sun, 99 Mar 2026 12:00:10 GMT", None)],
)  # fmt: skip
def test_clocks_are_compared_by_the_date_of_an_answer(date: str, ahead: float | None) -> None:
    assert doctor.ahead(date, NOW) == ahead
