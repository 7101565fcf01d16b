"""Remediation put together: part of the composition root, for `app` and the command line."""

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot import options, settings, watched
from bot.adapters.cluster import actuator
from bot.flow import (
    approve,
    carry,
    execute,
    leading,
    ports,
    propose,
    remediation,
    remedy_answers,
)
from bot.flow.journal import Journal
from bot.flow.site import Site
from bot.flow.situations import Options as Rules
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
    enabled = given.remediation.enabled
    sites = {each.cycle.cluster: _site(given, each, clock, leader) for each in watching}

    def kept(where: ports.Store) -> Journal:
        return Journal(where, lambda cluster: sites[cluster].channel, clock=clock, told=told)

    journal = kept(store)
    situations = Situations(
        store,
        people,
        clock=clock,
        options=Rules(
            enabled=enabled,
            runbooks=frozenset(given.remediation.runbooks),
            limits=options.changing(given),
            windows=options.frozen(given),
        ),
    )
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
    executor = execute.Executor(sites, means, name=me(), enabled=enabled)
    desk = remediation.Remediation(
        sites,
        journal,
        situations=situations,
        people=people,
        proposing=proposing,
        approving=approve.Approving(journal, situations, people, proposing, clock=clock),
        clock=clock,
        enabled=enabled,
        wake=executor.wake,
    )
    return Remedies(desk=desk, executor=executor)


def _site(
    given: settings.Settings, each: watched.Watched, clock: ports.Clock, leader: leading.Leader
) -> Site:
    return Site(
        mirror=each.mirror,
        actuator=actuator.Actuator(each.api, clock=clock, leads=leader.leads),
        sight=each.sight,
        looks=each.inspector,
        known=each.cycle.insight,
        channel=each.cycle.channel,
        own_node=given.remediation.own_node,
    )


def me() -> str:
    """Name this process, as the journal tells who did something."""
    return f"{socket.gethostname()}/{os.getpid()}"
