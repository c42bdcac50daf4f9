"""The server fetches no address that a request names: pictures are uploaded, never linked.

Gradio downloads an `http` path in a file payload by itself, before any handler sees it. It has no switch for
that, so the two functions that would do it are replaced.
"""

from __future__ import annotations

from typing import Any, NoReturn

import gradio as gr
from gradio import processing_utils

SENTENCE = "Addresses are not fetched here. Save the picture and upload the file."


def forbid_downloads() -> None:
    """Make Gradio refuse to fetch for a payload, for the rest of the process."""
    processing_utils.async_ssrf_protected_download = _refuse_async
    processing_utils.save_url_to_cache = _refuse


async def _refuse_async(*_: Any, **__: Any) -> NoReturn:
    _refuse()


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise gr.Error(SENTENCE, print_exception=False)
