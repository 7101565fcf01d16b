"""Every misbehaviour that the pretend outside can do, against the running bot, over the wire."""

from pathlib import Path

import pytest

from tests.acceptance import processes, troubles

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("faults")]

FLANNEL = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-flannel-ds-amd64"
PROXY = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"
DAEMONSETS = "/apis/apps/v1/namespaces/kube-system/daemonsets"

NEVER_AVAILABLE = {
    "metadata": {"name": "node-agent"},
    "spec": {
        "minReadySeconds": 1_000_000,
        "selector": {"matchLabels": {"app": "node-agent"}},
        "template": {
            "metadata": {"labels": {"app": "node-agent"}},
            "spec": {"containers": [{"name": "agent", "image": "example.org/agent:1"}]},
        },
    },
}


async def test_every_check_is_seen_as_a_card_that_names_its_nodes_and_turns_green(
    tmp_path: Path,
) -> None:
    quick = {
        "CHECKS__POD_GRACE": "4", "CHECKS__DAEMONSET_GRACE": "5", "CHECKS__ROLLOUT_STUCK": "6",
        "CHECKS__STABLE_AFTER": "5", "CHECKS__OOM_QUIET": "8", "CHECKS__BLIND_AFTER": "3",
        "INCIDENTS__RESOLVE_AFTER": "2",
    }  # fmt: skip
    async with troubles.trial(tmp_path, **quick) as trial, trial.running():
        outside = trial.outside
        await outside.fault("flannel_crash", nodes=["phys-01"])
        await outside.fault("missed_restarts", nodes=["phys-02"])
        await outside.fault("node_down", nodes=["vm-01"])
        await outside.fault("flannel_missing", nodes=["vm-02"])
        await outside.fault("pod_unready", nodes=["cp-1"], params={"app": "etcd"})
        await outside.fault("coredns_down")
        await outside.fault("unschedulable")
        await outside.fault("watch_cut", params={"resource": "controllerrevisions"})
        await trial.kube("POST", DAEMONSETS, NEVER_AVAILABLE)
        await outside.fault("image_pull", nodes=["phys-03"], params={"app": "kube-proxy"})
        image = {"spec": {"template": {"metadata": {"labels": {"version": "2"}}}}}
        await trial.kube("PATCH", PROXY, image)

        assert troubles.named(await trial.told("node_not_ready")) == {"vm-01"}
        assert troubles.named(await trial.told("flannel_missing")) == {"vm-02"}
        assert troubles.named(await trial.told("pod_not_ready", of="etcd")) == {"cp-1"}
        assert troubles.named(await trial.told("pod_not_ready", of="kube-proxy")) == {"phys-03"}
        await trial.told("pod_not_ready", of="oversized")
        await trial.told("deployment_unavailable", of="oversized")
        await trial.told("deployment_unavailable", of="coredns")
        await trial.told("crash_loop", of="coredns")
        await trial.told("rollout_stuck", of="kube-proxy")
        await trial.told("daemonset_short", of="node-agent")
        await trial.told("blind_spot")

        async def as_in_truth() -> bool:
            truth = (await outside.truth())["summary"]
            killed = troubles.named(await trial.told("oom_killed"))
            looping = troubles.named(await trial.told("crash_loop", of="flannel"))
            assert killed == set(truth["oom_killed_nodes"]) == {"phys-02"}
            assert looping == {"phys-01", "phys-02"}
            return set(truth["crash_looping_nodes"]) <= looping

        await processes.until(as_in_truth, what="agreement with the truth")

        for name in (
            "flannel_crash", "missed_restarts", "node_down", "flannel_missing", "pod_unready",
            "coredns_down", "unschedulable", "watch_cut", "image_pull",
        ):  # fmt: skip
            await outside.heal(name)
        await trial.kube("PATCH", f"{DAEMONSETS}/node-agent", {"spec": {"minReadySeconds": 0}})
        await trial.all_green()
        await trial.ready_again()
        await trial.settled()
        told = {line["check"] for line in trial.log("incident_told")}
        assert told == {
            "oom_killed", "crash_loop", "pod_not_ready", "daemonset_short", "rollout_stuck",
            "deployment_unavailable", "node_not_ready", "flannel_missing", "blind_spot",
        }  # fmt: skip
        assert await trial.bot.end() == 0
        trial.no_fault_of_its_own()
