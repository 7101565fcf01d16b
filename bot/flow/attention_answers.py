"""What people ask of what they are told: to take it on, or to be spared it, and what that hides."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain import noise, notice
from bot.domain.silence import Hidden, Silence
from bot.flow.remedy_answers import Said


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Who owns an incident now. `done` is False where somebody else did already."""

    incident: str
    title: str
    owner: str
    at: datetime
    done: bool = True
    again: bool = False
    """Whether it was so before, by the same person."""


@dataclass(frozen=True, slots=True)
class Silenced:
    """A silence, and how much it hides now."""

    silence: Silence
    hides: Hidden


@dataclass(frozen=True, slots=True)
class SilenceList:
    """`/flannel silences`: those not over, then those that ended lately."""

    now: datetime
    alive: tuple[Silenced, ...] = ()
    ended: tuple[Silence, ...] = ()

    def within(self, cluster: str) -> "SilenceList":
        """Return those that can hide something in a cluster."""
        return SilenceList(
            now=self.now,
            alive=tuple(one for one in self.alive if one.silence.only in ("", cluster)),
            ended=tuple(one for one in self.ended if one.only in ("", cluster)),
        )


class Attention(Protocol):
    """Where incidents are taken on and silenced, whoever asks.

    `user` is a Slack user id, judged here at every call. Raises Refused with a sentence for what
    is not there, cannot be read or may not be done.
    """

    async def acknowledge(self, number: int, user: str, *, take: bool = False) -> Acknowledged:
        """Take an incident on; with `take` also one that somebody else has."""

    async def silence(
        self,
        cluster: str | None,
        expression: str,
        user: str,
        *,
        lasts: timedelta,
        after: timedelta = timedelta(),
        reason: str = "",
    ) -> Silenced:
        """Silence what matches, from now or from later on."""

    async def silence_incident(
        self, number: int, user: str, *, lasts: timedelta, reason: str = ""
    ) -> Silenced:
        """Silence what an incident is about: its check on its workload."""

    async def unsilence(self, number: int, user: str) -> Said:
        """End a silence."""

    async def silences(self) -> SilenceList:
        """List silences."""

    async def noise(self, cluster: str | None) -> noise.Report:
        """Tell what was told in the last month, and what came of it."""

    async def handover(self, cluster: str | None) -> notice.Detail:
        """Tell whoever comes on duty what is in the air."""
