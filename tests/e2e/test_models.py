"""Every adapter from the page: tiny random checkpoints of the real classes, listed in a team's file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import PATIENCE, Served
from tests.e2e.test_loop import SMALL, upload
from tests.served import ServedModel
from tests.server import Server
from tests.tiny_models import ANSWERERS, RECOVERERS, make_tiny_models

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.weights]
expect.set_options(timeout=PATIENCE)
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def far() -> Iterator[ServedModel]:
    """The server behind the model "Far model"."""
    with ServedModel() as model:
        yield model


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, far: ServedModel) -> Iterator[Served]:
    """The app with a team's list of models."""
    folder = tmp_path_factory.mktemp("models")
    settings = {"RU1_MODELS_FILE": str(make_tiny_models(folder, far.url)), "RU1_MAX_SIDE": "96"}
    with Server(folder / "data", settings=settings) as server:
        yield Served(server.url, folder / "data")
        assert "Traceback" not in server.log()


def pick(page: Page, menu: str, label: str) -> None:
    page.locator(f"{menu} input").click()
    page.locator(f"{menu} ul").get_by_role("option", name=label, exact=True).click()


def start(page: Page) -> None:
    upload(page, SMALL)
    expect(page.locator("#preview")).to_contain_text("coffee")
    page.get_by_label("Question", exact=True).fill("What is in the cup?")
    for letter, text in zip("ABC", ("tea", "coffee", "milk"), strict=True):
        page.get_by_label(f"Option {letter}").fill(text)
    page.get_by_role("button", name="Model and sampling").click()


def run(page: Page) -> None:
    page.locator("#run").click()
    expect(page.locator("#stop")).to_be_visible()
    expect(page.locator("#run")).to_be_enabled()


@pytest.mark.parametrize("name", RECOVERERS)
def test_every_recoverer_recovers_from_the_page(open_page: Open, name: str) -> None:
    page = open_page()
    start(page)
    pick(page, "#model", RECOVERERS[name])
    run(page)
    expect(page.locator("#compare .ru1-after")).to_be_visible()
    expect(page.locator("#provenance")).to_contain_text(f"model {name}")
    expect(page.locator("#scores .ru1-card")).not_to_have_count(0)
    expect(page.locator("#answers .ru1-card")).to_have_count(3)


@pytest.mark.parametrize("name", ANSWERERS)
def test_every_answerer_answers_from_the_page(open_page: Open, name: str) -> None:
    page = open_page()
    start(page)
    pick(page, "#answerer", ANSWERERS[name])
    run(page)
    cards = page.locator("#answers .ru1-card")
    expect(cards).to_have_count(3)
    expect(cards.first).not_to_contain_text("no answer" if name != "tiny-r1" else "trained for")
    if name == "tiny-r1":
        expect(cards.first).to_contain_text("Damage it sees: hfg · 9")
    if name == "tiny-vlm":
        expect(cards.first.locator(".ru1-share")).to_have_count(3)


def test_recovering_and_reasoning_in_one_pass(open_page: Open) -> None:
    page = open_page(width=390)
    start(page)
    pick(page, "#model", "Tiny Robust-U1")
    expect(page.locator("#steps input[type=number]")).to_have_value("3")
    page.get_by_label("Recover and reason in one pass").check()
    run(page)
    trace = page.locator("#answers .ru1-trace")
    trace.locator("summary").click()
    expect(trace.locator("blockquote")).to_have_text(re.compile(r"B\s+B\s+B"))
    expect(page.locator("#answers .ru1-card").last).to_contain_text("B. coffee")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_the_first_model_recovered_stays_when_the_second_fails(open_page: Open, far: ServedModel) -> None:
    page = open_page()
    start(page)
    pick(page, "#other", "Far model")
    far.plan.append("html")
    run(page)
    far.plan.clear()
    expect(page.locator("#progress")).to_contain_text("Far model: ")
    expect(page.locator("#provenance")).to_contain_text("model embedded")
    expect(page.locator("#compare .ru1-after")).to_be_visible()
    expect(page.locator("#versus table")).to_have_count(0)


def test_two_models_side_by_side_and_either_can_be_flagged(open_page: Open, served: Served) -> None:
    page = open_page()
    start(page)
    pick(page, "#other", "Tiny upscaler")
    run(page)
    table = page.locator("#versus table").first
    expect(table).to_contain_text("SSIM")
    expect(page.locator("#versus figure")).to_have_count(4)
    expect(page.locator("#provenance")).to_contain_text("model embedded")
    page.locator("#which").get_by_label("Tiny upscaler").check()
    expect(page.locator("#provenance")).to_contain_text("model tiny-sr")
    page.locator("#verdict").get_by_role("radio", name=re.compile("^Unusable")).check()
    page.get_by_label("Not recovered").check()
    page.locator("#consent input").check()
    page.locator("#flag").click()
    link = page.locator("#flag-done a")
    expect(link).to_be_visible()
    page.goto(f"{served.url}/{link.get_attribute('href')}")
    expect(page.locator("#cases")).to_contain_text("tiny-sr")


def test_the_models_say_what_they_can_and_why_others_are_not_here(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Model and sampling").click()
    page.get_by_role("button", name="About the models").click()
    models = page.locator("#models")
    expect(models.locator(".ru1-card", has_text="tiny-u1")).to_contain_text("recovers and reasons in one pass")
    expect(models.locator(".ru1-card", has_text="the app itself")).to_contain_text("loaded")
    models.locator("summary", has_text="cannot be used here").click()
    expect(models.locator(".ru1-card", has_text="Jiaqi-hkust/Robust-U1-RL")).to_contain_text("RU1_PROFILE=gpu")
    pick(page, "#model", "Served model · not here")
    upload(page, SMALL)
    expect(page.locator("#preview")).to_contain_text("coffee")
    page.locator("#run").click()
    expect(page.get_by_text("set RU1_SERVED_URL")).to_be_visible()
    expect(page.locator("#run")).to_be_enabled()


def test_stopping_ends_a_recovery_and_shows_no_half_result(open_page: Open) -> None:
    page = open_page()
    start(page)
    pick(page, "#model", "Tiny Robust-U1")
    page.locator("#steps input[type=number]").fill("100")
    page.locator("#steps input[type=number]").press("Tab")
    page.locator("#samples input[type=number]").fill("8")
    page.locator("#samples input[type=number]").press("Tab")
    page.locator("#run").click()
    page.locator("#stop").click()  # at once: these tiny models may be through before a slow browser has clicked
    expect(page.locator("#progress")).to_contain_text("Stopped", timeout=5_000)
    expect(page.locator("#compare .ru1-empty")).to_have_count(1)
