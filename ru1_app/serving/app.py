"""The deployment on Ray Serve: `serve run ru1_app.serving.app:build`. The only module that imports Ray.

Which models are served say the settings (RU1_PROFILE, RU1_RECOVERER, RU1_ANSWERER, RU1_MODELS_FILE), read where
`build` is called. It asks for no key: put it behind a gateway that does, or on a network of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray import serve
from ray.serve import Application

from ru1_app.config import Settings
from ru1_app.domain import Answered
from ru1_app.errors import InvalidInput
from ru1_app.models.base import AnswerRequest
from ru1_app.models.catalogue import Role, read_catalogue

LARGEST_BATCH = 16
WAIT = 0.02  # seconds that the first question of a batch waits for others
WAITING = 64  # requests that a replica takes at a time; Ray's own 5 would keep batches small


class Server:
    """One replica: the models, loaded once, and the paths to them."""

    def __init__(self, settings: Settings) -> None:
        from ru1_app.serving.backend import Backend
        from ru1_app.wiring import wire

        self._settings = settings
        self._backend = Backend(wire(settings))

    def __serve_build_asgi_app__(self) -> Any:
        """What Ray Serve sends requests to; called once after the constructor."""
        from ru1_app.serving.api import Site

        return Site(self._backend, self._ask, self._settings).app()

    async def _ask(self, request: AnswerRequest) -> Answered | Exception:
        outcome: Answered | Exception = await self._together(request)
        return outcome

    @serve.batch(max_batch_size=LARGEST_BATCH, batch_wait_timeout_s=WAIT)
    async def _together(self, requests: list[AnswerRequest]) -> list[Answered | Exception]:
        return await self._backend.answer(requests)


def build(settings: Settings | Mapping[str, Any] | None = None) -> Application:
    """The application for these settings, or for those of the environment; no model is loaded here.

    Raises:
        InvalidInput: arguments were given on Ray's command line, a setting is wrong, or there is no such model.
    """
    if settings and not isinstance(settings, Settings):
        raise InvalidInput(f"The server takes no arguments ({', '.join(settings)}); set the environment's RU1_*.")
    chosen = settings if isinstance(settings, Settings) else Settings.from_env()
    catalogue = read_catalogue(chosen)
    entries = [catalogue.entry("", role) for role in (Role.RECOVER, Role.ANSWER)]
    gpu = chosen.profile == "gpu" or any(entry.gpu for entry in entries)
    # Ray hides the GPUs that an actor did not ask for, and gives torch one thread for each CPU.
    resources = {"num_cpus": chosen.threads or 1, "num_gpus": int(gpu)}
    server = serve.deployment(serve.ingress()(Server), name="ru1", max_ongoing_requests=WAITING)
    application: Application = server.options(ray_actor_options=resources).bind(chosen)
    return application
