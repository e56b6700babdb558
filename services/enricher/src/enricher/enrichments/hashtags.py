"""Hashtags, as written and folded for counting, by X's entities or by X's own grammar.

The grammar is twitter-text's, written so that no text takes more than linear time: every repeat
is possessive, and a `#` ends each run of tag characters.
"""

import unicodedata
from typing import Any

import regex

from enricher.entities import given, matched
from enricher.post import Post

VERSION = 1
SCHEMA = {
    "hashtags": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "tag": {"type": "string"},
                "folded": {"type": "string"},
                "start": {"type": "integer", "minimum": 0},
                "end": {"type": "integer", "minimum": 0},
            },
            "required": ["tag", "folded", "start", "end"],
            "additionalProperties": False,
        },
    }
}

# twitter-text, "hashtagSpecialChars": what a tag may contain beside letters, marks and digits.
_SPECIAL = (
    "_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003"
    "\u0f0b\u0f0c\u00b7"
)
_LETTER = r"\p{L}\p{M}"
_BODY = rf"{_LETTER}\p{{Nd}}{_SPECIAL}"
# A variation selector may stand before the sign: it belongs to the emoji before it.
_BEFORE = rf"(?<!(?![\ufe0e\ufe0f])[{_BODY}&])"
# U+20E3 and U+FE0F make the sign a keycap emoji.
_TAG = (
    rf"{_BEFORE}[#\uff03](?![\ufe0f\u20e3])(?=[\p{{Nd}}{_SPECIAL}]*+[{_LETTER}])"
    rf"([{_BODY}]++)(?![#\uff03]|://)"
)
_HASHTAG = regex.compile(_TAG)
# Where a URL could have a fragment, whole URLs are stepped over first.
_URL = r"(?<![\w@.\-])(?:https?://|(?:[\w\-]{1,63}+\.)++[a-z]{2,24}+(?=[/:?#]))[^\s<>\x22]*+"
_HASHTAG_OR_URL = regex.compile(rf"{_URL}|{_TAG}", regex.IGNORECASE)


def hashtags(post: Post) -> dict[str, object]:
    """Return the post's hashtags in the order of the text."""
    entities = given(post, "hashtags", "tag")
    if entities is not None:
        return {"hashtags": [_hashtag(one["tag"], one["start"], one["end"]) for one in entities]}
    return {"hashtags": [_hashtag(m[1], *m.span()) for m in _matches(post) if m[1]]}


def _matches(post: Post) -> Any:
    fragment = "/#" in post.text or "/\uff03" in post.text
    return matched(post, _HASHTAG_OR_URL if fragment else _HASHTAG, ("#", "\uff03"))


def _hashtag(tag: str, start: int, end: int) -> dict[str, object]:
    return {"tag": tag, "folded": folded(tag), "start": start, "end": end}


def folded(tag: str) -> str:
    """Return the form under which spellings of one tag are counted together."""
    return tag if tag.isascii() and tag.islower() else unicodedata.normalize("NFKC", tag).casefold()
