"""Saved views: a name is an address, one owner each, and every change stands in the audit log. On both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ru1_app.errors import Conflict, Forbidden, InvalidInput, NotFound
from ru1_app.items import Person, Role
from ru1_app.rating.gallery import Gallery
from ru1_app.store.audit_sql import broken, entries
from ru1_app.store.filters import Filters
from ru1_app.store.people_sql import People
from ru1_app.store.sql import Store
from ru1_app.store.views_sql import Views, slug_of

pytest_plugins = ("tests.databases",)
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
FOG = Filters(corruption=("fog",), severity_low=2)


def person(name: str, role: Role = Role.RATER) -> Person:
    return Person(name, "local", name, role, NOW)


def test_a_view_keeps_its_filters_under_a_name(any_store: Store) -> None:
    views, anna = Views(any_store.database), person("anna")
    kept = views.save("  Severe  fog ", FOG, anna, NOW)
    assert (kept.slug, kept.name, kept.filters, kept.owner) == ("severe-fog", "Severe fog", FOG, "anna")
    assert views.view("severe-fog") == kept
    assert views.save("severe fog", Filters(), anna, NOW).filters == Filters()  # the same view, saved anew
    assert [each.slug for each in views.all()] == ["severe-fog"]


def test_a_name_of_somebody_else_is_taken(any_store: Store) -> None:
    views = Views(any_store.database)
    views.save("Fog", FOG, person("anna"), NOW)
    with pytest.raises(Conflict, match="Somebody else"):
        views.save("FOG!", Filters(), person("ben"), NOW)
    assert views.view("fog").filters == FOG


def test_the_owner_and_a_lead_may_rename_and_delete(any_store: Store) -> None:
    views, anna, lead = Views(any_store.database), person("anna"), person("lead", Role.LEAD)
    views.save("Fog", FOG, anna, NOW)
    for change in (
        lambda: views.rename("fog", "Mine", person("ben"), NOW),
        lambda: views.delete("fog", person("ben"), NOW),
    ):
        with pytest.raises(Forbidden, match="somebody else's"):
            change()
    renamed = views.rename("fog", "Thick fog", anna, NOW)
    assert (renamed.slug, renamed.name, renamed.filters) == ("fog", "Thick fog", FOG)
    views.delete("fog", lead, NOW)
    for slug in ("fog", "a\0b"):
        with pytest.raises(NotFound, match="no view"):
            views.view(slug)


def test_every_change_is_told_in_the_audit_log(any_store: Store) -> None:
    views, anna = Views(any_store.database), person("anna")
    views.save("Fog", FOG, anna, NOW)
    views.rename("fog", "Thick fog", anna, NOW)
    views.delete("fog", anna, NOW)
    lines = [(line.actor, line.action, line.subject) for line in entries(any_store.database)]
    assert lines == [("anna", f"view_{what}", "fog") for what in ("saved", "renamed", "deleted")]
    assert broken(any_store.database) == (3, None)


@pytest.mark.parametrize("name", ["", "   ", "!?", "x" * 61, "a\0b", None])
def test_a_name_must_say_something(any_store: Store, name: str) -> None:
    with pytest.raises(InvalidInput, match="[Nn]ame"):
        Views(any_store.database).save(name, FOG, person("anna"), NOW)


def test_slugs_are_plain() -> None:
    assert slug_of("Straße & Nebel (Überblick)") == "strasse-nebel-uberblick"
    assert slug_of("霧 2") == "霧-2"


def test_visitors_save_nothing(any_store: Store) -> None:
    gallery = Gallery(any_store, People(any_store.database))
    with pytest.raises(Forbidden, match="'rater'"):
        gallery.save_view(person("v", Role.VISITOR), "Fog", FOG)
