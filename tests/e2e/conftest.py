"""The real app in its own process, and pages of Debian's Chromium that fail on any error in the console."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.server import Server

CHROMIUM = Path("/usr/bin/chromium")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream"]  # fmt: skip
PATIENCE = 60_000  # milliseconds for anything that a model does


@dataclass(frozen=True)
class Served:
    """A running app."""

    url: str
    data: Path

    def stored(self) -> set[str]:
        """Names of the image blobs that are on disk."""
        return {path.name for path in (self.data / "blobs").rglob("*") if path.is_file()}

    def cases(self) -> int:
        """How many cases the database holds; none where there is no database."""
        from ru1_app.store.sql import Store

        if not (self.data / "ru1.sqlite3").is_file():
            return 0
        store = Store(f"sqlite:///{self.data / 'ru1.sqlite3'}", self.data / "blobs")
        try:
            return store.count_cases()
        finally:
            store.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`python app.py` on a free port with a data folder of its own."""
    data = tmp_path_factory.mktemp("served") / "data"
    with Server(data) as server:
        yield Served(server.url, data)
        assert "Traceback" not in server.log()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; the tests are skipped where it is not installed."""
    if not CHROMIUM.is_file():
        pytest.skip(f"{CHROMIUM} is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any, served: Served) -> Iterator[Callable[..., Any]]:
    """Opens pages; at the end, none of them may have logged an error."""
    contexts: list[Any] = []
    errors: list[str] = []

    def open_(path: str = "/", width: int = 1440, height: int = 900, scheme: str = "light") -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(served.url + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not errors
