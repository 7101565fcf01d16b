"""The bot, counting its tasks: `python -m tests.bench.counted run`; SIGUSR1 has it tell them."""

import asyncio
import collections
import json
import signal
import sys
import threading


def _tell(*_: object) -> None:
    tasks = collections.Counter(_kind(task) for task in asyncio.all_tasks())
    told = {"tasks": dict(tasks), "threads": threading.active_count()}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _kind(task: asyncio.Task[object]) -> str:
    """A task by its name, or by what it runs where it was given none."""
    name = task.get_name()
    coroutine = getattr(task.get_coro(), "__qualname__", "?")
    return coroutine if name.startswith("Task-") else name


if __name__ == "__main__":
    from bot import cli

    signal.signal(signal.SIGUSR1, _tell)
    sys.exit(cli.main(sys.argv[1:]))
