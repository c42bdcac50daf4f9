"""The rating page, driven as a rater drives it: by keyboard. The desk behind it is the one of `tests/fake_desk.py`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from ru1_app.config import Settings
from ru1_app.errors import InvalidInput
from ru1_app.protocol import check_judgement, load_protocol
from tests.fake_desk import PASSWORD, REASONS, DeskServer, FakeDesk, no, work

pytestmark = pytest.mark.browser
WAIT = 30_000  # milliseconds for anything the page does; two busy cores are slow
expect.set_options(timeout=WAIT)
ALL = ("blind", "answer", "reveal")
DOWN = re.compile("Failed to load resource")  # what Chromium logs while the server is away


class Rater:
    """One person at the keyboard of one page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def sign_in(self, name: str = "ann", password: str = PASSWORD) -> None:
        expect(self.page.locator(".rate-signin input").first).to_be_focused()
        self.page.keyboard.type(name)
        self.press("Tab")
        self.page.keyboard.type(password)
        self.press("Enter")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def write(self, text: str) -> None:
        """Into the comment, and out of it again."""
        self.press("i")
        self.page.keyboard.type(text)
        self.press("Escape")

    def ready(self, item: str = "", stage: str = "") -> None:
        """Until that item is shown in that stage, with its images."""
        self.page.wait_for_function(
            "([item, stage]) => { const s = window.ru1rate && ru1rate.state; return s && s.item && !s.busy"
            " && !s.feedback && ru1rate.viewer.view.loaded && (!item || s.item.id === item)"
            " && (!stage || s.item.stage === stage); }",
            arg=[item, stage],
            timeout=WAIT,
        )

    def state(self, path: str) -> Any:
        """A value of the page's state, such as `judgement.regions`."""
        return self.page.evaluate(f"window.ru1rate.state.{path}")

    def at(self, place: str) -> Locator:
        return self.page.locator(place)

    def pressed(self, action: str) -> None:
        expect(self.at(f'.rate-form [data-action="{action}"]')).to_have_attribute("aria-pressed", "true")

    def saved(self) -> None:
        expect(self.at(".rate-saved")).to_have_text(re.compile(r"^Saved \d\d:\d\d:\d\d$"))

    def error(self, text: str) -> None:
        expect(self.at(".rate-actions .rate-error")).to_have_text(text)


@pytest.fixture
def errors() -> list[str]:
    """What the consoles of a test's pages complained about."""
    return []


@pytest.fixture
def serve(settings: Settings) -> Iterator[Callable[..., DeskServer]]:
    """Starts a desk with these items; stopped at the end."""
    started: list[DeskServer] = []

    def start(*items: dict[str, Any], **options: Any) -> DeskServer:
        server = DeskServer(FakeDesk(list(items), **options), settings)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def visit(browser: Any, errors: list[str]) -> Iterator[Callable[..., Rater]]:
    """Opens the page of a desk and signs in. Nothing may be logged as an error."""
    contexts: list[Any] = []

    def open_(
        server: DeskServer, *, width: int = 1440, height: int = 900, signed_in: bool = True, **options: Any
    ) -> Rater:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(WAIT)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{server.url}/rate")
        rater = Rater(page)
        if signed_in:
            rater.sign_in()
        return rater

    yield open_
    for context in contexts:
        context.close()
    assert not errors


Serve = Callable[..., DeskServer]
Visit = Callable[..., Rater]


def test_a_wrong_password_is_said_and_the_right_one_lets_in(serve: Serve, visit: Visit) -> None:
    server = serve(work("a"))
    rater = visit(server, signed_in=False)
    rater.sign_in(password="wrong")
    expect(rater.at(".rate-signin .rate-error")).to_contain_text("do not go together")
    expect(rater.at(".rate-signin [name=name]")).to_have_value("ann")
    rater.page.keyboard.type(PASSWORD)  # the field is selected: typing replaces what was wrong
    rater.press("Enter")
    rater.ready("a")
    rater.page.reload()
    rater.ready("a")  # the token stays in this browser
    rater.press("Shift+Q")
    expect(rater.at(".rate-signin .rate-error")).to_have_text("You are signed out.")
    rater.page.reload()
    expect(rater.at(".rate-signin input").first).to_be_focused()


def test_an_item_is_rated_through_all_its_stages_without_the_mouse(serve: Serve, visit: Visit) -> None:
    server = serve(work("a", stages=ALL), work("b"))
    rater = visit(server)
    rater.ready("a", "blind")
    body = rater.at(".rate").inner_text()
    assert "Which number" not in body
    assert "Reference" not in body
    rater.press("3", "r", "c", "x", "Enter", "8")
    rater.write("The 3 became an 8")
    rater.press("Enter")
    rater.ready("a", "answer")
    expect(rater.at(".rate-asked")).to_contain_text("Which number is on the sign?")
    expect(rater.at(".rate-answers dd")).to_have_text(["A. 30", "B. 80", "B. 80"])
    rater.pressed("impact:2")  # derived, and open to change
    rater.press("5", "w", "Enter")
    rater.ready("a", "reveal")
    expect(rater.at("[data-key=reference]")).to_be_visible()
    rater.pressed("verdict:2")
    rater.press("Enter")
    rater.error("Say on the 1-5 scale how much is hallucinated.")
    rater.press("t", "4", "Enter")
    rater.ready("b", "blind")
    blind, answer, reveal = (rating["judgement"] for rating in server.desk.ratings)
    assert (blind["verdict"], blind["severity"], blind["confidence"]) == ("misleading", 3, 2)
    assert blind["categories"] == {"text_altered": 3}
    assert blind["comment"] == "The 3 became an 8"
    assert blind["duration_ms"] > 0
    assert re.fullmatch("[0-9a-f]{32}", blind["request_id"])
    assert (answer["answer_impact"], answer["supported_by_input"]) == ("right_but_unsupported", "no")
    assert (reveal["global_rating"], reveal["verdict"]) == (4, "misleading")


def test_later_stages_may_be_left_out(serve: Serve, visit: Visit) -> None:
    server = serve(work("a", stages=ALL), work("b"))
    rater = visit(server)
    rater.ready("a", "blind")
    rater.press("1", "9", "Enter")
    rater.ready("a", "answer")
    rater.press("l")
    rater.ready("b", "blind")
    assert server.desk.left == {"a"}


def test_training_shows_the_key_and_the_gate_opens(serve: Serve, visit: Visit) -> None:
    server = serve(work("t", purpose="training"), work("u", purpose="training"), work("a"), gate_of=2)
    rater = visit(server)
    rater.ready("t")
    expect(rater.at(".rate-progress")).to_contain_text("Training 0 of 2")
    rater.press("1", "9", "Enter")
    feedback = rater.at(".rate-feedback")
    expect(feedback).to_contain_text("Not as expected")
    expect(feedback).to_contain_text("The number on the sign was changed")
    expect(rater.at(".rate-marks .rate-gold")).to_have_count(1)
    rater.press("Enter")
    rater.ready("u")
    rater.press("3", "9", "Enter")
    expect(feedback).to_contain_text("As expected")
    rater.press("Enter")
    rater.ready("a")
    expect(rater.at(".rate-told")).to_contain_text("Training passed.")
    expect(rater.at(".rate-stage")).not_to_contain_text("training")


def test_marks_are_made_moved_grown_named_and_removed_by_keyboard(serve: Serve, visit: Visit) -> None:
    server = serve(work("a"), work("b"))
    rater = visit(server)
    rater.ready("a")
    rater.press("3", "n", "ArrowRight", "ArrowRight", "ArrowDown", "Shift+ArrowRight", "m", "x")
    box = rater.state("judgement.regions")[0]
    assert box == {
        "x0": pytest.approx(0.395), "y0": pytest.approx(0.385), "x1": pytest.approx(0.655), "y1": pytest.approx(0.635),
        "category": "text_altered",
    }  # fmt: skip
    assert rater.state("judgement.categories") == {"text_altered": 2}
    rater.press("p", "ArrowUp", "n", ",")
    assert rater.state("mark") == 1
    rater.press(".", "Delete")
    expect(rater.at(".rate-list li")).to_have_count(2)
    rater.press("Escape", "9", "Enter")
    rater.ready("b")
    stored = server.desk.ratings[0]["judgement"]["regions"]
    assert stored[0]["category"] == "text_altered"
    assert stored[1]["x0"] == stored[1]["x1"]  # a point
    assert stored[1]["y0"] == pytest.approx(0.49)


def test_marks_are_drawn_clicked_moved_and_resized_by_mouse(serve: Serve, visit: Visit) -> None:
    rater = visit(serve(work("a")))
    rater.ready("a")
    rater.press("o")
    frame = rater.at(".rate-main .rate-image").first.bounding_box()
    assert frame

    def drag(a: tuple[float, float], b: tuple[float, float], button: Any = "left") -> None:
        (x0, y0), (x1, y1) = ((frame["x"] + u * frame["width"], frame["y"] + v * frame["height"]) for u, v in (a, b))
        rater.page.mouse.move(x0, y0)
        rater.page.mouse.down(button=button)
        rater.page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2, steps=3)
        rater.page.mouse.move(x1, y1, steps=3)
        rater.page.mouse.up(button=button)

    def corners(index: int = 0) -> list[float]:
        box = rater.state(f"judgement.regions[{index}]")
        return [box[name] for name in ("x0", "y0", "x1", "y1")]

    drag((0.6, 0.6), (0.2, 0.3))  # backwards
    assert corners() == pytest.approx([0.2, 0.3, 0.6, 0.6], abs=0.01)
    drag((0.4, 0.45), (0.5, 0.55))
    assert corners() == pytest.approx([0.3, 0.4, 0.7, 0.7], abs=0.01)
    drag((0.7, 0.7), (0.9, 0.8))  # the south-east handle
    assert corners() == pytest.approx([0.3, 0.4, 0.9, 0.8], abs=0.01)
    rater.page.mouse.click(frame["x"] + 0.1 * frame["width"], frame["y"] + 0.1 * frame["height"])
    assert corners(1) == pytest.approx([0.1, 0.1, 0.1, 0.1], abs=0.01)
    rater.press("Delete", "+", "+", "+")
    before = rater.state("judgement.regions")
    drag((0.4, 0.4), (0.5, 0.5), button="middle")
    view = rater.page.evaluate("[ru1rate.viewer.view.cx, ru1rate.viewer.view.zoom]")
    assert view[0] < 0.5
    assert view[1] == pytest.approx(1.25**3)
    assert rater.state("judgement.regions") == before
    rater.press("0")
    assert rater.page.evaluate("ru1rate.viewer.view.zoom") == 1


def test_the_images_are_compared_and_blinked(serve: Serve, visit: Visit) -> None:
    rater = visit(serve(work("a")))
    rater.ready("a")
    panes, over = rater.at(".rate-pane"), rater.at(".rate-main .rate-over")
    rater.press("a")
    expect(panes).to_have_count(2)
    rater.press("o")
    expect(panes).to_have_count(1)
    expect(over).to_be_hidden()
    rater.page.keyboard.down("b")
    expect(over).to_be_visible()
    expect(rater.at(".rate-main figcaption")).to_have_text("Corrupted")
    rater.page.keyboard.up("b")
    expect(over).to_be_hidden()
    expect(rater.at(".rate-main figcaption")).to_have_text("Recovered")
    rater.press("d")
    expect(rater.at("canvas[data-done]")).to_be_visible()
    expect(rater.at(".rate-main figcaption")).to_contain_text("× 4")
    rater.press("f", "j")
    expect(rater.at(".rate-slide")).to_have_value("45")
    rater.page.mouse.move(300, 400)
    rater.page.mouse.wheel(0, -400)
    expect(rater.at(".rate-zoom")).not_to_have_text("100 %")
    rater.press("a")
    first, second = (
        rater.at(f"[data-key={key}] .rate-image").first.bounding_box() for key in ("corrupted", "recovered")
    )
    assert first
    assert second
    assert first["width"] == pytest.approx(second["width"], abs=0.5)  # one zoom for both
    assert first["y"] == pytest.approx(second["y"], abs=0.5)


def test_undo_reopens_the_last_one_and_the_correction_supersedes_it(serve: Serve, visit: Visit) -> None:
    server = serve(work("a"), work("b"))
    rater = visit(server)
    rater.ready("a")
    rater.press("1", "9", "Enter")
    rater.ready("b")
    rater.press("2")  # begun, and kept as a draft while the other is corrected
    rater.saved()
    rater.press("u")
    rater.ready("a")
    expect(rater.at(".rate-stage")).to_contain_text("correction")
    rater.pressed("verdict:0")
    rater.press("3", "Enter")
    rater.ready("b")
    rater.pressed("verdict:1")
    first, second = server.desk.ratings
    assert second["supersedes"] == first["id"]
    assert (first["judgement"]["verdict"], second["judgement"]["verdict"]) == ("faithful", "misleading")


def test_skipping_asks_why(serve: Serve, visit: Visit) -> None:
    server = serve(work("a"), work("b"), work("c"))
    rater = visit(server)
    rater.ready("a")
    rater.press("s")
    dialog = rater.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    rater.press("Escape")
    expect(dialog).to_have_count(0)
    rater.press("s", "1")
    rater.ready("b")
    rater.press("s", "i", "Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("Say why")
    rater.page.keyboard.type("my own <b>reason</b>")
    rater.press("Enter")
    rater.ready("c")
    assert server.desk.skipped == {"a": REASONS[0], "b": "my own <b>reason</b>"}


def test_a_draft_is_back_after_a_reload_and_on_another_browser(serve: Serve, visit: Visit) -> None:
    server = serve(work("a"))
    rater = visit(server)
    rater.ready("a")
    rater.press("3", "n", "8")
    rater.write("half a thou")
    rater.page.reload()  # at once: only this browser has the last of it
    rater.ready("a")
    expect(rater.at(".rate-form textarea")).to_have_value("half a thou")
    rater.pressed("verdict:2")
    expect(rater.at(".rate-saved")).to_have_text(re.compile(r"is back$|^Saved"))
    other = visit(server)
    other.ready("a")
    expect(other.at(".rate-form textarea")).to_have_value("half a thou")
    expect(other.at(".rate-list li")).to_have_count(1)
    assert len(server.desk.tabs) == 2
    assert server.desk.drafts["a.blind"]["body"]["duration_ms"] > 0


def test_nothing_is_lost_or_doubled_when_the_server_restarts(serve: Serve, visit: Visit, errors: list[str]) -> None:
    server = serve(work("a"), work("b"))
    rater = visit(server)
    rater.ready("a")
    rater.press("3")
    rater.saved()
    server.stop()
    rater.press("9")
    expect(rater.at(".rate-line")).to_be_visible()
    expect(rater.at(".rate-saved")).to_have_text("Not saved: no connection, kept in this browser")
    server.start()
    expect(rater.at(".rate-line")).to_be_hidden()
    rater.saved()
    assert server.desk.drafts["a.blind"]["body"]["confidence"] == 3
    server.stop()
    rater.press("Enter")
    expect(rater.at(".rate-doing")).to_have_text("Sending…")
    expect(rater.at(".rate-line")).to_be_visible()
    server.start()
    rater.ready("b")
    assert [rating["item"] for rating in server.desk.ratings] == ["a"]
    errors[:] = [text for text in errors if not DOWN.search(text)]


def test_a_submit_whose_reply_was_lost_is_sent_again_and_stored_once(
    serve: Serve, visit: Visit, errors: list[str]
) -> None:
    server = serve(work("a"), work("b"))
    rater = visit(server)
    rater.ready("a")
    seen: list[str] = []

    def lose(route: Any) -> None:
        seen.append(route.request.post_data_json["data"][4]["request_id"])
        if len(seen) == 1:
            route.fetch()  # the service stores it; nobody hears of it
            route.abort()
        else:
            route.continue_()

    rater.page.route("**/run/submit_rating", lose)
    rater.press("1", "9", "Enter")
    rater.ready("b")
    assert seen[0] == seen[1]
    assert len(server.desk.ratings) == 1
    errors[:] = [text for text in errors if not DOWN.search(text)]


def test_the_rules_are_said_in_the_services_words(serve: Serve, visit: Visit) -> None:
    server = serve(work("a"), work("b"))
    rater = visit(server)
    rater.ready("a")
    rater.press("Enter")
    rater.error("Choose a verdict first.")
    rater.press("3", "w")
    with pytest.raises(InvalidInput) as severity:
        check_judgement(load_protocol(), "misleading", {}, 1, "unknown")
    rater.error(str(severity.value))
    rater.press("c", "x", "Enter", "1", "9", "Enter")
    with pytest.raises(InvalidInput) as categories:
        check_judgement(load_protocol(), "faithful", {"text_altered": 2}, 0, "unknown")
    rater.error(str(categories.value))
    assert rater.state("judgement.categories") == {"text_altered": 2}
    rater.press("Shift+C")
    rater.error("")
    rater.press("i")
    rater.page.keyboard.insert_text("x" * 501)
    rater.press("Escape", "Enter")
    rater.error("The comment has 501 characters; up to 500 are allowed.")
    assert "submit_rating" not in server.desk.calls
    rater.press("i", "Backspace", "Escape")
    server.desk.refuse["submit_rating"] = no("invalid_input", "The service knows better.")
    rater.press("Enter")
    rater.error("The service knows better.")
    assert len(rater.state("judgement.comment")) == 500
    rater.press("Enter")
    rater.ready("b")


def test_keys_rest_in_text_fields_and_the_sheet_lists_them(serve: Serve, visit: Visit) -> None:
    rater = visit(serve(work("a")))
    rater.ready("a")
    rater.write("1 3 s u ? q")
    assert rater.state("judgement.verdict") is None
    expect(rater.at(".rate-form textarea")).to_have_value("1 3 s u ? q")
    rater.press("?")
    dialog = rater.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Hold: blink to the other image")
    expect(dialog).to_contain_text("Object replaced")
    rater.press("3")
    assert rater.state("judgement.verdict") is None  # the sheet has the keys
    rater.press("?")
    expect(dialog).to_have_count(0)
    seen = "[...document.querySelectorAll('.rate-page button')].filter(b => b.offsetWidth)"
    bare = "b => b.dataset.action && !b.querySelector('kbd')"
    assert rater.page.evaluate(f"{seen}.filter({bare}).map(b => b.dataset.action)") == []
    assert rater.page.evaluate(f"{seen}.filter(b => b.offsetHeight < 28).length") == 0


def test_tab_reaches_the_controls_and_enter_presses_them(serve: Serve, visit: Visit) -> None:
    server = serve(work("a"))
    rater = visit(server)
    rater.ready("a")
    rater.at('[data-action="verdict:1"]').focus()
    rater.press("Shift+Tab", "Tab", "Enter")
    rater.pressed("verdict:1")
    assert "submit_rating" not in server.desk.calls
    rater.at('[data-action="verdict:0"]').click()  # what the mouse pressed does not keep Enter for itself
    rater.press("9", "Enter")
    expect(rater.at(".rate-idle")).to_contain_text("Nothing is left")


def test_a_lost_lease_is_said_and_the_next_item_is_one_key_away(serve: Serve, visit: Visit) -> None:
    server = serve(work("a"), work("b"))
    rater = visit(server)
    rater.ready("a")
    rater.press("3", "9")
    server.desk.refuse["submit_rating"] = no("lease_lost", "Your ten minutes are over; somebody else has the item now.")
    server.desk.skipped["a"] = "lost"
    rater.press("Enter")
    expect(rater.at(".rate-idle")).to_contain_text("Your ten minutes are over")
    rater.press("Enter")
    rater.ready("b")


def test_signed_out_in_the_middle_keeps_what_was_filled_in(serve: Serve, visit: Visit) -> None:
    server = serve(work("a"))
    rater = visit(server)
    rater.ready("a")
    rater.press("3", "9")
    rater.saved()
    server.desk.tokens.clear()
    rater.press("n", "Enter")
    expect(rater.at(".rate-signin .rate-error")).to_contain_text("Sign in again")
    rater.sign_in()
    rater.ready("a")
    rater.pressed("verdict:2")
    expect(rater.at(".rate-list li")).to_have_count(1)


def test_two_recoveries_are_compared(serve: Serve, visit: Visit) -> None:
    server = serve(work("p", kind="pair"), work("a"))
    rater = visit(server)
    rater.ready("p", "pair")
    expect(rater.at(".rate-pane")).to_have_count(4)
    rater.press("o")
    expect(rater.at(".rate-main figcaption")).to_have_text("Right")
    rater.page.keyboard.down("b")
    expect(rater.at(".rate-main figcaption")).to_have_text("Left")
    rater.page.keyboard.up("b")
    rater.press("Enter")
    rater.error("Choose left, right, a tie, or both bad first.")
    rater.press("2", "Enter")
    rater.ready("a")
    assert server.desk.ratings[0]["judgement"]["choice"] == "right"


def test_the_next_two_items_are_loaded_ahead(serve: Serve, visit: Visit) -> None:
    rater = visit(serve(work("a"), work("b"), work("c"), work("d")))
    rater.ready("a")
    loaded = "performance.getEntriesByType('resource').map(r => r.name).filter(n => n.includes('/ru1/images/')).length"
    rater.page.wait_for_function(f"{loaded} >= 6")
    assert not rater.page.evaluate("performance.getEntriesByType('resource').some(r => r.name.includes('/3-'))")


def pinch(page: Page, place: Locator) -> None:
    """Two fingers, 100 pixels apart at first and 200 at the end."""
    box = place.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 3
    session = page.context.new_cdp_session(page)
    for kind, half in (
        ("touchStart", 50),
        ("touchMove", 60),
        ("touchMove", 80),
        ("touchMove", 100),
        ("touchEnd", None),
    ):
        points = [] if half is None else [{"x": x - half, "y": y, "id": 0}, {"x": x + half, "y": y, "id": 1}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_fingers(serve: Serve, visit: Visit, scheme: str) -> None:
    server = serve(work("a", stages=ALL), work("p", kind="pair"))
    rater = visit(server, width=390, height=844, color_scheme=scheme, has_touch=True, is_mobile=True)
    rater.ready("a")
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert rater.page.evaluate(fits)
    rater.at('[data-action="verdict:2"]').tap()
    rater.at('[data-action="hand"]').tap()  # from here on a finger draws
    rater.at(".rate-main").tap(position={"x": 80, "y": 120})
    expect(rater.at(".rate-list li")).to_have_count(1)
    pinch(rater.page, rater.at(".rate-main"))
    assert rater.page.evaluate("ru1rate.viewer.view.zoom") == pytest.approx(2, rel=0.1)
    expect(rater.at(".rate-list li")).to_have_count(1)  # two fingers draw nothing
    rater.at('.rate-bar [data-action="guide"]').tap()
    expect(rater.at(".rate-guide img")).to_be_visible()
    assert rater.page.evaluate(fits)
    rater.at('.rate-guide [data-action="guide"]').tap()
    rater.at('[data-action="confidence:3"]').tap()
    rater.at('[data-action="submit"]').tap()
    rater.ready("a", "answer")
    assert rater.page.evaluate(fits)


def test_guidelines_stand_beside_the_images(serve: Serve, visit: Visit) -> None:
    rater = visit(serve(work("a")))
    rater.ready("a")
    rater.press("g")
    guide, view = (rater.at(place).bounding_box() for place in (".rate-guide", ".rate-view"))
    assert guide
    assert view
    assert guide["x"] + guide["width"] <= view["x"]
    expect(rater.at(".rate-guide")).to_contain_text("How to judge")
    rater.press("3", "g")  # the keys go on working
    rater.pressed("verdict:2")
    expect(rater.at(".rate-guide")).to_be_hidden()


def test_a_duplicated_tab_takes_a_name_of_its_own(serve: Serve, visit: Visit) -> None:
    server = serve(work("a"))
    rater = visit(server)
    rater.ready("a")
    with rater.page.expect_popup() as popup:
        rater.page.evaluate("void window.open(location.href)")  # takes a copy of the tab's storage along
    copy = Rater(popup.value)
    copy.ready("a")
    assert copy.state("tab") != rater.state("tab")
    assert len(server.desk.tabs) == 2
