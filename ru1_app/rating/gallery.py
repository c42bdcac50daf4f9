"""The cases gallery as a service: who asks decides what is found and what of a case is shown. Saved views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ru1_app.domain import Case, RatingSource
from ru1_app.errors import NotFound
from ru1_app.items import Item, ItemKind, ItemState, Person, Purpose, Role
from ru1_app.rating.consensus import agreed_of
from ru1_app.rating.people import need
from ru1_app.store.filters import Filters
from ru1_app.store.gallery_sql import Card, Facets, GallerySql
from ru1_app.store.labels_sql import Agreed, Label
from ru1_app.store.people_sql import People
from ru1_app.store.seen_sql import Seen, Viewer, seen
from ru1_app.store.sql import Store
from ru1_app.store.views_sql import View, Views

PAGE = 24


@dataclass(frozen=True, slots=True)
class Found:
    """A page of the gallery; `total` comes with the first one."""

    cards: tuple[Card, ...]
    following: str  # where to go on; "" where this is the end
    total: int | None


@dataclass(frozen=True, slots=True)
class Look:
    """A case as a person may read it."""

    case: Case
    seen: Seen
    item: Item | None  # of the queue
    agreed: Agreed | None  # what its raters say together
    settles: bool  # the person may adjudicate it
    leads: bool
    names: Mapping[str, str]  # of raters, for leads


class Gallery:
    """Safe to use from many threads and processes."""

    def __init__(self, store: Store, people: People, clock: Callable[[], datetime] | None = None) -> None:
        self._store, self._people = store, people
        self._cases, self._views = GallerySql(store.database), Views(store.database)
        self._now = clock or (lambda: datetime.now(UTC))

    def page(self, person: Person | None, filters: Filters, order: str = "newest", after: str = "") -> Found:
        """A page of what the person may find."""
        viewer = Viewer.of(person)
        cards = self._cases.page(filters, viewer, order, after, PAGE + 1)
        following = cards[PAGE - 1].id if len(cards) > PAGE else ""
        total = None if after else self._cases.count(filters, viewer)
        return Found(tuple(cards[:PAGE]), following, total)

    def facets(self, person: Person | None, filters: Filters) -> Facets:
        """How many cases each value of the filters would find."""
        return self._cases.facets(filters, Viewer.of(person))

    def look(self, person: Person | None, some_id: str) -> Look:
        """A case, by its id or that of an item.

        Raises:
            NotFound: there is none, or the person is no lead and it is gold, or an item that is still to be judged:
                the id of what a rater has at hand must not tell more than the desk does.
        """
        viewer, case_id = Viewer.of(person), self._cases.case_of(some_id)
        items = self._cases.items_of(case_id)
        gold = any(item.purpose is not Purpose.WORK for item in items)
        if not viewer.all and (gold or (some_id != case_id and self._at_hand(some_id, items, viewer))):
            raise NotFound(f"There is no case {some_id[:64]!r}. It may have been flagged in another store.")
        case = self._store.case(case_id)
        read = seen(self._store.database, case, items, viewer)
        item = next((each for each in items if each.kind is ItemKind.SINGLE and each.purpose is Purpose.WORK), None)
        rated = any(r.rater_id == viewer.id and r.source is RatingSource.RATER for r in case.ratings)
        settles = item is not None and viewer.role.may(Role.ADJUDICATOR) and not rated and not read.waiting
        names = {each.id: each.name for each in self._people.all() if each.name} if viewer.all else {}
        return Look(case, read, item, self._agreed(case, item, read), settles, viewer.all, names)

    def _at_hand(self, item_id: str, items: list[Item], viewer: Viewer) -> bool:
        item = next((each for each in items if each.id == item_id), None)
        open_ = item is not None and item.state is ItemState.OPEN
        return open_ and not self._cases.has_judged(item_id, viewer)

    def _agreed(self, case: Case, item: Item | None, read: Seen) -> Agreed | None:
        if item is None or not read.finished:
            return None
        gone = {rating.supersedes for rating in case.ratings}
        valid = [Label(item, r) for r in case.ratings if r.item_id == item.id and r.id not in gone]
        return next(iter(agreed_of(valid, self._now())), None)

    def views(self) -> list[View]:
        """Every saved view; they are the team's."""
        return self._views.all()

    def view(self, slug: str) -> View:
        """The view of that slug; `NotFound` where there is none."""
        return self._views.view(slug)

    def save_view(self, person: Person, name: str, filters: Filters) -> View:
        """Keep filters under a name; see `Views.save`.

        Raises:
            Forbidden: the person is no rater.
        """
        need(person, Role.RATER)
        return self._views.save(name, filters, person, self._now())

    def rename_view(self, person: Person, slug: str, name: str) -> View:
        """Give a view another name; see `Views.rename`."""
        need(person, Role.RATER)
        return self._views.rename(slug, name, person, self._now())

    def delete_view(self, person: Person, slug: str) -> None:
        """Delete a view; see `Views.delete`."""
        need(person, Role.RATER)
        self._views.delete(slug, person, self._now())
