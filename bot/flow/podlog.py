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
        told = await run(
            source, pod, container, previous=previous, version=version, lines=lines, title=title
        )
        if isinstance(told, str):
            unread.append(told)
        else:
            runs.append((title, told))
    return Runs(tuple(runs), tuple(unread))


async def run(
    source: ports.Logs,
    pod: snapshot.Pod,
    container: str,
    *,
    previous: bool,
    version: versions.Version | None,
    lines: int,
    title: str = "",
) -> logs.Log | str:
    """Read one run, secrets removed; the sentence that says why where it cannot be read."""
    title = title or ("the run before" if previous else "the newest run")
    try:
        text = await source.tail(pod.namespace, pod.name, container, previous=previous, lines=lines)
    except errors.BotError as error:
        return f"{title} could not be read: {explain.redact(str(error))}"
    if not text.strip():
        return f"the log of {title} is empty"
    return logs.read(explain.redact(text), version=version)
