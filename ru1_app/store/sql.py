"""The store: cases in a database, their images as blobs. Domain values in and out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session, selectinload

from ru1_app.domain import Case, Rating, RatingSource, Verdict
from ru1_app.errors import Conflict, InvalidInput, NotFound
from ru1_app.images import digest
from ru1_app.store.blobs import Blobs, png_size
from ru1_app.store.database import Database
from ru1_app.store.rows import from_case, from_rating, from_sample, to_case, to_sample
from ru1_app.store.tables import ImageRow, RatingRow, RecoveryRow, SampleRow

PAGE = 200  # cases read at once by `iter_cases`


class Store:
    """Safe to use from many threads and processes; every write is one transaction.

    Raises:
        Unavailable: the database cannot be opened, or is older or newer than the code.
    """

    def __init__(self, url: str, blob_dir: Path) -> None:
        self.database = Database(url)
        self._blobs = Blobs(blob_dir)

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

    def keep(self, images: Mapping[str, bytes]) -> None:
        """Have these images on disk; those of stored cases that were lost or damaged are whole again."""
        for png in images.values():
            self._blobs.put(png)

    def image(self, sha: str) -> bytes:
        """The PNG bytes of a stored image; `NotFound` where there is none."""
        return self._blobs.get(sha)

    def image_path(self, sha: str) -> Path:
        """The file of a stored image; `NotFound` where there is none."""
        path = self._blobs.path(sha)
        if not path.is_file():
            raise NotFound(f"No image is named {sha!r}.")
        return path

    def add_case(self, case: Case, images: Mapping[str, bytes]) -> None:
        """Store a case with its images and ratings: blobs first, then all rows or none.

        Raises:
            Conflict: a case of that id, or another sample of that id, is stored already.
            InvalidInput: `images` lacks one that the case names, or its bytes are not of that name.
        """
        named = _images_of(case)
        if missing := named - images.keys():
            raise InvalidInput(f"The case names images that were not given: {', '.join(sorted(missing))}.")
        for sha in sorted(named):
            if digest(images[sha]) != sha:
                raise InvalidInput(f"The bytes given for image {sha[:12]} are not of that name.")
        for sha in sorted(named):
            self._blobs.put(images[sha])

        def write(session: Session) -> None:
            _add_images(session, {sha: images[sha] for sha in named})
            known = session.get(SampleRow, case.sample.id)
            if known is None:
                session.add(from_sample(case.sample))
                session.flush()
            elif to_sample(known) != case.sample:
                raise Conflict(f"Another sample is stored under the id {case.sample.id} already.")
            session.add(from_case(case))

        for last in (False, False, True):
            try:
                self.database.write(write, f"The case {case.id} is stored already.")
                return
            except Conflict:  # or another process stored the same sample or image at this moment: then it is known now
                if last or self._knows(case.id):
                    raise

    def _knows(self, case_id: str) -> bool:
        with self.database.read() as session:
            return session.get(RecoveryRow, case_id) is not None

    def has_images(self, case: Case) -> bool:
        """Whether every image that the case names is there and whole."""
        return all(self._blobs.sound(sha) for sha in _images_of(case))

    def add_rating(self, rating: Rating) -> None:
        """Append one rating.

        Raises:
            NotFound: there is no such case.
            Conflict: this person rated the recovery at this stage already, or the rating is stored.
            InvalidInput: it supersedes what is no earlier rating of the same person, recovery and stage.
        """

        def write(session: Session) -> None:
            if session.get(RecoveryRow, rating.recovery_id) is None:
                raise NotFound(f"There is no case {rating.recovery_id!r}.")
            if rating.supersedes is not None:
                check_superseded(session, rating)
            session.add(from_rating(rating))

        self.database.write(write, "You have judged this recovery already; one judgement for each person is kept.")

    def case(self, case_id: str) -> Case:
        """The case of that id; `NotFound` where there is none."""
        with self.database.read() as session:
            row = session.scalars(loaded(select(RecoveryRow)).where(RecoveryRow.id == case_id)).one_or_none()
            if row is None:
                raise NotFound(f"There is no case {case_id!r}. It may have been flagged in another store.")
            return to_case(row)

    def cases(
        self,
        *,
        verdict: Verdict | None = None,
        source: RatingSource | None = None,
        corruption: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> list[Case]:
        """Flagged cases, newest first; `after` is the id of the last case of the page before."""
        query = _filtered(verdict, source, corruption)
        key = tuple_(RecoveryRow.created_at, RecoveryRow.id)
        with self.database.read() as session:
            if after is not None:
                query = query.where(key < _key_of(session, after))
            query = query.order_by(RecoveryRow.created_at.desc(), RecoveryRow.id.desc()).limit(limit)
            return [to_case(row) for row in session.scalars(loaded(query))]

    def iter_cases(
        self,
        *,
        verdict: Verdict | None = None,
        source: RatingSource | None = None,
        corruption: str | None = None,
    ) -> Iterator[Case]:
        """Every flagged case in the order of its id, read page by page."""
        yield from self._pages(_filtered(verdict, source, corruption))

    def iter_all(self) -> Iterator[Case]:
        """Every stored case in the order of its id, judged or not."""
        yield from self._pages(select(RecoveryRow))

    def _pages(self, query: Select[RecoveryRow]) -> Iterator[Case]:
        last = ""
        while True:
            some = query.where(RecoveryRow.id > last).order_by(RecoveryRow.id).limit(PAGE)
            with self.database.read() as session:
                page = [to_case(row) for row in session.scalars(loaded(some))]
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1].id

    def count_cases(self) -> int:
        """How many recoveries have been flagged."""
        with self.database.read() as session:
            query = select(func.count()).select_from(_filtered(None, None, None).subquery())
            return session.scalar(query) or 0


def check_superseded(session: Session, rating: Rating) -> None:
    """Refuse, with `InvalidInput`, a correction of what is not one's own judgement at the same stage."""
    old = session.get(RatingRow, rating.supersedes)
    own = (rating.recovery_id, rating.rater_id, rating.source.value, rating.stage.value, rating.round)
    if old is None or (old.recovery_id, old.rater_id, old.source, old.stage, old.round) != own:
        raise InvalidInput("Only one's own judgement of the same recovery can be corrected.")


def _images_of(case: Case) -> set[str]:
    named = {
        case.sample.corrupted_sha,
        case.sample.reference_sha,
        case.recovery.image_sha,
        case.recovery.uncertainty_sha,
    }
    return {sha for sha in named if sha is not None}


def _add_images(session: Session, images: Mapping[str, bytes]) -> None:
    known = set(session.scalars(select(ImageRow.sha).where(ImageRow.sha.in_(images))))
    for sha in sorted(images.keys() - known):
        width, height = png_size(images[sha])
        session.add(ImageRow(sha=sha, bytes=len(images[sha]), width=width, height=height))
    session.flush()


def _filtered(verdict: Verdict | None, source: RatingSource | None, corruption: str | None) -> Select[RecoveryRow]:
    rated = select(RatingRow.recovery_id)
    if verdict is not None:
        rated = rated.where(RatingRow.verdict == verdict.value)
    if source is not None:
        rated = rated.where(RatingRow.source == source.value)
    query = select(RecoveryRow).where(RecoveryRow.id.in_(rated))
    if corruption is not None:
        within = "+" + SampleRow.corruption_name + "+"
        named = select(SampleRow.id).where(within.contains(f"+{corruption}+", autoescape=True))
        query = query.where(RecoveryRow.sample_id.in_(named))
    return query


def loaded(query: Select[RecoveryRow]) -> Select[RecoveryRow]:
    """Fetch what a case holds with one query for each table, whatever the number of cases."""
    ratings = selectinload(RecoveryRow.ratings)
    return query.options(
        selectinload(RecoveryRow.sample),
        selectinload(RecoveryRow.answers),
        selectinload(RecoveryRow.scores),
        ratings.selectinload(RatingRow.categories),
        ratings.selectinload(RatingRow.regions),
    )


def _key_of(session: Session, case_id: str) -> tuple[object, str]:
    row = session.get(RecoveryRow, case_id)
    if row is None:
        raise NotFound(f"There is no case {case_id!r} to go on from.")
    return row.created_at, row.id
