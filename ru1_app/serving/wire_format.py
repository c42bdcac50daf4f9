"""The OpenAI API's JSON and this app's requests and answers, each from the other. Pure.

Form: OpenAI API reference, "Create chat completion", "The chat completion chunk object" and "Create image edit".
What an adapter cannot do (several choices, tools, sampling) is refused where it would change the answer.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ru1_app.domain import Answered, Condition, Question
from ru1_app.errors import InvalidInput
from ru1_app.images import Image8, png_bytes
from ru1_app.models.base import AnswerRequest, RecoverRequest
from ru1_app.models.prompts import INSTRUCT, LETTERS, PAIR
from ru1_app.models.served.pictures import NoPicture, from_base64

LONGEST_QUESTION = 10_000  # characters, its options included
MOST_STEPS, MOST_SEED = 100, 2**32 - 1
IMPOSSIBLE = -9999.0  # OpenAI's log probability of what has none
Picture = Callable[[bytes, str], Image8]  # the intake: bytes and a name to RGB uint8 [H, W, 3], or InvalidInput


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat request. `weighed`: how many of the likeliest options to list, None where no probabilities are asked."""

    request: AnswerRequest
    model: str | None
    stream: bool
    weighed: int | None


@dataclass(frozen=True, slots=True)
class Edit:
    """An image edit request."""

    request: RecoverRequest
    model: str | None


def read_chat(body: bytes, picture: Picture) -> Chat:
    """The question and the one or two images of a chat request: one user message of text and data URLs.

    Raises:
        InvalidInput: no JSON, no such request, or what `picture` raises; the message says what is allowed.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidInput("The request's body is no JSON that can be read. Send a chat completion request.") from None
    if not isinstance(value, dict):
        raise InvalidInput("The request is JSON but no object. Send a chat completion request.")
    if value.get("n") not in (None, 1) or "image" in str(value.get("modalities")):
        raise InvalidInput("A chat gives one answer in words here (n=1); recover images at /v1/images/edits.")
    text, images = _talk(value, picture)
    condition = Condition.BOTH if len(images) > 1 else Condition.CORRUPTED
    request = AnswerRequest(images, condition, read_question(text, len(images)))
    listed = value.get("top_logprobs") or 0
    if not isinstance(listed, int) or listed < 0:
        raise InvalidInput(f"top_logprobs={listed!r} is no number of tokens; give 0 or more.")
    weighed = listed if value.get("logprobs") is True else None
    return Chat(request, _model(value.get("model")), value.get("stream") is True, weighed)


def read_question(text: str, images: int) -> Question:
    """The question that `ru1_app.models.prompts.prompt(..., instruct=True)` wrote; any other text is an open question.

    Raises:
        InvalidInput: no text, or one that is too long.
    """
    if len(text) > LONGEST_QUESTION:
        raise InvalidInput(f"The question has {len(text)} characters; up to {LONGEST_QUESTION} are allowed.")
    lines = text.split("\n")
    if images > 1 and lines[0] == PAIR:
        lines = lines[1:]
    options: list[str] = []
    if len(lines) > 2 and lines[-1] == INSTRUCT:
        count = LETTERS.find(lines[-2][:1]) + 1
        found = lines[-1 - count : -1]
        if 0 < count < len(lines) - 1 and all(
            line.startswith(f"{letter}. ") for letter, line in zip(LETTERS, found, strict=False)
        ):
            options, lines = [line[3:] for line in found], lines[: -1 - count]
    asked = "\n".join(lines)
    if not asked.strip():
        raise InvalidInput("The request asks no question. Send one as a part of type 'text'.")
    return Question(asked, tuple(options))


def read_edit(fields: Mapping[str, str], image: bytes | None, picture: Picture, steps: int) -> Edit:
    """The image, seed and steps of an image edit request; `steps` where it names none.

    A `prompt` is taken and left: each adapter asks its model as it was proven with.

    Raises:
        InvalidInput: no image, a field that is wrong, or what `picture` raises; the message says what is allowed.
    """
    if image is None:
        raise InvalidInput("The request holds no image. Send one file in the field 'image' of a multipart form.")
    if fields.get("response_format", "b64_json") != "b64_json":
        raise InvalidInput("response_format must be 'b64_json': this server keeps no images to link to.")
    if fields.get("n", "1") != "1":
        raise InvalidInput("n must be 1; ask again with another seed for another draw.")
    seed = _whole(fields, "seed", 0, (0, MOST_SEED))
    name = "num_inference_steps" if "num_inference_steps" in fields else "steps"
    steps = _whole(fields, name, steps, (1, MOST_STEPS))
    return Edit(RecoverRequest(picture(image, "image"), seed, steps), _model(fields.get("model")))


def edited(image: Image8, created: int) -> dict[str, Any]:
    """The answer to an image edit: `image` [H, W, 3] as PNG; `created` in seconds since 1970."""
    return {"created": created, "data": [{"b64_json": base64.b64encode(png_bytes(image)).decode("ascii")}]}


@dataclass(frozen=True, slots=True)
class Completion:
    """One chat completion on its way out, whole or in pieces. `created` is in seconds since 1970.

    An adapter does not tell its tokens, so the usage counts words.
    """

    id: str
    created: int
    model: str
    chat: Chat

    def whole(self, answered: Answered) -> dict[str, Any]:
        """The completion as one object."""
        message: dict[str, Any] = {"role": "assistant", "content": answered.text, **_reasoning(answered)}
        choice = {"index": 0, "message": message, "logprobs": self._logs(answered), "finish_reason": "stop"}
        return self._object("chat.completion", choice) | {"usage": self._usage(answered)}

    def piece(self, text: str) -> dict[str, Any]:
        """An event with the next piece of the text."""
        delta = {"role": "assistant", "content": text}
        return self._object("chat.completion.chunk", {"index": 0, "delta": delta, "finish_reason": None})

    def end(self, answered: Answered, sent: str) -> dict[str, Any]:
        """The last event: what the text has beyond `sent`, the probabilities and the usage.

        A text that the adapter read out of what was `sent` (an answer among tags) is not said twice.
        """
        rest = answered.text.removeprefix(sent) if answered.text.startswith(sent) else ""
        delta = {"role": "assistant", "content": rest, **(_reasoning(answered) if not sent else {})}
        choice = {"index": 0, "delta": delta, "logprobs": self._logs(answered), "finish_reason": "stop"}
        return self._object("chat.completion.chunk", choice) | {"usage": self._usage(answered)}

    def _object(self, kind: str, choice: Mapping[str, Any]) -> dict[str, Any]:
        about = {"id": self.id, "object": kind, "created": self.created, "model": self.model}
        return about | {"choices": [choice]}

    def _usage(self, answered: Answered) -> dict[str, int]:
        question = self.chat.request.question
        asked = sum(len(text.split()) for text in (question.text, *question.options))
        said = len(answered.text.split())
        return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}

    def _logs(self, answered: Answered) -> dict[str, Any] | None:
        """The options as the tokens that might stand first, also where the reply is that none can be told; a text
        without options as one token.
        """
        if self.chat.weighed is None:
            return None
        if answered.probabilities:
            shares = dict(zip(LETTERS, answered.probabilities, strict=False))
            ranked = sorted(shares, key=shares.__getitem__, reverse=True)[: self.chat.weighed]
            listed = [_token(letter, shares[letter]) for letter in ranked]
            said = answered.choice or answered.text
            return {"content": [_token(said, shares.get(said, answered.confidence or 0.0)) | {"top_logprobs": listed}]}
        if answered.confidence is None:
            return None
        return {"content": [_token(answered.text, answered.confidence) | {"top_logprobs": []}]}


def event(value: Mapping[str, Any]) -> bytes:
    """A server-sent event."""
    return b"data: " + json.dumps(value, allow_nan=False).encode() + b"\n\n"


LAST_EVENT = b"data: [DONE]\n\n"


def error(sentence: str, status: int) -> dict[str, Any]:
    """An error in OpenAI's form."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": sentence, "type": kind, "param": None, "code": None}}


def _talk(value: Mapping[str, Any], picture: Picture) -> tuple[str, tuple[Image8, ...]]:
    messages = value.get("messages")
    message = messages[0] if isinstance(messages, list) and len(messages) == 1 else None
    parts = message.get("content") if isinstance(message, dict) and message.get("role") == "user" else None
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise InvalidInput("Send exactly one message, of the role 'user', whose content is a list of text and images.")
    texts = [part.get("text") for part in parts if part.get("type") == "text"]
    places = [part.get("image_url") for part in parts if part.get("type") == "image_url"]
    if len(texts) + len(places) != len(parts) or not all(isinstance(text, str) for text in texts):
        raise InvalidInput("The content may hold parts of the types 'text' and 'image_url' only, in OpenAI's form.")
    if not 1 <= len(places) <= 2:
        raise InvalidInput(f"The request has {len(places)} images; send one, or the corrupted and the recovered one.")
    text = "\n".join(str(text) for text in texts)
    if not text.isascii() and text.encode("utf-8", "replace").decode() != text:
        raise InvalidInput("The question holds halves of characters (lone surrogates). Send it as plain Unicode text.")
    return text, tuple(picture(_bytes(place, number), f"image {number}") for number, place in enumerate(places, 1))


def _bytes(place: Any, number: int) -> bytes:
    url = place.get("url") if isinstance(place, dict) else place
    if not isinstance(url, str):
        raise InvalidInput(f"Image {number} has no 'url'. Send it as a data URL of its file in base64.")
    try:
        return from_base64(url)
    except NoPicture as problem:
        raise InvalidInput(f"Image {number} is {problem}. Send it as a data URL of its file in base64.") from None


def _whole(fields: Mapping[str, str], name: str, default: int, limits: tuple[int, int]) -> int:
    least, most = limits
    text = fields.get(name) or str(default)
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1
    if not least <= value <= most:
        raise InvalidInput(f"{name}={text[:20]!r} is refused; it must be a whole number from {least} to {most}.")
    return value


def _model(name: Any) -> str | None:
    if name is not None and not isinstance(name, str):
        raise InvalidInput("The field 'model' must be a name; /v1/models lists those there are.")
    return name or None


def _reasoning(answered: Answered) -> dict[str, str]:
    reasoning = answered.reading.reasoning if answered.reading else ""
    return {"reasoning_content": reasoning} if reasoning else {}


def _token(text: str, share: float) -> dict[str, Any]:
    return {"token": text, "logprob": math.log(share) if share > 0 else IMPOSSIBLE, "bytes": list(text.encode())}
