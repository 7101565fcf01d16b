"""Checks that judge by deep looks, and what an old or a shallow look is worth."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot import checks
from bot.domain import ledger, tracking
from bot.domain.finding import Finding, Severity
from bot.domain.incident import Incident, State
from bot.domain.snapshot import Snapshot
from bot.flannel import logs
from bot.flannel.inspection import Inspection, Unseen, Way
from bot.flannel.kernel import Kernel
from bot.flow import judge as judging
from tests.checks.networks import (
    Bend,
    changed,
    dropped,
    look,
    looks,
    trapped,
    with_stale,
    without_entries,
    without_env,
)
from tests.checks.worlds import (
    NOW,
    SAFE_FLAGS,
    STORY_FLAGS,
    at,
    container,
    daemonset,
    ended,
    flannel_spec,
    judge,
    node,
    nodes,
    pod,
    troubles,
    waiting,
    watched,
    world,
)

DEEP = ("nic_at_restart", "node_device", "node_routes", "subnet_env")


def cluster(*flags: str, taken: int = 0, count: int = 3) -> Snapshot:
    return world(
        *nodes(count),
        daemonset(desired=count, spec=flannel_spec(*(flags or SAFE_FLAGS))),
        *(pod(f"f{n}", node=f"n{n}") for n in range(1, count + 1)),
        taken=at(taken),
    )


def one(check: str, *bends: Bend, flags: tuple[str, ...] = SAFE_FLAGS) -> Finding:
    (found,) = judge(check, cluster(*flags), **looks(look("n1", *bends), look("n2")))
    return found


def test_nodes_that_are_right_have_no_finding() -> None:
    given = looks(*(look(f"n{n}") for n in (1, 2, 3)))
    for name in DEEP:
        assert judge(name, cluster(), **given) == []


def test_without_any_look_nothing_is_said() -> None:
    for name in DEEP:
        assert judge(name, cluster(*STORY_FLAGS)) == []


# nic_at_restart


def test_a_pods_nic_that_would_be_taken_is_critical_and_named() -> None:
    found = one("nic_at_restart", trapped, flags=STORY_FLAGS)
    assert found.severity is Severity.CRITICAL
    assert found.member == "n1"
    assert found.workload.name == "kube-flannel-ds-amd64"
    assert found.summary == (
        "n1: a restart now would take veth17f90f70 (pod shop/web-1) and crash-loop: failed to "
        "find IPv4 address for interface veth17f90f70"
    )
    assert any("shop/web-1" in line for line in found.evidence)
    assert "write `--iface-regex=^(?:eth1|bond1)$`" in found.cure
    assert "edit daemonset kube-flannel-ds-amd64" in found.cure


def test_a_nic_that_would_not_be_found_is_critical() -> None:
    flags = (*SAFE_FLAGS[:2], "--iface=bond7")
    found = judge("nic_at_restart", cluster(*flags), **looks(look("n1")))[0]
    assert found.severity is Severity.CRITICAL
    assert "--iface=" in found.cure


def test_another_nic_is_a_warning_with_the_command_that_moves_it() -> None:
    flags = (*SAFE_FLAGS[:2], "--iface=eth0")
    found = judge("nic_at_restart", cluster(*flags), **looks(look("n1")))[0]
    assert found.severity is Severity.WARNING
    assert "from eth1 (10.0.0.2) to eth0 (59.10.0.2)" in found.summary
    assert "`kubectl -n kube-system delete pod f1`" in found.cure


def test_a_node_whose_flannel_loops_already_is_the_loops() -> None:
    looping = container(restarts=9, state=waiting("CrashLoopBackOff"), last=ended())
    seen = world(
        *nodes(2),
        daemonset(desired=2, spec=flannel_spec(*STORY_FLAGS)),
        pod("f1", looping, node="n1"),
        pod("f2", node="n2"),
    )
    given = looks(look("n1", trapped), look("n2", trapped))
    found = judge("nic_at_restart", seen, **given)
    assert [each.member for each in found] == ["n2"]


def test_an_address_that_changed_is_the_devices() -> None:
    moved = changed("eth1", addresses=look("n3").kernel.links[2].addresses)  # type: ignore[index]
    given = looks(look("n1", moved))
    assert judge("nic_at_restart", cluster(), **given) == []
    assert judge("node_device", cluster(), **given)[0].severity is Severity.CRITICAL


# node_device, node_routes, subnet_env


@pytest.mark.parametrize(
    ("check", "bend", "says", "severity"),
    [
        ("node_device", dropped("flannel.1"), "flannel.1 is not there", "critical"),
        ("node_device", changed("flannel.1", mac="02:ff:00:00:00:01"), "MAC", "critical"),
        ("node_device", changed("eth1", flags=("BROADCAST",)), "is switched off", "critical"),
        ("node_device", changed("flannel.1", mtu=1500), "MTU", "warning"),
        ("node_routes", without_entries, "", "critical"),
        ("node_routes", with_stale, "10.244.77.0/24", "warning"),
        ("subnet_env", without_env, "is not there", "critical"),
    ],
)
def test_a_fault_is_told_by_its_own_check_and_no_other(
    check: str, bend: Bend, says: str, severity: str
) -> None:
    found = one(check, bend)
    assert found.severity.value == severity
    assert says in found.summary + found.cure
    others = [
        name
        for name in DEEP
        if name != check and judge(name, cluster(), **looks(look("n1", bend), look("n2")))
    ]
    assert not others


def test_the_cure_names_the_pod_to_delete() -> None:
    found = one("node_routes", without_entries)
    assert "`kubectl -n kube-system delete pod f1`" in found.cure


def test_of_several_nodes_the_cure_has_one_form() -> None:
    given = looks(look("n1", without_entries), look("n2", without_entries))
    found = judge("node_routes", cluster(), **given)
    assert len({each.cure for each in found}) == 1
    assert "--field-selector spec.nodeName=NODE" in found[0].cure


def test_what_a_looping_flannel_did_not_follow_is_the_loops() -> None:
    looping = container(restarts=9, state=waiting("CrashLoopBackOff"), last=ended())
    seen = world(
        *nodes(2), daemonset(desired=2), pod("f1", looping, node="n1"), pod("f2", node="n2")
    )
    stale = looks(look("n1", with_stale, peers=("n1", "n2")))
    assert judge("node_routes", seen, **stale) == []
    bounced = looks(look("n1", without_entries, peers=("n1", "n2")))
    assert len(judge("node_routes", seen, **bounced)) == 1


def test_peers_that_joined_just_before_the_look_are_not_missed() -> None:
    late = node("n9", created=at(-0.5))
    seen = cluster()
    seen = replace(seen, nodes={**seen.nodes, "n9": late})
    assert judge("node_routes", seen, **looks(look("n1"))) == []
    older = replace(seen, nodes={**seen.nodes, "n9": node("n9", created=at(-2))})
    assert judge("node_routes", older, **looks(look("n1")))[0].severity is Severity.CRITICAL


# What a look is worth


def test_an_old_look_shows_nothing_any_more() -> None:
    limits = checks.Limits()
    for age, count in ((limits.look_valid, 1), (limits.look_valid + timedelta(seconds=1), 0)):
        given = looks(look("n1", dropped("flannel.1"), at=NOW - age))
        assert len(judge("node_device", cluster(), **given)) == count


def test_a_look_at_an_earlier_machine_of_that_name_shows_nothing() -> None:
    seen = cluster()
    seen = replace(seen, nodes={**seen.nodes, "n1": node("n1", created=at(-1))})
    given = looks(look("n1", dropped("flannel.1"), at=at(-2)))
    assert judge("node_device", seen, **given) == []


def test_a_log_shows_no_tables() -> None:
    shallow = Inspection("n1", NOW, Way.LOG, Kernel(), log=logs.read(""))
    context = checks.Context(snapshot=cluster(), **looks(shallow))  # type: ignore[arg-type]
    for name in DEEP:
        assert "n1" not in checks.SIGHT[name](context)
        assert list(checks.ALL_CHECKS[name](context)) == []


@pytest.mark.parametrize(
    ("lacks", "check"),
    [
        ({"links": None}, "node_device"),
        ({"fdb": None}, "node_routes"),
        ({"neighbours": None}, "node_routes"),
        ({"routes": None}, "node_routes"),
        ({"subnet": None}, "subnet_env"),
    ],
)
def test_what_was_not_read_is_not_seen(lacks: dict[str, None], check: str) -> None:
    given = looks(look("n1", lambda here: replace(here, **lacks)), look("n2"))
    context = checks.Context(snapshot=cluster(), **given)  # type: ignore[arg-type]
    assert set(checks.SIGHT[check](context)) == {"n2"}


def test_routes_are_not_seen_without_a_device() -> None:
    given = looks(look("n1", dropped("flannel.1")))
    context = checks.Context(snapshot=cluster(), **given)  # type: ignore[arg-type]
    assert not checks.SIGHT["node_routes"](context)


def test_studies_that_are_given_are_not_made_again() -> None:
    given = looks(look("n1", dropped("flannel.1")))
    first = checks.Context(snapshot=cluster(), **given)  # type: ignore[arg-type]
    kept = dict(first.looks)
    again = checks.Context(snapshot=cluster(), studies=kept, **given)  # type: ignore[arg-type]
    assert again.looks["n1"] is kept["n1"]
    newer = looks(look("n1", at=at(0.01)))
    later = checks.Context(snapshot=cluster(taken=1), studies=kept, **newer)  # type: ignore[arg-type]
    assert later.looks["n1"] is not kept["n1"]


# Incidents outlive the looks that opened them


class Watch:
    """Cycles of judging and tracking, as the flow runs them."""

    def __init__(self) -> None:
        self.open: dict[int, Incident] = {}

    def cycle(self, minutes: float, *given: Inspection, seen: Snapshot | None = None) -> None:
        snapshot = replace(seen or cluster(), taken_at=at(minutes))
        book = watched(snapshot)
        context = checks.Context(
            snapshot=snapshot,
            ledger=book,
            policy=ledger.Policy(),
            **looks(*given),  # type: ignore[arg-type]
        )
        judged = judging.judge(context)
        for told in tracking.reconcile(
            judged.findings,
            list(self.open.values()),
            snapshot,
            judged=judged.judged,
            looked=judged.looked,
            policy=tracking.Policy(),
        ):
            number = told.incident.id or len(self.open) + 1
            self.open[number] = replace(told.incident, id=number)

    def of(self, check: str) -> Incident:
        return next(one for one in self.open.values() if one.check == check)


def test_an_old_look_heals_nobody() -> None:
    watch = Watch()
    broken = look("n1", without_entries)
    watch.cycle(0, broken)
    assert watch.of("node_routes").state is State.OPEN
    for hours in (3, 4, 30):
        watch.cycle(hours * 60, broken)
        incident = watch.of("node_routes")
        assert incident.state is State.OPEN
        assert incident.unseen
        assert [each.name for each in incident.affected] == ["n1"]


def test_a_node_that_cannot_be_looked_at_is_not_well() -> None:
    watch = Watch()
    watch.cycle(0, look("n1", without_entries))
    for minutes in (1, 5, 60):
        # A bot that began anew has no looks at all; the others are looked at and well.
        watch.cycle(minutes, look("n2", at=at(minutes)))
        assert watch.of("node_routes").state is State.OPEN
    blind = look("n1", lambda here: replace(here, routes=None), at=at(61))
    watch.cycle(61, blind)
    watch.cycle(70, blind)
    assert watch.of("node_routes").state is State.OPEN


def test_a_look_that_finds_the_node_well_ends_it_after_the_hold_down() -> None:
    watch = Watch()
    watch.cycle(0, look("n1", without_entries))
    watch.cycle(1, look("n1", at=at(1)))
    assert watch.of("node_routes").state is State.OPEN
    watch.cycle(5, look("n1", at=at(1)))
    assert watch.of("node_routes").state is State.RESOLVED


def test_a_node_that_is_gone_has_no_routes_to_mend() -> None:
    watch = Watch()
    watch.cycle(0, look("n1", without_entries))
    left = cluster()
    left = replace(left, nodes={name: left.nodes[name] for name in ("n2", "n3")})
    watch.cycle(1, seen=left)
    watch.cycle(5, seen=left)
    assert watch.of("node_routes").state is State.RESOLVED


# The loop's cause


def test_a_crash_loop_names_the_cause_that_flannels_log_tells() -> None:
    looping = container(restarts=9, state=waiting("CrashLoopBackOff"), last=ended())
    early = world(*nodes(2), daemonset(spec=flannel_spec(*STORY_FLAGS)), pod("f1", looping))
    said = logs.read(
        "E1 main.go:1] Failed to find interface to use that matches the interfaces and/or regexes "
        "provided\nfailed to find IPv4 address for interface veth17f90f70"
    )
    assert said.final is not None
    given = looks(Inspection("n1", at(1), Way.LOG, Kernel(), log=said))
    late = replace(early, taken_at=at(1))
    (found,) = judge("crash_loop", early, late, **given)
    assert any(said.final.cause in line for line in found.evidence)
    assert said.final.cure in found.cure
    # A log from before the loop began is another story's.
    old = looks(Inspection("n1", at(-90), Way.LOG, Kernel(), log=said))
    (found,) = judge("crash_loop", early, late, **old)
    assert not any("log" in line for line in found.evidence)


def test_the_story_is_two_troubles_before_it_begins_and_no_more() -> None:
    given = looks(look("n1", trapped), look("n2"), look("n3"))
    assert troubles(cluster(*STORY_FLAGS)) == {"nic_pattern"}
    found = {
        each.check
        for name in checks.ALL_CHECKS
        for each in judge(name, cluster(*STORY_FLAGS), **given)
        if each.severity is not Severity.INFO
    }
    assert found == {"nic_pattern", "nic_at_restart"}


# node_unseen

HANGS = Unseen(at(-180), "exec in kube-system/f1 did not end within 15 s")


def in_vain(told: Unseen = HANGS, taken: Snapshot | None = None, **more: object) -> list[Finding]:
    return judge("node_unseen", taken or cluster(), unseen={"n1": told}, **more)


def test_a_node_that_nobody_could_look_at_for_hours_is_told_with_the_reason() -> None:
    (found,) = in_vain()
    assert found.severity is Severity.WARNING
    assert found.target.node == "n1"
    assert "could not be looked at since" in found.summary
    assert found.evidence == (HANGS.why,)
    assert "exec f1 -c kube-flannel -- ip addr" in found.cure
    (forbidden,) = in_vain(replace(HANGS, why="not allowed to create exec (403)"))
    assert "pods/exec" in forbidden.cure


def test_a_node_that_could_not_be_looked_at_for_a_while_is_not() -> None:
    assert in_vain(replace(HANGS, since=at(-119))) == []
    assert in_vain(replace(HANGS, since=at(-120)))


@pytest.mark.parametrize(
    "taken",
    [
        world(node("n1", ready="Unknown"), daemonset(desired=1), pod("f1", node="n1")),
        world(
            node("n1"),
            daemonset(desired=1),
            pod("f1", container(restarts=9, state=waiting("CrashLoopBackOff")), node="n1"),
        ),
        world(node("n1"), daemonset(desired=1)),
        world(node("n2"), daemonset(desired=1), pod("f1", node="n2")),
    ],
    ids=["not ready", "flannel crash-loops", "no flannel", "gone"],
)
def test_what_explains_it_is_told_by_others(taken: Snapshot) -> None:
    assert in_vain(taken=taken) == []


def test_only_a_look_ends_it() -> None:
    seen = checks.SIGHT["node_unseen"]
    shallow = replace(look("n1"), way=Way.LOG, kernel=Kernel(links=look("n1").kernel.links))
    for given, told in ((look("n1"), {"n1"}), (shallow, set())):
        assert set(seen(checks.Context(cluster(), inspections={"n1": given}))) == told
    assert seen(checks.Context(cluster(), unseen={"n1": HANGS})) == set()
