"""The interleaved reasoner: text and images in turns until the model ends (upstream demo.py, `InterleaveReasoner`)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from PIL import Image

from ru1_app.errors import ModelFailed
from ru1_app.models.bagel.sampler import Branches, Step
from ru1_app.models.bagel.session import Session
from ru1_app.models.bagel.settings import Sampling, Writing
from ru1_app.models.bagel.writer import Action, Written, action, body, plain, write

ORIGINAL = "Here is the original image:"
RESTORED = "Please answer the question based on the restored image.Here is the restored image:"  # as upstream spells it
DEFAULT_SIZE = (512, 512)  # of an image that the model makes when it was shown none


@dataclass(frozen=True, slots=True)
class Script:
    """What is said before the model speaks, and how long it may go on. Texts and images in order."""

    inputs: Sequence[str | Image.Image]
    system_prompt: str | None = None
    original: Image.Image | None = None
    max_iterations: int = 5
    sampling: Sampling = Sampling()
    writing: Writing = Writing()


class Writes(NamedTuple):
    """A text as far as it is written."""

    text: str


class Said(NamedTuple):
    """A finished text and what the model wants to do next."""

    text: str
    next: Action


class Made(NamedTuple):
    """A finished image, uint8 [H, W, 3]."""

    image: Any


def reason(session: Session, script: Script) -> Iterator[Writes | Said | Step | Made]:
    """Run the loop: each iteration is one text or one image. Closing it cancels; errors are not swallowed."""
    full, no_text, no_image = session.context(), session.context(), session.context()
    branches, grid = Branches(full, no_text, no_image), _grid_of(session, DEFAULT_SIZE)

    def tell(text: str) -> None:
        session.tell(text, [full, no_image])

    def show(image: Image.Image) -> tuple[int, int]:
        picture = session.fit(image)
        session.show(picture, [full, no_text], latent=True, seen=True)
        return session.grid(picture)

    if script.system_prompt:
        tell(script.system_prompt)
    for each in script.inputs:
        if isinstance(each, str):
            tell(each)
        else:
            grid = show(each)
    if script.original is not None:
        tell(ORIGINAL)
        grid = show(script.original)
        tell(RESTORED)
    draws_next = False
    for _ in range(script.max_iterations):
        if draws_next:
            made = yield from _make(session, branches, grid, script.sampling)
            grid = show(Image.fromarray(made))
            draws_next = False
            continue
        said = yield from _say(session, branches, script.writing)
        tell(said.text)
        if said.next is Action.END:
            return
        draws_next = said.next is Action.IMAGE


def _say(session: Session, branches: Branches, writing: Writing) -> Generator[Writes | Said, None, Said]:
    keep_all = session.settings.choices.keep_all_tokens
    for written in write(session.model, session.tokens, branches.full, writing, session.draws):
        if isinstance(written, Written):
            text = body(session.tokens, written, keep_all=keep_all)
            said = Said(text, action(session.tokens, written, keep_all=keep_all))
            yield said
            return said
        yield Writes(plain(session.tokens, written))
    raise ModelFailed("The model wrote nothing. Allow a text of one token or more (max_length).")


def _make(
    session: Session, branches: Branches, grid: tuple[int, int], sampling: Sampling
) -> Generator[Step | Made, None, Any]:
    x = None
    for step in session.draw(branches, grid, sampling):
        x = step.x
        yield step
    if x is None:
        raise ModelFailed("The model took no step. Ask for one step or more.")
    image = session.pixels(x, grid)
    yield Made(image)
    return image


def _grid_of(session: Session, size: tuple[int, int]) -> tuple[int, int]:
    side = session.model.config.pixels_per_token
    return size[1] // side, size[0] // side
