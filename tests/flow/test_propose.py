"""When what was proposed is still what would be drafted now."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from bot import checks
from bot.domain.drain import NodePod
from bot.domain.plan import Effect, Ownership, Plan, Prediction, Step, StepKind
from bot.domain.target import Target
from bot.flannel.inspection import Inspection
from bot.flow import actuation, insight, ports, propose, sight, situations
from bot.flow.site import Site
from bot.runbooks import Case, Wishes
from tests.domain import plans
from tests.flow import networks
from tests.runbooks import cases

MINUTE = timedelta(minutes=1)

FINE = Prediction("n1", Effect.UNCHANGED, "eth1", "eth1")
MOVED = Prediction("n1", Effect.CHANGES, "eth0", "eth1", "to eth1")
ELSEWHERE = Prediction("n1", Effect.CHANGES, "eth0", "eth2", "to eth2")
FAILS = Prediction("n1", Effect.FAILS, "eth1", "veth1", "into a veth")
UNKNOWN = Prediction("n1", Effect.UNKNOWN, text="it crash-loops")


@pytest.mark.parametrize(
    ("was", "now", "runs", "same"),
    [
        (FINE, FINE, True, True),
        (FINE, replace(FINE, text="in other words"), True, True),
        (FINE, UNKNOWN, False, True),
        (UNKNOWN, UNKNOWN, False, True),
        (UNKNOWN, FINE, True, True),
        (FINE, UNKNOWN, True, False),
        (UNKNOWN, UNKNOWN, True, False),
        (UNKNOWN, MOVED, True, False),
        (UNKNOWN, FAILS, True, False),
        (FINE, MOVED, True, False),
        (FINE, FAILS, True, False),
        (MOVED, ELSEWHERE, True, False),
    ],
)
def test_a_plan_is_void_by_what_a_restart_would_do_but_not_by_what_has_nothing_to_lose(
    was: Prediction, now: Prediction, runs: bool, same: bool
) -> None:
    """Where flannel is killed again and again, a node is readable at one moment and not the next."""
    held = plans.plan(predictions=(was,), restarts=("n1",))
    fresh = plans.plan(predictions=(now,), restarts=("n1",) if runs else ())
    told = propose.difference(held, fresh)
    assert (told == "") == same
    assert "n1" in told or same


def test_a_node_that_came_or_went_is_told() -> None:
    held = plans.plan(predictions=(FINE,))
    assert "n1" in propose.difference(held, plans.plan(predictions=()))
    assert "n1" in propose.difference(plans.plan(predictions=()), held)


FLUX = Ownership("Flux", "Flux reverts this", "label kustomize.toolkit.fluxcd.io/name=x")


@pytest.mark.parametrize(
    ("was", "now", "same"),
    [
        (Ownership(), Ownership(), True),
        (FLUX, FLUX, True),
        (FLUX, replace(FLUX, evidence="field manager kustomize-controller"), True),
        (FLUX, Ownership(), True),
        (Ownership(), FLUX, False),
        (Ownership("a file", "the next apply reverts this"), FLUX, False),
        (replace(FLUX, reverts="Flux is told to leave it alone"), FLUX, False),
    ],
)
def test_an_owner_that_appeared_since_makes_a_plan_void(
    was: Ownership, now: Ownership, same: bool
) -> None:
    """Its marks leave the object's generation as it was, so nothing else would tell."""
    told = propose.difference(plans.plan(ownership=was), plans.plan(ownership=now))
    assert (told == "") == same
    assert same or ("Flux has taken it over" in told and "reverts this" in told)


def test_of_a_node_that_is_not_drained_only_the_pod_that_goes_has_to_be_movable() -> None:
    goes = NodePod("shop", "web", "u1", "n1", owner="ReplicaSet/w")
    stays = NodePod("shop", "bare", "u2", "n1")
    evict = Step(StepKind.EVICT_POD, Target("prod", "Pod", "shop", "web", "n1"), MINUTE, uid="u1")
    alone = situations.decisions([evict], {"n1": [goes, stays]})["n1"]
    assert ([one.pod for one in alone.evict], alone.forbids) == ([goes], ())
    cordon = Step(StepKind.CORDON, Target("prod", "Node", "", "n1", "n1"), MINUTE)
    whole = situations.decisions([cordon, evict], {"n1": [goes, stays]})["n1"]
    assert [one.pod for one in whole.forbids] == [stays]


STARTING = "flannel is not running there (CrashLoopBackOff)"


@dataclass
class Restarting(networks.Looks):
    """Nodes whose flannel is away when they are first looked at, `away` times."""

    away: dict[str, int] = field(default_factory=dict)

    async def nodes(
        self, names: Sequence[str], *, max_age: timedelta, progress: ports.Progress | None = None
    ) -> Mapping[str, Inspection | str]:
        found = dict(await super().nodes(names, max_age=max_age, progress=progress))
        for name in names:
            if self.away.get(name, 0) > 0:
                found[name] = STARTING
                self.away[name] -= 1
        return found


@dataclass
class Documents:
    """The live objects, and nothing that could be changed."""

    kept: Mapping[str, dict[str, Any]]

    async def daemonset(self, namespace: str, name: str) -> actuation.Live:
        document = self.kept[f"{namespace}/{name}"]
        return actuation.Live(document["metadata"]["uid"], 4, document)


def office(looks: Restarting, case: Case) -> tuple[Site, propose.Proposing]:
    mirror = networks.StillMirror(case.snapshot)
    site = Site(
        mirror=mirror,
        actuator=cast("Any", Documents(case.documents)),
        sight=sight.Sight(mirror, looks, limits=checks.Limits()),
        looks=looks,
        known=insight.Insight(),
        channel="C1",
    )
    drafting = propose.Proposing(
        {"prod": site}, cast("Any", None), cast("Any", None),
        clock=networks.StillClock(), options=propose.Options(),
    )  # fmt: skip
    return site, drafting


@pytest.mark.looptime
@pytest.mark.parametrize("runbook", ["anchor-regex", "raise-memory-and-anchor"])
async def test_nobody_is_refused_because_flannel_was_just_starting_when_they_clicked(
    runbook: str,
) -> None:
    """A moment later the same click would have been answered by a plan."""
    case = cases.case()
    looks = Restarting(dict(case.inspections), away={"n2": 2})
    site, drafting = office(looks, case)
    drafted = await drafting.draft(site, runbook, "UREQ", Wishes())
    assert isinstance(drafted, Plan), drafted
    assert {one.effect for one in drafted.predictions} == {Effect.UNCHANGED}
    again = [name for name, age in looks.asked if age == timedelta(0)]
    assert set(again) == {"n2"}, "only what was not read is looked at again"


@pytest.mark.looptime
async def test_a_node_that_cannot_be_read_is_told_as_such_within_seconds() -> None:
    case = cases.case()
    looks = Restarting(dict(case.inspections), away={"n2": 1000})
    site, drafting = office(looks, case)
    began = asyncio.get_running_loop().time()
    drafted = await drafting.draft(site, "anchor-regex", "UREQ", Wishes())
    assert asyncio.get_running_loop().time() - began <= 5
    assert isinstance(drafted, Plan)
    assert propose.unsettled(drafted) == ("n2",)
    assert {one.text for one in drafted.predictions if one.node == "n2"} == {STARTING}


@pytest.mark.looptime
async def test_a_fleet_that_cannot_be_read_at_all_is_not_looked_at_again_and_again() -> None:
    """Without the right to exec, each more round costs every node's look."""
    case = cases.case(nodes=30)
    looks = Restarting({}, away={f"n{n}": 1000 for n in range(1, 31)})
    site, drafting = office(looks, case)
    await drafting.draft(site, "anchor-regex", "UREQ", Wishes())
    assert len(looks.asked) == 30
