"""What X answers when it does not do what it was asked: status and body, by name.

Where bodies were seen live or stand in X's documents they are the same here, field by field;
`503`, `500` and what proxies in front of X answer are made after the specification.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

# Documents say api.x.com, live bodies mostly still this.
_HOST = "https://api.twitter.com/2/problems/"
JSON = "application/problem+json; charset=utf-8"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that is no success."""

    status: int
    body: bytes
    type: str = JSON


def _json(status: int, body: Mapping[str, Any]) -> Problem:
    return Problem(status, orjson.dumps(body))


def _generic(status: int, title: str) -> Problem:
    return _json(status, {"title": title, "type": "about:blank", "status": status, "detail": title})


UNAUTHORIZED = _generic(401, "Unauthorized")
CREDITS = _json(
    402,
    {
        "title": "CreditsDepleted",
        "detail": "Your enrolled account [1234567890] does not have any credits to fulfill this "
        "request.",
    },
)
NOT_ENROLLED = _json(
    403,
    {
        "client_id": "12345",
        "detail": "When authenticating requests to the Twitter API v2 endpoints, you must use keys "
        "and tokens from a Twitter developer App that is attached to a Project. You can create a "
        "project via the developer portal.",
        "registration_url": "https://developer.twitter.com/en/docs/projects/overview",
        "title": "Client Forbidden",
        "required_enrollment": "Appropriate Level of API Access",
        "reason": "client-not-enrolled",
        "type": _HOST + "client-forbidden",
    },
)
NOT_FOUND = _generic(404, "Not Found")
NO_RULES = _json(
    409,
    {
        "title": "ConnectionException",
        "detail": "You must define rules using the POST /2/tweets/search/stream/rules endpoint "
        "before connecting to filtered stream.",
        "connection_issue": "RuleConfigurationIssue",
        "type": _HOST + "streaming-connection",
    },
)
RATE_LIMIT = _generic(429, "Too Many Requests")
TOO_MANY_CONNECTIONS = _json(
    429,
    {
        "title": "ConnectionException",
        "detail": "This stream is currently at the maximum allowed connection limit.",
        "connection_issue": "TooManyConnections",
        "type": _HOST + "streaming-connection",
    },
)
USAGE_CAP = _json(
    429,
    {
        "account_id": "1",
        "product_name": "standard-basic",
        "title": "UsageCapExceeded",
        "period": "Monthly",
        "scope": "Product",
        "detail": "Usage cap exceeded: Monthly product cap",
        "type": _HOST + "usage-capped",
    },
)

INTERNAL = _generic(500, "Internal Server Error")
UNAVAILABLE = _generic(503, "Service Unavailable")
_PAGE = b"<html><head><title>503</title></head><body>Over capacity</body></html>\n"

#: What a fault can answer with.
BY_NAME: Mapping[str, Problem] = {
    "unauthorized": UNAUTHORIZED,
    "credits": CREDITS,
    "not_enrolled": NOT_ENROLLED,
    "not_found": NOT_FOUND,
    "no_rules": NO_RULES,
    "rate_limit": RATE_LIMIT,
    "too_many_connections": TOO_MANY_CONNECTIONS,
    "usage_cap": USAGE_CAP,
    "internal": INTERNAL,
    "unavailable": UNAVAILABLE,
    "unavailable_html": Problem(503, _PAGE, HTML),
    "unavailable_empty": Problem(503, b"", HTML),
    "bad_gateway": Problem(502, _PAGE.replace(b"503", b"502"), HTML),
}


def invalid_request(*errors: Mapping[str, Any]) -> Problem:
    """Return the answer to parameters that X does not take."""
    return _json(
        400,
        {
            "errors": list(errors),
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": _HOST + "invalid-request",
        },
    )


def invalid_parameter(name: str, values: Sequence[str], message: str) -> Problem:
    """Return the answer to one parameter that X does not take."""
    return invalid_request({"parameters": {name: list(values)}, "message": message})


def conflict(detail: str) -> Problem:
    """Return the answer to what cannot be done while something else is under way."""
    return _json(
        409,
        {"title": "Conflict", "detail": detail, "status": 409, "type": _HOST + "conflict"},
    )


def rule_cap(most: int) -> Problem:
    """Return the answer to more rules than the tier has."""
    return _json(
        422,
        {
            "title": "RulesCapExceeded",
            "detail": f"You may have {most} rules at most.",
            "type": _HOST + "rule-cap",
        },
    )


def duplicate_rule(value: str, id: str) -> dict[str, Any]:
    """Return the entry of `errors` for a rule that is there already."""
    return {
        "value": value,
        "id": id,
        "title": "DuplicateRule",
        "type": _HOST + "duplicate-rules",
    }


def invalid_rule(value: str, details: Sequence[str]) -> dict[str, Any]:
    """Return the entry of `errors` for a rule that X does not understand."""
    return {
        "value": value,
        "details": list(details),
        "title": "UnprocessableEntity",
        "type": _HOST + "invalid-rules",
    }


def tweet_not_found(id: str, parameter: str) -> dict[str, Any]:
    """Return the entry of `errors` for a tweet that is not there (any more)."""
    return {
        "resource_id": id,
        "resource_type": "tweet",
        "parameter": parameter,
        "value": id,
        "title": "Not Found Error",
        "detail": f"Could not find tweet with {parameter}: [{id}].",
        "type": _HOST + "resource-not-found",
    }


def tweet_not_visible(id: str, parameter: str) -> dict[str, Any]:
    """Return the entry of `errors` for a tweet of a protected or suspended user."""
    return {
        "resource_id": id,
        "resource_type": "tweet",
        "parameter": parameter,
        "value": id,
        "section": "data",
        "title": "Authorization Error",
        "detail": f"Sorry, you are not authorized to see the Tweet with {parameter}: [{id}].",
        "type": _HOST + "not-authorized-for-resource",
    }


def disconnect(*, upstream: bool, bare: bool) -> bytes:
    """Return the message that X puts on a stream before it ends it."""
    by = "Upstream" if upstream else ""
    message = {
        "title": "operational-disconnect",
        "disconnect_type": f"{by}OperationalDisconnect",
        "detail": "This stream has been disconnected "
        + ("upstream " if upstream else "")
        + "for operational reasons.",
        "type": _HOST + "operational-disconnect",
    }
    return orjson.dumps(message if bare else {"errors": [message]})
