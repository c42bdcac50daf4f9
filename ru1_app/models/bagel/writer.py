"""Text out of a context, token by token (upstream modeling/bagel/bagel.py `generate_text`, inferencer.py)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from torch import Tensor

from ru1_app.models.bagel.cache import Context
from ru1_app.models.bagel.draws import Draws
from ru1_app.models.bagel.model import Bagel
from ru1_app.models.bagel.settings import Writing
from ru1_app.models.bagel.tokens import Tokens

ANSWER = "<ANSWER>"


class Action(StrEnum):
    """What the model wants to do after a text: the token that it puts after the end of its turn."""

    IMAGE = "image"
    TEXT = "text"
    END = "end"
    UNDEFINED = "undefined"


class Written(NamedTuple):
    """A finished text. `ids` are [bos, ..., eos, action], or without the last two when the limit was met."""

    ids: list[int]
    complete: bool


def write(
    model: Bagel, tokens: Tokens, context: Context, writing: Writing, draws: Draws
) -> Iterator[list[int] | Written]:
    """Write a fresh turn; yields the ids so far (bos first) after each token, then the `Written`. Closing it cancels.

    `max_length` tokens are fed, bos included. The context is as before when this ends.
    """
    length, rope = context.length, context.rope
    ids = [tokens.bos]
    try:
        for fed in range(1, writing.max_length + 1):
            following = _pick(model.next_logits(ids[-1], context), writing, draws)
            if following == tokens.eos:
                action = _pick(model.next_logits(following, context), writing, draws)
                yield Written([*ids, following, action], complete=True)
                return
            if fed < writing.max_length:
                ids.append(following)
                yield list(ids)
        yield Written(ids, complete=False)
    finally:
        context.rewind(length, rope)


def body(tokens: Tokens, written: Written, *, keep_all: bool = True) -> str:
    """The text of a turn, stripped. Upstream (`keep_all=False`) drops two tokens also where no end was met."""
    inner = written.ids[1:-2] if written.complete or not keep_all else written.ids[1:]
    return cut_answers(tokens.decode(inner).strip())


def action(tokens: Tokens, written: Written, *, keep_all: bool = True) -> Action:
    """What comes next. A text that met the limit asks for nothing; upstream takes its last token for the wish."""
    if not written.complete and keep_all:
        return Action.UNDEFINED
    names = {tokens.image.start: Action.IMAGE, tokens.bos: Action.TEXT, tokens.end: Action.END}
    return names.get(written.ids[-1], Action.UNDEFINED)


def plain(tokens: Tokens, ids: Sequence[int]) -> str:
    """The text between bos and the first eos, as it is."""
    inner = list(ids[1:])
    return tokens.decode(inner[: inner.index(tokens.eos)] if tokens.eos in inner else inner)


def cut_answers(text: str) -> str:
    """A text that repeats its answer more than three times ends before the third."""
    parts = text.split(ANSWER)
    return ANSWER.join(parts[:3]) if len(parts) > 4 else text


def _pick(logits: Tensor, writing: Writing, draws: Draws) -> int:
    if writing.temperature <= 0:
        return int(logits.argmax())
    return draws.word((logits / writing.temperature).softmax(-1))
