"""Which rules of the stream brought the post."""

from enricher.post import Json, Post, string, whole

VERSION = 1
SCHEMA = {
    "rules": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"id": {"type": "string"}, "tag": {"type": ["string", "null"]}},
            "required": ["id", "tag"],
            "additionalProperties": False,
        },
    }
}


def rules(post: Post) -> dict[str, object]:
    """Return the rules in X's order."""
    named = ((_id(rule), string(rule, "tag")) for rule in post.rules)
    return {"rules": [{"id": rule_id, "tag": tag} for rule_id, tag in named if rule_id]}


def _id(rule: Json) -> str | None:
    """Return a rule's id; X has sent both text and numbers."""
    number = whole(rule, "id")
    return string(rule, "id") if number is None else str(number)
