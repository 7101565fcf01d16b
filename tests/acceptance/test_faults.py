"""Every misbehaviour that the pretend outside can do, against the running bot, over the wire."""

import resource
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from tests.acceptance import processes, troubles

pytestmark = [pytest.mark.trial, pytest.mark.timeout(240)]

FLANNEL = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-flannel-ds-amd64"
PROXY = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"
DAEMONSETS = "/apis/apps/v1/namespaces/kube-system/daemonsets"
CONTAINER = "/spec/template/spec/containers/0"

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
        "CHECKS__POD_GRACE": "2", "CHECKS__DAEMONSET_GRACE": "3", "CHECKS__ROLLOUT_STUCK": "4",
        "CHECKS__STABLE_AFTER": "5", "CHECKS__OOM_QUIET": "8", "CHECKS__BLIND_AFTER": "2",
        "INCIDENTS__RESOLVE_AFTER": "1.5", "TELLING__POST_INTERVAL": "0.1",
        "TELLING__DIGEST_OVER": "50",
    }  # fmt: skip
    async with troubles.trial(tmp_path, **quick) as trial, trial.running():
        outside = trial.outside
        await outside.fault("rate_limits_off", of="slack")
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

        async def as_in_truth() -> bool:
            truth = (await outside.truth())["summary"]
            killed = await trial.named_by("oom_killed")
            looping = await trial.named_by("crash_loop", of="flannel")
            assert killed == set(truth["oom_killed_nodes"]) == {"phys-02"}, (killed, truth)
            assert looping == {"phys-01", "phys-02"}, looping
            assert looping >= set(truth["crash_looping_nodes"]), truth
            return True

        await processes.until(as_in_truth, what="agreement with the truth")
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

        for name in (
            "flannel_crash", "missed_restarts", "node_down", "flannel_missing", "pod_unready",
            "coredns_down", "unschedulable", "watch_cut", "image_pull",
        ):  # fmt: skip
            await outside.heal(name)
        await trial.kube("DELETE", f"{DAEMONSETS}/node-agent")
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


async def test_a_rolling_update_is_no_incident_and_a_flapping_pod_a_single_one(
    tmp_path: Path,
) -> None:
    quick = {"CHECKS__STABLE_AFTER": "4", "INCIDENTS__RESOLVE_AFTER": "2"}
    async with troubles.trial(tmp_path, **quick) as trial, trial.running():
        outside = trial.outside
        memory = {"op": "replace", "value": "300Mi", "path": f"{CONTAINER}/resources/limits/memory"}
        patched = await trial.kube("PATCH", FLANNEL, [memory], patch="json")
        generation = patched["metadata"]["generation"]

        async def rolled() -> bool:
            status = (await trial.kube("GET", FLANNEL))["status"]
            assert status["observedGeneration"] >= generation, status
            assert status["updatedNumberScheduled"] == status["numberAvailable"] == 12, status
            return True

        await processes.until(rolled, what="the rollout")
        await troubles.pass_time(3)
        assert await trial.messages() == []

        for restarts in range(1, 5):  # stopped, up again, stopped: never down for long
            await outside.fault("flannel_kill_sigterm_oom_label", nodes=["phys-01"])

            async def up_again(restarts: int = restarts) -> bool:
                node = (await outside.truth())["nodes"]["phys-01"]
                return bool(node["flannel_running"] and node["restarts"] >= restarts)

            await processes.until(up_again, what="flannel up again")
        card = await trial.told("crash_loop", of="flannel")
        assert troubles.named(card) == {"phys-01"}
        await trial.all_green()
        await trial.settled()
        told = trial.log("incident_told")
        assert {line["check"] for line in told} == {"crash_loop"}, "exit 143 is no OOM kill"
        assert [line["reason"] for line in told if line["reason"] != "changed"] == [
            "opened",
            "resolved",
        ]
        assert len(await outside.cards()) == 1


ROUNDS: list[dict[str, dict[str, object]]] = [
    {"api_refuse": {}},
    {
        "api_hang": {"resource": "nodes", "verb": "watch"},
        "api_slow": {"resource": "nodes", "verb": "list", "seconds": 1.0},
        "api_500": {"resource": "pods"},
        "api_503_html": {"resource": "daemonsets", "verb": "watch"},
        "bad_object": {"resource": "daemonsets"},
        "watch_silent": {"resource": "deployments"},
        "api_401": {"resource": "controllerrevisions"},
    },
    {
        "api_abort": {"resource": "nodes"},
        "watch_cut": {"resource": "pods"},
        "watch_end": {"resource": "daemonsets"},
        "watch_410": {"resource": "deployments"},
        "api_429": {"resource": "deployments", "verb": "list"},
        "watch_garbage": {"resource": "controllerrevisions"},
    },
]
"""Faults of the API server that stand together. Pods are hidden in each round."""


async def test_whatever_the_api_server_does_nothing_resolves_unseen_and_all_is_made_good(
    tmp_path: Path,
) -> None:
    quick = {
        "CHECKS__POD_GRACE": "1.5", "CHECKS__BLIND_AFTER": "1.5", "INCIDENTS__RESOLVE_AFTER": "1.5",
        "INCIDENTS__REOPEN_WITHIN": "0.01", "CHECKS__STABLE_AFTER": "3",
    }  # fmt: skip
    async with troubles.trial(tmp_path, **quick) as trial, trial.running() as bot:
        outside = trial.outside
        await outside.fault("rate_limits_off", of="slack")
        for number, faults in enumerate(ROUNDS):
            etcd, proxy = ("cp-1", "vm-01") if number % 2 else ("cp-2", "vm-02")
            await outside.fault("pod_unready", nodes=[etcd], params={"app": "etcd"})
            standing = await trial.told("pod_not_ready", of="etcd")
            asked = len(await outside.requests())

            # Every watch is broken, or the faults would meet no request.
            await outside.fault("api_refuse")
            for name, params in faults.items():
                await outside.fault(name, params=params)
            if "api_refuse" not in faults:
                await outside.heal("api_refuse")
            await trial.unready("mirror/sim")
            blind = await trial.told("blind_spot")
            await outside.heal("pod_unready")
            await outside.fault("pod_unready", nodes=[proxy], params={"app": "kube-proxy"})
            answer = await outside.command("/flannel status")
            assert answer["acked"], answer
            await troubles.pass_time(2)
            cards = {card["ts"]: card for card in await outside.cards()}
            assert not troubles.is_green(cards[standing["ts"]]), "resolved though nobody could see"
            assert not troubles.is_green(cards[blind["ts"]])
            assert not await trial.cards("pod_not_ready", of="kube-proxy", green=False)
            asked = len(await outside.requests()) - asked
            assert asked < 250, f"{asked} requests in some seconds is a tight loop"

            for name in faults:
                await outside.heal(name)
            await trial.ready_again()
            assert troubles.named(await trial.told("pod_not_ready", of="kube-proxy")) == {proxy}
            await outside.heal("pod_unready")
            await trial.all_green()
            assert bot.process.returncode is None
        await trial.settled()
        checks = [
            line["check"] for line in trial.log("incident_told") if line["reason"] == "opened"
        ]
        assert sorted(checks) == ["blind_spot"] * len(ROUNDS) + ["pod_not_ready"] * 2 * len(ROUNDS)
        trial.no_fault_of_its_own()


POST = {"method": "chat.postMessage", "times": 1}


async def test_whatever_slack_does_everything_is_told_once_and_in_order(tmp_path: Path) -> None:
    quick = {
        "CHECKS__POD_GRACE": "1", "INCIDENTS__RESOLVE_AFTER": "1.5",
        "INCIDENTS__REOPEN_WITHIN": "0.01",
    }  # fmt: skip
    async with troubles.trial(tmp_path, nodes=6, **quick) as trial, trial.running() as bot:
        outside = trial.outside

        async def slack(name: str, **params: object) -> None:
            await outside.fault(name, of="slack", params=params)

        async def struck() -> bool:
            standing = await trial.slack_faults()
            assert standing == ["link_silent"], standing
            return True

        await slack("link_silent")  # found out by pings that nobody answers, much later

        # Before a message is stored, and after: a card and its particulars.
        await slack("rate_limited", **POST, retry_after=1)
        await slack("dropped", **POST)
        await slack("dropped_after_storing", **POST)
        await outside.fault("pod_unready", nodes=["vm-1"])
        await trial.told("pod_not_ready")
        await slack("server_error", **POST, html=True)
        await trial.settled()

        # An edit and a reply, and the history in which they are looked for.
        await slack("server_error_after_storing", **POST)
        await slack("api_error:busy", **POST, error="internal_error")
        await slack("api_error:edit", method="chat.update", error="fatal_error", times=1)
        await slack("dropped:history", method="conversations.replies", times=1)
        await outside.heal("pod_unready")
        await trial.all_green()
        await processes.until(struck, what="every fault to strike")
        await trial.settled()

        # What only a person can mend is said where a person looks for it.
        await slack("token_revoked")
        await slack("missing_scope", scope="chat:write")
        await outside.fault("pod_unready", nodes=["phys-1"])
        await trial.unready("slack", saying="token_revoked")
        await outside.heal("token_revoked", of="slack")
        await trial.unready("slack", saying="missing_scope")
        await outside.heal("missing_scope", of="slack")
        assert troubles.named(await trial.told("pod_not_ready")) == {"phys-1"}
        await trial.unready("slack", saying="(?i)stale|silent|connect|ping")
        await outside.heal("link_silent", of="slack")
        await trial.ready_again()

        # An answer that never comes, while the link is refused.
        await slack("timeout_after_storing", **POST)
        await slack("link_refused")
        await trial.alter_slack("disconnect", cut=True)
        await outside.heal("pod_unready")
        await trial.unready("slack")
        assert (await outside.command("/flannel status"))["error"] == "dispatch_failed"
        await outside.heal("link_refused", of="slack")
        await trial.ready_again()
        for reason in ("warning", "refresh_requested"):
            await trial.alter_slack("disconnect", reason=reason)
            await trial.ready_again()
        await slack("envelopes_doubled")
        await slack("envelopes_delayed", seconds=1)
        answered = await outside.command("/flannel incidents")
        assert answered["acked"], answered
        await trial.all_green()
        await trial.settled()
        assert len(await trial.answers("Incidents")) == 1

        # A card that somebody deletes is told again.
        await outside.fault("pod_unready", nodes=["phys-2"])
        card = await trial.told("pod_not_ready")
        await trial.settled()
        await trial.delete(card)
        await trial.alter_slack("channel", channel="C0ALERTS", is_archived=True)
        await outside.fault("pod_unready", nodes=["vm-1", "phys-2"])
        await trial.unready("slack", saying="is_archived")
        await trial.alter_slack("channel", channel="C0ALERTS", is_archived=False)
        anew = await trial.told("pod_not_ready")
        assert anew["ts"] != card["ts"]
        await outside.heal("pod_unready")
        await trial.all_green()
        await trial.ready_again()
        assert await bot.end() == 0
        trial.no_fault_of_its_own()


async def test_a_bot_that_is_stopped_starved_and_killed_tells_the_truth_and_each_thing_once(
    tmp_path: Path,
) -> None:
    quick = {
        "CHECKS__POD_GRACE": "3", "INCIDENTS__RESOLVE_AFTER": "1.5",
        "INCIDENTS__REOPEN_WITHIN": "0.01",
    }  # fmt: skip
    slow = {"method": "chat.postMessage", "times": 1}
    async with troubles.trial(tmp_path, nodes=6, **quick) as trial:
        outside = trial.outside

        async def posting(since: int) -> bool:
            return len(await trial.slack_calls("chat.postMessage")) > since

        async def while_posting() -> None:
            calls = len(await trial.slack_calls("chat.postMessage"))
            await outside.fault("slow", of="slack", params={**slow, "seconds": 2})
            await processes.until(lambda: posting(calls), what="a message on its way")

        async with trial.running() as bot:
            # Stopped, and every connection lost meanwhile: what it knows is old, and it knows it.
            await outside.fault("pod_unready", nodes=["vm-1"])
            await processes.until(lambda: trial.unready_pods("kube-proxy"), what="an unready pod")
            bot.process.send_signal(signal.SIGSTOP)
            await outside.fault("api_refuse")
            await outside.heal("pod_unready")
            await troubles.pass_time(7)
            await outside.heal("api_refuse")
            bot.process.send_signal(signal.SIGCONT)
            await processes.until(lambda: trial.event("stood_still"), what="its own stop noticed")
            await trial.ready_again()
            await troubles.pass_time(1)
            assert await trial.messages() == []

            # Its database locked by somebody else while a message is on its way.
            await outside.fault("pod_unready", nodes=["vm-1"])
            await while_posting()
            somebody = sqlite3.connect(outside.directory / "bot.db", isolation_level=None)
            somebody.execute("BEGIN IMMEDIATE")
            await trial.unready("store", saying="locked|no answer")
            before = time.monotonic()
            await trial.alive()
            assert time.monotonic() - before < 5, "a locked store is no reason to be killed"
            await troubles.pass_time(3.5)
            somebody.execute("ROLLBACK")
            somebody.close()
            await trial.told("pod_not_ready")
            await trial.settled()

            # No room on its disk.
            old = resource.prlimit(bot.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (4096, old[1]))
            await outside.heal("pod_unready")
            await trial.unready("store", saying="database|no answer")
            await trial.alive()
            resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, old)
            await trial.all_green()
            await trial.ready_again()

            # Told to end while a message is on its way.
            await outside.fault("pod_unready", nodes=["phys-1"])
            await while_posting()
            assert await bot.end(signal.SIGTERM) == 0

        async with trial.running() as bot:
            # Killed while the end of that incident is on its way.
            await trial.told("pod_not_ready")
            await trial.settled()
            await outside.heal("pod_unready")
            await while_posting()
            assert await bot.end(signal.SIGKILL) == -signal.SIGKILL

        async with trial.running() as bot:
            await trial.all_green()
            await trial.settled()
            assert len(await outside.cards()) == 2
            assert await bot.end() == 0
        trial.no_fault_of_its_own()
