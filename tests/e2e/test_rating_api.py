"""The rating desk through the Gradio client, as a script would use it: documented types, and roles refused."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client

from ru1_app.config import Settings
from ru1_app.items import Origin, Role
from ru1_app.rating.filling import Filler
from ru1_app.rating.people import Accounts
from ru1_app.rating.policy import Overlap
from ru1_app.store.people_sql import People
from ru1_app.store.sql import Store
from tests.factories import make_case
from tests.server import Server

pytestmark = pytest.mark.service
PASSWORD = "correct horse battery"
TAB = "script"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a running app with a visitor, a rater, a lead, and three items."""
    data: Path = tmp_path_factory.mktemp("api") / "data"
    settings = Settings(data_dir=data)
    store = Store(settings.url, settings.blob_dir)
    people = People(store.database)
    for role in (Role.VISITOR, Role.RATER, Role.LEAD):
        person = Accounts(people, settings).add(role.value, PASSWORD, role)
        people.set_gate_passed(person.id, datetime.now(UTC))
    cases = [make_case(seed) for seed in range(3)]
    for case, images in cases:
        store.add_case(case, images)
    Filler(store, Overlap()).add([case for case, _ in cases], Origin.BATCH, "tests")
    store.close()
    with Server(data) as server:
        yield Client(server.url, verbose=False)


def token(client: Client, role: Role) -> str:
    told = client.predict(role.value, PASSWORD, api_name="/sign_in")
    found: str = told["token"]
    return found


def test_every_call_says_what_it_takes_and_gives(client: Client) -> None:
    described: Any = client.view_api(return_format="dict")["named_endpoints"]
    parts = {name: [p["parameter_name"] for p in about["parameters"]] for name, about in described.items()}
    assert parts["/next_item"] == ["token", "tab", "hint"]
    assert parts["/submit_rating"] == ["token", "tab", "item", "stage", "judgement"]
    assert parts["/pair"] == ["token", "tab", "item", "choice", "comment", "duration_ms", "request_id"]
    assert parts["/stats"] == ["token"]
    assert all(about["returns"] for about in described.values())


def test_an_item_is_taken_judged_and_counted(client: Client) -> None:
    mine = token(client, Role.RATER)
    item = client.predict(mine, TAB, "", api_name="/next_item")["item"]
    assert item["stage"] == "blind"
    judgement = {
        "verdict": "misleading", "severity": 2, "categories": {"text_altered": 2}, "confidence": 2, "comment": "",
        "regions": [{"x0": 0.1, "y0": 0.1, "x1": 0.3, "y1": 0.2, "category": "text_altered"}], "duration_ms": 900,
        "request_id": uuid.uuid4().hex,
    }  # fmt: skip
    early = client.predict(mine, TAB, item["id"], "reveal", judgement | {"global_rating": 3}, api_name="/submit_rating")
    assert early["error"]["kind"] == "conflict"
    done = client.predict(mine, TAB, item["id"], "blind", judgement, api_name="/submit_rating")
    assert done["stage"] == "answer"
    again = client.predict(mine, TAB, item["id"], "blind", judgement, api_name="/submit_rating")
    assert again["rating"] == done["rating"]
    stats = client.predict(mine, api_name="/stats")
    assert stats == {"mine": {"judged": 1, "skipped": 0}, "team": None}
    assert client.predict(token(client, Role.LEAD), api_name="/stats")["team"]["per_day"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("next_item", (TAB, "")),
        ("submit_rating", (TAB, "item", "blind", {})),
        ("pair", (TAB, "item", "left", "", 1.0, "0" * 8)),
        ("skip", (TAB, "item", "why")),
        ("undo", (TAB,)),
        ("stats", ()),
        ("adjudicate", ("item", {})),
        ("lead_report", ()),
        ("change_overlap", ("item", 5.0)),
    ],
)
def test_visitors_and_strangers_are_refused(client: Client, name: str, values: tuple[Any, ...]) -> None:
    visitor = client.predict(token(client, Role.VISITOR), *values, api_name=f"/{name}")
    assert visitor["error"]["kind"] == "forbidden"
    stranger = client.predict("no token", *values, api_name=f"/{name}")
    assert stranger["error"]["kind"] == "signed_out"


@pytest.mark.parametrize("name", ["lead_report", "recompute_consensus"])
def test_raters_are_no_leads(client: Client, name: str) -> None:
    assert client.predict(token(client, Role.RATER), api_name=f"/{name}")["error"]["kind"] == "forbidden"


def test_a_wrong_password_is_said(client: Client) -> None:
    told = client.predict("rater", "wrong password", api_name="/sign_in")
    assert told == {"error": {"kind": "signed_out", "message": "That name and password do not go together. Try again."}}
