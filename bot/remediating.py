"""Remediation put together: part of the composition root, for `app` and the command line."""

import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from bot import options, settings, watched
from bot.adapters.cluster import actuator
from bot.domain.approval import Outcome
from bot.domain.plan import Plan
from bot.flow import (
    approve,
    asking,
    authority,
    carry,
    drafting,
    elsewhere,
    execute,
    leading,
    offering,
    ports,
    propose,
    recheck,
    remediation,
    remedy_answers,
    tickets,
)
from bot.flow.journal import Journal
from bot.flow.site import Lookout, Site
from bot.flow.situations import Situations


@dataclass(frozen=True, slots=True)
class Hands:
    """What takes rights in a cluster: who carries out, and what drafts and rechecks requests."""

    executor: execute.Executor
    drafting: drafting.Drafting
    void: Callable[[Plan], Awaitable[Outcome | None]]


@dataclass(frozen=True, slots=True)
class Remedies:
    """The desk where changes are asked for, and what changes; None where another process does."""

    desk: remediation.Remediation
    hands: Hands | None = None


def build(
    given: settings.Settings,
    watching: Sequence[watched.Watched],
    store: ports.Store,
    people: remedy_answers.People,
    *,
    leader: leading.Leader,
    own: ports.Store,
    clock: ports.Clock,
    told: Callable[[], None],
) -> Remedies:
    """Put remediation together over some clusters; `own` is the store as the leader writes it."""
    sites = {each.cycle.cluster: _site(each, clock, leader) for each in watching}

    def kept(where: ports.Store) -> Journal:
        return Journal(where, lambda cluster: _channel(sites, cluster), clock=clock, told=told)

    journal = kept(store)
    situations = Situations(store, people, clock=clock)
    proposing = propose.Proposing(
        sites,
        journal,
        situations,
        clock=clock,
        options=options.proposing(given),
    )
    means = carry.Means(
        journal=kept(own),
        situations=situations,
        people=people,
        clock=clock,
        recheck=proposing.stale,
        options=options.carrying(given),
    )
    executor = execute.Executor(sites, means, name=me())
    drafts = drafting.Drafting(
        sites,
        store,
        authority=authority.Authority(sites, people),
        tickets=tickets.Tickets(store),
        offering=offering.Offering(sites, clock=clock),
        proposing=proposing,
    )
    rechecking = recheck.Rechecking(sites, journal, situations, proposing, clock=clock)
    desk = remediation.Remediation(
        sites,
        journal,
        situations=situations,
        people=people,
        drafting=drafts,
        approving=approve.Approving(journal, people, void=rechecking.void, clock=clock),
        clock=clock,
        wake=executor.wake,
    )
    return Remedies(desk, Hands(executor, drafts, rechecking.void))


def without_hands(
    watching: Sequence[watched.Watched],
    store: ports.Store,
    people: remedy_answers.People,
    executor: asking.Asking,
    *,
    clock: ports.Clock,
    told: Callable[[], None],
) -> Remedies:
    """Put together what a process may that holds no rights; for the rest it asks the executor."""
    grounds = {
        each.cycle.cluster: Lookout(each.mirror, each.cycle.insight, options.rules(each.given))
        for each in watching
    }
    channels = {each.cycle.cluster: each.cycle.channel for each in watching}
    journal = Journal(store, lambda cluster: channels.get(cluster, ""), clock=clock, told=told)
    void = elsewhere.Rechecking(executor).void
    desk = remediation.Remediation(
        grounds,
        journal,
        situations=Situations(store, people, clock=clock),
        people=people,
        drafting=elsewhere.Drafting(executor),
        approving=approve.Approving(journal, people, void=void, clock=clock),
        clock=clock,
    )
    return Remedies(desk)


def _channel(sites: Mapping[str, Site], cluster: str) -> str:
    """Return where a cluster is told; empty for one that is watched no more."""
    return sites[cluster].channel if cluster in sites else ""


def _site(each: watched.Watched, clock: ports.Clock, leader: leading.Leader) -> Site:
    return Site(
        mirror=each.mirror,
        actuator=actuator.Actuator(each.api, clock=clock, leads=leader.leads),
        sight=each.sight,
        looks=each.inspector,
        known=each.cycle.insight,
        channel=each.cycle.channel,
        own_node=each.given.remediation.own_node,
        rules=options.rules(each.given),
    )


def me() -> str:
    """Name this process, as the journal tells who did something."""
    return f"{socket.gethostname()}/{os.getpid()}"
