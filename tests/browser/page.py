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
async def chromium(**context: Any) -> AsyncIterator[async_api.Page]:
    """A page in the system's own Chromium; errors of the page fail whoever uses it."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    async with async_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(QUIET))
        try:
            page = await (await browser.new_context(**context)).new_page()
            faults: list[str] = []
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on(
                "console",
                lambda said: faults.append(said.text) if said.type == "error" else None,
            )
            page.set_default_timeout(PATIENCE)
            async_api.expect.set_options(timeout=PATIENCE)
            yield page
            assert not faults, faults
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def demo(directory: Path, *arguments: str) -> AsyncIterator[dict[str, Any]]:
    """The demo on free ports."""
    async with processes.started(
        "demo", "--page-port", "0", "--api-port", "0", "--health-port", "0", "--no-browser",
        "--data-dir", str(directory), *arguments,
    ) as running:  # fmt: skip
        yield await running.ready()
