"""What X's answers mean, by the bodies that its documents show and its users have seen."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.x.answers import Cause, Ended, disconnect, refused

HOST = "https://api.twitter.com/2/problems"


def answer(status: int, body: Any, **headers: str) -> Ended:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return refused(status, {name.replace("_", "-"): text for name, text in headers.items()}, data)


def generic(status: int, title: str) -> dict[str, Any]:
    return {"title": title, "type": "about:blank", "status": status, "detail": title}


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (401, generic(401, "Unauthorized"), Cause.UNAUTHORIZED),
        (402, {"title": "CreditsDepleted", "detail": "no credits"}, Cause.CREDITS),
        (
            403,
            {"reason": "client-not-enrolled", "type": f"{HOST}/client-forbidden"},
            Cause.FORBIDDEN,
        ),
        (409, {"connection_issue": "RuleConfigurationIssue"}, Cause.RULES),
        (400, {"title": "Invalid Request"}, Cause.REQUEST),
        (500, b"", Cause.HTTP),
        (502, b"<html>Bad gateway</html>", Cause.HTTP),
        (503, generic(503, "Service Unavailable"), Cause.HTTP),
        (599, b"", Cause.HTTP),
        (404, generic(404, "Not Found"), Cause.HTTP),
    ],
)
def test_a_refusal_has_a_cause(status: int, body: Any, cause: Cause) -> None:
    assert answer(status, body).cause is cause


@pytest.mark.parametrize("host", [HOST, "https://api.x.com/2/problems"])
def test_the_three_meanings_of_429_are_told_apart_by_words(host: str) -> None:
    rate = answer(429, generic(429, "Too Many Requests"), x_rate_limit_reset="1790000100")
    old = answer(429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]})
    connections = answer(
        429,
        {
            "title": "ConnectionException",
            "connection_issue": "TooManyConnections",
            "type": f"{host}/streaming-connection",
        },
    )
    cap = answer(
        429,
        {"title": "UsageCapExceeded", "period": "Monthly", "type": f"{host}/usage-capped"},
        x_rate_limit_remaining="49",
    )

    assert [one.cause for one in (rate, old, connections, cap)] == [
        Cause.RATE_LIMIT,
        Cause.RATE_LIMIT,
        Cause.CONNECTIONS,
        Cause.USAGE_CAP,
    ]
    assert rate.reset_at == 1_790_000_100


def test_a_reset_that_is_no_number_is_none() -> None:
    assert answer(429, b"", x_rate_limit_reset="soon").reset_at is None


def test_the_detail_is_xs_own_words_on_one_line() -> None:
    ended = answer(403, {"title": "Client Forbidden", "detail": "keys\nand tokens"})

    assert ended.detail == "HTTP 403: Client Forbidden; keys and tokens"
    assert answer(502, b"<html>\n<body>Bad  gateway").detail == "HTTP 502: <html> <body>Bad gateway"
    assert answer(500, b"").detail == "HTTP 500"


def a_disconnect(**more: Any) -> dict[str, Any]:
    return {
        "title": "operational-disconnect",
        "disconnect_type": "UpstreamOperationalDisconnect",
        "detail": "This stream has been disconnected upstream for operational reasons.",
        "type": f"{HOST}/operational-disconnect",
        **more,
    }


def test_a_disconnect_is_understood_in_a_list_and_bare() -> None:
    for document in ({"errors": [a_disconnect()]}, a_disconnect()):
        ended = disconnect(document)
        assert ended is not None
        assert (ended.cause, ended.opened) == (Cause.DISCONNECT, True)
        assert "operational reasons" in ended.detail


def test_a_problem_in_the_stream_can_say_more_than_that_it_ends() -> None:
    issue = {"title": "ConnectionException", "connection_issue": "TooManyConnections"}
    cap = {"title": "UsageCapExceeded", "type": f"{HOST}/usage-capped"}
    rules = {"disconnect_type": "InvalidRules"}

    causes = []
    for problem in (issue, cap, rules):
        ended = disconnect({"errors": [problem]})
        causes.append(ended.cause if ended else None)
    assert causes == [Cause.CONNECTIONS, Cause.USAGE_CAP, Cause.RULES]


@pytest.mark.parametrize(
    "document",
    [
        {"data": {"id": "1"}, "errors": [a_disconnect()]},
        {"errors": [{"title": "Not Found Error", "type": f"{HOST}/resource-not-found"}]},
        {"stream_notice": {}},
        {},
        [],
        None,
        "errors",
        {"errors": "errors"},
        {"type": 5},
    ],
)
def test_what_does_not_end_the_stream_is_no_disconnect(document: Any) -> None:
    assert disconnect(document) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
PROBLEMS = st.dictionaries(
    st.sampled_from(["title", "detail", "type", "errors", "connection_issue", "status"]), JSON
)


@given(st.integers(0, 999), st.binary() | st.builds(lambda x: json.dumps(x).encode(), PROBLEMS))
def test_any_body_has_a_cause_and_a_short_detail(status: int, body: bytes) -> None:
    ended = refused(status, {}, body)

    assert isinstance(ended.cause, Cause)
    assert len(ended.detail) <= 300
    assert "\n" not in ended.detail


@given(JSON | PROBLEMS)
def test_any_message_can_be_asked_whether_it_ends_the_stream(document: Any) -> None:
    disconnect(document)
