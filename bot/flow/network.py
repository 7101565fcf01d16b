"""Questions about one cluster's network: look where need be, judge, put together.

Nothing is changed here. What the looks show is judged by `bot.flannel`; many nodes are judged
beside the loop, since a thousand of them take seconds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from bot import checks
from bot.domain import errors
from bot.domain.snapshot import Phase
from bot.flannel import (
    aspects,
    deviants,
    faults,
    inspection,
    kernel,
    matrix,
    outlook,
    rehearsal,
    roles,
    study,
    versions,
)
from bot.flannel import logs as flannel_logs
from bot.flow import network_answers as answers
from bot.flow import permits, podlog, ports, quota, remedy_answers, whatif
from bot.flow.sight import Sight, beside

T = TypeVar("T")

OFFER_OVER = "that offer has run out, or was made before a restart: ask again with `nics <node>`"

MAX_ALL = 3
"""Questions to all nodes at once, for all people together."""


@dataclass(frozen=True, slots=True)
class Options:
    """How fresh looks must be."""

    one: timedelta = timedelta(seconds=2)
    """A look at a single node: people ask again right after they changed something."""
    all: timedelta = timedelta(seconds=10)
    """Looks at every node, where it is told how they are."""
    rehearsal: timedelta = timedelta(minutes=1)
    """Looks at every node, where it is told what would be: NICs change seldom."""
    log_lines: int = 400
    """Lines of flannel's log that are read; a start prints some forty, a failed one fewer."""


class Network:
    """Answers for one cluster.

    Args:
        sight: the cluster, by its mirror and by deep looks.
        logs: containers' last words.
        clock: time.
        allowed: how many questions to all nodes may be under way.
        options: how fresh looks must be.
        permits: looks by probe pod that people allow, where they have to.
    """

    def __init__(
        self,
        sight: Sight,
        logs: ports.Logs,
        *,
        clock: ports.Clock,
        allowed: quota.Quota,
        options: Options,
        permits: permits.Permits | None = None,
    ) -> None:
        self._permits = permits
        self._sight = sight
        self._logs = logs
        self._clock = clock
        self._allowed = allowed
        self._options = options

    def near(self, word: str) -> Sequence[str]:
        """Return the nodes that a word may have meant, none where none is like it."""
        return self._sight.near(word)

    async def nics(self, node: str) -> answers.NodeNics:
        """Tell a node's NICs, which one flannel uses, and what a restart would do."""
        return await self._nics(node, max_age=self._options.one)

    def offered(self, ticket: str) -> bool:
        """Whether a button's value is an offer of this cluster that has not run out."""
        return self._permits is not None and bool(self._permits.offered(ticket))

    async def allow_look(self, ticket: str, user: str) -> answers.NodeNics | remedy_answers.Said:
        """Allow the look by a probe pod that was offered, take it and tell the node's NICs."""
        node = self._permits.offered(ticket) if self._permits is not None else ""
        if self._permits is None or not node:
            raise errors.Refused(OFFER_OVER)
        said = await self._permits.grant(node, user)
        if not said.done:
            return said
        told = await self._nics(node, max_age=timedelta(0))
        if self._permits.pending(node):
            # It joined a look that had begun before anybody allowed more.
            told = await self._nics(node, max_age=timedelta(0))
        return told

    async def _nics(self, node: str, *, max_age: timedelta) -> answers.NodeNics:
        where = await self._sight.whole()
        name, seen, shown = await self._sight.one(where, node, max_age=max_age)
        ahead = shown.outlook
        here = outlook.known(seen)
        flannel = where.flannel_on[name]
        fleet = where.fleets[flannel.name]
        announced = fleet.leases[name]
        device = fleet.device(announced.backend, 4 if announced.v4 or not announced.v6 else 6)
        stopped, failure = await self._stopped(where, name)
        safer, _ = rehearsal.advised(
            outlook.flags_of(flannel, seen),
            {name: here},
            versions.parse(flannel.image),
            intended={name: ahead.present.nic} if not ahead.on_pods_nic else {},
        )
        return answers.NodeNics(
            about=self._about(where, name),
            look=_look(seen),
            nics=roles.of(here, used=ahead.present.nic, device=device, named=_named(ahead)),
            outlook=ahead,
            cures=deviants.cures(ahead, safer),
            stopped=stopped,
            failure=failure,
            pod_ips={hit.nic: kernel.behind(here, hit.nic) for hit in ahead.hits},
            offer=self._offer(seen),
            troubles=tuple(
                one
                for one in (shown.drift.deviations if shown.drift else ())
                if one.fault in deviants.NIC_FAULTS
            ),
        )

    def _offer(self, seen: inspection.Inspection) -> str:
        if self._permits is None or seen.way is not inspection.Way.LOG:
            return ""
        return self._permits.offer(seen.node)

    async def all_nics(
        self, asker: str, progress: ports.Progress | None = None
    ) -> answers.FleetNics:
        """Tell the nodes whose NIC is or would be wrong."""

        def judged(where: checks.Context, coverage: answers.Coverage) -> answers.FleetNics:
            known = list(where.looks.values())
            ahead = [one.outlook for one in known]
            groups = deviants.ordered(
                (
                    *deviants.of_outlooks(ahead),
                    *deviants.by_fault(_deviations(known), only=deviants.NIC_FAULTS),
                )
            )
            return answers.FleetNics(
                about=self._about(where),
                coverage=coverage,
                groups=groups,
                rest=deviants.rest(ahead, groups),
            )

        return await self._all(asker, progress, judged)

    async def routes(self, node: str) -> answers.NodeRoutes:
        """Compare a node's kernel with what should be there."""
        where = await self._sight.whole(nodes=True)
        name, seen, shown = await self._sight.one(where, node, max_age=self._options.one)
        fleet = where.fleets[where.flannel_on[name].name]
        own = fleet.leases[name]
        peers = sum(
            one.usable and one.backend == own.backend and one.node != name
            for one in fleet.leases.values()
        )
        return answers.NodeRoutes(
            about=self._about(where, name),
            look=_look(seen),
            judgement=shown.drift,
            peers=peers,
            outlook=shown.outlook,
        )

    async def all_routes(
        self, asker: str, progress: ports.Progress | None = None, *, max_age: timedelta
    ) -> answers.FleetRoutes:
        """Compare every node's kernel, by looks not older than that."""

        def judged(where: checks.Context, coverage: answers.Coverage) -> answers.FleetRoutes:
            known = list(where.looks.values())
            drifts = [one.drift for one in known if one.drift is not None]
            partly = {one.node: "; ".join(one.unseen) for one in drifts if not one.whole}
            partly |= {
                one.node: "only flannel's log was to be had, which holds no tables"
                for one in known
                if one.drift is None
            }
            return answers.FleetRoutes(
                about=self._about(where),
                coverage=coverage,
                groups=deviants.by_fault(_deviations(known)),
                matrix=matrix.of(sorted(where.flannel_on), known),
                right=sum(one.right and one.whole for one in drifts),
                expected=sum(one.expected for one in drifts),
                missing=sum(one.missing for one in drifts),
                partly=partly,
                settling=tuple(sorted({peer for one in drifts for peer in one.settling})),
                unsafe={
                    one.node: one.outlook.risk
                    for one in known
                    if one.drift is not None and not one.drift.right and not one.outlook.safe
                },
            )

        return await self._all(asker, progress, judged, max_age=max_age, nodes=True)

    async def simulate(
        self,
        asker: str,
        progress: ports.Progress | None = None,
        *,
        asked: rehearsal.Asked,
    ) -> answers.Simulation:
        """Play other flags through on every node."""
        bad = tuple(whatif.malformed(asked.regex))
        if bad:
            # Every node would end the same way; nobody has to be asked for that.
            where = await self._sight.whole()
            nothing = answers.Coverage(population=len(where.flannel_on), seen=0)
            return answers.Simulation(
                self._about(where), nothing, asked.as_text, rehearsal.Rehearsal(), bad
            )

        def judged(where: checks.Context, coverage: answers.Coverage) -> answers.Simulation:
            about = self._about(where)
            given = [one.flags for one in where.flannels if one.serves]
            notes = dict.fromkeys(note for one in given for note in rehearsal.remarks(one, asked))
            return answers.Simulation(
                replace(about, notes=(*about.notes, *notes)),
                coverage,
                asked.as_text,
                whatif.rehearsed(where, asked),
            )

        return await self._all(asker, progress, judged, max_age=self._options.rehearsal)

    async def logs(self, node: str) -> answers.NodeLog:
        """Tell why flannel failed last on a node."""
        where = await self._sight.whole()
        name = self._sight.node(where, node)
        flannel, pod = where.flannel_on[name], self._sight.pod(where, name)
        found = await podlog.read(
            self._logs,
            pod,
            flannel.container,
            version=versions.parse(flannel.image),
            lines=self._options.log_lines,
        )
        return answers.NodeLog(
            about=self._about(where, name),
            node=name,
            pod=pod,
            container=flannel.container,
            runs=found.runs,
            unread=found.unread,
        )

    async def verify(self, node: str) -> answers.Verification:
        """Go through a node point by point; what cannot be looked at is a point not seen."""
        where = await self._sight.whole(nodes=True)
        name = self._sight.node(where, node)
        unseen = ""
        try:
            name, seen, shown = await self._sight.one(where, node, max_age=self._options.one)
        except (errors.Unavailable, errors.Refused) as error:
            seen, shown, unseen = None, None, str(error)
        fleet = where.fleets[where.flannel_on[name].name]
        return answers.Verification(
            about=self._about(where, name),
            node=name,
            look=_look(seen) if seen else None,
            points=aspects.of(seen, shown, where.flannel_pods.get(name), fleet, name),
            unseen=unseen,
        )

    async def verify_all(
        self, asker: str, progress: ports.Progress | None = None
    ) -> answers.FleetVerification:
        """Go through all nodes point by point."""

        def judged(where: checks.Context, coverage: answers.Coverage) -> answers.FleetVerification:
            points = {
                name: aspects.of(
                    where.inspections.get(name) if name in where.looks else None,
                    where.looks.get(name),
                    where.flannel_pods.get(name),
                    where.fleets[flannel.name],
                    name,
                )
                for name, flannel in where.flannel_on.items()
            }
            good = {aspects.State.RIGHT, aspects.State.NONE}
            return answers.FleetVerification(
                about=self._about(where),
                coverage=coverage,
                tallies=aspects.tally(points),
                right=sum(all(one.state in good for one in held) for held in points.values()),
            )

        return await self._all(asker, progress, judged, nodes=True)

    async def _stopped(
        self, where: checks.Context, node: str
    ) -> tuple[str, flannel_logs.Told | None]:
        """Tell whether flannel does not run there, and why its last start failed."""
        flannel, pod = where.flannel_on[node], where.flannel_pods.get(node)
        point = aspects.of_pod(pod)
        if pod is None:
            return point.text, None
        state = next((one.state for one in pod.containers if one.name == flannel.container), None)
        if state is not None and state.phase is Phase.RUNNING:
            return "", None
        found = await podlog.read(
            self._logs,
            pod,
            flannel.container,
            version=versions.parse(flannel.image),
            lines=self._options.log_lines,
        )
        return point.text, next((run.final for _, run in found.runs if run.final), None)

    async def _all(
        self,
        asker: str,
        progress: ports.Progress | None,
        judged: Callable[[checks.Context, answers.Coverage], T],
        *,
        max_age: timedelta | None = None,
        nodes: bool = False,
    ) -> T:
        """Look at all nodes and judge, as one of the works that may be under way."""
        with self._allowed.taken(asker, self._sight.cluster):
            where, coverage = await self._sight.everybody(
                self._options.all if max_age is None else max_age, progress, nodes=nodes
            )
            return await beside(lambda: judged(where, coverage), coverage.seen)

    def _about(self, where: checks.Context, node: str = "") -> answers.About:
        chosen = [where.flannel_on[node]] if node else list(where.flannels)
        chosen = [one for one in chosen if one.serves] or chosen
        notes = [f"{gap.what}: {gap.reason}" for gap in where.snapshot.gaps[:5]]
        missing = [one.namespace for one in chosen if one.namespace not in where.net_confs]
        notes += [
            f"net-conf.json of {namespace} could not be read, so what it says is taken from nodes"
            for namespace in dict.fromkeys(missing)
        ]
        return answers.About(
            cluster=self._sight.cluster,
            now=self._clock.now(),
            flannel=", ".join(one.name for one in chosen),
            version=", ".join(dict.fromkeys(one.version for one in chosen)),
            backend=", ".join(dict.fromkeys(one.backend for one in chosen)),
            flags=chosen[0].flags.as_text,
            notes=tuple(notes),
        )


def _look(seen: inspection.Inspection) -> answers.Look:
    return answers.Look(seen.node, seen.way, seen.taken_at, seen.problems)


def _named(ahead: outlook.Outlook) -> set[str]:
    return {name for attempt in ahead.choice.attempts for name in attempt.names}


def _deviations(known: Sequence[study.Study]) -> list[faults.Deviation]:
    return [one for each in known if each.drift is not None for one in each.drift.deviations]
