"""Which option a free text chooses. Pure.

The order of the rules is from what a model says on purpose (a tag, "the answer is") to what it says in passing.
A text that names several options, or none, chooses nothing: no answer is better than a wrong one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TAG = re.compile(r"<\s*answer\s*>(.*?)(?:<\s*/?\s*answer(?:_end)?\s*>|$)", re.IGNORECASE | re.DOTALL)
_THOUGHT = re.compile(r".*<\s*/\s*think\s*>", re.IGNORECASE | re.DOTALL)  # templates may open it in the prompt
_THINKS = re.compile(r"<\s*think\s*>.*", re.IGNORECASE | re.DOTALL)
_CORRECTS = re.compile(
    r".*\b(?:actually|wait|correction|on\s+second\s+thoughts?|scratch\s+that|let\s+me\s+reconsider)\b",
    re.IGNORECASE | re.DOTALL,
)
_JSON = re.compile(r"""["'](?:final_)?(?:answer|choice|option)["']\s*:\s*\[?\s*["']?([^"',}\]]+)""", re.IGNORECASE)
_BOXED = re.compile(r"\\(?:boxed|text|mathrm|textbf|mathbf)\s*\{([^{}]*)\}")
_SAID = (  # what comes before a letter that is meant; strongest first
    r"(?:final|correct|right|best)\s+(?:answer|choice|option)\s*(?:is|would\s+be|:|=|-)*",
    r"(?:answer|choice|solution|response)\s*(?:is|would\s+be|should\s+be|must\s+be|:|=|-)+",
    r"(?:answer|choice)\s+(?=\(?[a-z]\b)",
    r"(?:i\s+(?:would\s+|will\s+|'ll\s+|'d\s+)?)?(?:choose|select|pick|go\s+with|chose|selected)",
    r"答案\s*(?:是|为|:|：)*|(?:正确)?选项\s*(?:是|为|:)*|选择?|(?:正解|答え)\s*(?:は|:)*",
    r"(?:réponse|respuesta|antwort|resposta|risposta)\s*(?:est|es|ist|é|è|:)*",
    r"(?:so|therefore|hence|thus)\s*,?\s*(?:it\s+is\s+|it's\s+)?",
)
_OPTION = r"(?:\s*(?:the\s+)?(?:option|choice|letter|answer)\s*)?"
_LETTER = r"[\s:*\"'“‘(\[{<]*([A-Z])(?=[\s)\]}>.,;:!?*\"'”’\-–—/。，、でだ]|$)"
_NEGATED = re.compile(
    r"\b(?:not|isn't|isnt|is\s+not|cannot\s+be|can't\s+be|never|neither|nor|rather\s+than|instead\s+of|rule\s+out|"
    r"excluding|except|wrong:?|incorrect:?)\s+(?:option\s+|choice\s+|the\s+|an?\s+)*$",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"^\W*(?:is|are|was|can\s+be|seems?|looks?)?\s*(?:wrong|incorrect|false|not\b|ruled\s+out|excluded)", re.IGNORECASE
)


_DENIES = re.compile(
    r"\b(?:not|no|never|neither|nor|without|doubt|unlikely|incorrect|wrong|least|hardly|cannot|isnt)\b|n't\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r".*(?:[.!?;:,\n]|\b(?:but|so|therefore|hence|thus|because|rather)\b)", re.IGNORECASE | re.DOTALL)
_NAMES = re.compile(  # what a letter names that is no option: "vitamin C"
    r"\b(?:plan|vitamin|hepatitis|type|class|grade|group|section|figure|fig|platform|gate|exit|line|route|terminal|"
    r"building|block|room|lane|zone|bus|train|level|phase|team)\.?\s+$",
    re.IGNORECASE,
)


def parse_choice(text: str, options: Sequence[str]) -> str | None:
    """The letter of the option that `text` chooses, or None when it chooses none or several of them."""
    known = LETTERS[: len(options)]
    text = _plain(text)
    if not known or not text:
        return None
    if tagged := [part.strip() for part in _TAG.findall(text) if part.strip()]:
        return _free(tagged[-1], options, known)
    text = _THINKS.sub("", _THOUGHT.sub("", text)).strip()
    return _free(text, options, known) if text else None


def _free(text: str, options: Sequence[str], known: str) -> str | None:
    corrected = _CORRECTS.sub("", text, count=1)
    if corrected != text and (letter := _free(corrected, options, known)):
        return letter
    if found := _JSON.findall(text):
        return _bare(found[-1].strip(), known) or _by_words(found[-1], options)
    if letter := _bare(text, known):
        return letter
    for said in _SAID:
        meant = _said(said, text, known, options)
        if meant is not None:
            return meant or None
    return (
        _only(_leading(text, known))
        or _yes_or_no(text, options)
        or _by_words(text, options)
        or _only(_alone(text, known))
    )


def _yes_or_no(text: str, options: Sequence[str]) -> str | None:
    """The option that a text begins with: "Yes, there is no car"."""
    first = _folded(re.split(r"[,.;:!\n]", text, maxsplit=1)[0])
    if first not in ("yes", "no"):
        return None
    return next((letter for letter, option in zip(LETTERS, options, strict=False) if _folded(option) == first), None)


def _denied(before: str) -> bool:
    """Whether the clause that leads up to a place denies what stands there."""
    return bool(_NEGATED.search(before) or _DENIES.search(_CLAUSE.sub("", before, count=1)))


def _plain(text: str) -> str:
    """Full-width and decorated letters as plain ones; no markup."""
    text = unicodedata.normalize("NFKC", text).replace("\u2019", "'").strip()
    while _BOXED.search(text):
        text = _BOXED.sub(r" \1 ", text)
    return re.sub(r"[*_`#$~]+", "", text).strip()


def _bare(text: str, known: str) -> str | None:
    """A text that is a letter and nothing else, also a small one."""
    match = re.fullmatch(r"\W*(?:option\s+|choice\s+|answer\s+)?\W*([a-z])\W*", text.strip(), re.IGNORECASE)
    return match[1].upper() if match and match[1].upper() in known else None


def _said(before: str, text: str, known: str, options: Sequence[str]) -> str | None:
    """The letter (or the option's words) after a phrase, the last that is not denied; "" when there are two."""
    found: list[str] = []
    for match in re.finditer(rf"(?<![A-Za-z])(?:{before})" if before.isascii() else before, text, re.IGNORECASE):
        rest = text[match.end() :]
        if _denied(text[: match.start()]) or re.match(r"\s*(?:is\s+)?(?:not|n't)\b", rest, re.IGNORECASE):
            continue
        letter = re.match(_OPTION.replace("the", "(?i:the)") + _LETTER, rest) or re.match(
            r"\s*(?i:option|choice)\s+" + _LETTER.replace("A-Z", "A-Za-z"), rest
        ) or re.match(r"\s*(?:[(\[]([a-z])[)\]]|([a-z])\W*$)", rest)  # fmt: skip
        said = next((group for group in letter.groups() if group), "") if letter else ""
        if letter and said.upper() in known and not _article(rest[letter.start(letter.lastindex or 0) :]):
            if _another(rest[letter.end(letter.lastindex or 0) :], known):
                return ""
            found.append(said.upper())
        elif named := _by_words(rest.split("\n")[0], options):
            found.append(named)
    return found[-1] if found else None


def _another(rest: str, known: str) -> bool:
    """Whether a second letter is named in the same breath: "B, C and D", "A or B"."""
    match = re.match(r"[\s)\]]*(?:,?\s*(?:or|and)\b|[,/&])[\s(\[]*([A-Z])\b", rest)
    if not match or match[1] not in known:
        return False
    return not _article(rest[match.start(1) :]) and not _LATER.search(rest[match.end() :])


def _leading(text: str, known: str) -> set[str]:
    """Letters that begin a line as a list does: "B) red", "(b)", "C. because"."""
    letters = re.findall(r"(?m)^\s*[(\[]?([A-Za-z])[)\].:](?=\s|$)|^\s*[(\[]?([A-Z])\s*[-–—;](?=\s)", text)
    found = {(first or second).upper() for first, second in letters}
    return {letter for letter in found if letter in known}


def _alone(text: str, known: str) -> set[str]:
    """Capital letters that stand alone and are neither an article, a pronoun nor denied."""
    found = set()
    for match in re.finditer(r"(?<![\w'])([A-Z])(?![\w'])", text):
        before = text[: match.start()]
        denied = _denied(before) or _NAMES.search(before) or _LATER.search(text[match.end() :])
        if match[1] in known and not denied and not _article(text[match.start() :]):
            found.add(match[1])
    return found


def _article(rest: str) -> bool:
    """Whether the letter at the start is an article or a pronoun: "A red car", "I see"."""
    return bool(re.match(r"A\s+(?!or\b|and\b|is\b|because\b|since\b|as\b|seems\b)[a-z]|I\s+[a-z]|I'", rest))


def _by_words(text: str, options: Sequence[str]) -> str | None:
    """The one option whose words the text says and does not deny; of two, one that holds the other's words."""
    words, whole_text = _folded(text.replace("\n", " ; "), ",;:!?"), _folded(text)
    found = []
    for letter, option in zip(LETTERS, options, strict=False):
        folded = _folded(option)
        if folded and folded == whole_text:
            return letter
        whole = rf"(?<!\w)(?<!\d[.,]){re.escape(folded)}(?!\w|[.,]\d)"
        places = list(re.finditer(whole, words)) if folded else []
        if any(not _denied(words[: place.start()]) for place in places):
            found.append((letter, folded))
    longest = [
        (a, x) for a, x in found if not any(a != b and re.search(rf"(?<!\w){re.escape(x)}(?!\w)", y) for b, y in found)
    ]
    return longest[0][0] if len(longest) == 1 else None


def _folded(text: str, kept: str = "") -> str:
    return " ".join(
        re.sub(rf"[^\w\s'.%{kept}-]", " ", unicodedata.normalize("NFKC", text)).casefold().strip(" .").split()
    )


def _only(found: set[str]) -> str | None:
    return found.pop() if len(found) == 1 else None
