"""Changed configuration is taken over while the bot runs; what cannot be is refused and told.

Looked at by content, every few seconds: a mounted ConfigMap changes by a link that no watcher of
files sees. The environment cannot change.
"""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from bot import configuration, settings, settings_sources
from bot.domain import errors
from bot.flow import ports

log = structlog.get_logger(__name__)


class Renewed(Exception):
    """The bot has to begin anew with other settings."""

    def __init__(self, given: settings.Settings) -> None:
        super().__init__("other settings are in force")
        self.given = given


class Reloading:
    """Watches what the settings are made of.

    Args:
        file: as the command line names it.
        log_format: likewise.
        given: the settings in force.
    """

    def __init__(self, file: Path | None, log_format: str | None, given: settings.Settings) -> None:
        self._file = file
        self._log_format = log_format
        self._given = given
        # Rotated ones too, for as long as the process lives: what was under way when a secret was
        # replaced still carries the old one, and not everybody takes an old one back at once.
        self._secrets = configuration.secrets(given)
        self._seen = self._fingerprint()
        self._next: settings.Settings | None = None
        self.refused = ""
        """Why the newest configuration is not in force; empty where it is."""

    def refuse(self, why: str, instead: settings.Settings) -> None:
        """Say that settings are not in force after all, and which are."""
        self._given = instead
        self.refused = why
        log.error("configuration_refused", why=why, consequence="the one before stays in force")

    async def watch(
        self,
        *,
        clock: ports.Clock,
        every: float,
        busy: Callable[[], Awaitable[bool]],
        tell: Callable[[str], Awaitable[None]],
    ) -> None:
        """Look again and again.

        Args:
            clock: time.
            every: seconds between two looks.
            busy: whether beginning anew has to wait.
            tell: tells people why a configuration was refused.

        Raises:
            Renewed: other settings have to take over.
        """
        while True:
            await clock.sleep(every)
            self._look()
            if self._next is not None and not await busy():
                log.info("configuration_changed", consequence="beginning anew")
                self._given, self._next = self._next, None
                raise Renewed(self._given)
            if self.refused:
                await tell(self.refused)

    def _look(self) -> None:
        """Take over what can be now; `_next` is what asks for a new beginning."""
        seen = self._fingerprint()
        if seen == self._seen:
            return
        self._seen = seen
        self._next = None
        try:
            new = settings_sources.load(self._file)
            configuration.refuse_incomplete(new)
        except errors.Misconfigured as error:
            self.refuse(str(error), self._given)
            return
        self.refused = ""
        # Secrets are among what changes: none of them may reach the log from here on.
        self._secrets = configuration.secrets(new, besides=self._secrets)
        configuration.begin_logging(new, self._log_format, besides=self._secrets)
        if new.log != self._given.log:
            log.info("log_level_changed", level=new.log.level)
        if new.model_copy(update={"log": self._given.log}).differs(self._given):
            self._next = new
        else:
            self._given = new

    def _fingerprint(self) -> str:
        told = hashlib.sha256()
        for path in settings_sources.files(self._file):
            told.update(str(path).encode())
            try:
                told.update(hashlib.sha256(path.read_bytes()).digest())
            except OSError as error:
                told.update(str(error.errno).encode())
        return told.hexdigest()
