"""Cashtags ($XYZ), by X's entities or by twitter-text's grammar."""

import regex

from enricher.entities import given, matched
from enricher.post import Post

VERSION = 1
SCHEMA = {
    "cashtags": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "tag": {"type": "string"},
                "start": {"type": "integer", "minimum": 0},
                "end": {"type": "integer", "minimum": 0},
            },
            "required": ["tag", "start", "end"],
            "additionalProperties": False,
        },
    }
}

# Space, or a mark that sets the direction of writing (twitter-text, "spaces").
_BEFORE = r"(?<![^\s\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069])"
_AFTER = r"(?=$|[\s!'#%&()*+,\\\-./:;<=>?@\[\]^_{|}~$\u2026])"
_CASHTAG = regex.compile(rf"{_BEFORE}\$([a-zA-Z]{{1,6}}(?:[._][a-zA-Z]{{1,2}})?){_AFTER}")


def cashtags(post: Post) -> dict[str, object]:
    """Return the post's cashtags in the order of the text."""
    entities = given(post, "cashtags", "tag")
    if entities is None:
        found = [(m[1], *m.span()) for m in matched(post, _CASHTAG, ("$",))]
    else:
        found = [(one["tag"], one["start"], one["end"]) for one in entities]
    names = ("tag", "start", "end")
    return {"cashtags": [dict(zip(names, one, strict=True)) for one in found]}
