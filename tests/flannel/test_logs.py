"""A log is judged by its end, and says what it knows."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flannel import catalogue, logs, versions
from bot.flannel.catalogue import Weight
from bot.flannel.logs import Outcome
from tests.flannel import kernels

SELECTION = Path(__file__).parent.parent / "recorded" / "flannel-selection" / "cases.json"
STATES = [state for states in kernels.stories().values() for state in states]


def version(text: str) -> versions.Version | None:
    return versions.parse(f"flannel:{text}")


def klog(*lines: str) -> str:
    return "\n".join(
        f"{line[0]}0102 15:04:05.000000       1 main.go:123] {line[2:]}"
        if line[1:2] == " "
        else line
        for line in lines
    )


def test_every_recorded_choice_of_a_nic_is_read_from_its_log() -> None:
    seen = 0
    for host in json.loads(SELECTION.read_text()):
        names = [link["name"] for link in host["links_in_dump_order"]]
        for case in host["cases"]:
            for one in case["outcomes"]:
                outcome = one["outcome"]
                text = "\n".join(outcome["log"])
                for name in one["versions"]:
                    seen += 1
                    found = logs.read(text, version=version(name))
                    if outcome["chosen"] is None:
                        assert found.outcome is Outcome.FAILED
                        assert found.final is not None
                        assert found.final.name != "nic_lookup", text
                        assert found.final.cure
                    else:
                        assert found.outcome is Outcome.STARTING
                        assert (found.chosen, found.address) == (
                            outcome["chosen"]["name"],
                            outcome["chosen"]["address"],
                        )
                        assert found.advertised == outcome["external_address"]
                        assert found.final is None
                    listed = "available network interfaces (" in text
                    assert [nic.name for nic in found.nics] == (names if listed else [])
    assert seen > 5000


def test_the_addresses_of_the_nics_that_flannel_lists_are_read_in_both_spellings() -> None:
    line = "Could not find valid interface matching x: Could not match pattern x to any of the available network interfaces "
    old = logs.read(line + "(lo:127.0.0.1, eth0:<nil>, bond0:59.1.2.3)").nics
    new = logs.read(line + "(lo:[], eth0:[], kube-ipvs0:[10.96.0.1 10.96.0.10])").nics
    assert [(one.name, one.ips) for one in old] == [
        ("lo", ("127.0.0.1",)),
        ("eth0", ()),
        ("bond0", ("59.1.2.3",)),
    ]
    assert new[2] == logs.Nic("kube-ipvs0", ("10.96.0.1", "10.96.0.10"))


@pytest.mark.parametrize("state", STATES, ids=lambda one: f"{one.story}-{one.node}")
def test_the_logs_of_the_recorded_hosts_tell_of_a_flannel_that_runs(state: kernels.State) -> None:
    found = logs.read("\n".join(state.log), version=versions.Version(0, 16, 0))
    assert (found.outcome, found.final) == (Outcome.RUNNING, None)
    assert found.node == state.node
    wrong = (state.story, state.node) == ("vxlan-09-wrong-nic", "node-0001")
    assert found.chosen == ("eth0" if wrong else "eth1")
    assert found.by_default_route == wrong
    host_gw = state.story.startswith("host-gw")
    assert found.backend == ("host-gw" if host_gw else "vxlan")
    assert found.direct_routing == (None if host_gw else state.story == "vxlan-12-direct-routing")
    assert not [one for one in found.also if one.weight in (Weight.FATAL, Weight.ERROR)]
    if (state.story, state.node) == ("vxlan-10-nic-repaired", "node-0001"):
        assert [one.name for one in found.also] == ["device_recreated"]


FATAL = [
    ("regex_hit_pod_nic", "I Could not find valid interface matching eth1|bond1: failed to find IPv4 address for interface veth17f90f70", ""),
    ("nic_without_address", "I Could not find valid interface matching eth1: failed to find IPv4 address for interface eth1", ""),
    ("regex_broken", "I Could not find valid interface matching (: could not compile the IP address regex '('", ""),
    ("no_such_nic", "I Could not find valid interface matching eth9: error looking up interface eth9: route ip+net: no such network interface", ""),
    ("no_route_to_target", "I Could not find valid interface matching ifcanreach: 10.96.0.1: failed to get ifcanreach based interface: couldn't lookup route to 10.96.0.1", ""),
    ("no_default_route", "E Failed to find any valid interface to use: failed to get default interface: Unable to find default route", ""),
    ("no_mtu", "E Failed to find any valid interface to use: failed to determine MTU for eth1 interface", ""),
    ("dual_stack", "E Failed to find any valid interface to use: v6 interface eth1 must be the same with v4 interface eth0", ""),
    ("api_unreachable", "E Failed to create SubnetManager: error retrieving pod spec for 'kube-system/kube-flannel-ds-x': Get \"https://10.96.0.1:443/api\": dial tcp 10.96.0.1:443: i/o timeout", ""),
    ("api_unreachable", "E Failed to create SubnetManager: error retrieving pod spec for 'a/b': Get \"https://10.96.0.1:443/api\": x509: certificate signed by unknown authority", ""),
    ("forbidden", "E Failed to create SubnetManager: error retrieving pod spec for 'a/b': pods \"b\" is forbidden: User cannot get", ""),
    ("forbidden", "E Failed to create SubnetManager: error retrieving pod spec for 'a/b': the server does not allow access to the requested resource (get pods b)", ""),
    ("forbidden", "E Failed to create SubnetManager: error retrieving pod spec for 'a/b': Unauthorized", ""),
    ("pod_name_missing", "E Failed to create SubnetManager: env variables POD_NAME and POD_NAMESPACE must be set", ""),
    ("net_conf", "E Failed to create SubnetManager: failed to read net conf: open /etc/kube-flannel/net-conf.json: no such file", ""),
    ("net_conf", "E Failed to create SubnetManager: error parsing subnet config: invalid character", ""),
    ("node_sync", "E Failed to create SubnetManager: error waiting for nodeController to sync state: timed out", ""),
    ("subnet_manager", "E Failed to create SubnetManager: something new", ""),
    ("pod_cidr_missing", 'E Error registering network: failed to acquire lease: node "node-3" pod cidr not assigned', ""),
    ("pod_cidr_outside", "E Error registering network: failed to acquire lease: subnet \"10.0.0.0/16\" specified in the flannel net config doesn't contain \"10.244.1.0/24\" PodCIDR of the \"n\" node", "v0.20.2"),
    ("patch_timeout", 'E Error registering network: failed to acquire lease: timeout contacting kube-api, failed to patch node "n"', "v0.25.7"),
    ("net_admin", "E Error registering network: operation not permitted", ""),
    ("no_tun", "E Error registering network: failed to open TUN device: open /dev/net/tun: no such file or directory", ""),
    ("registering", "E Error registering network: something new", ""),
    ("br_netfilter", "E Failed to check br_netfilter: stat /proc/sys/net/bridge/bridge-nf-call-iptables: no such file or directory", "v0.26.0"),
    ("mac_rewritten", "E Error registering network: flannel.1's mac address wanted: 02:00:00:00:00:01, but got: 02:00:00:00:00:02", "v0.22.3"),
    ("nat_host_gw", "E Failed to create backend: your PublicIP differs from interface IP, meaning that probably you're on a NAT, which is not supported by host-gw backend", ""),
    ("panic_deleted", "panic: interface conversion: interface {} is cache.DeletedFinalStateUnknown, not *v1.Node", "v0.10.0"),
    ("panic", "panic: runtime error: index out of range", "v0.20.0"),
    ("healthz_port", "E Start healthz server error. listen tcp 0.0.0.0:8081: bind: address already in use", ""),
]  # fmt: skip


@pytest.mark.parametrize("case", [str.upper, str.lower, str], ids=["upper", "lower", "as-is"])
@pytest.mark.parametrize(
    ("name", "line", "since"), FATAL, ids=[f"{n}-{number}" for number, (n, *_) in enumerate(FATAL)]
)
def test_each_fatal_message_is_known_whatever_its_case(
    name: str, line: str, since: str, case
) -> None:  # type: ignore[no-untyped-def]
    # v0.28.0 lower-cased many of them.
    shown = line[:2] + case(line[2:]) if line[1] == " " else case(line)
    lines = [shown]
    if line.startswith("I Could"):
        lines.append(
            "E "
            + case(
                "Failed to find interface to use that matches the interfaces and/or regexes provided"
            )
        )
    found = logs.read(klog(*lines), version=version(since) if since else None)
    assert found.outcome is Outcome.FAILED
    assert found.final is not None
    assert found.final.name == name
    assert found.final.cause.endswith(".")
    assert found.final.cure.endswith(".")
    assert found.explanation.startswith(found.final.cause)


ALSO = [
    ("iptables_killed", "E Failed to ensure iptables rules: Error checking rule existence: failed to check rule existence: running [/sbin/iptables -t nat -C POSTROUTING]: exit status -1: ", ""),
    ("iptables_killed", "E Failed to ensure iptables rules: failed to check rule existence: fork/exec /sbin/iptables: cannot allocate memory", ""),
    ("iptables_killed", "E Failed to bootstrap IPTables: running [/sbin/iptables -t nat -N X]: signal: killed", ""),
    ("iptables_lock", "E Failed to ensure iptables rules: running [/sbin/iptables]: exit status 4: iptables: Resource temporarily unavailable.", ""),
    ("iptables_mode", "E Failed to ensure iptables rules: exit status 3: iptables v1.6.2: can't initialize iptables table `nat': Permission denied", ""),
    ("peer_not_set_up", "E AddARP failed: no buffer space available", "v0.12.0"),
    ("peer_retried", "E AddFDB failed: no buffer space available", "v0.22.0"),
    ("peer_not_set_up", "E failed to add vxlanRoute (10.1.0.0/24 -> 10.1.0.0): network is unreachable", "v0.12.0"),
    ("peer_unreadable", 'I Error turning node "node-9" to lease: invalid', ""),
    ("other_backend", "W Ignoring non-host-gw subnet: type=vxlan", ""),
    ("other_backend", "W ignoring non-vxlan v4Subnet(10.1.0.0/24) v6Subnet(::/0): type=host-gw", ""),
    ("device_recreated", 'W "flannel.1" already exists with incompatable configuration: vtep (external) interface: 3 vs 2; recreating device', ""),
    ("device_recreated", 'W "flannel.1" already exists with incompatible configuration: vni: 3 vs 2; recreating device', ""),
    ("iptables_fight", "I Some iptables rules are missing; deleting and recreating rules", ""),
    ("api_forbidden_node", 'E Failed to get node for backend data: nodes "n" is forbidden: User', "v0.25.0"),
    ("node_sync_skipped", "W Timed out waiting for node controller sync. Continuing anyway.", "v0.28.0"),
    ("forbidden", "E reflector.go:140] Failed to list *v1.Node: nodes is forbidden", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "line", "since"), ALSO, ids=[f"{n}-{number}" for number, (n, *_) in enumerate(ALSO)]
)
def test_what_flannel_lives_with_is_told_beside_a_run_that_goes_on(
    name: str, line: str, since: str
) -> None:
    found = logs.read(
        klog("I Running backend.", line, line), version=version(since) if since else None
    )
    assert (found.outcome, found.final) == (Outcome.RUNNING, None)
    assert [(one.name, one.times) for one in found.also] == [(name, 2)]
    assert found.also[0].weight is not Weight.FATAL


def test_a_search_that_failed_for_one_flag_is_harmless_once_another_succeeds() -> None:
    found = logs.read(
        klog(
            "I Could not find valid interface matching bond1: error looking up interface bond1: route ip+net: no such network interface",
            "I Using interface with name eth1 and address 10.1.2.3",
            "I Defaulting external address to interface address (10.1.2.3)",
            "I Wrote subnet file to /run/flannel/subnet.env",
        )
    )
    assert (found.outcome, found.final) == (Outcome.RUNNING, None)
    assert found.attempts == (
        logs.Attempt(
            "bond1",
            "error looking up interface bond1: route ip+net: no such network interface",
            "no_such_nic",
        ),
    )


def test_of_several_flags_that_failed_the_most_telling_reason_is_named() -> None:
    found = logs.read(
        klog(
            "I Could not find valid interface matching bond1: error looking up interface bond1: route ip+net: no such network interface",
            "I Could not find valid interface matching eth1: failed to find IPv4 address for interface vethcafe0001",
            "E Failed to find interface to use that matches the interfaces and/or regexes provided",
        )
    )
    assert found.final is not None
    assert found.final.name == "regex_hit_pod_nic"
    assert found.final.details == {"nic": "vethcafe0001", "wanted": "eth1"}
    assert "vethcafe0001" in found.final.line


def test_a_fatal_sentence_with_nothing_before_it_is_told_as_far_as_it_goes() -> None:
    found = logs.read(
        "Failed to find interface to use that matches the interfaces and/or regexes provided"
    )
    assert found.final is not None
    assert found.final.name == "nic_lookup"


def test_an_error_that_was_overcome_is_no_failure_and_one_after_the_start_by_panic_is() -> None:
    early = klog("E Failed to create SubnetManager: dial tcp: i/o timeout", "I Running backend.")
    assert logs.read(early).outcome is Outcome.RUNNING
    late = klog(
        "I Running backend.",
        "panic: interface conversion: interface {} is cache.DeletedFinalStateUnknown, not *v1.Node",
        "goroutine 1 [running]:",
    )
    found = logs.read(late, version=versions.Version(0, 10, 0))
    assert found.outcome is Outcome.FAILED
    assert found.final is not None
    assert found.final.name == "panic_deleted"
    # From v0.11 on it is caught: then the panic is another.
    newer = logs.read(late, version=versions.Version(0, 12, 0))
    assert newer.final is not None
    assert newer.final.name == "panic"


@pytest.mark.parametrize(
    ("tag", "name", "weight"),
    [
        ("v0.7.1", "waiting_queue", Weight.FATAL),
        ("v0.20.2", "waiting_deadlock", Weight.NOTICE),
        ("v0.28.0", "waiting", Weight.NOTICE),
        ("", "waiting", Weight.NOTICE),
    ],
)
def test_a_log_that_ends_in_waiting_is_explained_by_version(
    tag: str, name: str, weight: Weight
) -> None:
    found = logs.read(
        klog("I Waiting 10m0s for node controller to sync", "I Starting kube subnet manager"),
        version=version(tag),
    )
    assert found.outcome is Outcome.WAITING
    assert found.final is not None
    assert (found.final.name, found.final.weight) == (name, weight)
    assert (
        logs.read(
            klog("I Waiting 10m0s for node controller to sync", "I Node controller sync successful")
        ).outcome
        is Outcome.STARTING
    )


def test_a_run_that_was_told_to_stop_did_not_fail() -> None:
    found = logs.read(
        klog(
            "I Running backend.", "I shutdownHandler sent cancel signal...", "I Exiting cleanly..."
        )
    )
    assert (found.outcome, found.final) == (Outcome.STOPPED, None)


CLI = (
    "I CLI flags config: {etcdEndpoints:http://127.0.0.1:4001,http://127.0.0.1:2379 etcdPrefix:/coreos.com/network "
    "etcdPassword:hunter2 version:false kubeSubnetMgr:true iface:[%s] ifaceRegex:[%s] ipMasq:true ifaceCanReach: "
    "subnetFile:/run/flannel/subnet.env publicIP: healthzPort:0 setNodeNetworkUnavailable:true}"
)


@pytest.mark.parametrize(
    ("iface", "regex"),
    [
        ((), ()),
        (("bond1", "eth1"), ()),
        ((), ("^(?:bond1|eth1)$",)),
        ((), ("eth[0-9]", "10\\.0\\.")),
    ],
)
def test_the_flags_in_force_are_read_from_the_line_that_prints_them(
    iface: tuple[str, ...], regex: tuple[str, ...]
) -> None:
    found = logs.read(klog(CLI % (" ".join(iface), " ".join(regex))))
    assert (found.iface, found.iface_regex) == (iface, regex)
    # The line may hold a password and is never quoted.
    assert "hunter2" not in repr(found)


def test_without_that_line_the_flags_are_not_known() -> None:
    found = logs.read(klog("I Using interface with name eth1 and address 10.1.2.3"))
    assert (found.iface, found.iface_regex) == (None, None)


@pytest.mark.parametrize(
    "nic", ["veth6e6318a7", "cni0", "docker0", "kube-ipvs0", "nodelocaldns", "lo", "flannel.1"]
)
def test_a_success_by_a_nic_that_is_not_the_hosts_is_a_fault(nic: str) -> None:
    # v0.15 and v0.16 choose the last NIC where a pattern matches an address.
    found = logs.read(
        klog(f"I Using interface with name {nic} and address 10.244.3.1", "I Running backend.")
    )
    assert found.outcome is Outcome.RUNNING
    assert found.also[0].name == "chose_foreign_nic"
    assert found.also[0].details == {"nic": nic}


@pytest.mark.parametrize("nic", ["eth1", "bond1", "lan0", "local0", "long1"])
def test_nics_of_the_host_are_not_suspected(nic: str) -> None:
    assert logs.read(klog(f"I Using interface with name {nic} and address 10.1.2.3")).also == ()


@pytest.mark.parametrize(
    "line",
    [
        "I0102 15:04:05.000000       1 main.go:698] Using interface with name eth1 and address 10.1.2.3",
        "I main.go:698] Using interface with name eth1 and address 10.1.2.3",
        "2026-01-02T15:04:05.503829615Z stderr F I0102 15:04:05.503552       1 main.go:698] Using interface with name eth1 and address 10.1.2.3",
        "2026-01-02T15:04:05.503829615Z I0102 15:04:05.503552       1 main.go:698] Using interface with name eth1 and address 10.1.2.3",
        "using interface with name eth1 and address 10.1.2.3",
    ],
)
def test_a_line_is_read_whatever_stands_before_it(line: str) -> None:
    found = logs.read(line)
    assert (found.chosen, found.address, found.outcome) == ("eth1", "10.1.2.3", Outcome.STARTING)


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (
            'plugin type="flannel" failed (add): loadFlannelSubnetEnv failed: open /run/flannel/subnet.env: no such file or directory',
            "subnet_env_missing",
        ),
        ('failed to find plugin "flannel" in path [/opt/cni/bin]', "plugin_missing"),
        (
            'failed to set bridge addr: "cni0" already has an IP address different from 10.244.1.1/24',
            "bridge_differs",
        ),
        ("Node node-3 status is now: CIDRNotAvailable", "cidr_not_available"),
    ],
)
def test_events_about_what_flannel_should_have_left_are_explained(message: str, name: str) -> None:
    found = logs.event(message)
    assert found is not None
    assert found.name == name
    assert found.cure


def test_other_events_and_empty_logs_say_nothing() -> None:
    assert logs.event("Pulled image") is None
    assert logs.read("") == logs.Log()
    assert logs.read("some words\nof another program\n").outcome is Outcome.UNKNOWN


def test_no_two_entries_share_a_name_and_every_fatal_one_has_a_cure() -> None:
    entries = [*catalogue.REASONS, *catalogue.ENTRIES, *catalogue.WAITING, *catalogue.EVENTS]
    assert len({one.name for one in entries}) == len(entries)
    for one in entries:
        assert one.cause.endswith(".")
        assert one.cure or one.weight in (Weight.NOTICE, Weight.HARMLESS)


PIECES = st.sampled_from(
    [line for _, line, _ in [*FATAL, *ALSO]]
    + [
        CLI,
        "I Running backend.",
        "I Using interface with name eth1 and address 10.1.2.3",
        "available network interfaces (",
        "Could not find valid interface matching : ",
    ]
)


@given(st.lists(st.one_of(st.text(max_size=60), PIECES), max_size=8))
def test_no_log_whatever_makes_the_reader_fail(lines: list[str]) -> None:
    found = logs.read("\n".join(lines))
    assert isinstance(found, logs.Log)
    assert (found.final is not None) or found.outcome is not Outcome.FAILED


@given(st.lists(PIECES, max_size=6))
def test_a_start_at_the_end_overrules_every_error_before_it(lines: list[str]) -> None:
    assert logs.read(klog(*lines, "I Running backend.")).outcome is Outcome.RUNNING
