"""Loaded models: each once, shared, and put out least recently used first when memory is short."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ru1_app.errors import ModelFailed

log = logging.getLogger(__name__)
Key = tuple[str, ...]
GB = 1e9
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")
CONTAINER = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class Resident(NamedTuple):
    """A loaded model and the memory that it was said to need."""

    model: Any
    memory_gb: float


class Residents:
    """`take` gives a model, loading it when it is not there. `budget_gb` is asked each time; None is no limit.

    A model that is put out lives on while a run still holds it; nothing is ever pulled away from under a run.
    """

    def __init__(self, budget_gb: Callable[[], float | None]) -> None:
        self._budget_gb = budget_gb
        self._held: OrderedDict[Key, Resident] = OrderedDict()
        self._loading = threading.RLock()  # one load at a time; what is held is given out meanwhile
        self._lock = threading.Lock()

    def take(self, key: Key, make: Callable[[], Any], memory_gb: float = 0.0) -> Any:
        """The model of this key. When it does not fit, others go first; a failed load for memory is tried once more."""
        if (found := self._found(key)) is None:
            with self._loading:
                if (found := self._found(key)) is None:
                    self._make_room(memory_gb)
                    found = Resident(self._loaded(key, make), memory_gb)
                    with self._lock:
                        self._held[key] = found
        return found.model

    def _found(self, key: Key) -> Resident | None:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def holds(self, name: str) -> bool:
        """Whether a model of that name is loaded; does not wait for one that is being loaded."""
        return any(name in key for key in list(self._held))

    @property
    def keys(self) -> list[Key]:
        """What is loaded, least recently used first."""
        return list(self._held)

    def _loaded(self, key: Key, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except ModelFailed:
            if not self._put_out_all():
                raise
        _free()  # outside of the handler, whose traceback holds what was loaded so far
        log.info("Loading %s again, with all other models put out", key)
        return make()

    def _make_room(self, needed: float) -> None:
        budget = self._budget_gb()
        while budget is not None and needed > 0 and self._used() + needed > budget and self._put_out_one():
            pass

    def _used(self) -> float:
        return sum(resident.memory_gb for resident in self._held.values())

    def _put_out_one(self) -> bool:
        """Put out the least recently used model that takes memory worth naming."""
        return self._put_out(next((key for key, resident in self._held.items() if resident.memory_gb > 0), None))

    def _put_out(self, key: Key | None) -> bool:
        if key is None:
            return False
        log.info("Putting out %s to make room", key)
        with self._lock:
            del self._held[key]
        _free()
        return True

    def _put_out_all(self) -> bool:
        """Put out every model, also those that were said to take nothing worth naming."""
        any_out = False
        while self._put_out(next(iter(self._held), None)):
            any_out = True
        return any_out


def memory_budget_gb() -> float:
    """Nine tenths of the GPU's memory where torch sees one, else of the main memory."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return sum(torch.cuda.mem_get_info(index)[1] for index in range(torch.cuda.device_count())) * 0.9 / GB
    import os

    return min(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_container_limits()) * 0.9 / GB


def weights_gb(source: str) -> float:
    """What the weights in a local folder take on disk, for an entry that does not say what it needs; else 0."""
    folder = Path(source)
    files = folder.rglob("*") if folder.is_dir() else ()
    return sum(file.stat().st_size for file in files if file.suffix in WEIGHTS) / GB


def _container_limits() -> list[int]:
    """What a container (Docker, Kubernetes, a Space) may take, in bytes; empty without a limit."""
    texts = [path.read_text("ascii").strip() for path in CONTAINER if path.is_file()]
    return [int(text) for text in texts if text.isdigit()]


def _free() -> None:
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
