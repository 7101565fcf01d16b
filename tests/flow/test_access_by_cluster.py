"""Whoever has a role in one cluster reaches nothing in another, whatever they name or carry."""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bot.adapters.store.memory import MemoryStore
from bot.domain import access, errors, plan, run, target, ticket
from bot.domain.access import Role
from bot.domain.approval import Answer, Choice
from bot.domain.finding import Severity
from bot.domain.plan import Plan
from bot.flow import approve, attending, handover, propose, recheck, remediation
from bot.flow.journal import Journal
from bot.flow.remedy_answers import Wishes
from bot.flow.situations import Situations
from tests.adapters.slack import samples
from tests.flow.fakes import LoopClock
from tests.flow.office import Office, ended
from tests.flow.plant import NEW, OLD, Plant
from tests.flow.test_execute import rolling
from tests.flow.test_remediation import Drafts, drafting

pytestmark = pytest.mark.looptime

HOUR = timedelta(hours=1)
CLUSTERS = ("east", "west")


def only(**roles: str) -> access.Policy:
    return access.Policy(
        {Role[name.upper()]: access.Members(frozenset({user})) for name, user in roles.items()}
    )


POLICIES = access.Policies(
    {
        "east": only(requester="UEREQ", approver="UEAPP", admin="UEADM"),
        "west": only(requester="UWREQ", approver="UWAPP", admin="UWADM"),
    }
)
PEOPLE = ("UEREQ", "UEAPP", "UEADM", "UWREQ", "UWAPP", "UWADM", "UVIEW")


class Staff:
    """Who somebody is where; `policies` may change."""

    def __init__(self) -> None:
        self.policies = POLICIES

    async def person(self, user: str, cluster: str | None, *, fresh: bool = False) -> access.Person:
        del fresh
        return self.policies.person(user, cluster)

    async def who(self, role: Role, cluster: str | None) -> tuple[str, ...]:
        first, *others = [each.named(role) for each in self.policies.of(cluster)]
        return tuple(user for user in first if all(user in each for each in others))


def drafted(cluster: str, requester: str, clock: LoopClock) -> Plan:
    """A plan whose every object is in that cluster."""
    made = rolling(requester=requester)

    def there(one: target.Target) -> target.Target:
        return replace(one, cluster=cluster)

    return replace(
        made,
        id=0,
        cluster=cluster,
        workload=there(made.workload),
        steps=tuple(replace(one, target=there(one.target)) for one in made.steps),
        bindings=tuple(replace(one, target=there(one.target)) for one in made.bindings),
        criteria=tuple(replace(one, target=there(one.target)) for one in made.criteria),
        created_at=clock.now(),
        expires_at=clock.now() + timedelta(minutes=15),
    )


class PerCluster(Drafts):
    """Drafts the plan of the cluster that is asked for."""

    async def draft(self, site, runbook, requester, wishes, *, incident=None):  # type: ignore[no-untyped-def,override]
        del runbook, wishes, incident
        return drafted(site.cluster, requester, self._clock)

    async def _undoing(self, site, done, ended, requester):  # type: ignore[no-untyped-def,override]
        del done, ended
        return drafted(site.cluster, requester, self._clock)


@dataclass
class Two:
    """A desk over two clusters whose nodes have the same names."""

    staff: Staff = field(default_factory=Staff)

    def __post_init__(self) -> None:
        self.clock = clock = LoopClock()
        self.store = MemoryStore()
        self.offices = {
            name: Office(Plant(clock, cluster=name), self.store, clock, staff=self.staff)
            for name in CLUSTERS
        }
        sites = self.sites = {name: each.site for name, each in self.offices.items()}
        journal = Journal(self.store, lambda _: "C1", clock=clock)
        situations = Situations(self.store, self.staff, clock=clock)
        drafts = PerCluster(sites, journal, situations, clock=clock, options=propose.Options())
        self.desk = remediation.Remediation(
            sites,
            journal,
            situations=situations,
            people=self.staff,
            drafting=drafting(sites, self.store, self.staff, drafts, clock),
            approving=approve.Approving(
                journal,
                self.staff,
                void=recheck.Rechecking(sites, journal, situations, drafts, clock=clock).void,
                clock=clock,
            ),
            clock=clock,
        )

        async def judged() -> None:
            return None

        self.attention = attending.Attending(
            self.store, self.staff, clock=clock, quiet={}, told=lambda: None,
            judge=dict.fromkeys(CLUSTERS, judged), hands=handover.Handover(self.store, {}, clock=clock),
        )  # fmt: skip

    async def proposed(self, cluster: str, requester: str) -> Plan:
        async with self.store.unit() as unit:
            return await unit.remedy.save_plan(drafted(cluster, requester, self.clock))

    async def ran(self, cluster: str, *, over: bool) -> run.Run:
        held = await self.proposed(cluster, "USOMEBODY")
        now = self.clock.now()
        async with self.store.unit() as unit:
            kept = await unit.remedy.save_plan(
                replace(held, state=plan.State.APPROVED, decided_at=now, decided_by=("UX",))
            )
            made = await unit.remedy.start(kept, run.begin(kept, executor="e", now=now))
            if over:
                past = now - timedelta(days=1)
                made = replace(made, state=run.State.SUCCEEDED, phase=run.Phase.OVER, ended_at=past)
                await unit.remedy.save_run(made, epoch=1)
        return made

    async def deeds(self) -> int:
        return len(await self.store.remedy.deeds())


Try = Callable[[Two, str, str], Awaitable[object]]
"""A deed of a person in a cluster."""


async def _incident(two: Two, cluster: str) -> int:
    async with two.store.unit() as unit:
        made = replace(samples.trouble(), id=0, cluster=cluster, severity=Severity.WARNING)
        return (await unit.save_incident(made)).id


async def _fix(two: Two, user: str, cluster: str) -> object:
    number = await _incident(two, cluster)
    value = await two.desk._tickets.value(ticket.Ticket(ticket.Kind.INCIDENT, number))
    return await two.desk.fix(value, user, runbook="anchor_regex")


async def _fix_by_number(two: Two, user: str, cluster: str) -> object:
    return await two.desk.fix_incident(await _incident(two, cluster), user, runbook="anchor_regex")


async def _propose(two: Two, user: str, cluster: str) -> object:
    return await two.desk.propose(cluster, "anchor_regex", user, wishes=Wishes())


async def _amend(two: Two, user: str, cluster: str) -> object:
    held = await two.proposed(cluster, "USOMEBODY")
    return await two.desk.amend(await two.desk.of_plan(held), user, wishes=Wishes())


async def _approve(two: Two, user: str, cluster: str) -> object:
    held = await two.proposed(cluster, "UEREQ" if cluster == "east" else "UWREQ")
    return await two.desk.vote(await two.desk.of_plan(held), user, Choice.APPROVE)


async def _reject(two: Two, user: str, cluster: str) -> object:
    held = await two.proposed(cluster, "USOMEBODY")
    return await two.desk.vote(await two.desk.of_plan(held), user, Choice.REJECT, reason="no")


async def _withdraw(two: Two, user: str, cluster: str) -> object:
    return await two.desk.withdraw((await two.proposed(cluster, "USOMEBODY")).id, user)


async def _cancel(two: Two, user: str, cluster: str) -> object:
    return await two.desk.cancel(await two.desk.of_run(await two.ran(cluster, over=False)), user)


async def _prolong(two: Two, user: str, cluster: str) -> object:
    """It writes nothing where nothing holds a run up, and says so to who may."""
    value = await two.desk.of_run(await two.ran(cluster, over=False))
    said = await two.desk.prolong(value, user)
    if "may not" not in said.text:
        await two.desk.freeze(cluster, "cli", lasts=HOUR, reason="stands for the deed")
    return said


async def _prolong_by_number(two: Two, user: str, cluster: str) -> object:
    said = await two.desk.prolong_run((await two.ran(cluster, over=False)).id, user)
    if "may not" not in said.text:
        await two.desk.freeze(cluster, "cli", lasts=HOUR, reason="stands for the deed")
    return said


async def _undo(two: Two, user: str, cluster: str) -> object:
    return await two.desk.undo(await two.desk.of_run(await two.ran(cluster, over=True)), user)


async def _freeze(two: Two, user: str, cluster: str) -> object:
    return await two.desk.freeze(cluster, user, lasts=HOUR, reason="switches")


async def _unfreeze(two: Two, user: str, cluster: str) -> object:
    await two.desk.freeze(cluster, "cli", lasts=HOUR, reason="switches")
    return await two.desk.unfreeze(cluster, user)


async def _unfreeze_everything(two: Two, user: str, cluster: str) -> object:
    """Naming no cluster lifts no freeze of a cluster where one may not."""
    await two.desk.freeze(cluster, "cli", lasts=HOUR, reason="switches")
    return await two.desk.unfreeze(None, user)


async def _silence(two: Two, user: str, cluster: str) -> object:
    return await two.attention.silence(cluster, "check=oom_killed", user, lasts=HOUR)


async def _silence_by_pattern(two: Two, user: str, cluster: str) -> object:
    return await two.attention.silence(None, f'cluster=~"{cluster[0]}.*"', user, lasts=HOUR)


async def _silence_incident(two: Two, user: str, cluster: str) -> object:
    return await two.attention.silence_incident(await _incident(two, cluster), user, lasts=HOUR)


REQUESTER = frozenset({Role.REQUESTER})
ADMIN = frozenset({Role.ADMIN})
SAY = frozenset({Role.REQUESTER, Role.APPROVER, Role.ADMIN})
DEEDS: dict[Try, frozenset[Role]] = {
    _fix: REQUESTER,
    _fix_by_number: REQUESTER,
    _propose: REQUESTER,
    _amend: REQUESTER,
    _approve: frozenset({Role.APPROVER}),
    _reject: frozenset({Role.APPROVER}),
    _withdraw: ADMIN,
    _cancel: SAY,
    _prolong: SAY,
    _prolong_by_number: SAY,
    _undo: REQUESTER,
    _freeze: SAY,
    _unfreeze: ADMIN,
    _unfreeze_everything: ADMIN,
    _silence: SAY,
    _silence_by_pattern: SAY,
    _silence_incident: SAY,
}


PREPARED: dict[Try, tuple[str, ...]] = {_unfreeze: ("frozen",), _unfreeze_everything: ("frozen",)}
"""Deeds that are written down before anybody acts."""


@pytest.mark.parametrize("deed", DEEDS, ids=lambda one: one.__name__.strip("_"))
async def test_a_role_counts_in_its_own_cluster_alone(deed: Try) -> None:
    for user, cluster in itertools.product(PEOPLE, CLUSTERS):
        may = bool(POLICIES.person(user, cluster).roles & DEEDS[deed])
        two = Two()
        rows: list[str] = []
        before = len(PREPARED.get(deed, ()))
        try:
            await deed(two, user, cluster)
        except errors.Refused as error:
            rows.append(str(error))
        written = await two.deeds() > before
        assert written == may, (user, cluster, rows)


async def test_what_concerns_all_clusters_takes_the_role_in_each() -> None:
    two = Two()
    for user in PEOPLE:
        said = await two.desk.freeze(None, user, lasts=HOUR, reason="switches")
        assert not said.done
        assert "in all clusters" in said.text
    await two.desk.freeze(None, "cli", lasts=HOUR, reason="switches")
    for user, cluster in itertools.product(PEOPLE, (*CLUSTERS, None)):
        assert not (await two.desk.unfreeze(cluster, user)).done, (user, cluster)
        with pytest.raises(errors.Refused, match="it takes"):
            await two.attention.silence(None, "check=oom_killed", user, lasts=HOUR)
    assert len(await two.desk.frozen()) == len(CLUSTERS)
    both = access.Policies(dict.fromkeys(CLUSTERS, only(admin="UBOTH")))
    two.staff.policies = both
    assert (await two.desk.unfreeze(None, "UBOTH")).done
    assert (await two.attention.silence(None, "check=oom_killed", "UBOTH", lasts=HOUR)).silence.id


async def test_a_silence_is_ended_by_who_has_a_say_where_it_reaches() -> None:
    two = Two()
    made = (await two.attention.silence("east", "check=oom_killed", "UEREQ", lasts=HOUR)).silence
    for user in ("UWREQ", "UWAPP", "UWADM", "UVIEW"):
        with pytest.raises(errors.Refused, match="in east"):
            await two.attention.unsilence(made.id, user)
    assert (await two.attention.unsilence(made.id, "UEAPP")).done


async def test_a_ticket_of_one_cluster_is_none_of_another() -> None:
    two = Two()
    east, west = await two.proposed("east", "UEREQ"), await two.proposed("west", "UWREQ")
    value, other = await two.desk.of_plan(east), await two.desk.of_plan(west)
    number, seal = value.split("-")[0], other.split("-")[1]
    with pytest.raises(errors.Refused, match="not one of this bot's"):
        await two.desk.vote(f"{number}-{seal}", "UEAPP", Choice.APPROVE)
    assert (await two.desk.vote(other, "UEAPP", Choice.APPROVE)).answer is Answer.NOT_ALLOWED
    assert (await two.desk.vote(value, "UEAPP", Choice.APPROVE)).answer is Answer.APPROVED


async def test_who_is_no_approver_of_that_cluster_any_more_stops_its_plan_before_the_first_write() -> (
    None
):
    two = Two()
    held = await two.proposed("east", "UEREQ")
    voted = await two.desk.vote(await two.desk.of_plan(held), "UEAPP", Choice.APPROVE)
    assert voted.answer is Answer.APPROVED
    moved = only(requester="UWREQ", approver="UEAPP")
    two.staff.policies = access.Policies({"east": only(requester="UEREQ"), "west": moved})
    office = two.offices["east"]
    office.executor._sites = {"east": office.site}
    await office.work()
    assert (await ended(two.store)).state is run.State.FAILED
    assert office.plant.args == OLD


async def test_a_run_in_one_cluster_holds_up_none_in_another_on_nodes_of_the_same_names() -> None:
    two = Two()
    await two.ran("west", over=False)
    held = await two.proposed("east", "UEREQ")
    voted = await two.desk.vote(await two.desk.of_plan(held), "UEAPP", Choice.APPROVE)
    assert voted.answer is Answer.APPROVED, voted.text
    office = two.offices["east"]
    office.executor._sites = {"east": office.site}
    await office.executor._tend()
    (mine,) = [one for one in await two.store.remedy.runs() if one.cluster == "east"]
    await office.executor._tasks[mine.id]
    assert office.plant.args == NEW
    assert two.offices["west"].plant.args == OLD


async def test_where_remediation_is_off_nothing_is_proposed_nor_begun_beside_one_where_it_is_on() -> (
    None
):
    two = Two()
    site = two.offices["west"].site
    off = replace(site, rules=replace(site.rules, enabled=False))
    two.sites["west"] = off
    with pytest.raises(errors.Refused, match="only observes west"):
        await two.desk.propose("west", "anchor_regex", "UWREQ", wishes=Wishes())
    made = await two.desk.propose("east", "anchor_regex", "UEREQ", wishes=Wishes())
    assert made.plan is not None
    assert made.plan.cluster == "east"
