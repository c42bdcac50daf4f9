"""The gallery and the lead's page as calls, beside those of `rating_api`: pieces of pages as HTML, and plain values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from ru1_app.errors import SignedOut
from ru1_app.items import Person, Role
from ru1_app.store.filters import Filters
from ru1_app.store.views_sql import View
from ru1_app.ui import case_view, gallery_view, lead_view
from ru1_app.ui.thumbs import Thumbs
from ru1_app.wiring import App

MAX_QUERY = 8000  # characters


def calls(app: App) -> dict[str, Callable[..., dict[str, Any]]]:
    """Every call by name."""
    thumbs = Thumbs(lambda sha: app.store.image(sha))

    def anybody(token: str) -> Person | None:
        try:
            return app.accounts.person_of(token) if token else None
        except SignedOut:
            return None

    def cases(token: str, query: str, order: str = "newest", after: str = "") -> dict:
        person, filters = anybody(token), _filters(query)
        found = app.gallery.page(person, filters, order or "newest", after)
        return {
            "person": {"id": person.id, "role": person.role.value} if person else None,
            "html": gallery_view.cards(found.cards, thumbs),
            "next": found.following,
            "total": found.total,
            "query": urlencode(filters.to_query()),
        }

    def case_counts(token: str, query: str) -> dict:
        facets = app.gallery.facets(anybody(token), _filters(query))
        return {"counts": facets.counts, "scores": list(facets.scores)}

    def case(token: str, id: str) -> dict:
        person = anybody(token)
        look = app.gallery.look(person, id)
        if person is not None and look.item is not None:
            app.desk.looked(person, look.item.id)
        return {"html": case_view.detail(look.case, app.store.image, look), "case": look.case.id}

    def views(token: str) -> dict:
        person = anybody(token)
        return {
            "views": [_view(each, person) for each in app.gallery.views()],
            "may_save": bool(person and person.role.may(Role.RATER)),
        }

    def view(token: str, slug: str) -> dict:
        return _view(app.gallery.view(slug), anybody(token))

    def save_view(token: str, name: str, query: str) -> dict:
        person = app.accounts.person_of(token)
        return _view(app.gallery.save_view(person, name, _filters(query)), person)

    def rename_view(token: str, slug: str, name: str) -> dict:
        person = app.accounts.person_of(token)
        return _view(app.gallery.rename_view(person, slug, name), person)

    def delete_view(token: str, slug: str) -> dict:
        app.gallery.delete_view(app.accounts.person_of(token), slug)
        return {}

    def lead_report(token: str) -> dict:
        return {"html": lead_view.page(app.leading.overview(app.accounts.person_of(token)), thumbs)}

    def recompute_consensus(token: str) -> dict:
        return {"items": app.leading.recompute(app.accounts.person_of(token))}

    def change_overlap(token: str, id: str, raters: float) -> dict:
        number = int(raters) if isinstance(raters, float) and raters.is_integer() else raters
        item = app.leading.overlap(app.accounts.person_of(token), id, number)
        return {"item": item.id, "overlap": item.overlap, "state": item.state.value}

    return {
        each.__name__: each
        for each in (
            cases, case_counts, case, views, view, save_view, rename_view, delete_view, lead_report,
            recompute_consensus, change_overlap,
        )
    }  # fmt: skip


def _filters(query: str) -> Filters:
    return Filters.from_query(parse_qsl(str(query)[:MAX_QUERY].lstrip("?"), max_num_fields=500))


def _view(view: View, person: Person | None) -> dict[str, Any]:
    own = person is not None and (person.id == view.owner or person.role.may(Role.LEAD))
    return {"slug": view.slug, "name": view.name, "query": urlencode(view.filters.to_query()), "mine": own}
