"""Which language a text is in: a cascade of two models that ship in their wheels.

pycld2 (Apache-2.0) is quick and right where it says that it is sure; py3langid (BSD-3-Clause)
decides the rest.
"""

import functools
import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pycld2
import regex
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from enricher.languages import LANGUAGES, UNDETERMINED, bcp_47

FLOOR = 0.25
_MAX_CHARACTERS = 600
_NOISE = regex.compile(
    r"(?:https?://|www\.)\S++|[@\uff20]\w++|^RT\b|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd-\uffff]"
)
_RUN = regex.compile(r"(.)\1{2,}")
_LETTER = regex.compile(r"\p{L}")


@dataclass(frozen=True, slots=True)
class Guess:
    """A language, how sure it is, and who says so: `detector` or `rule`."""

    code: str
    confidence: float | None
    source: str


NOTHING = Guess(UNDETERMINED, None, "rule")


def detect(texts: Sequence[str]) -> list[Guess]:
    """Return a guess for each text."""
    return [_guess(text) for text in texts]


def clean(text: str) -> str:
    """Return what of a text tells its language."""
    plain = html.unescape(text[:_MAX_CHARACTERS])
    plain = _NOISE.sub(" ", plain).replace("#", "").replace("\uff03", "").replace("_", " ")
    squeezed: str = _RUN.sub(r"\1\1", plain)
    return squeezed.lower()


def _guess(text: str) -> Guess:
    plain = clean(text)
    if not _LETTER.search(plain):
        return NOTHING
    reliable, _, found = pycld2.detect(plain, bestEffort=False)
    code = bcp_47(found[0][1])
    if reliable and code in LANGUAGES:
        return Guess(code, found[0][2] / 100, "detector")
    return _second(plain)


def _second(plain: str) -> Guess:
    code, probability = _model().classify(plain)
    if probability < FLOOR or code == "zxx":
        return Guess(UNDETERMINED, None, "detector")
    return Guess(bcp_47(code), round(probability, 2), "detector")


@functools.cache
def _model() -> Any:
    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    model.set_languages(sorted(set(model.nb_classes) & (LANGUAGES | {"zxx"})))
    return model
