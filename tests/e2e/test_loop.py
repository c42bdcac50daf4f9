"""The whole loop in a real browser: upload, corrupt, recover, read, flag, permalink, export."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ru1_app.config import Settings
from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.images import digest, from_png
from ru1_app.intake import read_file
from ru1_app.store.sql import Store
from tests.server import Server

CHROMIUM = shutil.which("chromium")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SLOW = 180_000  # milliseconds: the first run waits for the models, on two busy cores

pytestmark = [
    pytest.mark.browser,
    pytest.mark.service,
    pytest.mark.weights,
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("e2e") / "data"


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Server]:
    with Server(data) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(server.url)
    page.locator("#run").wait_for(timeout=SLOW)
    yield page
    page.close()
    assert faults == []


def store_of(data: Path) -> Store:
    settings = Settings(data_dir=data)
    return Store(settings.url, settings.blob_dir)


def upload(page: Page, path: Path) -> None:
    page.locator("#upload input[type=file]").set_input_files(path)


def run(page: Page) -> None:
    page.locator("#run").click()
    page.locator("#compare .ru1-compare").wait_for(timeout=SLOW)
    expect(page.locator("#scores .ru1-card")).to_have_count(3, timeout=SLOW)


@pytest.fixture
def jpeg(tmp_path: Path) -> Path:
    from skimage import data as samples

    path = tmp_path / "my photo é.jpg"
    Image.fromarray(samples.astronaut()).resize((256, 256)).save(path, quality=92)
    return path


def test_the_whole_loop(page: Page, server: Server, data: Path, jpeg: Path, tmp_path: Path) -> None:
    upload(page, jpeg)
    expect(page.locator("#preview img")).to_be_visible(timeout=SLOW)
    expect(page.locator("#spec textarea, #spec input").first).to_have_value("gaussian_noise@mid#0")
    page.get_by_label("Question", exact=True).fill("What colour is the traffic light?")
    page.locator("#option-a textarea, #option-a input").first.fill("red")
    page.locator("#option-b textarea, #option-b input").first.fill("green")
    run(page)
    expect(page.locator("#scores")).to_contain_text("embedded CLIP")
    expect(page.locator("#scores .ru1-good").first).to_contain_text("better")
    expect(page.locator("#answers .ru1-card")).to_have_count(3)

    page.get_by_label(re.compile("^Misleading")).check()
    expect(page.get_by_label("2 · ")).to_be_checked()
    page.get_by_label("Attribute changed").check()
    draw_box(page)
    page.get_by_label("Comment").fill("the badge is smeared <b>here</b>")
    page.get_by_label(re.compile("^I may share")).check()
    page.locator("#flag").click()
    link = page.locator("#flag-done a")
    expect(link).to_be_visible(timeout=SLOW)

    (case,) = store_of(data).cases()
    check_stored(case, data, jpeg)
    page.goto(f"{server.url}/{link.get_attribute('href')}")
    expect(page.locator("#cases h3")).to_contain_text(case.id[:12], timeout=SLOW)
    expect(page.locator("#cases blockquote")).to_have_text("the badge is smeared <b>here</b>")
    expect(page.locator("#cases .ru1-mark")).to_have_count(1)
    check_export(page, case.id, tmp_path, data)


def draw_box(page: Page) -> None:
    target = page.locator("#boxes svg")
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.25)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.75, steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name="Remove box 1")).to_be_visible()


def check_stored(case, data: Path, jpeg: Path) -> None:
    """The row holds what was done and said; the blobs hold exactly those pixels."""
    store = store_of(data)
    reference = read_file(jpeg, Settings()).image
    spec = CorruptionSpec.parse(case.sample.corruption)
    (rating,) = case.ratings
    assert str(spec) == "gaussian_noise@mid#0"
    assert np.array_equal(from_png(store.image(case.sample.reference_sha)), reference)
    assert np.array_equal(from_png(store.image(case.sample.corrupted_sha)), corrupt(reference, spec))
    assert digest(store.image(case.recovery.image_sha)) == case.recovery.image_sha
    assert (rating.verdict, rating.severity) == ("misleading", 2)
    assert dict(rating.categories) == {"attribute_changed": 2}
    (region,) = rating.regions
    assert (region.x0, region.y0, region.x1, region.y1) == pytest.approx((0.25, 0.25, 0.5, 0.75), abs=0.02)
    assert len(case.answers) == 3
    assert len(case.scores) == 6
    assert case.recovery.model.id == "embedded"


def check_export(page: Page, case_id: str, folder: Path, data: Path) -> None:
    from datasets import load_dataset

    page.locator("#export").click()
    page.locator("#download").wait_for(timeout=SLOW)
    with page.expect_download(timeout=SLOW) as download:
        page.locator("#download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(folder / "export")
    (table,) = (folder / "export").rglob("data.parquet")
    rows = load_dataset("parquet", data_files=str(table), cache_dir=str(folder / "cache"), split="train")
    row = next(row for row in rows if row["id"] == case_id)
    stored = from_png(store_of(data).image(row["recovered_sha256"]))
    assert np.array_equal(np.asarray(row["recovered"].convert("RGB")), stored)
    (metadata,) = [p for p in (folder / "export").rglob("*_metadata.jsonl") if p.stat().st_size]
    assert case_id in metadata.read_text("utf-8")


def test_a_broken_file_is_refused_in_our_words_and_nothing_is_lost(page: Page, jpeg: Path, tmp_path: Path) -> None:
    upload(page, jpeg)
    expect(page.locator("#preview img")).to_be_visible(timeout=SLOW)
    page.get_by_label("Question", exact=True).fill("Still here?")
    page.locator("#upload button[aria-label*='Remove'], #upload button[aria-label*='Clear']").first.click()
    broken = tmp_path / "not a picture.png"
    broken.write_bytes(b"<svg>no</svg>")
    upload(page, broken)
    expect(page.get_by_test_id("toast-body")).to_contain_text("is not a picture that can be read", timeout=SLOW)
    expect(page.get_by_label("Question", exact=True)).to_have_value("Still here?")
    expect(page.locator("#preview img")).to_be_visible()


def test_without_consent_nothing_is_stored(page: Page, data: Path) -> None:
    before = {path for path in data.rglob("*.png") if "blobs" in path.parts}, store_of(data).count_cases()
    page.locator("#examples button").first.click()
    expect(page.locator("#preview img")).to_be_visible(timeout=SLOW)
    run(page)
    page.get_by_label(re.compile("^Faithful")).check()
    page.locator("#flag").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("Tick the consent box", timeout=SLOW)
    expect(page.get_by_label(re.compile("^Faithful"))).to_be_checked()
    after = {path for path in data.rglob("*.png") if "blobs" in path.parts}, store_of(data).count_cases()
    assert after == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_pages_fit_and_every_control_is_labelled(browser: Browser, server: Server, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    for path in (f"/?__theme={scheme}", f"/cases?__theme={scheme}"):
        page.goto(server.url + path)
        page.locator("h1").wait_for(timeout=SLOW)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        unlabelled = page.evaluate(
            """() => [...document.querySelectorAll('main input, main textarea, main select')]
              .filter(e => e.type !== 'hidden' && e.type !== 'file' && e.getClientRects().length)
              .filter(e => !e.labels?.length && !e.ariaLabel && !e.getAttribute('aria-labelledby') && !e.title)
              .map(e => e.outerHTML.slice(0, 120))"""
        )
        assert unlabelled == []
    page.close()
