"""The language of the text: the detector's, kept beside what X itself says."""

from collections.abc import Sequence

from enricher import cld2
from enricher.detector import Guess, detect
from enricher.languages import UNDETERMINED, said_by_x
from enricher.post import Post, string

VERSION = 1
COMPLETE = cld2.PRESENT
SCHEMA = {
    "language": {"type": "string", "description": "BCP 47, `und` where there is nothing to tell."},
    "language_confidence": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    "language_source": {"enum": ["detector", "x", "rule"]},
    "x_lang": {"type": ["string", "null"], "description": "What X said, in X's spelling."},
}


def language(post: Post) -> dict[str, object]:
    """Return the language of one post."""
    return batch([post])[0]


def batch(posts: Sequence[Post]) -> list[dict[str, object]]:
    """Return the language of each post; the detector costs less by the batch."""
    guesses = detect([post.text for post in posts])
    return [_columns(guess, _x_lang(post)) for guess, post in zip(guesses, posts, strict=True)]


def _x_lang(post: Post) -> str | None:
    """Return X's code of the post whose words these are."""
    return string(post.origin, "lang") or string(post.tweet, "lang")


def _columns(guess: Guess, x_lang: str | None) -> dict[str, object]:
    opinion = said_by_x(x_lang)
    # X has seen more than the text; where the detector is at a loss, its word is all there is.
    if guess.code == UNDETERMINED and guess.source == "detector" and opinion:
        guess = Guess(opinion, None, "x")
    return {
        "language": guess.code,
        "language_confidence": guess.confidence,
        "language_source": guess.source,
        "x_lang": x_lang,
    }
