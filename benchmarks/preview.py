"""From a move of the severity slider to the new preview on the screen, 512x512, in headless Chromium.

Limit: 150 ms. Median of 11 moves, the app in a process of its own. python benchmarks/preview.py [--json]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import row, show
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright
from skimage import data

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.e2e.conftest import ARGS, CHROMIUM
from tests.server import Server

LIMIT = 0.150
SPECS = ("gaussian_noise@mid#0", "motion_blur@mid#0", "snow@mid#0", "low_light@low+fog@low+jpeg@high#7")
MOVE = """async (value) => {
  const slider = document.querySelector('.ru1-step input[type=range]');
  const image = document.querySelector('#preview img');
  const [before, began] = [image.src, performance.now()];
  slider.value = value;
  slider.dispatchEvent(new Event('input', {bubbles: true}));
  while (image.src === before) await new Promise((next) => setTimeout(next, 1));
  await image.decode();
  return (performance.now() - began) / 1000;
}"""


def measured(page: Page, spec: str) -> dict[str, Any]:
    """The median for one spec; its first step is what moves."""
    page.get_by_label("As text").fill(spec)
    page.keyboard.press("Enter")
    expect(page.locator("#preview")).to_contain_text(spec)
    page.wait_for_timeout(500)
    times = [page.evaluate(MOVE, value) for value in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.35, 0.45, 0.55)]
    return row(f"preview of {spec}, limit", statistics.median(times), "s", LIMIT)


def main() -> list[dict[str, Any]]:
    """All rows."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        photo = Path(folder) / "astronaut.png"
        Image.fromarray(data.astronaut()).save(photo)
        with Server(Path(folder) / "data") as server:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
            page = browser.new_page()
            page.goto(server.url)
            page.locator("#upload input[type=file]").set_input_files(photo)
            expect(page.locator("#preview")).to_contain_text("astronaut", timeout=60_000)
            expect(page.locator("#loading")).to_contain_text("Models ready", timeout=60_000)
            rows = [measured(page, spec) for spec in SPECS]
            browser.close()
    return rows


show(main())
