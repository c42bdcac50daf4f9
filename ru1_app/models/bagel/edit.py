"""The single edit: an image and a request give an image, or a text (upstream app.py, `interleave_inference`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from PIL import Image

from ru1_app.models.bagel.cache import Context
from ru1_app.models.bagel.sampler import Branches, Step
from ru1_app.models.bagel.session import Grid, Session
from ru1_app.models.bagel.settings import Sampling, Writing
from ru1_app.models.bagel.writer import Written, plain, write

RESTORE = "Please restore this corrupted image to its clean version."
SELECT = "Based on what you observe in the restored image, please select the correct answer from the options above."
_THINK = (
    "You should first think about the {kind} process in the mind and then {goal}. \nThe {kind} process is enclosed "
    "within <think> </think> tags, i.e. <think> {kind} process here </think> {end} here"
)
THINK_IMAGE = _THINK.format(kind="planning", goal="generate the image", end="image")
THINK_TEXT = _THINK.format(kind="reasoning", goal="provide the user with the answer", end="answer")


class Sight(StrEnum):
    """How an image enters the context of an edit."""

    LATENT = "latent"  # Robust-U1
    BOTH = "both"  # BAGEL: latents, then what the vision tower sees


class Thought(NamedTuple):
    """The text that the model wrote before its image, as far as it is written."""

    text: str


class Drawn(NamedTuple):
    """Latent tokens [m, width] of the finished image, and their grid."""

    x: object
    grid: Grid


def edit(
    session: Session, image: Image.Image, prompt: str, sampling: Sampling, sight: Sight, think: Writing | None = None
) -> Iterator[Thought | Step | Drawn]:
    """Generate an image from an image and a prompt; `think` lets the model write first. Ends with the `Drawn`."""
    full, no_image = session.context(), session.context()
    if think is not None:
        session.tell(THINK_IMAGE, [full, no_image])
    picture = session.fit(image)
    session.show(picture, [full], latent=True, seen=sight is Sight.BOTH)
    no_text = full.prefix()
    session.tell(prompt, [full, no_image])
    if think is not None:
        yield from _thoughts(session, full, think)
    step = None
    for step in session.draw(Branches(full, no_text, no_image), session.grid(picture), sampling):
        yield step
    if step is not None:
        yield Drawn(step.x, session.grid(picture))


def understand(
    session: Session, images: Sequence[Image.Image], prompt: str, writing: Writing, *, think: bool = False
) -> Iterator[str]:
    """The text that answers `prompt` about the images, yielded as far as it is written, the whole last."""
    context = session.context()
    if think:
        session.tell(THINK_TEXT, [context])
    for image in images:
        session.show(session.fit(image), [context], latent=False, seen=True)
    session.tell(prompt, [context])
    for written in write(session.model, session.tokens, context, writing, session.draws):
        yield plain(session.tokens, written.ids if isinstance(written, Written) else written)


def _thoughts(session: Session, context: Context, writing: Writing) -> Iterator[Thought]:
    text = ""
    for written in write(session.model, session.tokens, context, writing, session.draws):
        text = plain(session.tokens, written.ids if isinstance(written, Written) else written)
        yield Thought(text)
    session.tell(text, [context])
