"""Remediation put together: part of the composition root, for `app` and the command line."""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot import options, settings, watched
from bot.adapters.cluster import actuator
from bot.flow import (
    approve,
    authority,
    carry,
    drafting,
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
from bot.flow.site import Site
from bot.flow.situations import Situations


@dataclass(frozen=True, slots=True)
class Remedies:
    """The desk where changes are asked for, and who carries them out."""

    desk: remediation.Remediation
    executor: execute.Executor


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
    rechecking = recheck.Rechecking(sites, journal, situations, proposing, clock=clock)
    desk = remediation.Remediation(
        sites,
        journal,
        situations=situations,
        people=people,
        drafting=drafting.Drafting(
            sites,
            store,
            authority=authority.Authority(sites, people),
            tickets=tickets.Tickets(store),
            offering=offering.Offering(sites, clock=clock),
            proposing=proposing,
        ),
        approving=approve.Approving(journal, people, void=rechecking.void, clock=clock),
        clock=clock,
        wake=executor.wake,
    )
    return Remedies(desk=desk, executor=executor)


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
