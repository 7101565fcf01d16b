"""What every test shares: real parts, skips that are told, and no task left behind."""

import asyncio
import gc
import inspect
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import pytest_asyncio
import structlog
from hypothesis.internal.conjecture import providers
from looptime._internal import plugin as looptime_plugin

from tests import rewriting

ROOT = Path(__file__).parent.parent
REQUIRED = os.environ.get("REQUIRE_REAL") == "1"
ALLOWED_SKIPS = Path(__file__).parent / "allowed_skips.txt"


def _chromium() -> str:
    return shutil.which("chromium") or shutil.which("chromium-browser") or ""


def _postgresql() -> str:
    found = sorted(str(path) for path in Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1] if found else shutil.which("initdb") or ""


# name -> where it is; empty when it is not there
REAL = {
    "chromium": _chromium,
    "kubectl": lambda: shutil.which("kubectl") or "",
    "postgresql": _postgresql,
    "prometheus": lambda: shutil.which("prometheus") or "",
    "promtool": lambda: shutil.which("promtool") or "",
}


# No example has a deadline, and none is too slow: how long one takes is the machine's matter.
_UNHURRIED = {
    "deadline": None,
    "suppress_health_check": [hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("new", **_UNHURRIED)
hypothesis.settings.register_profile("same", derandomize=True, max_examples=60, **_UNHURRIED)
# The same examples each time: whoever changes a line is not told of an old one's odd case.
# `HYPOTHESIS_PROFILE=new make test` looks for new ones.
_PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "same")
hypothesis.settings.load_profile(_PROFILE)
if _PROFILE == "same":
    # Its examples take up constants of all modules loaded so far, which differ by worker; nothing
    # public says otherwise (hypothesis 6.170).
    providers.is_local_module_file = lambda path: False

# A traceback with every local variable takes a second to be drawn, on the loop that has to answer
# within three; the bot itself writes JSON.
structlog.dev.ConsoleRenderer.get_active().exception_formatter = structlog.dev.plain_traceback


def _makes_a_loop(fixture: pytest.FixtureDef[Any], _request: pytest.FixtureRequest) -> bool:
    return fixture.func.__module__ == pytest_asyncio.plugin.__name__


# Its own looks through all names of the asyncio plugin before each fixture of each test: a quarter
# of what a small test costs.
looptime_plugin._should_patch = _makes_a_loop


def pytest_configure(config: pytest.Config) -> None:
    """Have no loop set: the asyncio plugin would make one by asking for it, and never close it."""
    asyncio.set_event_loop(None)
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        rewriting.prepare(config)


# Where nothing but timers can wake a loop, its time need not wait for anything before it moves on.
# The plugin's own 42 empty rounds before each step are most of such a test's cost.
_AT_ONCE = pytest.mark.looptime(noop_cycles=0)


def _spread(items: list[pytest.Item]) -> list[pytest.Item]:
    """Put groups, which wait for most of their time, between the many that compute.

    All together at the beginning, as xdist has it by itself, they would leave cores idle.
    """
    groups: dict[str, list[pytest.Item]] = {}
    rest: list[pytest.Item] = []
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        if mark is None and any(real.args[0] == "postgresql" for real in item.iter_markers("real")):
            # One server for all: to make one takes three seconds of CPU.
            item.add_marker(pytest.mark.xdist_group("postgresql"))
            mark = item.get_closest_marker("xdist_group")
        (rest if mark is None else groups.setdefault(mark.args[0], [])).append(item)
    step = len(rest) // (len(groups) + 1)
    spread: list[pytest.Item] = []
    for number, group in enumerate(sorted(groups.values(), key=len, reverse=True)):
        spread += group + rest[number * step : (number + 1) * step]
    return spread + rest[len(groups) * step :]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items[:] = _spread(items)
    found = {name: look() for name, look in REAL.items()}
    for item in items:
        if item.get_closest_marker("looptime"):
            item.add_marker(_AT_ONCE)
        for mark in item.iter_markers("real"):
            name = mark.args[0]
            if found[name] or REQUIRED:
                continue
            item.add_marker(pytest.mark.skip(reason=f"{name} is not installed"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("real"):
        item.user_properties.append(("real", mark.args[0]))
        if not REAL[mark.args[0]]():
            pytest.fail(f"{mark.args[0]} is missing, and REQUIRE_REAL=1 asks for it", pytrace=False)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say which real parts were found and used, and which were not."""
    used: dict[str, int] = dict.fromkeys(REAL, 0)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in report.user_properties:
                if name == "real":
                    used[value] += 1
    terminalreporter.section("real parts")
    for name, look in REAL.items():
        where = look()
        if not where:
            state = "not found: its tests were skipped"
        elif used[name]:
            state = f"found at {where}, used by {used[name]} tests"
        else:
            state = f"found at {where}, not used by the tests chosen"
        terminalreporter.write_line(f"{name}: {state}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Under REQUIRE_REAL a skip that nobody has agreed to fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not REQUIRED or reporter is None or hasattr(session.config, "workerinput"):
        return
    allowed = {
        line.split("#")[0].strip()
        for line in ALLOWED_SKIPS.read_text().splitlines()
        if line.split("#")[0].strip()
    }
    skipped = {report.nodeid for report in reporter.stats.get("skipped", [])}
    if unlisted := sorted(skipped - allowed):
        reporter.write_line("skips that tests/allowed_skips.txt does not list:", red=True)
        for nodeid in unlisted:
            reporter.write_line(f"  {nodeid}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith(("FLANNEL_BOT_", "SLACK_", "KUBERNETES_SERVICE_", "KUBECONFIG")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _no_task_left_behind(request: pytest.FixtureRequest) -> None:
    """A test that leaves a task running fails: production would leak it too."""
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("_tasks_watched")


@pytest_asyncio.fixture
async def _tasks_watched() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    before |= {asyncio.current_task()}
    # Tasks that were cancelled need a turn to end.
    for _ in range(20):
        left = [task for task in asyncio.all_tasks() - before if not task.done()]
        if not left:
            return
        await asyncio.sleep(0.01)
    names = ", ".join(f"{task.get_name()} {task.get_coro()}" for task in left)
    pytest.fail(f"left behind: {names}", pytrace=False)


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: tests over the wire wait for as long as they compute."""
    return (os.cpu_count() or 1) + 2


def pytest_collection_finish() -> None:
    """What was collected lives to the end: no collection of garbage need walk through it again."""
    gc.collect()
    gc.freeze()
