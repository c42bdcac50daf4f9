"""The whole loop, as a visitor goes through it: recover, score, answer, flag, permalink, export."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from ru1_app.config import ROOT
from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.domain import Verdict
from ru1_app.images import digest, from_png
from ru1_app.store.sql import Store
from tests.e2e.conftest import PATIENCE, Served
from tests.hostile import FILES

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.weights]
expect.set_options(timeout=PATIENCE)
Open = Callable[..., Page]
SMALL = ROOT / "assets" / "examples" / "coffee.png"
COMMENT = "The <b>flag</b> is gone ${document.title} `{{x}}`"


@pytest.fixture(scope="session")
def jpeg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo as a visitor would upload it."""
    from skimage import data

    path = tmp_path_factory.mktemp("upload") / "astronaut.jpg"
    Image.fromarray(data.astronaut()).resize((320, 320)).save(path, quality=92)
    return path


def upload(page: Page, path: Path) -> None:
    page.locator("#upload input[type=file]").set_input_files(path)


def choose(page: Page, group: str, name: str) -> None:
    page.locator(group).get_by_role("radio", name=re.compile(f"^{name}")).check()


def level(page: Page, name: str) -> None:
    page.locator("#chain .ru1-step").last.get_by_role("button", name=name, exact=True).click()


def spec(page: Page) -> Locator:
    return page.locator("#spec textarea")


def recover(page: Page) -> None:
    page.locator("#run").click()
    expect(page.locator("#compare .ru1-compare")).to_be_visible()
    expect(page.locator("#run")).to_be_enabled()


def draw_box(page: Page) -> None:
    drag(page, page.locator("#boxes svg"))


def drag(page: Page, stage: Locator) -> None:
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.25 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"], steps=4)
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    page.mouse.up()


def preview(page: Page) -> str:
    return page.locator("#preview img").get_attribute("src") or ""


def test_a_visitor_can_go_from_upload_to_export(open_page: Open, served: Served, jpeg: Path, tmp_path: Path) -> None:
    page = open_page()
    upload(page, jpeg)
    expect(page.locator("#preview")).to_contain_text("astronaut.jpg")
    before = preview(page)
    level(page, "high")
    expect(spec(page)).to_have_value("gaussian_noise@high#0")
    expect(page.locator("#preview figcaption")).to_contain_text("gaussian_noise@high#0")
    assert preview(page) != before
    level(page, "mid")
    expect(spec(page)).to_have_value("gaussian_noise@mid#0")
    page.get_by_label("Question", exact=True).fill("What does the <b>astronaut</b> hold? ${1+1} `x` {{y}}")
    page.get_by_label("Option A").fill("a helmet <img src=x onerror=alert(1)>")
    page.get_by_label("Option B").fill("a cat")
    recover(page)
    expect(page.locator("#scores")).to_contain_text("→")
    expect(page.locator("#scores")).to_contain_text(re.compile("better|worse|about the same"))
    expect(page.locator("#scores")).to_contain_text("CLIP")
    expect(page.locator("#answers .ru1-card")).to_have_count(3)
    expect(page.locator("#answers .ru1-question")).to_contain_text("<b>astronaut</b> hold? ${1+1} `x` {{y}}")
    expect(page.locator("#answers")).to_contain_text("Outside what this model was trained for")

    draw_box(page)
    expect(page.get_by_role("button", name="Remove box 1")).to_be_visible()
    page.get_by_role("button", name="Add a box").click()
    page.get_by_role("button", name="Remove box 2").click()
    choose(page, "#verdict", "Misleading")
    expect(page.locator("#flag-severity").get_by_role("radio", name=re.compile("^2"))).to_be_checked()
    page.get_by_label("Object removed").check()
    page.get_by_label("Comment").fill(COMMENT)
    assert not served.stored()  # nothing of the upload is stored before the flag
    page.locator("#consent input").check()
    page.locator("#flag").click()
    link = page.locator("#flag-done a")
    expect(link).to_be_visible()
    case_id = (link.get_attribute("href") or "").split("case=")[1]

    seen = open_page(f"/cases?case={case_id}")
    expect(seen.locator("#cases img")).to_have_count(3)
    expect(seen.locator("#cases blockquote")).to_have_text(COMMENT)
    expect(seen.locator(".ru1-mark")).to_have_count(1)
    listing = open_page("/cases")
    expect(listing.locator(f"a[href*='{case_id}']")).to_be_visible()
    archive = export(listing, tmp_path)
    check_store(served, case_id, jpeg)
    check_export(archive, case_id, served, tmp_path)


def export(page: Page, folder: Path) -> Path:
    """As somebody who is not signed in: the flags that no rater judged."""
    page.get_by_role("link", name="Export these cases").click()
    page.get_by_role("button", name="Look first").click()
    expect(page.locator(".export-big")).to_contain_text("recoveries go in")
    page.get_by_role("button", name="Make the release").click()
    expect(page.locator(".export-result .export-release")).to_contain_text("Parquet tables")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download .zip").click()
    path = folder / "export.zip"
    download.value.save_as(path)
    return path


def check_store(served: Served, case_id: str, jpeg: Path) -> None:
    store = Store(f"sqlite:///{served.data / 'ru1.sqlite3'}", served.data / "blobs")
    case = store.case(case_id)
    rating = case.ratings[0]
    assert (rating.verdict, rating.consent, dict(rating.categories)) == (
        Verdict.MISLEADING,
        True,
        {"object_removed": 2},
    )
    region = rating.regions[0]
    assert np.allclose((region.x0, region.y0, region.x1, region.y1), (0.25, 0.25, 0.75, 0.5), atol=0.02)
    assert rating.comment == COMMENT
    for sha in (case.sample.corrupted_sha, case.sample.reference_sha, case.recovery.image_sha):
        assert sha
        assert store.image_path(sha).read_bytes() == store.image(sha)
        assert digest(store.image(sha)) == sha
    reference = np.asarray(Image.open(jpeg).convert("RGB"))
    assert np.array_equal(from_png(store.image(str(case.sample.reference_sha))), reference)
    chain = CorruptionSpec.parse(str(case.sample.corruption))
    assert np.array_equal(from_png(store.image(case.sample.corrupted_sha)), corrupt(reference, chain))
    store.close()


def check_export(archive: Path, case_id: str, served: Served, folder: Path) -> None:
    from datasets import load_dataset

    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder / "export")
    files = [str(path) for path in (folder / "export").rglob("samples/*.parquet")]
    rows = load_dataset("parquet", data_files=files, split="train", cache_dir=str(folder / "cache"))
    assert case_id in json.dumps([{k: v for k, v in row.items() if isinstance(v, str)} for row in rows])
    pictures = [value for row in rows for value in row.values() if isinstance(value, Image.Image)]
    store = Store(f"sqlite:///{served.data / 'ru1.sqlite3'}", served.data / "blobs")
    recovered = from_png(store.image(store.case(case_id).recovery.image_sha))
    assert any(np.array_equal(np.asarray(picture.convert("RGB")), recovered) for picture in pictures)
    store.close()


def test_an_example_scene_is_answered_and_marked_right_or_wrong(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Road scene 1").click()
    expect(page.get_by_label("Question", exact=True)).not_to_have_value("")
    recover(page)
    expect(page.locator("#answers .ru1-card")).to_have_count(3)
    expect(page.locator("#answers .ru1-card").first).to_contain_text(re.compile("right|wrong"))
    expect(page.locator("#answers .ru1-badge")).to_contain_text("answer")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save recovered PNG").click()
    assert re.fullmatch(r"recovered-gaussian_noise@mid[#_]0-\w{8}\.png", download.value.suggested_filename)
    saved = Path(download.value.path()).read_bytes()
    assert Image.open(io.BytesIO(saved)).size == (384, 384)
    page.locator("#compare input[type=range]").focus()
    page.keyboard.press("Home")
    expect(page.locator("#compare .ru1-compare")).to_have_attribute("style", re.compile(r"--x: 0%"))


def test_an_image_used_as_it_is_has_no_quality_scores(open_page: Open, jpeg: Path) -> None:
    page = open_page()
    upload(page, jpeg)
    expect(page.locator("#preview img")).to_be_visible()
    page.get_by_role("button", name="Use as it is").click()
    expect(page.locator("#preview figcaption")).to_contain_text("used as it is")
    expect(page.locator("#chain .ru1-step")).to_have_count(0)
    recover(page)
    expect(page.locator("#scores")).to_contain_text("agreement with the input, not quality")


def test_a_broken_file_is_refused_in_our_words_and_nothing_is_lost(open_page: Open, jpeg: Path, tmp_path: Path) -> None:
    page = open_page()
    upload(page, jpeg)
    expect(page.locator("#preview")).to_contain_text("astronaut.jpg")
    page.get_by_label("Question", exact=True).fill("What is this?")
    disguised = tmp_path / "holiday.png"
    disguised.write_bytes(b"%PDF-1.7 not a picture")
    upload(page, disguised)
    expect(page.locator("#upload-note")).to_contain_text("is not a picture that can be read")
    expect(page.locator("#preview")).to_contain_text("astronaut.jpg")
    expect(page.get_by_label("Question", exact=True)).to_have_value("What is this?")
    recover(page)


def test_a_picture_can_be_pasted_and_text_still_goes_into_its_field(open_page: Open, jpeg: Path) -> None:
    page = open_page()
    paste = """([data, selector]) => {
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
      const clipboard = new DataTransfer();
      clipboard.items.add(new File([bytes], 'pasted.jpg', {type: 'image/jpeg'}));
      const at = document.querySelector(selector);
      at.dispatchEvent(new ClipboardEvent('paste', {clipboardData: clipboard, bubbles: true, cancelable: true}));
    }"""
    page.locator("#run").wait_for()
    page.evaluate(paste, [base64.b64encode(jpeg.read_bytes()).decode(), "body"])
    expect(page.locator("#preview")).to_contain_text("pasted.jpg")
    recover(page)


def test_a_picture_can_be_taken_with_the_camera(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#camera video")).to_be_visible()
    page.wait_for_function("document.querySelector('#camera video').videoWidth > 0")
    page.get_by_role("button", name="Take the picture").click()
    expect(page.locator("#preview")).to_contain_text("camera.png")
    expect(page.locator("#camera video")).to_be_hidden()
    page.get_by_role("button", name="Use the camera").click()
    page.get_by_role("button", name="Close the camera").click()
    expect(page.locator("#camera video")).to_be_hidden()


def test_a_file_over_the_limit_is_refused_before_it_is_sent(open_page: Open, tmp_path: Path) -> None:
    page = open_page()
    page.locator("#run").wait_for()
    large = tmp_path / "scan.tif"
    with large.open("wb") as file:
        file.truncate(31_000_000)
    upload(page, large)
    expect(page.locator("#upload-refusal")).to_have_text("'scan.tif' has 31.0 MB; up to 30 MB are allowed.")
    upload(page, SMALL)
    expect(page.locator("#upload-refusal")).to_have_count(0)


def test_who_waits_for_a_turn_is_told_so_and_may_give_up(open_page: Open) -> None:
    first, second = open_page(), open_page()
    for page in (first, second):
        page.get_by_role("button", name="Rocket").click()
        expect(page.locator("#preview")).to_contain_text("Rocket")
    sampling(first, "20", "8")
    first.locator("#run").click()
    expect(first.locator("#progress")).to_contain_text("Recovering")
    second.locator("#run").click()
    expect(second.locator("#progress")).to_contain_text("Waiting for its turn")
    second.locator("#stop").click()
    expect(second.locator("#stop")).to_have_text("Stopping …")
    first.locator("#stop").click()
    expect(second.locator("#progress")).to_contain_text("Stopped")
    expect(second.locator("#run")).to_be_enabled()


def sampling(page: Page, steps: str, samples: str) -> None:
    if not page.get_by_label("Recovery seed").is_visible():
        page.get_by_role("button", name="Model and sampling").click()
    for name, value in (("Steps", steps), ("Samples", samples)):
        field = page.get_by_label(f"number input for {name}")
        field.fill(value)
        field.press("Tab")


def test_hostile_files_are_refused_in_one_sentence_and_leave_nothing(
    open_page: Open, served: Served, jpeg: Path, tmp_path: Path
) -> None:
    page = open_page()
    upload(page, jpeg)
    expect(page.locator("#preview")).to_contain_text("astronaut.jpg")
    blobs, kept = served.stored(), cached(served)
    wanted = {
        "empty.png", "drawing.png", "phone.heic", "half.jpg", "46000.png", "canvas.gif", "65500.jpg", "text.png",
        "scans.jpg", "float.tif", "3000x20.png", "paper.png",
    }  # fmt: skip
    chosen = [file for file in FILES if file.name in wanted]
    assert len(chosen) == len(wanted)
    for file in chosen:
        path = tmp_path / file.name
        path.write_bytes(file.make())
        upload(page, path)
        note = page.locator("#upload-note")
        expect(note).to_contain_text(f"'{file.name}'")
        for words in file.says:
            expect(note).to_contain_text(words)
        assert note.inner_text().strip().endswith(".")
        expect(page.locator("#preview")).to_contain_text("astronaut.jpg")
    strange = next(file for file in FILES if file.name.startswith("<img"))
    path = tmp_path / strange.name
    path.write_bytes(strange.make())
    upload(page, path)
    expect(page.locator("#preview figcaption")).to_contain_text("onerror=alert(1)")
    assert served.stored() == blobs
    assert cached(served) == kept


def cached(served: Served) -> set[Path]:
    """What Gradio's cache holds, without the empty files that its upload leaves."""
    return {path for path in (served.data / "cache").rglob("*") if path.is_file() and path.stat().st_size}


def test_the_server_fetches_no_address_that_a_request_names(open_page: Open, served: Served) -> None:
    asked: list[str] = []

    class Counting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    page = open_page()
    page.locator("#run").wait_for()
    with HTTPServer(("127.0.0.1", 0), Counting) as linked:
        threading.Thread(target=linked.serve_forever, daemon=True).start()
        forged = """async ([address, label]) => {
          const config = await (await fetch('/config')).json();
          const file = config.components.find((each) => each.props.elem_id === 'upload').id;
          const call = config.dependencies.find((each) => each.targets.some(([id]) => id === file));
          const data = call.inputs.map((id) => id !== file ? null
            : {path: address, url: address, orig_name: 'x.png', meta: {_type: 'gradio.FileData'}});
          const session_hash = 'forged' + label;
          await fetch('/gradio_api/queue/join?', {method: 'POST', headers: {'Content-Type': 'application/json'},
            body: JSON.stringify({data, fn_index: call.id, session_hash})});
          const reader = (await fetch('/gradio_api/queue/data?session_hash=' + session_hash)).body.getReader();
          let text = '';
          for (;;) {
            const {done, value} = await reader.read();
            text += new TextDecoder().decode(value);
            if (done || text.includes('process_completed')) return text;
          }
        }"""
        for number, host in enumerate((f"127.0.0.1:{linked.server_port}", "example.com")):
            said = page.evaluate(forged, [f"http://{host}/picture.png", str(number)])
            assert "Addresses are not fetched here" in said
        linked.shutdown()
    assert asked == []
    assert not [path for path in (served.data / "cache").rglob("picture.png")]


def test_a_flag_without_consent_stores_nothing(open_page: Open, served: Served) -> None:
    blobs, cases = served.stored(), served.cases()
    page = open_page()
    page.get_by_role("button", name="Coffee").click()
    expect(page.locator("#preview")).to_contain_text("Coffee")
    recover(page)
    choose(page, "#verdict", "Faithful")
    page.get_by_label("Comment").fill("kept")
    page.locator("#flag").click()
    expect(page.get_by_text("Tick the consent box")).to_be_visible()
    expect(page.get_by_label("Comment")).to_have_value("kept")
    assert (served.stored(), served.cases()) == (blobs, cases)


def test_without_an_image_the_page_says_what_to_do(open_page: Open) -> None:
    page = open_page()
    page.locator("#run").click()
    expect(page.get_by_text("Give an image first")).to_be_visible()
    expect(page.locator("#progress")).to_be_hidden()
    expect(page.locator("#run")).to_be_enabled()


def test_a_run_can_be_stopped_and_started_again(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Astronaut").click()
    expect(page.locator("#preview")).to_contain_text("Astronaut")
    sampling(page, "20", "8")
    page.locator("#run").click()
    page.locator("#stop").click()
    expect(page.locator("#progress")).to_contain_text("Stopped")
    expect(page.locator("#run")).to_be_enabled()
    sampling(page, "1", "1")
    recover(page)
    expect(page.locator("#scores .ru1-card")).to_have_count(5)


def test_a_corruption_can_be_pasted_as_text(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Rocket").click()
    expect(page.locator("#preview")).to_contain_text("Rocket")
    page.get_by_label("As text").fill("fog@0.5#42")
    page.keyboard.press("Enter")
    expect(page.locator("#preview")).to_contain_text("fog@0.5#42")
    expect(page.get_by_label("Corruption seed")).to_have_value("42")
    page.get_by_label("As text").fill("sepia@mid")
    page.keyboard.press("Enter")
    expect(page.get_by_text("There is no corruption 'sepia'")).to_be_visible()


def test_a_chain_is_put_together_and_a_step_confined_to_a_box(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Coffee").click()
    expect(page.locator("#preview")).to_contain_text("Coffee")
    page.get_by_role("button", name="Add another").click()
    page.get_by_label("Search corruptions").fill("no such thing")
    expect(page.locator(".ru1-nothing")).to_be_visible()
    page.get_by_label("Search corruptions").fill("ice crystals")
    expect(page.locator(".ru1-tile:visible")).to_have_count(1)
    page.locator(".ru1-tile:visible").click()
    expect(spec(page)).to_have_value("frost@mid+gaussian_noise@mid#0")  # in the order of the imaging chain
    page.get_by_role("button", name="Move Frost down").click()
    expect(spec(page)).to_have_value("gaussian_noise@mid+frost@mid#0")
    page.get_by_label("Severity of Frost as a number").fill("0.25")
    page.keyboard.press("Tab")
    expect(spec(page)).to_have_value("gaussian_noise@mid+frost@0.25#0")
    page.get_by_role("button", name="Confine Gaussian noise to a box").click()
    drag(page, page.locator("#preview svg"))
    expect(spec(page)).to_have_value(re.compile(r"^gaussian_noise@mid~0\.2[45]"))
    expect(page.locator("#preview svg rect")).to_have_count(1)
    recover(page)
    page.get_by_label("difference to the clean image").check()
    expect(page.locator("#compare img[data-overlay=difference]")).to_be_visible()
    page.get_by_role("button", name="Remove Frost").click()
    expect(page.locator("#chain .ru1-step")).to_have_count(1)
    page.get_by_role("button", name="Surprise me").click()
    expect(spec(page)).not_to_have_value(re.compile("^gaussian_noise@mid~"))


def test_a_chain_can_come_with_the_address(open_page: Open) -> None:
    page = open_page("/?spec=fog@0.5%2Bjpeg@high%2342")
    expect(spec(page)).to_have_value("fog@0.5+jpeg@high#42")
    expect(page.locator("#chain .ru1-step")).to_have_count(2)
    expect(page.get_by_label("Corruption seed")).to_have_value("42")


def test_several_draws_show_where_they_differ_and_what_they_answer(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Road scene 3").click()
    expect(page.get_by_label("Question", exact=True)).not_to_have_value("")
    sampling(page, "1", "3")
    recover(page)
    expect(page.locator(".ru1-agree li")).to_have_count(2)
    expect(page.locator(".ru1-agree")).to_contain_text(re.compile("[123] of 3 draws say"))
    page.get_by_label("where the draws differ").check()
    expect(page.locator("#compare .ru1-legend:visible")).to_contain_text("of the image has 10 levels or more")
    expect(page.locator("#scores")).to_contain_text("Consistency")


def test_nothing_of_an_upload_stays_in_the_cache(open_page: Open, served: Served, jpeg: Path) -> None:
    page = open_page()
    upload(page, jpeg)
    expect(page.locator("#preview")).to_contain_text("astronaut.jpg")
    assert not [path for path in (served.data / "cache").rglob("*astronaut*") if path.is_file()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_fits_and_every_control_has_a_name(open_page: Open, width: int, scheme: str) -> None:
    page = open_page("/", width=width, height=844, scheme=scheme)
    page.get_by_role("button", name="Road scene 2").click()
    expect(page.locator("#preview img")).to_be_visible()
    recover(page)
    page.get_by_role("button", name="Model and sampling").click()
    expect(page.get_by_label("Recovery seed")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not unnamed(page)
    for path in ("/cases", "/cases?case=none"):
        other = open_page(path, width=width, height=844, scheme=scheme)
        expect(other.locator("#cases")).not_to_contain_text("Loading")
        assert other.evaluate("document.documentElement.scrollWidth") <= width
        assert not unnamed(other)


def unnamed(page: Page) -> list[Any]:
    """Controls and images without an accessible name."""
    roles = {"textbox", "slider", "spinbutton", "combobox", "radio", "checkbox", "button", "link", "radiogroup"}
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    return [
        node["role"]["value"]
        for node in nodes
        if not node.get("ignored") and node["role"].get("value") in roles and not node.get("name", {}).get("value")
    ]
