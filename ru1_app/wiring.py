"""Where the parts are put together: the only place that constructs, and that loads models."""

from __future__ import annotations

import importlib
import inspect
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ru1_app.config import Settings
from ru1_app.errors import InvalidInput, ModelFailed, Ru1Error, Unavailable
from ru1_app.models.base import Answerer, Reasoner, Recoverer
from ru1_app.models.catalogue import Catalogue, ModelEntry, Role, read_catalogue
from ru1_app.models.engine import SMALLER, out_of_memory
from ru1_app.models.residents import Key, Residents, memory_budget_gb, weights_gb
from ru1_app.models.states import ModelState, state_of, states
from ru1_app.pipeline import Pipeline, RunProgress, RunRequest, RunResult
from ru1_app.scoring.base import Scorer
from ru1_app.store.places import Place, check_place
from ru1_app.store.sql import Store

if TYPE_CHECKING:
    from ru1_app.export.jobs.releases import Releases
    from ru1_app.rating.desk import Desk
    from ru1_app.rating.filling import Filler
    from ru1_app.rating.gallery import Gallery
    from ru1_app.rating.gate import Gatekeeper
    from ru1_app.rating.guard import FlagGuard
    from ru1_app.rating.lead import Leading
    from ru1_app.rating.people import Accounts
    from ru1_app.rating.policy import Overlap
    from ru1_app.rating.reports import Reports
    from ru1_app.store.people_sql import People

Run = Callable[[RunRequest], Iterator[RunProgress | RunResult]]
LOAN = 120  # seconds of a GPU on ZeroGPU
log = logging.getLogger(__name__)


class Loading(StrEnum):
    """State of the models, for the page."""

    IDLE = "idle"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class App:
    """The parts of the running app. A model is loaded once, on first use or by `warm`, and shared."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pipeline = Pipeline(self.recoverer, self.answerer, self.scorers, self.reasoner)
        self.loading = Loading.IDLE
        self.loading_text = "Models are loaded on first use."
        self.residents = Residents(self._budget_gb)
        self._lent = lent(self._work, settings)

    def _work(self, request: RunRequest) -> Iterator[RunProgress | RunResult]:
        """A run. A generator function by itself: ZeroGPU looks at what it lends to, and streams from no other kind."""
        yield from self.pipeline.run(request)

    @cached_property
    def store(self) -> Store:
        """The run-time store, opened (and created) on first use.

        Raises:
            Unavailable: it cannot be opened, or lies where it could be damaged.
        """
        self._place  # noqa: B018  looked at before anything is opened
        return Store(self.settings.url, self.settings.blob_dir)

    @property
    def store_note(self) -> str | None:
        """What the page says about where the store lies; None where there is nothing to say."""
        return self._place.sentence

    @cached_property
    def _place(self) -> Place:
        return check_place(self.settings.url, accept_unsafe=self.settings.accept_unsafe_store)

    @cached_property
    def guard(self) -> FlagGuard:
        """How often a visitor's session may flag."""
        from ru1_app.rating.guard import FlagGuard

        return FlagGuard(self.people, self.settings.flags_per_hour)

    @cached_property
    def accounts(self) -> Accounts:
        """Who may sign in."""
        from ru1_app.rating.people import Accounts

        return Accounts(self.people, self.settings)

    @cached_property
    def people(self) -> People:
        """The people who signed in."""
        from ru1_app.store.people_sql import People

        return People(self.store.database)

    @cached_property
    def gates(self) -> Gatekeeper:
        """Who passed the training."""
        from ru1_app.rating.gate import Gatekeeper

        return Gatekeeper(self.store, self.people, self.settings.queue_seed)

    @cached_property
    def desk(self) -> Desk:
        """The rating desk."""
        from ru1_app.rating.desk import Desk, Options

        return Desk(
            self.store, self.gates, Options(self.settings.lease_seconds, self.overlap, self.settings.queue_seed)
        )

    @cached_property
    def filler(self) -> Filler:
        """What fills the queue."""
        from ru1_app.rating.filling import Filler

        return Filler(self.store, self.overlap, self.settings.queue_seed)

    @cached_property
    def reports(self) -> Reports:
        """How far the labels are, and how far they agree."""
        from ru1_app.rating.reports import Reports

        return Reports(self.store)

    @cached_property
    def gallery(self) -> Gallery:
        """The cases, for whoever may see what of them."""
        from ru1_app.rating.gallery import Gallery

        return Gallery(self.store, self.people)

    @cached_property
    def leading(self) -> Leading:
        """What a lead looks at and does."""
        from ru1_app.rating.lead import Leading

        return Leading(self.store, self.people, self.reports, overlap=self.overlap)

    @cached_property
    def releases(self) -> Releases:
        """The releases of training data, and the work on them."""
        from ru1_app.export.jobs.releases import Releases

        return Releases(self.store, self.settings.releases_dir, self.settings.passing_dir)

    @property
    def overlap(self) -> Overlap:
        """How many raters an item gets."""
        from ru1_app.rating.policy import Overlap

        return Overlap(self.settings.overlap, max(self.settings.overlap, self.settings.overlap_most))

    @cached_property
    def catalogue(self) -> Catalogue:
        """The models of the profile and of the team's list."""
        return read_catalogue(self.settings)

    def states(self) -> list[ModelState]:
        """Every model: what it can do, whether it can be used here, whether it is loaded."""
        return states(self.catalogue, self.settings, self.residents.holds)

    def recoverer(self, name: str) -> Recoverer:
        """The recoverer of that name ("" is the default), ready."""
        model: Recoverer = self._model(name, Role.RECOVER)
        return model

    def answerer(self, name: str) -> Answerer:
        """The answerer of that name ("" is the default), ready."""
        model: Answerer = self._model(name, Role.ANSWER)
        return model

    def reasoner(self, name: str) -> Reasoner:
        """The model of that name that recovers and answers in one pass, ready."""
        model: Reasoner = self._model(name, Role.REASON)
        return model

    def scorers(self) -> Mapping[str, Scorer]:
        """All scorers, ready."""
        from ru1_app.scoring import load_scorers

        self._set_threads()
        key = ("scorers", self.settings.clip)
        scorers: Mapping[str, Scorer] = self.residents.take(
            key, lambda: whole(key, lambda: load_scorers(self.settings))
        )
        return scorers

    def check(self, name: str, role: Role) -> ModelEntry:
        """The entry of a model that can be used here.

        Raises:
            InvalidInput: there is none of that name, or it cannot do that.
            Unavailable: it cannot be used here; the message says why and what would help.
        """
        entry = self.catalogue.entry(name, role)
        state = state_of(entry, self.catalogue, self.settings)
        if not state.available:
            raise Unavailable(
                f"The model {entry.name!r} cannot be used here: {state.reason}. To use it, {state.remedy}."
            )
        return entry

    def run(self, request: RunRequest) -> Iterator[RunProgress | RunResult]:
        """One pass of the loop; on ZeroGPU on the GPU that is lent for it."""
        return self._lent(request)

    def warm(self) -> threading.Thread:
        """Load the default models in the background; `loading` tells how it stands."""
        thread = threading.Thread(target=self.load_defaults, name="ru1-warm", daemon=True)
        self.loading, self.loading_text = Loading.LOADING, "Loading the models…"
        thread.start()
        return thread

    def load_defaults(self) -> None:
        """Load the default models; a failure is told by `loading`, not raised."""
        began = time.perf_counter()
        try:
            self.recoverer("")
            self.scorers()
            self.answerer("")
        except Ru1Error as error:
            self.loading, self.loading_text = Loading.FAILED, str(error)
        except Exception:
            log.exception("Loading the models failed")
            self.loading, self.loading_text = Loading.FAILED, "Loading the models failed; the log says why."
        else:
            self.loading = Loading.READY
            self.loading_text = f"Models ready (loaded in {time.perf_counter() - began:.1f} s)."

    def _model(self, name: str, role: Role) -> Any:
        entry = self.check(name, role)
        loader, source, options = entry.resolved(self.settings, role)
        key = (entry.name, loader)

        def load() -> Any:
            module, function = loader.split(":")
            self._set_threads()
            return _called(getattr(importlib.import_module(module), function), entry, source, options)

        return self.residents.take(key, lambda: whole(key, load), entry.memory_gb or weights_gb(source))

    def _budget_gb(self) -> float:
        return self.settings.memory_gb or memory_budget_gb()

    def _set_threads(self) -> None:
        if self.settings.threads:
            import torch

            torch.set_num_threads(self.settings.threads)


def _called(loader: Callable[..., Any], entry: ModelEntry, source: str, options: Mapping[str, Any]) -> Any:
    """What the loader gives; an option that it does not take is named."""
    taken = inspect.signature(loader).parameters
    open_ended = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in taken.values())
    known = [name for name, each in taken.items() if each.kind is inspect.Parameter.KEYWORD_ONLY]
    for name in options:
        if not open_ended and name not in known:
            raise InvalidInput(f"The model {entry.name!r} takes no option {name!r}. There are: {', '.join(known)}.")
    return loader(source, **options)


def whole(key: Key, make: Callable[[], Any]) -> Any:
    """What `make` gives; whatever a library says of damaged files becomes one sentence, and the log has the rest."""
    try:
        return make()
    except Ru1Error:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise ModelFailed(f"There is not enough memory for {key[0]!r}. {SMALLER}") from error
        log.exception("Loading %s failed", key)
        raise Unavailable(
            f"The model {key[0]!r} cannot be loaded: its files are damaged or of another version. Get them again."
        ) from error


def lent(run: Run, settings: Settings) -> Run:
    """`run`, on ZeroGPU inside a loan of the GPU, which the platform must see before the app starts."""
    if settings.profile != "zerogpu":
        return run
    try:
        import spaces
    except ImportError as error:
        raise Unavailable("The profile zerogpu needs the package 'spaces': pip install spaces.") from error
    guarded: Run = spaces.GPU(duration=LOAN)(run)
    return guarded


def wire(settings: Settings | None = None) -> App:
    """The app for these settings, or for those of the environment."""
    return App(settings or Settings.from_env())
