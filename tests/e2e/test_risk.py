"""The hallucination risk on the page: a number and a map where they rest on enough, words where they do not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ru1_app.scoring.risk import Described
from tests.e2e.conftest import PATIENCE, Served
from tests.e2e.test_loop import SMALL, recover, unnamed, upload
from tests.server import Server
from tests.tiny_risk import DESCRIBED, FEW, make_models_with_risk

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.weights]
expect.set_options(timeout=PATIENCE)
Open = Callable[..., Page]


@pytest.fixture(scope="module", params=[DESCRIBED, FEW], ids=["enough", "few"])
def described(request: Any) -> Described:
    """What the installed risk model says of itself."""
    model: Described = request.param
    return model


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, described: Described) -> Iterator[Served]:
    """The app with a risk model beside the shipped ones."""
    folder = tmp_path_factory.mktemp("risk")
    models = make_models_with_risk(folder / "models", described)
    with Server(folder / "data", settings={"RU1_MODELS_DIR": str(models)}) as server:
        yield Served(server.url, folder / "data")
        assert "Traceback" not in server.log()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_risk_and_its_map_are_shown_where_they_rest_on_enough(
    open_page: Open, described: Described, width: int, scheme: str
) -> None:
    page = open_page("/", width=width, height=844, scheme=scheme)
    upload(page, SMALL)
    expect(page.locator("#preview")).to_contain_text("coffee")
    recover(page)
    risk = page.get_by_role("region", name="Hallucination risk")
    choice = page.get_by_label("where it may mislead")
    if described.enough:
        expect(risk.locator(".ru1-value")).to_have_text(re.compile(r"\d+ % (low|raised|high)"))
        expect(risk).to_contain_text("of 10 simulated raters would say")
        expect(risk).to_contain_text("Learned from 900 recoveries of 120 pictures")
        choice.check()
        expect(page.locator("#compare .ru1-heat[data-overlay=risk]")).to_be_visible()
        expect(page.locator("#compare .ru1-legend:visible")).to_contain_text("in 30 of 40 held-out")
    else:
        expect(risk.locator(".ru1-value")).to_have_text("too few labels to say")
        expect(risk).to_contain_text("It needs 200 of them")
        expect(choice).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not unnamed(page)
