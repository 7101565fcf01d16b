"""What flannel's log on a node says of its newest run and of the one before."""

from dataclasses import dataclass

from bot.domain import errors, snapshot
from bot.flannel import logs, versions
from bot.flow import explain, ports


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs that could be read, the newest first, each with which it is; and what could not."""

    runs: tuple[tuple[str, logs.Log], ...] = ()
    unread: tuple[str, ...] = ()


async def read(
    source: ports.Logs,
    pod: snapshot.Pod,
    container: str,
    *,
    version: versions.Version | None,
    lines: int,
) -> Runs:
    """Read the newest run, and the one before where there was one. Secrets are removed first."""
    state = next((one for one in pod.containers if one.name == container), None)
    runs, unread = [], []
    wanted = [(False, "the newest run")]
    if state is not None and state.restart_count > 0:
        wanted.append((True, "the run before"))
    for previous, title in wanted:
        try:
            text = await source.tail(
                pod.namespace, pod.name, container, previous=previous, lines=lines
            )
        except errors.BotError as error:
            unread.append(f"{title} could not be read: {explain.redact(str(error))}")
            continue
        if text.strip():
            runs.append((title, logs.read(explain.redact(text), version=version)))
        else:
            unread.append(f"the log of {title} is empty")
    return Runs(tuple(runs), tuple(unread))
