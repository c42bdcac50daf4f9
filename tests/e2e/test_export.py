"""The export page in a browser: looked at, made, stopped, downloaded, pushed; by a lead, a rater and a newcomer."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from ru1_app.config import Settings
from ru1_app.export import differences, read_manifest
from ru1_app.items import Role
from ru1_app.store.filters import Filters
from ru1_app.wiring import App
from tests.e2e.conftest import Served
from tests.e2e.test_loop import unnamed
from tests.hub_server import TOKEN, Hub
from tests.labels import PASSWORD
from tests.masses import fill
from tests.released import build
from tests.server import Server

pytestmark = pytest.mark.browser
Open = Callable[..., Page]
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub() as server:
        yield server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, hub: Hub) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("export") / "data"
    app = App(Settings(data_dir=data))
    build(app.store, side=48)
    lead = app.accounts.add("lead", PASSWORD, Role.LEAD)
    app.accounts.add("anna", PASSWORD, Role.RATER)
    app.gallery.save_view(lead, "False ones", Filters(verdict=("misleading",)))
    app.store.close()
    online = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1",
              "HF_HOME": str(data.parent / "hf")}  # fmt: skip
    with Server(data, settings=online) as server:
        yield Served(server.url, data)
        assert "Traceback" not in server.log()
        assert TOKEN not in server.log()


def sign_in(page: Page, name: str) -> None:
    page.locator(".export-signin summary").click()
    form = page.locator(".lead-signin")
    form.locator("[name=name]").fill(name)
    form.locator("[name=password]").fill(PASSWORD)
    form.get_by_role("button", name="Sign in").click()


def as_lead(open_page: Open, path: str = "/export", **how: Any) -> Page:
    page = open_page(path, **how)
    sign_in(page, "lead")
    expect(page.locator(".export-past h2")).to_be_visible()
    return page


def look(page: Page) -> Locator:
    page.get_by_role("button", name="Look first").click()
    expect(page.locator(".export-result h2")).to_have_text("What would go in")
    return page.locator(".export-result")


def make(page: Page) -> Locator:
    page.get_by_role("button", name="Make the release").click()
    expect(page.locator(".export-result h2")).to_have_text("The release")
    return page.locator(".export-result .export-release")


def download(page: Page, release: Locator, folder: Path) -> Path:
    with page.expect_download() as fetched:
        release.get_by_role("button", name="Download .zip").click()
    assert re.fullmatch(r"\d{8}-\d{6}-[\w-]+\.zip", fetched.value.suggested_filename)
    fetched.value.save_as(folder / "release.zip")
    with zipfile.ZipFile(folder / "release.zip") as archive:
        archive.extractall(folder)
    (unpacked,) = folder.glob("ru1-*")
    assert differences(unpacked) == []
    return unpacked


def test_a_lead_looks_makes_downloads_and_pushes(open_page: Open, served: Served, hub: Hub, tmp_path: Path) -> None:
    page = as_lead(open_page)
    found = look(page)
    expect(found.locator(".export-big")).to_have_text("14 of 18 recoveries go in")
    expect(found).to_contain_text("3 flagged by visitors only")
    expect(found).to_contain_text("1 without consent")
    expect(found).to_contain_text("both are bad")
    expect(found).to_contain_text("the chosen picture is the sharper one")
    pictures = found.locator(".export-cards img")
    expect(pictures).to_have_count(6 * 2 + 6 * 3 + 6 * 2)
    assert pictures.evaluate_all("all => all.every((one) => one.naturalWidth > 0)")
    expect(found.locator(".export-said").first).to_have_text("chosenB. greenrejectedA. red")
    assert not (served.data / "releases").exists()  # looking writes nothing

    page.get_by_role("checkbox", name="TRL preferences").check()
    release = make(page)
    expect(release).to_contain_text("14 recoveries")
    expect(release).to_contain_text("Parquet tables 11 train, 3 test")
    expect(page.locator(".export-past .export-release")).to_have_count(0)  # the new one stands above
    unpacked = download(page, release, tmp_path)
    assert set(read_manifest(unpacked).formats) == {"tables", "trl_preference"}
    release.get_by_role("button", name="Verify").click()
    expect(release.locator(".ru1-good")).to_contain_text("Every file is there")

    release.locator("summary", has_text="Push to the Hub").click()
    name = release.get_by_label("Dataset repository")
    release.get_by_role("button", name="Show what would be sent").click()
    expect(release.locator(".export-task .ru1-bad")).to_contain_text("Write it as owner/name")
    name.fill("me/x")
    expect(release.get_by_label("Private")).to_be_checked()
    name.press("Enter")  # the harmless one of the two
    expect(release.locator(".export-task")).to_contain_text("Nothing was sent")
    expect(release.locator(".export-files")).to_contain_text("tables/samples/train.parquet")
    assert hub.calls == []
    release.get_by_role("button", name="Push", exact=True).click()
    expect(release.locator(".export-task .ru1-good")).to_contain_text(
        "Pushed to the private dataset me/x in one commit"
    )
    assert len(hub.commits) == 1
    assert {n: d for n, d in hub.files.items() if n != ".gitattributes"} == {
        p.relative_to(unpacked).as_posix(): p.read_bytes() for p in unpacked.rglob("*") if p.is_file()
    }
    again = page.context.new_page()
    again.goto(f"{served.url}/export")
    expect(again.locator(".export-past .export-release")).to_have_count(1)
    expect(again.locator(".export-past code")).to_have_text(read_manifest(unpacked).digest[:12])


def test_a_newcomer_exports_the_flags_that_everybody_may_read(open_page: Open, served: Served, tmp_path: Path) -> None:
    page = open_page("/export")
    expect(page.locator(".export-who")).to_contain_text("what visitors flagged and no rater has judged")
    expect(page.get_by_label("Raters at least")).to_be_hidden()
    expect(page.locator(".export-past")).to_be_hidden()
    expect(look(page).locator(".export-big")).to_have_text("3 of 3 recoveries go in")
    release = make(page)
    expect(release).to_contain_text("Selected by: visitors' flags alone")
    expect(release.locator(".export-push")).to_have_count(0)
    manifest = read_manifest(download(page, release, tmp_path))
    assert (manifest.kept, manifest.raters) == (3, 1)
    page.reload()
    expect(page.locator(".export-body")).to_be_visible()
    expect(page.locator(".export-past")).to_be_hidden()


def test_a_rater_is_told_why_not(open_page: Open) -> None:
    page = open_page("/export")
    sign_in(page, "anna")
    expect(page.locator(".export-who .ru1-bad")).to_contain_text("You judge blind")
    expect(page.locator(".export-body")).to_be_hidden()


def test_what_the_gallery_shows_leads_to_its_export_and_nothing_typed_is_lost(open_page: Open) -> None:
    page = open_page("/cases?verdict=misleading")
    expect(page.locator(".ru1-told")).to_contain_text("with these filters")
    page.get_by_role("link", name="Export these cases").click()
    expect(page.locator(".export-chips")).to_have_text("Verdict: Misleading")
    page.get_by_role("checkbox", name="Labels as CSV").check()
    page.locator(".export-more summary").click()
    page.get_by_label("Test split, % of the sources").fill("25")
    page.get_by_role("checkbox", name="CC0-1.0").check()
    sign_in(page, "nobody")
    expect(page.locator(".lead-signin [role=alert]")).to_contain_text("do not go together")
    page.locator(".lead-signin [name=name]").fill("lead")
    page.locator(".lead-signin [name=password]").fill(PASSWORD)
    page.locator(".lead-signin [name=password]").press("Enter")
    page.get_by_label("Raters at least").fill("2")
    page.keyboard.press("Tab")
    for _ in range(2):  # also once it is loaded again
        expect(page.locator(".export-chips")).to_have_text("Verdict: Misleading")
        expect(page.get_by_label("Raters at least")).to_have_value("2")
        expect(page.get_by_role("checkbox", name="Labels as CSV")).to_be_checked()
        expect(page.locator("[name=test]")).to_have_value("25")
        expect(page.locator("[name=license][value='CC0-1.0']")).to_be_checked()
        page.reload()
    found = look(page)
    expect(found).to_contain_text("another licence")
    page.get_by_label("Raters at least").fill("3")
    page.keyboard.press("Tab")
    expect(found).to_contain_text("Something was changed since")
    page.get_by_label("Saved view").select_option("False ones")
    expect(page.locator(".export-chips")).to_have_text("Verdict: Misleading")
    expect(page).to_have_url(re.compile(r"\?view=false-ones&"))
    page.get_by_role("button", name="Take every case").click()
    expect(page.locator("[data-fill=cases]")).to_contain_text("Every judged case")
    page.get_by_label("Raters at least").fill("0")
    page.get_by_role("button", name="Look first").click()
    expect(page.locator("[data-main] .ru1-bad")).to_contain_text("must lie from 1 to 100")
    expect(page.get_by_role("checkbox", name="Labels as CSV")).to_be_checked()
    address = page.url.split("?")[0]
    page.goto(f"{address}?raters=x&severity_low=7&format=labels_csv")
    expect(page.locator(".export-body")).to_contain_text("The severity must lie from 0 to 3. Every case")
    expect(page.get_by_role("checkbox", name="Labels as CSV")).to_be_checked()
    page.goto(f"{address}?view=gone")
    expect(page.locator(".export-body")).to_contain_text(
        "There is no view 'gone'. It may have been deleted. Every case"
    )


def test_nothing_of_a_lead_is_given_to_who_asks_without_a_token(open_page: Open, served: Served) -> None:
    made = make(as_lead(open_page))
    name = made.get_attribute("data-name") or ""

    def call(what: str, *data: Any) -> Any:
        request = urllib.request.Request(f"{served.url}/gradio_api/run/{what}", json.dumps({"data": data}).encode(),
                                         {"Content-Type": "application/json"})  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)["data"][0]

    for what, more in (("pack", ()), ("verify", ()), ("push", ("me/x", True, True))):
        assert call(f"export_{what}", "", name, *more)["error"]["kind"] in ("not_found", "forbidden")
    assert call("export_page", "", "")["past"] == ""
    assert call("export_job", "", "guess")["error"]["kind"] == "not_found"
    assert call("export_page", "no token", "")["error"]["kind"] == "signed_out"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{served.url}/ru1/releases/guess/{name}.zip", timeout=30)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_fits_and_every_control_has_a_name(open_page: Open, width: int, scheme: str) -> None:
    page = open_page("/export", width=width, height=844, scheme=scheme)
    expect(page.locator(".export-body")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sign_in(page, "lead")
    expect(page.locator(".export-past h2")).to_be_visible()
    page.locator(".export-more summary").click()
    look(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not unnamed(page)
    release = make(page)
    release.locator("summary", has_text="Push to the Hub").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not unnamed(page)


def test_it_goes_by_keyboard_alone(open_page: Open) -> None:
    page = as_lead(open_page)
    page.get_by_role("checkbox", name="Labels as CSV").focus()
    page.keyboard.press("Space")
    page.get_by_label("Raters at least").focus()
    page.keyboard.press("Enter")  # looks; it never makes a release by itself
    expect(page.locator(".export-big")).to_be_visible()
    expect(page.locator(".export-result")).to_be_focused()
    page.get_by_role("button", name="Make the release").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".export-result .export-release")).to_contain_text("Labels as CSV")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Download .zip").first).to_be_focused()


def test_a_release_tells_how_far_it_is_outlives_a_reload_and_can_be_stopped(browser: Any, tmp_path: Path) -> None:
    data = tmp_path / "data"
    app = App(Settings(data_dir=data))
    fill(app.store, 9000, pictures=20, side=32)
    app.accounts.add("lead", PASSWORD, Role.LEAD)
    app.store.close()
    with Server(data) as server:
        page = browser.new_context().new_page()
        page.goto(f"{server.url}/export")
        sign_in(page, "lead")
        expect(page.locator(".export-past h2")).to_be_visible()
        page.get_by_role("button", name="Make the release").click()
        expect(page.locator(".export-progress")).to_contain_text(re.compile("Looked at [0-9,]+ of 3,000 recoveries"))
        expect(page.get_by_role("button", name="Make the release")).to_be_disabled()
        page.reload()
        expect(page.locator(".export-progress")).to_contain_text("recoveries")
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator("[data-main]")).to_contain_text("Stopped. Nothing was written.")
        expect(page.locator(".export-past")).to_contain_text("No release was made")
        assert [path for path in (data / "releases").iterdir()] == []
        page.context.close()
        assert "Traceback" not in server.log()
