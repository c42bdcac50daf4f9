"""Starts the server. Models load after the page answers, so that it is there at once."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import Any

from ru1_app.config import Settings
from ru1_app.errors import Ru1Error, Unavailable
from ru1_app.wiring import wire

log = logging.getLogger(__name__)


def prepare(settings: Settings) -> None:
    """What must be set before Gradio is imported: a cache of our own, no telemetry."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("GRADIO_TEMP_DIR", str(settings.data_dir / "cache"))


def main() -> None:
    """`serve` for `app.py`: what hinders it is said in one sentence."""
    try:
        serve()
    except Ru1Error as error:
        sys.exit(f"ru1: {error}")


def serve(settings: Settings | None = None) -> None:
    """Serve the page until the process is told to stop."""
    settings = settings or Settings.from_env()
    prepare(settings)
    from ru1_app.ui.image_route import serve_images
    from ru1_app.ui.layout import create_ui, look
    from ru1_app.ui.no_downloads import forbid_downloads
    from ru1_app.ui.release_route import serve_releases

    forbid_downloads()
    app = wire(settings)
    if app.store_note:  # looked at before anything is served: a disk that would damage the store is refused
        log.warning("%s", app.store_note)
    if settings.profile == "zerogpu":
        app.load_defaults()  # there, weights must be on the GPU before the first loan
    demo = create_ui(app)
    demo.queue(api_open=False, max_size=64, default_concurrency_limit=4)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server, *_ = demo.launch(**_address(settings), **look(settings), **_options(settings), prevent_thread_lock=True)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise Unavailable(
            f"Nothing can listen at {where}: the port is taken or the address is none of this machine. "
            "Choose others with RU1_PORT and RU1_HOST, or --port and --host."
        ) from error
    serve_images(server, app)
    serve_releases(server, app)
    if settings.profile != "zerogpu":
        app.warm()
    demo.block_thread()


def _address(settings: Settings) -> dict[str, Any]:
    """On a Space the platform decides."""
    if os.environ.get("SPACE_ID"):
        return {"server_name": "0.0.0.0", "server_port": 7860}
    return {"server_name": settings.host, "server_port": settings.port}


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "run_history": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "max_file_size": settings.max_bytes,
        "footer_links": [],
        "show_error": False,
    }
