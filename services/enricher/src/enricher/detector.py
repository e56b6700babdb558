"""Which language a text is in: a quick model where it is sure, else a careful one.

Both ship in their wheels; nothing is fetched. What this gives and why it is built so, with the
figures, is in docs/enrichment.md.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

import regex

from enricher import cld2
from enricher.bayes import Probabilities, bayes
from enricher.languages import UNDETERMINED

# Below this the careful model is wrong more often than right.
_FLOOR = 0.25
# What the quick model would guess counts double with the careful one.
_HINT = 2.0
# A post has up to 25,000 characters; the first lines tell its language.
_MAX_CHARACTERS = 600

# Each apart, behind a sign that it must have: most texts have none of them.
_NOISES = (
    ("://", re.compile(r"https?://\S++")),
    ("pic.twitter.com/", re.compile(r"pic\.twitter\.com/\S++")),
    ("@", re.compile(r"@\w++")),
    ("\uff20", re.compile(r"\uff20\w++")),
)
_RETWEET = "RT "
# What pycld2 refuses to read: controls, lone surrogates, noncharacters (two end every plane).
_NONCHARACTERS = "".join(f"{chr(end - 1)}-{chr(end)}" for end in range(0xFFFF, 0x110000, 0x10000))
_UNREADABLE = re.compile(
    rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffd{_NONCHARACTERS}]"
)
# The only one of them that is printable; most texts are, and to ask costs next to nothing.
_PRINTABLE = "\ufffd"
_HASHTAG = re.compile(r"[#\uff03]\w++")
_RUN = re.compile(r"(.)\1\1++")
# Laughter is the same in every language that has it, and the models take it for one of them.
_SOUNDS_LIKE_LAUGHTER = re.compile(r"[hj][aei][hj]|kk|lol|rsrs|wkw|xd")
_LAUGHTER = re.compile(
    r"\b(?:(?=[aeiou]*+[hj][aeiou]*+[hj])[aehijou]{4,}+"
    r"|kk++|l++o++l++|(?:rs){2,}|(?:wk){2,}w?+|x++d++)\b"
)
_LETTER = regex.compile(r"\p{L}")


@dataclass(frozen=True, slots=True)
class Guess:
    """A language, how likely it is right, and who says so: `detector` or `rule`."""

    code: str
    confidence: float | None
    source: str


#: For a text without words.
NOTHING_TO_READ = Guess(UNDETERMINED, None, "rule")
#: For a text that no model can tell.
AT_A_LOSS = Guess(UNDETERMINED, None, "detector")


def load() -> None:
    """Load the models now, rather than at the first text that needs them: up to a second."""
    bayes()


def detect(texts: Sequence[str]) -> list[Guess]:
    """Return a guess for each text, the same whatever texts it comes with."""
    plain = [clean(text) for text in texts]
    guesses = [_quickly(one) for one in plain]
    open_ones = [plain[n] for n, guess in enumerate(guesses) if guess is None]
    careful = iter(_carefully(open_ones) if open_ones else [])
    return [guess or next(careful) for guess in guesses]


def clean(text: str) -> str:
    """Return what of a text tells its language, or nothing if it is without words.

    The word of a hashtag is read too, unless there is nothing else.
    """
    plain = html.unescape(text[:_MAX_CHARACTERS]).removeprefix(_RETWEET)
    for sign, noise in _NOISES:
        if sign in plain:
            plain = noise.sub(" ", plain)
    if not plain.isprintable() or _PRINTABLE in plain:
        plain = _UNREADABLE.sub(" ", plain)
    if ("#" in plain or "\uff03" in plain) and not _has_letter(_HASHTAG.sub(" ", plain)):
        return ""
    plain = plain.replace("#", "").replace("\uff03", "").replace("_", " ")
    if _RUN.search(plain):
        plain = _RUN.sub(r"\1\1", plain)
    plain = plain.lower()
    if _SOUNDS_LIKE_LAUGHTER.search(plain):
        plain = _LAUGHTER.sub(" ", plain)
    return plain if _has_letter(plain) else ""


def _has_letter(text: str) -> bool:
    # Without it the module lets other threads run during a match, and waits for its turn after it.
    return _LETTER.search(text, concurrent=False) is not None


def _quickly(plain: str) -> Guess | None:
    if not plain:
        return NOTHING_TO_READ
    found = cld2.sure(plain)
    return Guess(*found, "detector") if found else None


def _carefully(texts: Sequence[str]) -> list[Guess]:
    model = bayes()
    return [
        _weighed(model.codes, odds, cld2.hint(text))
        for text, odds in zip(texts, model.probabilities(texts), strict=True)
    ]


def _weighed(codes: Sequence[str], odds: Probabilities, hint: str | None) -> Guess:
    if hint in codes:
        odds[codes.index(hint)] *= _HINT
    best = int(odds.argmax())
    confidence = float(odds[best] / odds.sum())
    if codes[best] == UNDETERMINED or confidence < _FLOOR:
        return AT_A_LOSS
    return Guess(codes[best], round(confidence, 2), "detector")
