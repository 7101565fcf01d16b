"""Many nodes are summed up by what is wrong, and nothing wrong is lost in the sum."""

from bot.domain.finding import Severity
from bot.flannel import deviants, outlook
from bot.flannel.faults import FACTS, Deviation, Fault
from tests.flannel import looks


def ahead(here: object = looks.HEALTHY, name: str = "n1", **more: object) -> outlook.Outlook:
    seen = looks.seen(here, node=name, **more)  # type: ignore[arg-type]
    return outlook.of(seen, looks.node(name), looks.flannel())


def test_deviations_are_grouped_by_fault_with_its_cause_and_cure() -> None:
    given = [
        Deviation(Fault.ROUTE_STALE, "n2", "one too many"),
        Deviation(Fault.DEVICE_BOUNCED, "n3", "no routes"),
        Deviation(Fault.DEVICE_BOUNCED, "n1", "no routes either"),
    ]
    bounced, stale = deviants.by_fault(given)
    assert [member.node for member in bounced.members] == ["n1", "n3"]
    assert bounced.severity is Severity.CRITICAL
    assert (bounced.cause, bounced.cure) == (
        FACTS[Fault.DEVICE_BOUNCED].cause,
        FACTS[Fault.DEVICE_BOUNCED].cure,
    )
    assert stale.what == "Route stale"


def test_only_the_faults_asked_for_are_grouped() -> None:
    given = [Deviation(Fault.ROUTE_STALE, "n2", "x"), Deviation(Fault.WRONG_NIC, "n2", "y")]
    assert [one.what for one in deviants.by_fault(given, only=deviants.NIC_FAULTS)] == ["Wrong NIC"]


def test_every_fault_has_a_readable_title() -> None:
    titles = {deviants.title(fault) for fault in Fault}
    assert len(titles) == len(Fault)
    assert "MTU too big" in titles
    assert "Public IP duplicate" in titles
    assert not any("_" in title for title in titles)


def test_nodes_that_would_fail_are_told_and_those_that_would_stay_are_not() -> None:
    (group,) = deviants.of_outlooks([ahead(), ahead(looks.TRAPPED, "n2")])
    assert group.severity is Severity.CRITICAL
    assert [member.node for member in group.members] == ["n2"]
    assert "veth17f90f70" in group.members[0].text


def test_a_node_that_cannot_be_told_is_no_trouble_and_is_said() -> None:
    (group,) = deviants.of_outlooks([ahead(looks.kernel())])
    unknown = looks.by_log("nothing of use")
    (blind,) = deviants.of_outlooks([outlook.of(unknown, looks.node(), looks.flannel())])
    assert group.what == "Would crash-loop at a restart"
    assert blind.severity is Severity.INFO


def test_a_node_whose_log_tells_only_why_its_last_start_failed_is_told_by_that() -> None:
    failed = looks.by_log(
        "I0102 15:04:05.000000       1 main.go:200] Could not find valid interface matching "
        "eth1|bond1: failed to find IPv4 address for interface veth17f90f70",
        "E0102 15:04:05.000000       1 main.go:289] Failed to find interface to use that matches "
        "the interfaces and/or regexes provided",
    )
    (group,) = deviants.of_outlooks([outlook.of(failed, looks.node(), looks.flannel())])
    assert (group.what, group.severity) == ("Failed at its last start", Severity.CRITICAL)
    assert "veth17f90f70" in group.members[0].text
    assert "pod's virtual NIC" in group.cause
    assert "Anchor the pattern" in group.cure


def test_the_rest_is_counted_by_nic_and_by_what_hits_pods_nics() -> None:
    good = [ahead(name="n1"), ahead(name="n2"), ahead(looks.TRAPPED, "n3")]
    groups = deviants.of_outlooks(good)
    rest = deviants.rest(good, groups)
    assert (rest.nodes, rest.nics, rest.near) == (2, {"eth1": 2}, 2)


def test_what_to_do_fits_what_would_happen() -> None:
    safe = ("--iface-regex=^(?:eth1|bond1)$",)
    fine = ahead(looks.kernel(looks.ETH0, looks.ETH1, looks.tunnel()))
    assert deviants.cures(fine, safe) == ()
    near = deviants.cures(ahead(), safe)
    assert "only as long as" in near[0]
    assert safe[0] in near[1]
    trapped = ahead(looks.TRAPPED, pods_behind={"veth17f90f70": "shop/web-1"})
    told = " ".join(deviants.cures(trapped, ()))
    assert "simulate" in told
    assert "shop/web-1 moved off the node" in told
