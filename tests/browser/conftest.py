"""One workspace for the tests of a module and one browser: starting them costs most of the time."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.browser import page as pages
from tests.browser import workspace


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def app() -> AsyncIterator[workspace.App]:
    async with workspace.running() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with pages.browser() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def page(app: workspace.App, browser: Browser) -> AsyncIterator[Page]:
    """The page anew, as the operator sees it; what the tests before said is still there."""
    app.silent = False
    async with pages.opened(browser, viewport={"width": 1280, "height": 800}) as shown:
        await shown.goto(app.slack.page)
        await shown.get_by_text("bot connected").wait_for()
        yield shown
