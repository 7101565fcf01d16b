"""What all nodes announce is read anew only where it changed."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.snapshot import Gap, Node, Snapshot
from bot.flannel import discovery, fleet, lease, netconf, versions
from bot.flow.fleets import Fleets
from tests.checks.worlds import FLANNEL, announces, at, daemonset, flannel_spec, node, pod, world


def cluster(*nodes: Node, taken: float = 0, gaps: tuple[Gap, ...] = ()) -> Snapshot:
    pods = (pod(f"f-{one.name}", node=one.name) for one in nodes)
    return world(*nodes, daemonset(desired=len(nodes)), *pods, taken=at(taken), gaps=gaps)


def of(fleets: Fleets, seen: Snapshot, **more: object) -> fleet.Fleet:
    found = discovery.find(seen)
    return fleets.of(seen, found, **more)[found[0].name]  # type: ignore[arg-type]


def test_the_same_nodes_are_the_same_fleet() -> None:
    fleets, seen = Fleets(), cluster(node("n1"), node("n2"))
    first = of(fleets, seen)
    assert of(fleets, replace(seen, taken_at=at(1))) is first


def test_a_heartbeat_reads_nothing_anew() -> None:
    fleets = Fleets()
    first = of(fleets, cluster(node("n1"), node("n2")))
    beaten = of(fleets, cluster(node("n1", since=at(0)), node("n2", labels={"a": "b"})))
    assert beaten is first


def test_a_change_a_joining_and_a_leaving_node_are_seen() -> None:
    fleets = Fleets()
    of(fleets, cluster(node("n1"), node("n2")))
    moved = node("n2", annotations=announces("n2", public_ip="10.0.0.99"))
    assert of(fleets, cluster(node("n1"), moved)).public_ips["10.0.0.99"] == ("n2",)
    assert "n3" in of(fleets, cluster(node("n1"), moved, node("n3"))).leases
    assert "n1" not in of(fleets, cluster(moved, node("n3"))).leases


def test_another_configuration_or_release_is_another_fleet() -> None:
    fleets, seen = Fleets(), cluster(node("n1"))
    first = of(fleets, seen)
    conf = {"kube-system": netconf.NetConf(network="10.244.0.0/16")}
    second = of(fleets, seen, confs=conf)
    assert second is not first
    assert second.conf.network == "10.244.0.0/16"
    newer = daemonset(spec=flannel_spec(image="flannel:v0.27.4"))
    seen = replace(seen, daemonsets={("kube-system", newer.name): newer})
    assert of(fleets, seen, confs=conf).version == versions.Version(0, 27, 4)


def test_daemonsets_that_read_alike_share_a_fleet() -> None:
    seen = cluster(node("n1"))
    arm = daemonset(replace(FLANNEL, name="kube-flannel-ds-arm", uid="arm"))
    arm = replace(arm, template=daemonset().template)
    seen = replace(seen, daemonsets={**seen.daemonsets, ("kube-system", arm.name): arm})
    made = Fleets().of(seen, discovery.find(seen))
    assert len(made) == 2
    assert len({id(one) for one in made.values()}) == 1


def test_who_left_is_remembered_for_a_while() -> None:
    fleets = Fleets(remembered=timedelta(minutes=10))
    of(fleets, cluster(node("n1"), node("n2")))
    of(fleets, cluster(node("n1"), taken=1))
    (gone,) = fleets.recent.departed
    assert (gone.name, gone.pod_cidrs, gone.at) == ("n2", ("10.244.2.0/24",), at(1))
    of(fleets, cluster(node("n1"), taken=12))
    assert fleets.recent.departed == ()


def test_who_comes_back_has_not_left() -> None:
    fleets = Fleets()
    of(fleets, cluster(node("n1"), node("n2")))
    of(fleets, cluster(node("n1"), taken=1))
    of(fleets, cluster(node("n1"), node("n2"), taken=2))
    assert fleets.recent.departed == ()


def test_a_list_that_is_not_seen_loses_nobody() -> None:
    fleets = Fleets()
    of(fleets, cluster(node("n1"), node("n2")))
    of(fleets, cluster(node("n1"), taken=1, gaps=(Gap("nodes", "403", at(0)),)))
    assert fleets.recent.departed == ()


def test_who_announces_something_else_is_remembered_for_a_while() -> None:
    fleets = Fleets(remembered=timedelta(minutes=10))
    of(fleets, cluster(node("n1"), node("n2")))
    assert fleets.recent.newest is None, "what was there before is no change"
    moved = node("n2", annotations=announces("n2", public_ip="10.0.0.99"))
    of(fleets, cluster(node("n1"), moved, taken=1))
    of(fleets, cluster(node("n1"), moved, taken=2))
    assert fleets.recent.changed == {"n2": at(1)}
    assert fleets.recent.newest == at(1)
    of(fleets, cluster(node("n1"), moved, taken=12))
    assert fleets.recent.changed == {}
    of(fleets, cluster(node("n1"), node("n2"), taken=13))
    of(fleets, cluster(node("n1"), taken=14))
    assert fleets.recent.changed == {}, "who left is remembered as such"


def test_what_has_happened_since_the_last_snapshot_is_known_without_reading_it() -> None:
    fleets = Fleets()
    before = cluster(*(node(f"n{number}") for number in range(1, 5)))
    assert fleets.lately(before).newest is None
    of(fleets, before)
    moved = node("n2", annotations=announces("n2", public_ip="10.0.0.99"))
    noted = node("n3", annotations={**announces("n3"), "other": "note"})
    after = cluster(node("n1"), moved, noted, taken=1)
    for _ in range(2):
        lately = fleets.lately(after)
        assert lately.changed == {"n2": at(1)}
        assert [(one.name, one.at) for one in lately.departed] == [("n4", at(1))]
    assert fleets.recent.changed == {}
    blind = cluster(node("n1"), taken=1, gaps=(Gap("nodes", "403", at(0)),))
    assert fleets.lately(blind).departed == ()
    of(fleets, after)
    assert fleets.lately(replace(after, taken_at=at(2))).changed == {"n2": at(1)}


NODES = st.builds(
    lambda name, ip, cidr: node(
        name, annotations=announces(name, public_ip=ip), pod_cidrs=(cidr,) if cidr else ()
    ),
    st.sampled_from(["n1", "n2", "n3", "n4"]),
    st.sampled_from(["10.0.0.1", "10.0.0.2", "59.1.1.1", ""]),
    st.sampled_from(["10.244.1.0/24", "10.244.2.0/24", ""]),
)


@settings(max_examples=60)
@given(st.lists(st.lists(NODES, max_size=4, unique_by=lambda one: one.name), max_size=6))
def test_whatever_changes_it_is_as_if_all_were_read_anew(history: list[list[Node]]) -> None:
    fleets = Fleets()
    for number, nodes in enumerate(history):
        seen = cluster(*nodes, taken=number)
        found = discovery.find(seen)
        made = fleets.of(seen, found)[found[0].name]
        anew = fleet.gather(lease.read(seen.nodes.values()), version=versions.parse(found[0].image))
        assert made == anew
