"""Stored images over HTTP, for the rating page: `<root>/ru1/images/<sha>.png`.

An image's name is the digest of its bytes: who does not have the image or its name cannot ask for it, and what was
answered once never changes. Names of references are given out by the rating desk, after the blind judgement.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, PlainTextResponse, Response
from fastapi.routing import APIRoute

from ru1_app.errors import NotFound
from ru1_app.wiring import App

PATH = "/ru1/images/{sha}.png"
HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def serve_images(server: FastAPI, app: App) -> None:
    """Answer for stored images; before Gradio's own routes, of which the last takes every path."""

    def image(sha: str) -> Response:
        try:
            return FileResponse(app.store.image_path(sha), media_type="image/png", headers=HEADERS)
        except NotFound as error:
            return PlainTextResponse(str(error), status_code=404)

    route: Any = APIRoute(PATH, image, methods=["GET"], include_in_schema=False)
    server.router.routes.insert(0, route)
