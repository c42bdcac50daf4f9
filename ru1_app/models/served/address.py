"""Where a server is and what it may be told: addresses and keys are checked before anything is sent. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from ru1_app.errors import InvalidInput

_LOCAL = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")
_KEY = re.compile(r"[\x21-\x7e]{1,4096}")


@dataclass(frozen=True, slots=True)
class Address:
    """`base` is what API paths are put behind ("http://host:8000/v1"), `root` the server itself."""

    base: str
    root: str
    local: bool  # on this machine: no proxy is asked

    @classmethod
    def of(cls, source: str) -> Address:
        """The address from what a person wrote.

        Raises:
            InvalidInput: it is no http or https URL, or holds credentials, a query or a fragment.
        """
        parts = _split(source)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            shown = "The address of the server" if "@" in source else f"The server {source!r}"
            raise InvalidInput(f"{shown} is no http or https URL. Give one such as 'http://host:8000/v1'.")
        if "@" in parts.netloc:
            raise InvalidInput("The address of the server holds credentials. Give the key as the option 'key' instead.")
        if parts.query or parts.fragment:
            raise InvalidInput("The address of the server holds a query or a fragment. Give it up to '/v1' only.")
        root = f"{parts.scheme}://{parts.netloc}"
        path = parts.path.rstrip("/")
        above = root + path.removesuffix("/v1")
        return cls(root + path, above, _LOCAL.fullmatch(parts.hostname) is not None)


def checked_key(key: str | None) -> str | None:
    """The key, or None for an empty one.

    Raises:
        InvalidInput: it holds characters that no header may; the message does not show it.
    """
    if key is not None and not isinstance(key, str):
        raise InvalidInput("The key of the server is a number in the list of models. Put it between quotes.")
    key = (key or "").strip()
    if key and not _KEY.fullmatch(key):
        raise InvalidInput("The key of the server holds spaces or characters that no key has. Copy it again.")
    return key or None


def _split(source: str) -> SplitResult | None:
    if re.search(r"[\s\x00-\x1f\x7f\\]", source):
        return None
    try:
        parts = urlsplit(source)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return None
    return parts
