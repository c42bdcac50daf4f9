"""Which questions a checkpoint was trained for and how it chooses, from `scope.json` beside it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from ru1_app.domain import CANNOT_TELL, Question


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of question: a word that must be in it, and the options it was trained with.

    `free`: it is answered in sentences, without options. `compared`: how many things are told by their place first.
    """

    words: frozenset[str]
    answers: frozenset[str]
    free: bool = False
    compared: int = 0

    def takes(self, words: Set[str], options: frozenset[str], asked_openly: bool) -> bool:
        """Whether a question of these words may be answered so."""
        return bool(self.words & words) and (asked_openly if self.free else options <= self.answers)


@dataclass(frozen=True, slots=True)
class Scope:
    """All topics of a checkpoint, the share of unknown words it bears, and what to say beyond that.

    `by_words`: the model answers in words, so options are weighed by their words instead of their letters;
    `synonyms` gives the word it knows for an option. `trace`: it says of each image how what is asked about is to be
    seen there before it answers, and may find the evidence gone (`ru1_app.models.trace`). `temperature` divides the
    logarithms of its probabilities, so that it is as often right as it says (Guo et al. 2017); 1: not calibrated.
    """

    topics: tuple[Topic, ...]
    max_unknown_share: float
    note: str
    by_words: bool
    synonyms: Mapping[str, str]
    trace: bool = False
    temperature: float = 1.0

    @classmethod
    def read(cls, folder: Path) -> Scope | None:
        """The scope of a checkpoint folder, or None for a model that declares none."""
        path = folder / "scope.json"
        if not path.is_file():
            return None
        raw = json.loads(path.read_text("utf-8"))
        topics = tuple(
            Topic(
                _folded(topic["words"]), _folded(topic["answers"]), topic.get("free", False), topic.get("compared", 0)
            )
            for topic in raw["topics"].values()
        )
        return cls(
            topics,
            float(raw["max_unknown_share"]),
            str(raw["note"]),
            raw.get("choose_by") == "words",
            dict(raw.get("synonyms", {})),
            bool(raw.get("trace", False)),
            float(raw.get("temperature", 1.0)),
        )

    def word(self, option: str) -> str:
        """The option as the model would say it."""
        folded = option.strip().casefold()
        return self.synonyms.get(folded, folded)

    def compared(self, question: Question) -> int:
        """How many things the question compares by their place, which the trace then tells."""
        words = set(re.findall(r"\w+", question.text.casefold()))
        return max((topic.compared for topic in self.topics if topic.compared and topic.words <= words), default=0)

    def covers(self, question: Question, known: Callable[[str], bool], reply: str | None = None) -> bool:
        """Whether the model was trained for `question`; `known` says if a word is in its vocabulary.

        An open answer must be one of those that its topic has: "purple" does not answer a question about a sign.
        """
        words = re.findall(r"\w+", question.text.casefold())
        unknown = [word for word in words if not known(word)]
        if not words or len(unknown) / len(words) > self.max_unknown_share:
            return False
        said = (reply,) if reply and reply != CANNOT_TELL else ()
        options = _folded(question.options) or _folded(said)
        return any(topic.takes(set(words), options, not question.options) for topic in self.topics)


def _folded(texts: list[str] | tuple[str, ...]) -> frozenset[str]:
    return frozenset(text.strip().casefold() for text in texts)
