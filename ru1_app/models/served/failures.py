"""What went wrong between us and a server, in one sentence that names it; and whether another try may help."""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from ru1_app.errors import ModelFailed

_MOST_SAID = 300  # characters of the server's own words


class Refused(ModelFailed):
    """The server understood and said no: a status of 4xx. `said` are its words."""

    def __init__(self, message: str, status: int, said: str) -> None:
        super().__init__(message)
        self.status, self.said = status, said


@dataclass(frozen=True, slots=True)
class Failure:
    """One try that failed: the sentence, whether another may help, and how long the server asks to wait."""

    error: ModelFailed
    again: bool
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Sentences:
    """The sentences about one server. Its key, should it come back in the server's words, is left out."""

    server: str
    secret: str | None = field(repr=False)

    def status(self, status: int, body: bytes, retry_after: str | None) -> Failure:
        """For an answer with a status that is no success."""
        said = self.said(body)
        tail = f": {said}" if said else ""
        if status == 429:
            text = f"The server at {self.server} is busy (HTTP 429){tail}. Try again later."
            return Failure(ModelFailed(text), True, seconds_to_wait(retry_after))
        if status >= 500:
            text = f"The server at {self.server} failed (HTTP {status}){tail}. Its log says why; try again after that."
            return Failure(ModelFailed(text), True, seconds_to_wait(retry_after))
        if status < 400:
            text = f"The server at {self.server} points elsewhere (HTTP {status}). Give the address that it means."
        elif status in (401, 403):
            text = f"The server at {self.server} refuses the key (HTTP {status}). Give a right one as the option 'key'."
        elif status in (404, 405):
            text = f"The server at {self.server} cannot do this (HTTP {status}){tail}. Check address, model and style."
        else:
            text = f"The server at {self.server} refused the request (HTTP {status}){tail}. Change it as it says."
        return Failure(Refused(text, status, said), False)

    def silent(self, seconds: float) -> ModelFailed:
        """For a server that sends nothing."""
        return ModelFailed(
            f"The server at {self.server} sent nothing for {seconds:g} s. "
            "Try again, or raise the option 'timeout' if it needs longer."
        )

    def late(self, seconds: float) -> ModelFailed:
        """For a request that is not done in its whole time."""
        return ModelFailed(
            f"The server at {self.server} was not done within {seconds:g} s. "
            "Ask for less (a smaller image, fewer steps), or raise the option 'total'."
        )

    def absent(self) -> ModelFailed:
        """For a connection that cannot be made."""
        return ModelFailed(f"No server answers at {self.server}. Start it, or check the address.")

    def distrusted(self) -> ModelFailed:
        """For a certificate that nothing vouches for."""
        return ModelFailed(
            f"The certificate of the server at {self.server} is not trusted. "
            "Name the file of its authority in the environment variable SSL_CERT_FILE."
        )

    def cut(self) -> ModelFailed:
        """For a connection that broke."""
        return ModelFailed(f"The connection to the server at {self.server} was cut. See whether it runs; try again.")

    def large(self, most: int) -> ModelFailed:
        """For an answer that does not end."""
        return ModelFailed(
            f"The server at {self.server} sent more than {most >> 20} MB. That is no answer; check its model."
        )

    def wrong(self, what: str) -> ModelFailed:
        """For content that is not what was asked for; `what` continues "The server at X ..."."""
        return ModelFailed(f"The server at {self.server} {what}")

    def said(self, body: bytes) -> str:
        """The server's own words about an error, in short; "" for a web page or none."""
        text = body[:65_536].decode("utf-8", "replace").strip()
        if text.startswith("<"):
            return ""
        with suppress(ValueError, RecursionError):
            text = _message(json.loads(text)) or ""
        return self.clean(text, _MOST_SAID)

    def clean(self, text: str, most: int) -> str:
        """Words of a server as one short printable line without the key and without a full stop at its end."""
        if self.secret:
            text = text.replace(self.secret, "***")
        line = "".join(char if char.isprintable() else " " for char in " ".join(text.split()))
        return (line if len(line) <= most else line[: most - 1] + "…").rstrip(".")


def seconds_to_wait(header: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds a number or a date (RFC 9110, 10.2.3); None where it has none."""
    if not header:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", header.strip()):
        return float(header)
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, aware.timestamp() - time.time())


def _message(said: Any) -> str | None:
    """The message in an error as OpenAI, FastAPI, vLLM or TGI write it."""
    if isinstance(said, str):
        return said
    if isinstance(said, list) and said:
        return _message(said[0])
    if isinstance(said, dict):
        for name in ("error", "message", "detail", "msg"):
            if found := _message(said.get(name)):
                return found
    return None
