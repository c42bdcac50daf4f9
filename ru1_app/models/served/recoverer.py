"""A served image editor as a recoverer: the images API, or a chat whose answer carries an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from ru1_app.domain import ModelRef
from ru1_app.images import Image8, png_bytes
from ru1_app.models.base import Progress, Recovered, RecoverRequest
from ru1_app.models.clock import Clock
from ru1_app.models.served.draft import text_of
from ru1_app.models.served.options import Style
from ru1_app.models.served.pictures import NoPicture, data_url, decoded, from_base64, likeness
from ru1_app.models.served.probe import Served, connect
from ru1_app.models.served.transport import Call, Cancelled, Reply

# The least likeness of what was sent and what came back that goes without a word. Measured on three photos and a
# scene: 5 of 600 corruptions up to full severity (fog, occlusion) fall below it, and 3 of 6 pairs of other pictures.
ALIKE = 0.2
_NO_MAP = "This model predicts no error. Draw two samples or more to see where they differ."


class ServedRecoverer:
    """A `Recoverer`: one request for each draw, one after the other, as a server has them in its queue anyway."""

    def __init__(self, served: Served) -> None:
        self._served = served

    @property
    def ref(self) -> ModelRef:
        """Which model recovers, and what serves it."""
        return self._served.ref

    def recover(self, request: RecoverRequest, *, cancelled: Cancelled = None) -> Iterator[Progress | Recovered]:
        """Yield progress every half second, then the recoveries. Each draw has two steps: sent and received.
        Closing it, or `cancelled` coming true, closes the connection. See `Recoverer.recover`.

        Raises:
            ModelFailed: also when what the server sent is no image that can be the recovery.
        """
        self._served = self._served.fresh()
        clock, total = Clock(), 2 * request.samples
        images: list[Image8] = []
        sizes: list[tuple[int, int]] = []
        for draw in range(request.samples):
            call = self._call(request.corrupted, request.seed + draw, request.steps)
            with closing(self._served.transport.ask(call, cancelled)) as replies:
                for reply in clock.timed(replies):
                    if reply is None:
                        yield Progress(2 * draw + 1, total, images[-1] if images else None)
                        continue
                    image, size = self._image(reply, request.corrupted)
                    images.append(image)
                    sizes.append(size)
            yield Progress(2 * draw + 2, total, images[-1])
        alike = min(likeness(request.corrupted, image) for image in images)
        yield Recovered(
            tuple(images), self._told(request, sizes[0], alike), clock.seconds, uncertainty_note=_note(alike)
        )

    def _told(self, request: RecoverRequest, size: tuple[int, int], alike: float) -> dict[str, Any]:
        options = self._served.options
        return {
            "steps": request.steps,
            "samples": request.samples,
            "style": options.style.value,
            "prompt": options.prompt,
            "served_size": list(size),
            "likeness": round(alike, 3),
            **({"extra": sorted(options.extra)} if options.extra else {}),
        }

    def _call(self, image: Image8, seed: int, steps: int) -> Call:
        """The request of one draw. Seed and steps go where vLLM-Omni and SGLang read them; others leave them out."""
        options, model = self._served.options, self._served.model
        drawn: dict[str, Any] = {"seed": seed, "num_inference_steps": steps}
        if model:
            drawn["model"] = model
        if options.style is Style.IMAGES:
            form = {"prompt": options.prompt, "n": 1, "response_format": "b64_json", **drawn, **options.extra}
            png = ("image.png", png_bytes(image), "image/png")
            return Call(
                "/images/edits", form={name: _field(value) for name, value in form.items()}, files={"image": png}
            )
        content = [
            {"type": "text", "text": options.prompt},
            {"type": "image_url", "image_url": {"url": data_url(image)}},
        ]
        talk = {"messages": [{"role": "user", "content": content}], "modalities": ["image"], "stream": False}
        return Call("/chat/completions", json={**talk, **drawn, **options.extra})

    def _image(self, reply: Reply, like: Image8) -> tuple[Image8, tuple[int, int]]:
        transport = self._served.transport
        value = transport.parsed(reply.body, reply.headers)
        say = transport.sentences
        try:
            found = _in_images(value) if self._served.options.style is Style.IMAGES else _in_chat(value)
            if found is None:
                said = say.clean(text_of(_message(value).get("content")), 120)
                words = f" but wrote {said!r}" if said else ""
                raise say.wrong(f"sent no image{words}. Check that its model edits images, and the option 'style'.")
            return decoded(from_base64(found), like)
        except NoPicture as error:
            raise say.wrong(f"sent {error}. Check its model, or try again.") from None


def load_recoverer(
    source: str, *, name: str | None = None, model: str | None = None, key: str | None = None, **options: Any
) -> ServedRecoverer:
    """The image editor behind an OpenAI-compatible endpoint.

    Args:
        source: the address, as in "http://host:8000/v1".
        name: what it is stored as; the model's own name if none.
        model: which model of the server; its first if none.
        key: what the server asks for as a bearer token.
        options: see `Options`.

    Raises:
        InvalidInput: the address, the key, the model or an option is wrong.
        Unavailable: no server answers there, or it refuses the key.
    """
    return ServedRecoverer(connect(source, name, model, key, options))


def _field(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_images(value: Mapping[str, Any]) -> str | None:
    """The image in an answer of the images API."""
    data = value.get("data")
    first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
    found = first.get("b64_json") or first.get("url")
    return found if isinstance(found, str) else None


def _in_chat(value: Mapping[str, Any]) -> str | None:
    """The image in a chat completion: in the content's parts (vLLM-Omni) or in `message.images` (gateways)."""
    message = _message(value)
    for parts in (message.get("content"), message.get("images")):
        for part in parts if isinstance(parts, list) else ():
            place = part.get("image_url") if isinstance(part, dict) else None
            url = place.get("url") if isinstance(place, dict) else place
            if isinstance(url, str):
                return url
    return None


def _message(value: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    message = first.get("message") if isinstance(first, dict) else None
    return message if isinstance(message, dict) else {}


def _note(alike: float) -> str:
    if alike >= ALIKE:
        return _NO_MAP
    return (
        f"The image that the server sent has little in common with the one it was given (likeness {alike:.2f}). "
        "It may ignore the image: see whether its model edits images, and do not trust this recovery."
    )
