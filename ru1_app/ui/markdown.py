"""Markdown of this project's own files as HTML, with their pictures in it."""

from __future__ import annotations

import base64
import re
from pathlib import Path

TYPES = {".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg"}


def to_html(text: str, folder: Path | None = None) -> str:
    """CommonMark with tables; raw HTML is shown as text. Images that lie in `folder` are carried along in the page."""
    from markdown_it import MarkdownIt

    page: str = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    if folder is None:
        return page

    def inline(match: re.Match[str]) -> str:
        path = folder / match.group(1)
        kind = TYPES.get(path.suffix)
        if kind is None or not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            return match.group(0)
        return f'src="data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"'

    return re.sub(r'src="([^"]+)"', inline, page)
