"""Where the parts are put together: the only place that constructs, and that loads models."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any

from ru1_app.config import Settings
from ru1_app.errors import InvalidInput, Ru1Error, Unavailable
from ru1_app.models import ANSWERERS, RECOVERERS, ModelEntry
from ru1_app.models.base import Answerer, Recoverer
from ru1_app.pipeline import Pipeline
from ru1_app.scoring.base import Scorer
from ru1_app.store.sql import Store

log = logging.getLogger(__name__)


class Loading(StrEnum):
    """State of the models, for the page."""

    IDLE = "idle"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class App:
    """The parts of the running app. A model is loaded once, on first use or by `warm`, under a lock."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pipeline = Pipeline(self.recoverer, self.answerer, self.scorers)
        self.loading = Loading.IDLE
        self.loading_text = "Models are loaded on first use."
        self._loaded: dict[tuple[str, str], Any] = {}
        self._lock = threading.RLock()

    @cached_property
    def store(self) -> Store:
        """The run-time store, opened (and created) on first use."""
        return Store(self.settings.url, self.settings.blob_dir)

    def recoverer(self, name: str) -> Recoverer:
        """The recoverer of that name, ready."""
        model: Recoverer = self._load("recoverer", name, RECOVERERS)
        return model

    def answerer(self, name: str) -> Answerer:
        """The answerer of that name, ready."""
        model: Answerer = self._load("answerer", name, ANSWERERS)
        return model

    def scorers(self) -> Mapping[str, Scorer]:
        """All scorers, ready."""
        from ru1_app.scoring import load_scorers

        self._set_threads()
        scorers: Mapping[str, Scorer] = self._once(("scorers", self.settings.clip), lambda: load_scorers(self.settings))
        return scorers

    def warm(self) -> threading.Thread:
        """Load the default models in the background; `loading` tells how it stands."""
        thread = threading.Thread(target=self._warm, name="ru1-warm", daemon=True)
        self.loading, self.loading_text = Loading.LOADING, "Loading the models…"
        thread.start()
        return thread

    def _warm(self) -> None:
        began = time.perf_counter()
        try:
            self.recoverer(self.settings.recoverer)
            self.scorers()
            self.answerer(self.settings.answerer)
        except Ru1Error as error:
            self.loading, self.loading_text = Loading.FAILED, str(error)
        except Exception:
            log.exception("Loading the models failed")
            self.loading, self.loading_text = Loading.FAILED, "Loading the models failed; the log says why."
        else:
            self.loading = Loading.READY
            self.loading_text = f"Models ready (loaded in {time.perf_counter() - began:.1f} s)."

    def _load(self, kind: str, name: str, registry: Mapping[str, ModelEntry]) -> Any:
        entry = registry.get(name)
        if entry is None:
            raise InvalidInput(f"There is no {kind} {name!r}. There are: {', '.join(registry)}.")

        def load() -> Any:
            module, function = entry.loader.split(":")
            self._set_threads()
            return getattr(importlib.import_module(module), function)(self.settings.models_dir / entry.folder)

        return self._once((kind, name), load)

    def _once(self, key: tuple[str, str], make: Callable[[], Any]) -> Any:
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = _whole(key, make)
            return self._loaded[key]

    def _set_threads(self) -> None:
        if self.settings.threads:
            import torch

            torch.set_num_threads(self.settings.threads)


def _whole(key: tuple[str, str], make: Callable[[], Any]) -> Any:
    """What `make` gives; whatever a library says of damaged files becomes one sentence, and the log has the rest."""
    try:
        return make()
    except Ru1Error:
        raise
    except Exception as error:
        log.exception("Loading %s %s failed", *key)
        raise Unavailable(
            f"The {key[0]} {key[1]!r} cannot be loaded: its files are damaged or of another version. Get them again."
        ) from error


def wire(settings: Settings | None = None) -> App:
    """The app for these settings, or for those of the environment."""
    return App(settings or Settings.from_env())
