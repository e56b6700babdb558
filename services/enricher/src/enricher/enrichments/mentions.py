"""Mentions: which accounts a post names, by X's entities or by twitter-text's grammar."""

import regex

from enricher.entities import given, matched
from enricher.post import Post, string

VERSION = 1
SCHEMA = {
    "mentions": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "username": {"type": "string"},
                "user_id": {"type": ["string", "null"]},
                "start": {"type": "integer", "minimum": 0},
                "end": {"type": "integer", "minimum": 0},
            },
            "required": ["username", "user_id", "start", "end"],
            "additionalProperties": False,
        },
    }
}

# twitter-text, "latinAccentChars": a name that one of these follows is part of a word.
_ACCENTED = (
    r"\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268"
    r"\u026f\u0272\u0289\u028b\u02bb\u0300-\u036f\u1e00-\u1eff"
)
_MENTION = regex.compile(
    r"(?:(?<![a-zA-Z0-9_!#$%&*@\uff20])|(?<=(?<![a-zA-Z0-9_+~.\-])[rR][tT]))"
    rf"[@\uff20]([a-zA-Z0-9_]{{1,20}}+)(?!/[a-zA-Z])(?![@\uff20{_ACCENTED}]|://)"
)


def mentions(post: Post) -> dict[str, object]:
    """Return the accounts named in the post in the order of the text."""
    entities = given(post, "mentions", "username")
    if entities is None:
        found = [(m[1], None, *m.span()) for m in matched(post, _MENTION, ("@", "\uff20"))]
    else:
        found = [(e["username"], string(e, "id"), e["start"], e["end"]) for e in entities]
    names = ("username", "user_id", "start", "end")
    return {"mentions": [dict(zip(names, one, strict=True)) for one in found]}
