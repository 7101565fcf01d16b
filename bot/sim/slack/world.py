"""The parts of the pretend Slack, put together once and handed to whoever serves them."""

from dataclasses import dataclass

from bot.sim.slack import (
    callbacks,
    delivery,
    events,
    faults,
    files,
    journal,
    limits,
    links,
    live,
    rates,
    views,
    workspace,
)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Durations of Slack's, in seconds; tests scale them down."""

    ack: float = limits.ACK_SECONDS
    """How long a payload may stay unacknowledged."""
    trigger: float = limits.TRIGGER_SECONDS
    """How long a `trigger_id` is good."""
    response_url: float = limits.RESPONSE_URL_SECONDS
    """How long a `response_url` is good."""
    processing: float = limits.FILE_SECONDS
    """How long a file takes until it can be shown."""
    event_retries: tuple[float, ...] = events.RETRY_SECONDS
    """Waits before an event is sent again."""
    connection: float = limits.CONNECTION_SECONDS
    """How long a Socket Mode connection lives."""
    heartbeat: float = 15.0
    """How often an open page hears that the line is alive."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything there is, in one process."""

    space: workspace.Workspace
    faults: faults.Faults
    files: files.Files
    journal: journal.Journal
    rates: rates.Rates
    live: live.Live
    links: links.Links
    way: delivery.Delivery
    events: events.Events
    triggers: callbacks.Triggers
    responses: callbacks.ResponseUrls
    views: views.Views
    pace: Pace
