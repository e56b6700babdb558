"""The quick model: pycld2 (Apache-2.0), a table of quadgrams compiled in.

It has no wheel for Python 3.14 yet; there the careful model decides alone.
"""

import bisect

from enricher.languages import LANGUAGES, bcp_47

try:
    import pycld2
except ModuleNotFoundError:  # Python 3.14
    pycld2 = None

#: Whether the quick model is installed.
PRESENT = pycld2 is not None

# Short Latin text of any language looks English to it. On labelled tweets it is right on 66 % of
# what it is sure is English below this score, on 97 % above (bench/language.py has the data).
_ENGLISH_SCORE = 900
# What it called Serbian in Cyrillic letters was Bulgarian or Russian, 35 times out of 35.
_DOUBTED = "sr"
# Share of sure guesses that were right on labelled tweets: below the first score, from there on
# below the second, and so on.
_SCORES = (500, 600, 900)
_RIGHT = (0.95, 0.97, 0.98, 0.99)


def sure(plain: str) -> tuple[str, float] | None:
    """Return a language and how often such a guess is right, or None where it is not sure.

    Args:
        plain: cleaned text: it refuses control characters and lone surrogates.
    """
    if pycld2 is None:
        return None
    reliable, _, found = pycld2.detect(plain, bestEffort=False)
    _, name, _, score = found[0]
    code = bcp_47(name)
    if not reliable or code not in LANGUAGES or _doubtful(code, score):
        return None
    return code, _RIGHT[bisect.bisect(_SCORES, score)]


def hint(plain: str) -> str | None:
    """Return what it would guess although it is not sure."""
    if pycld2 is None:
        return None
    _, _, found = pycld2.detect(plain, bestEffort=True)
    code = bcp_47(found[0][1])
    return code if code in LANGUAGES and code not in ("en", _DOUBTED) else None


def _doubtful(code: str, score: float) -> bool:
    return code == _DOUBTED or (code == "en" and score < _ENGLISH_SCORE)
