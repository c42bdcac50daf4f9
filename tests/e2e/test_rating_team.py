"""Three raters at the real app, by keyboard alone: a browser and the server are killed, and nothing is lost."""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ru1_app.config import Settings
from ru1_app.domain import Case
from ru1_app.items import Origin, Role
from ru1_app.rating.filling import Filler
from ru1_app.rating.people import Accounts
from ru1_app.rating.policy import Overlap
from ru1_app.store.audit_sql import broken
from ru1_app.store.people_sql import People
from ru1_app.store.sql import Store
from tests.e2e.conftest import ARGS, CHROMIUM
from tests.e2e.test_rate import WAIT, Rater
from tests.factories import make_result
from tests.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.timeout(1200)]
NAMES, ITEMS = ("anna", "bert", "cleo"), 30
PASSWORD = "correct horse battery"
LEASE = 40  # seconds; a tab that is silent for a quarter of it is gone on with elsewhere
SETTINGS = {"RU1_LEASE_SECONDS": str(LEASE)}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A store with three raters who passed the gate and 30 items; the first has every stage."""
    settings = Settings(data_dir=tmp_path / "data")
    store = Store(settings.url, settings.blob_dir)
    accounts, people = Accounts(People(store.database), settings), People(store.database)
    for name in NAMES:
        person = accounts.add(name, PASSWORD, Role.RATER)
        people.set_gate_passed(person.id, datetime.now(UTC))
    cases: list[Case] = []
    for seed in range(ITEMS):
        whole = seed == 0
        result = make_result(seed, reference=whole, side=64, **({} if whole else {"question": None}))
        store.add_case(result.case, dict(result.images))
        cases.append(result.case)
    Filler(store, Overlap()).add(cases, Origin.BATCH, "tests")
    store.close()
    return settings.data_dir


class Browser:
    """A Chromium of its own, with its profile, that can be killed."""

    def __init__(self, driver: Any, profile: Path) -> None:
        self._driver, self._profile = driver, profile

    def open(self, url: str) -> Page:
        context = self._driver.chromium.launch_persistent_context(
            str(self._profile), executable_path=str(CHROMIUM), args=ARGS
        )
        page: Page = context.pages[0]
        page.set_default_timeout(WAIT)
        page.goto(url)
        return page

    def kill(self) -> None:
        """SIGKILL to every process that works on the profile."""
        own = f"--user-data-dir={self._profile}".encode()
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if own in entry.read_bytes().split(b"\0"):
                    os.kill(int(entry.parent.name), signal.SIGKILL)


@pytest.fixture
def driver() -> Iterator[Any]:
    if not CHROMIUM.is_file():
        pytest.skip(f"{CHROMIUM} is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        yield driver


def call(url: str, name: str, *values: Any) -> Any:
    request = urllib.request.Request(
        f"{url}/gradio_api/run/{name}", json.dumps({"data": values}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)["data"][0]


def one(rater: Rater, verdict: str = "1") -> float:
    """Judge what is shown, leave later stages out; milliseconds from the key to the next item on the screen."""
    shown = rater.state("item.id")
    rater.press(verdict, "9")
    rater.page.evaluate("window.began = performance.now()")
    rater.press("Enter")
    settled = (
        "(id) => { const s = ru1rate.state; return !s.busy && (!s.item || s.item.id !== id || s.item.stage !== 'blind')"
    )
    rater.page.wait_for_function(f"{settled} && (!s.item || ru1rate.viewer.view.loaded); }}", arg=shown, timeout=WAIT)
    took: float = rater.page.evaluate("performance.now() - window.began")
    while rater.state("item") and rater.state("item.id") == shown:
        rater.press("l")
        rater.page.wait_for_timeout(50)
    return took


def test_three_raters_label_everything_and_nothing_is_lost(driver: Any, data: Path, tmp_path: Path) -> None:
    chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
    server = Server(data, settings=SETTINGS)
    with server:
        pages = [chromium.new_context().new_page() for _ in NAMES[:2]]
        killed = Browser(driver, tmp_path / "profile")
        raters = [Rater(page) for page in (*pages, killed.open(f"{server.url}/rate"))]
        for name, rater in zip(NAMES, raters, strict=True):
            if rater.page in pages:
                rater.page.set_default_timeout(WAIT)
                rater.page.goto(f"{server.url}/rate")
            rater.sign_in(name, PASSWORD)
            rater.ready()
        times = [one(rater) for _ in range(8) for rater in raters]

        # The reveal is refused before the rater's own blind row is there.
        token = call(server.url, "sign_in", NAMES[0], PASSWORD)["token"]
        turn = call(server.url, "next_item", token, "script", "")
        judgement = {"verdict": "faithful", "severity": 0, "confidence": 2, "global_rating": 1, "request_id": "ab" * 8}
        refused = call(server.url, "submit_rating", token, "script", turn["item"]["id"], "reveal", judgement)
        assert refused["error"]["kind"] == "conflict"
        call(server.url, "skip", token, "script", turn["item"]["id"], "only a test of the order")
        skipped = turn["item"]["id"]

        # A browser dies in the middle of a comment.
        cleo = raters[2]
        item = cleo.state("item.id")
        cleo.press("3")
        cleo.write("half a thought")
        cleo.saved()
        killed.kill()
        time.sleep(LEASE / 4 + 1)
        cleo = raters[2] = Rater(killed.open(f"{server.url}/rate"))
        cleo.ready(item)  # still signed in: the token is in the profile
        expect(cleo.page.locator(".rate textarea").first).to_have_value("half a thought")

        # Undo: the last judgement comes back, and its correction supersedes.
        anna = raters[0]
        anna.ready()
        anna.press("u")
        anna.page.wait_for_function("() => ru1rate.state.item && ru1rate.state.item.previous", timeout=WAIT)
        undone = anna.state("item.id")
        anna.press("2")
        anna.press("Enter")
        anna.page.wait_for_function("(id) => ru1rate.state.item && ru1rate.state.item.id !== id", arg=undone)
        anna.ready()

        # The server dies in the middle of a comment of bert's.
        bert = raters[1]
        bert.ready()
        at = bert.state("item.id")
        bert.press("3")
        bert.write("another half")
        bert.saved()
        server.kill()
    with Server(data, settings=SETTINGS, port=server.port) as again:
        bert.page.reload()
        bert.ready(at)
        expect(bert.page.locator(".rate textarea").first).to_have_value("another half")
        for rater in raters:
            while rater.state("item"):
                rater.ready()
                times.append(one(rater))
        assert "Traceback" not in again.log()
        killed.kill()
        chromium.close()

    store = Store(Settings(data_dir=data).url, data / "blobs")
    stored = [rating for case in store.iter_all() for rating in case.ratings]
    blind = [rating for rating in stored if rating.stage == "blind" and not rating.supersedes]
    corrected = [rating for rating in stored if rating.supersedes]
    assert {rating.item_id for rating in corrected} == {undone}
    served = Counter((rating.item_id, rating.rater_id, rating.round) for rating in blind)
    assert set(served.values()) == {1}
    first = Counter(rating.item_id for rating in blind if not rating.round)
    assert len(first) == ITEMS
    assert {id_: count for id_, count in first.items() if count != 3} == {skipped: 2}
    assert broken(store.database)[1] is None
    store.close()
    assert re.fullmatch("[0-9a-f]+", undone)
    print(f"\nfrom submit to the next item: median {statistics.median(times):.0f} ms over {len(times)} submits")
