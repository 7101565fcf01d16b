"""The demo in headless Chromium."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright import async_api

from tests.acceptance import processes

QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--no-first-run", "--disable-quic",
)  # fmt: skip


PATIENCE = 60_000
"""Milliseconds to wait for what should appear; a slow machine needs most of it."""


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[async_api.Browser]:
    """The system's own Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    async with async_api.async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=path, args=list(QUIET))
        async_api.expect.set_options(timeout=PATIENCE)
        try:
            yield running
        finally:
            await running.close()


@contextlib.asynccontextmanager
async def opened(running: async_api.Browser, **context: Any) -> AsyncIterator[async_api.Page]:
    """A page with nothing remembered; errors of the page fail whoever uses it."""
    its = await running.new_context(**context)
    try:
        page = await its.new_page()
        faults: list[str] = []

        def heard(said: async_api.ConsoleMessage) -> None:
            # The control's refusals are shown on the page; the browser's own line adds nothing.
            if said.type == "error" and "/_sim/" not in said.location["url"]:
                faults.append(said.text)

        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", heard)
        page.set_default_timeout(PATIENCE)
        yield page
        assert not faults, faults
    finally:
        await its.close()


@contextlib.asynccontextmanager
async def chromium(**context: Any) -> AsyncIterator[async_api.Page]:
    """A browser with one page."""
    async with browser() as running, opened(running, **context) as page:
        yield page


@contextlib.asynccontextmanager
async def demo(directory: Path, *arguments: str) -> AsyncIterator[dict[str, Any]]:
    """The demo on free ports."""
    async with processes.started(
        "demo", "--page-port", "0", "--api-port", "0", "--health-port", "0", "--no-browser",
        "--data-dir", str(directory), *arguments,
    ) as running:  # fmt: skip
        yield await running.ready()
