"""URLs: as in the text, expanded and unwound by X, and the host they lead to."""

import re

import regex

from enricher.entities import given, matched
from enricher.post import Json, Post, string

VERSION = 1
SCHEMA = {
    "urls": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "url": {"type": "string"},
                "expanded": {"type": ["string", "null"]},
                "unwound": {"type": ["string", "null"]},
                "host": {"type": ["string", "null"]},
                "start": {"type": "integer", "minimum": 0},
                "end": {"type": "integer", "minimum": 0},
            },
            "required": ["url", "expanded", "unwound", "host", "start", "end"],
            "additionalProperties": False,
        },
    }
}

# X writes every URL as t.co; the second form is for texts that X did not write.
_URL = regex.compile(
    r"(?<![\w@#$])https?://(?:t\.co/[a-zA-Z0-9]++|[^\s<>\x22\u2026]+(?<![.,;:!?'()\[\]]))",
    regex.IGNORECASE,
)
_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*+://(?:[^/?#@]*+@)?(\[[^\]/?#]*+\]|[^/?#:]++)")


def urls(post: Post) -> dict[str, object]:
    """Return the post's URLs in the order of the text."""
    entities = given(post, "urls", "url")
    if entities is not None:
        # X lists the address of four pictures four times.
        once: dict[int, Json] = {}
        for one in entities:
            once.setdefault(one["start"], one)
        return {"urls": [_url(one, start, one["end"]) for start, one in once.items()]}
    found = matched(post, _URL, ("://",))
    return {"urls": [_url({"url": m[0]}, *m.span()) for m in found]}


def _url(entity: Json, start: int, end: int) -> dict[str, object]:
    url, expanded = entity["url"], string(entity, "expanded_url")
    unwound = string(entity, "unwound_url")
    return {
        "url": url,
        "expanded": expanded,
        "unwound": unwound,
        "host": _host(unwound or expanded or url),
        "start": start,
        "end": end,
    }


def _host(url: str) -> str | None:
    match = _HOST.match(url)
    return match[1].lower() if match else None
