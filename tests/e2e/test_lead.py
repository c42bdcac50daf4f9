"""The cases gallery and the lead's page in a browser, on a store that simulated raters have worked on."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from ru1_app.config import Settings
from ru1_app.flagging import FlagForm, flag
from ru1_app.gold import make_set
from ru1_app.items import ItemState, Origin, Purpose, Role
from ru1_app.rating.golden import add_gold
from ru1_app.store.filters import Filters
from ru1_app.store.queue_sql import Queue
from ru1_app.wiring import App
from tests.e2e.conftest import Served
from tests.factories import make_result
from tests.labels import PASSWORD, Crowd
from tests.server import Server

pytestmark = pytest.mark.browser
Open = Callable[..., Page]
CASES = 30
WAIT = 30_000
expect.set_options(timeout=WAIT)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("lead") / "data"
    app = App(Settings(data_dir=data))
    for seed in range(CASES):
        result = make_result(seed, side=48)
        if seed < 2:
            form = FlagForm(
                "misleading", 2, True, f"visitor-{seed}", {"text_altered": 2}, comment="<b>The 3</b> is an 8"
            )
            flag(app.store, result.case, result.images, form)
        else:
            app.store.add_case(result.case, result.images)
    app.filler.add(app.store.iter_all(), Origin.BATCH, "tests")
    add_gold(app.store, make_set(3, 1), Purpose.GOLD, actor="tests")
    crowd = Crowd(app)
    crowd.work([crowd.person(name) for name in ("anna", "ben", "cleo", "dan")], 90)
    crowd.person("lead", Role.LEAD)
    crowd.person("fresh")
    cards = app.gallery.page(app.accounts.find("lead"), Filters()).cards
    Queue(app.store.database).change(
        next(card.item.id for card in cards if card.item and card.item.count), "tests", crowd.now,
        {"state": ItemState.DISPUTED.value},
    )  # fmt: skip
    app.store.close()
    with Server(data) as server:
        yield Served(server.url, data)
        assert "Traceback" not in server.log()


def sign_in(page: Page, served: Served, name: str) -> None:
    """On the lead's page, which keeps the token where every page looks for it."""
    page.goto(f"{served.url}/lead")
    page.locator(".lead-signin [name=name]").fill(name)
    page.locator(".lead-signin [name=password]").fill(PASSWORD)
    page.locator(".lead-signin button").click()


def test_filters_narrow_the_gallery_and_the_address_keeps_them(open_page: Open) -> None:
    page = open_page("/cases")
    cards = page.locator(".ru1-case-card")
    expect(page.locator(".ru1-told")).to_have_text(f"{CASES} cases")
    expect(cards).to_have_count(24)
    page.get_by_role("button", name="Show more").click()
    expect(cards).to_have_count(CASES)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    assert len(set(cards.locator("a").evaluate_all("links => links.map(link => link.href)"))) == CASES
    page.get_by_label("Misleading").check()
    expect(page.locator(".ru1-told")).to_have_text("2 cases with these filters")  # a visitor finds the flags alone
    expect(page.locator("[data-of='verdict:misleading']")).to_have_text("2")
    expect(cards.first.locator("q")).to_have_text("<b>The 3</b> is an 8")
    assert page.url.endswith("/cases?verdict=misleading")
    again = open_page("/cases?verdict=misleading&text=colour")
    expect(again.locator(".ru1-told")).to_have_text("2 cases with these filters")
    expect(again.get_by_label("Misleading")).to_be_checked()
    expect(again.get_by_label("Words in the question")).to_have_value("colour")
    again.get_by_label("Words in the question").fill("bicycle")
    expect(again.locator(".ru1-told")).to_contain_text("No case has all of this")
    again.get_by_role("button", name="Clear all filters").click()
    expect(again.locator(".ru1-told")).to_have_text(f"{CASES} cases")


def test_permalinks_lead_from_the_main_page_to_the_case(open_page: Open) -> None:
    page = open_page("/cases")
    href = page.locator(".ru1-case-card a").first.get_attribute("href") or ""
    case_id = href.split("=")[1]
    other = open_page(f"/?item={case_id}")
    expect(other).to_have_url(re.compile(f"/cases\\?case={case_id}$"))
    expect(other.locator(".ru1-one h3")).to_have_text(f"Case {case_id[:12]}")
    other.get_by_role("link", name="All cases").click()
    expect(other.locator(".ru1-case-card").first).to_be_visible()
    lost = open_page("/?item=none")
    expect(lost.locator("#cases .ru1-notice")).to_contain_text("There is no case 'none'")


def test_a_view_is_saved_opened_renamed_and_deleted(open_page: Open, served: Served) -> None:
    page = open_page("/cases?verdict=misleading")
    expect(page.locator(".ru1-views")).to_contain_text("Sign in to save a view")
    sign_in(page, served, "anna")
    expect(page.locator("#lead .ru1-notice")).to_contain_text("This needs the role 'lead'")
    page.goto(f"{served.url}/cases?verdict=misleading")
    page.get_by_role("button", name="Save this view").click()
    page.get_by_label("Name of the view").fill("False ones")
    page.get_by_label("Name of the view").press("Enter")
    expect(page.locator(".ru1-view[aria-current]")).to_have_text("False ones")
    expect(page).to_have_url(re.compile(r"\?view=false-ones$"))
    other = open_page("/?view=false-ones")  # nobody who signed in
    expect(other).to_have_url(re.compile(r"/cases\?view=false-ones$"))
    expect(other.get_by_label("Misleading")).to_be_checked()
    expect(other.locator(".ru1-told")).to_have_text("2 cases with these filters")
    expect(other.get_by_role("button", name="Delete")).to_have_count(0)
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name of the view").fill("Misleading ones")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".ru1-view[aria-current]")).to_have_text("Misleading ones")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".ru1-view")).to_have_count(0)


def test_a_rater_who_has_not_judged_sees_nothing_of_the_others(open_page: Open, served: Served) -> None:
    page = open_page("/lead")
    sign_in(page, served, "fresh")
    expect(page.locator("#lead .ru1-notice")).to_contain_text("yours is 'rater'")
    expect(page.locator(".lead-body")).to_be_hidden()
    page.goto(f"{served.url}/cases?state=open")
    page.locator(".ru1-case-card a").first.click()
    expect(page.locator("#cases")).to_contain_text("You have not judged this yet")
    expect(page.locator("#cases img")).to_have_count(2)
    expect(page.locator("#cases .ru1-card")).to_have_count(0)


def test_the_lead_sees_the_figures_settles_and_changes(open_page: Open, served: Served) -> None:
    page = open_page("/lead")
    expect(page.locator("#lead .ru1-notice")).to_contain_text("Sign in as a lead")
    sign_in(page, served, "lead")
    top = page.locator(".lead-top")
    expect(top).to_contain_text("chain verifies")
    page.get_by_role("button", name="Make it again").click()
    expect(page.locator("#lead .ru1-notice")).to_contain_text("was made again")
    expect(page.locator("#lead-agreement tbody tr")).to_have_count(15)
    expect(page.locator("#lead-agreement")).to_contain_text("Verdict")
    expect(page.locator("#lead-raters tbody tr")).to_have_count(4)
    expect(page.locator("#lead-raters")).to_contain_text("anna")
    expect(page.locator("#lead-progress .lead-figure .bar").first).to_be_visible()
    expect(page.locator("#lead-disputed .ru1-case-card")).to_have_count(1)
    page.locator("#lead-disputed .ru1-case-card a").click()
    form = page.locator("form[data-settle]")
    form.get_by_label("Misleading").check()
    form.get_by_label("Text altered").check()
    for name, value in (("severity", "2"), ("confidence", "3"), ("global_rating", "4")):
        form.locator(f"[name={name}]").select_option(value)
    form.get_by_label("Comment").fill("Settled")
    form.get_by_role("button", name="Adjudicate").click()
    expect(page.locator("#cases .ru1-notice")).to_contain_text("Adjudicated.")
    expect(page.locator(".ru1-together")).to_contain_text("An adjudicator settled it")
    expect(page.locator("#cases")).to_contain_text("(lead)")
    page.locator("[data-overlap] [name=raters]").fill("9")
    page.get_by_role("button", name="Change the overlap").click()
    expect(page.locator("#cases .ru1-notice")).to_contain_text("The overlap is changed.")
    page.goto(f"{served.url}/lead")
    expect(page.locator("#lead-disputed")).to_contain_text("Nothing is disputed.")


def test_nothing_of_the_report_is_in_the_page_for_everybody(served: Served) -> None:
    with urllib.request.urlopen(f"{served.url}/lead", timeout=30) as reply:
        text = reply.read().decode()
    assert "chain verifies" not in text
    assert "anna" not in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_pages_fit_and_every_control_has_a_name(open_page: Open, served: Served, width: int, scheme: str) -> None:
    from tests.e2e.test_loop import unnamed

    page = open_page("/lead", width=width, height=844, scheme=scheme)
    sign_in(page, served, "lead")
    expect(page.locator(".lead-top")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not unnamed(page)
    page.goto(f"{served.url}/cases")
    expect(page.locator(".ru1-case-card").first).to_be_visible()
    if width < 800:
        expect(page.locator(".ru1-filters")).to_be_hidden()
        page.locator(".ru1-side > summary").click()
    expect(page.locator(".ru1-filters")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not unnamed(page)
