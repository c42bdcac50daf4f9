"""Archives of releases over HTTP: `<root>/ru1/releases/<ticket>/<name>.zip`. A download that broke off can go on.

A browser's download carries no token, so the address holds a ticket, which the page gets for who may have the release.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, PlainTextResponse, Response
from fastapi.routing import APIRoute

from ru1_app.errors import NotFound
from ru1_app.wiring import App

PATH = "/ru1/releases/{ticket}/{name}.zip"
HEADERS = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


def address(ticket: str, archive: Path) -> str:
    """Where the archive is fetched, below the app's root."""
    return f"ru1/releases/{ticket}/{archive.stem}.zip"


def serve_releases(server: FastAPI, app: App) -> None:
    """Answer for archives; before Gradio's own routes, of which the last takes every path."""

    def archive(ticket: str, name: str) -> Response:
        try:
            path = app.releases.tickets.file(ticket)
        except NotFound as error:
            return PlainTextResponse(str(error), status_code=404)
        return FileResponse(path, media_type="application/zip", filename=path.name, headers=HEADERS)

    route: Any = APIRoute(PATH, archive, methods=["GET", "HEAD"], include_in_schema=False)
    server.router.routes.insert(0, route)
