"""One collection, listed and then watched, for ever.

List, then watch from the list's version; resume where a watch ends; list anew when the version
is too old, when the stream stays silent twice, or when asked to. What was last known stays on
the shelf while this fails: that it is not current is told by a gap.
"""

import asyncio
import contextlib
import math
import random
from collections.abc import Callable
from datetime import datetime

import structlog

from bot.adapters.cluster import client, failures, frames, kinds, listing, patience, shelf
from bot.domain import errors, snapshot
from bot.flow import ports

_log = structlog.get_logger(__name__)

NOT_YET = "not listed yet"
"""Why nothing is seen while the first list is on its way."""


class Watch:
    """The mirror of one kind in one namespace (an empty one: in all of the cluster).

    `on_change` is called whenever something a judgement could see has changed.
    """

    def __init__(
        self,
        api: client.Client,
        kind: kinds.Kind,
        namespace: str,
        *,
        onto: shelf.Shelf,
        clock: ports.Clock,
        telemetry: ports.Telemetry,
        on_change: Callable[[], None],
    ) -> None:
        self.kind = kind
        self.namespace = namespace
        self.trouble = patience.Trouble()
        self.synced = False
        self.events = 0
        self.heartbeats = 0
        self._api = api
        self._options = api.options
        self._shelf = onto
        self._clock = clock
        self._telemetry = telemetry
        self._on_change = on_change
        self._began = clock.now()
        self._version = ""
        self._alive: float | None = None
        self._bad: dict[tuple[str, str], snapshot.Gap] = {}
        self._short_ends = 0
        self._silences = 0
        self._scope: asyncio.Timeout | None = None
        self._interruption: Exception | None = None
        self._relist = False
        self._wake = asyncio.Event()
        self._waiting: list[asyncio.Future[str]] = []

    # What is known of it

    @property
    def silent_for(self) -> float | None:
        """Seconds since the server last sent anything here, or None if it never did."""
        return None if self._alive is None else self._clock.monotonic() - self._alive

    def age(self) -> ports.ResourceAge:
        """Tell how fresh this is."""
        return ports.ResourceAge(
            resource=self.kind.resource,
            namespace=self.namespace,
            objects=self._shelf.count(self.namespace),
            synced=self.synced,
            age_seconds=self.silent_for,
            failures=self.trouble.attempts,
            error=self.trouble.reason,
        )

    def gaps(self) -> list[snapshot.Gap]:
        """Tell what cannot be trusted now, the whole collection or single objects."""
        trouble = self.trouble
        if not self.synced:
            why = f"{NOT_YET}: {trouble.reason}" if trouble.reason else NOT_YET
            return [self._gap(why, since=trouble.since or self._began)]
        found = list(self._bad.values())
        if trouble.since is not None:
            lasted = (self._clock.now() - trouble.since).total_seconds()
            if lasted >= self._options.gap_after or trouble.at_once:
                found.insert(0, self._gap(trouble.reason, since=trouble.since))
        return found

    # What can be asked of it

    async def relist(self) -> str:
        """List anew, and return what went wrong, or an empty text."""
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._relist = True
        self._interrupt()
        return await done

    def doubt(self, failure: Exception) -> None:
        """Drop the present stream: somebody found out that the server does not answer."""
        if self._scope is not None:
            self._interruption = failure
            self._interrupt()

    def stood_still(self, seconds: float) -> None:
        """Trust nothing that is known until the server has been heard: the bot itself did not run.

        Connections may have died meanwhile without a word that could have been heard.
        """
        reason = f"the bot itself stood still for {seconds:.0f} s"
        if self.synced and self.trouble.since is None:
            self.trouble.distrust(reason, now=self._clock.now())
        self.doubt(failures.Failure(reason))

    # What it does

    async def run(self) -> None:
        """List and watch until cancelled."""
        try:
            while True:
                try:
                    if self._relist or not self._version:
                        await self._list()
                    else:
                        await self._follow()
                except errors.BotError as failure:
                    await self._recover(failure)
        finally:
            self._answer_waiting("the mirror has stopped")

    def crashed(self, exc: Exception) -> None:
        """A fault of our own ended `run`: begin anew from a list, and let it be seen."""
        self._version = ""
        self._note(f"a fault in the bot itself: {type(exc).__name__}")

    async def _list(self) -> None:
        self._relist = False
        waiting, self._waiting = self._waiting, []
        result = "interrupted"
        try:
            listed = await listing.collect(
                self._api, self.kind, self.namespace, known=self._shelf.get
            )
            result = ""
        except errors.BotError as failure:
            result = str(failure)
            raise
        finally:
            for done in waiting:
                if not done.done():
                    done.set_result(result)
        self._take_list(listed)

    def _take_list(self, listed: listing.Listed) -> None:
        for namespace, name in listed.bad:
            # The last good state stays, under its gap: it has not gone.
            key = self.kind.key(namespace, name)
            old = self._shelf.get(key)
            if old is not None:
                listed.objects[key] = old
        before = dict(self._bad)
        self._bad = {
            place: self._bad_gap(*place, why, old=before.get(place))
            for place, why in listed.bad.items()
        }
        changed = self._shelf.replace(self.namespace, listed.objects)
        first, self.synced = not self.synced, True
        self._version = listed.version
        self._live()
        if changed or first or before != self._bad:
            self._on_change()

    async def _follow(self) -> None:
        """Watch from the known version until the stream ends, one way or another."""
        seconds = random.uniform(*self._options.watch_timeout)  # noqa: S311  # spreads load
        asked = math.ceil(seconds)
        loop = asyncio.get_running_loop()
        began, opened, settled = loop.time(), False, None
        splitter = frames.Splitter(self._options.line_limit)
        silence = self._options.silence_after
        self._interruption = None
        try:
            async with (
                asyncio.timeout(self._options.request_timeout) as self._scope,
                self._api.stream(
                    self._question(asked), total=asked + self._options.watch_grace
                ) as stream,
            ):
                opened, began = True, loop.time()
                self._live()
                settled = loop.call_later(self._options.settle_after, self._settle)
                self._scope.reschedule(loop.time() + silence)
                async for chunk in stream.iter_any():
                    self._live()
                    for line in splitter.feed(chunk):
                        self._take_line(line)
                    if not self._interrupted:
                        self._scope.reschedule(loop.time() + silence)
        except TimeoutError:
            doubt, self._interruption = self._interruption, None
            if doubt is not None:
                raise doubt from None
            if self._relist:
                return
            if not opened:
                raise failures.Failure(
                    f"cannot watch {self.kind.what(self.namespace)}: "
                    f"no answer in {self._options.request_timeout:g} s",
                    doubts_version=True,
                ) from None
            self._silent()
            return
        except frames.LineTooLong as exc:
            raise failures.Failure(str(exc), doubts_version=True) from exc
        finally:
            self._scope = None
            if settled is not None:
                settled.cancel()
        self._ended(splitter, lasted=loop.time() - began)

    def _question(self, seconds: int) -> client.Ask:
        return client.Ask(
            verb="watch",
            resource=self.kind.resource,
            what=self.kind.what(self.namespace),
            grant=self.kind.grant,
            path=self.kind.path(self.namespace),
            query=(
                ("watch", "true"),
                ("allowWatchBookmarks", "true"),
                ("resourceVersion", self._version),
                ("timeoutSeconds", str(seconds)),
            ),
        )

    def _ended(self, splitter: frames.Splitter, *, lasted: float) -> None:
        """The server has closed the stream in good order: resume, but not in a tight loop."""
        if splitter.unfinished:
            raise failures.Failure("the watch ended in the middle of an event")
        self._short_ends = 0 if lasted >= self._options.settle_after else self._short_ends + 1
        if self._short_ends > 1:
            raise failures.Failure(
                f"the watch of {self.kind.what(self.namespace)} ends as soon as it begins",
                doubts_version=True,
            )
        self._restarted()

    def _silent(self) -> None:
        self._restarted()
        self._silences += 1
        if self._silences > 1:
            # A version from the future, as after a restored etcd, is answered with silence.
            self._silences = 0
            self._version = ""

    async def _recover(self, failure: errors.BotError) -> None:
        """Remember what went wrong, and wait before the next attempt."""
        if isinstance(failure, failures.Expired) and self.trouble.attempts == 0:
            self.trouble.attempts = 1
        else:
            self._note(str(failure))
        if self._version:
            self._restarted()
        if self.trouble.doubts_version(failure):
            self._version = ""
        self._wake.clear()
        if self._relist:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.trouble.delay(failure, self._options)):
                await self._wake.wait()

    def _take_line(self, raw: bytes) -> None:
        if not raw.strip():
            return
        line = frames.understand(self.kind, raw)
        self._silences = 0
        if self.trouble.since is not None:
            self._ease()
        changed = self._take_event(line)
        if line.version:
            self._version = line.version
        if changed:
            self._on_change()

    def _take_event(self, line: frames.Line) -> bool:
        if line.said is frames.Said.BOOKMARK:
            return False
        self.events += 1
        place = (line.namespace or self.namespace, line.name)
        key = self.kind.key(*place)
        if line.said is frames.Said.GONE:
            was_bad = self._bad.pop(place, None) is not None
            return self._shelf.drop(self.namespace, key) or was_bad
        error = line.error
        if line.said is frames.Said.CHANGED:
            try:
                value = self.kind.translate(line.value)
            except ValueError as exc:
                error = failures.short(str(exc))
            else:
                was_bad = bool(self._bad) and self._bad.pop(place, None) is not None
                if self._shelf.put(self.namespace, key, value) or was_bad:
                    return True
                self.heartbeats += 1
                return False
        old = self._bad.get(place)
        self._bad[place] = self._bad_gap(*place, error, old=old)
        return self._bad[place] != old

    # Small steps

    def _bad_gap(
        self, namespace: str, name: str, why: str, *, old: snapshot.Gap | None
    ) -> snapshot.Gap:
        self._telemetry.count(
            "bad_objects_total", cluster=self._options.name, resource=self.kind.resource
        )
        reason = f"cannot be understood: {why}"
        if old is not None:
            return snapshot.Gap(self.kind.resource, reason, old.since, old.namespace, old.name)
        _log.warning(
            "bad_object",
            cluster=self._options.name,
            resource=self.kind.resource,
            namespace=namespace,
            object=name,
            error=why,
        )
        return snapshot.Gap(self.kind.resource, reason, self._clock.now(), namespace, name)

    def _gap(self, reason: str, *, since: datetime) -> snapshot.Gap:
        return snapshot.Gap(self.kind.resource, reason, since, self.namespace)

    def _note(self, reason: str) -> None:
        self.trouble.note(reason, now=self._clock.now())

    def _live(self) -> None:
        self._alive = self._clock.monotonic()

    def _ease(self) -> None:
        seen = bool(self.gaps())
        self.trouble.ease()
        if seen:
            self._on_change()

    def _settle(self) -> None:
        self._ease()
        self.trouble.settle()

    def _restarted(self) -> None:
        self._telemetry.count(
            "watch_restarts_total", cluster=self._options.name, resource=self.kind.resource
        )

    def _interrupt(self) -> None:
        self._wake.set()
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time())

    @property
    def _interrupted(self) -> bool:
        return self._relist or self._interruption is not None

    def _answer_waiting(self, result: str) -> None:
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            if not done.done():
                done.set_result(result)
