"""A compliance round: what is asked, what the answers mean, and that a killed one goes on."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import orjson
import pytest

from tweetlog_ops import compliance
from tweetlog_ops.compliance import Round
from tweetlog_ops.errors import CommandError
from tweetlog_ops.warehouse import Rows, Warehouse
from tweetlog_ops.x_compliance import Busy, Compliance

WHEN = "2026-08-01T12:00:00.000Z"
AT = datetime(2026, 8, 1, 12, tzinfo=UTC)


class Ids:
    """A warehouse that holds these tweets."""

    dataset = "tweetlog"

    def __init__(self, *ids: str) -> None:
        self.ids = list(ids)

    def query(self, sql: str, given: Mapping[str, Any]) -> Rows:
        if "verdicts" in sql:
            return Rows(("tweet_id",), ("STRING",), ())
        after = given["after"]
        later = [one for one in self.ids if (len(one), one) > (len(after), after)]
        return Rows(("id",), ("STRING",), tuple((one,) for one in later[: given["most"]]))


class FakeX:
    """X's jobs, in memory: they outlive whoever asks."""

    def __init__(self, *results: dict[str, Any]) -> None:
        self.results = results
        self.made: list[dict[str, Any]] = []
        self.uploads: list[list[str]] = []
        self.busy = 0
        self.dies_after_upload = False

    def jobs(self) -> list[dict[str, Any]]:
        return self.made

    def job(self, id: str) -> dict[str, Any]:
        return dict(self.made[int(id)])

    def create(self, name: str) -> dict[str, Any]:
        if self.busy:
            self.busy -= 1
            raise Busy("409")
        now = datetime.now(UTC).isoformat()
        urls = {"upload_url": str(len(self.made)), "download_url": str(len(self.made))}
        job = {"id": str(len(self.made)), "name": name, "status": "created", "created_at": now}
        self.made.append(job | urls)
        return dict(self.made[-1])

    def upload(self, url: str, ids: Sequence[str]) -> None:
        self.uploads.append(list(ids))
        self.made[int(url)]["status"] = "complete"
        if self.dies_after_upload:
            raise KeyboardInterrupt

    def download(self, url: str) -> Iterator[bytes]:
        about = self.uploads[int(url)]
        yield from (orjson.dumps(one) for one in self.results if one["id"] in about)


def asked(x: FakeX, *ids: str, most: int = 10) -> Round:
    said: list[str] = []
    warehouse = cast("Warehouse", Ids(*ids))
    return compliance.asked(
        warehouse, x, most=most, poll=0, say=said.append, wait=lambda _seconds: None
    )


def a_result(id: str, reason: str = "deleted", action: str = "delete") -> dict[str, Any]:
    return {"id": id, "action": action, "reason": reason, "redacted_at": WHEN}


def test_every_id_is_asked_about_once_in_jobs_of_a_size() -> None:
    x = FakeX(a_result("9"), a_result("11", "protected"))

    found = asked(x, "2", "9", "10", "11", "12", most=2)

    assert x.uploads == [["2", "9"], ["10", "11"], ["12"]]
    assert found.asked == 5
    assert found.verdicts == {"9": ("deleted", AT), "11": ("protected", AT)}


def test_what_x_says_is_a_batch_a_verdict_since_when_x_says() -> None:
    found = asked(FakeX(a_result("1"), a_result("2"), a_result("3", "scrub_geo")), "1", "2", "3")

    assert [(one.verdict, one.ids) for one in found.batches()] == [
        ("deleted", ("1", "2")),
        ("scrub_geo", ("3",)),
    ]
    assert found.batches()[0].times == {"1": AT, "2": AT}


def test_a_killed_round_goes_on_with_the_job_that_it_made() -> None:
    x = FakeX(a_result("1"))
    x.dies_after_upload = True
    with pytest.raises(KeyboardInterrupt):
        asked(x, "1", "2")
    x.dies_after_upload = False

    found = asked(x, "1", "2")

    assert len(x.made) == len(x.uploads) == 1
    assert found.verdicts == {"1": ("deleted", AT)}


def test_another_job_of_the_app_is_waited_for() -> None:
    x = FakeX(a_result("1"))
    x.busy = 3

    assert asked(x, "1").asked == 1


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (a_result("1", "scrub_geo"), "scrub_geo"),
        (a_result("1", "", action="scrub_geo"), "scrub_geo"),
        (a_result("1", "suspended"), "suspended"),
        (a_result("1", "Something NEW"), "deleted"),
        ({"id": "1", "action": "delete"}, "deleted"),
    ],
)
def test_whatever_x_gives_as_reason_content_goes(result: dict[str, Any], verdict: str) -> None:
    found = Round()

    compliance.take(found, result)

    assert found.verdicts["1"][0] == verdict


def test_an_edited_post_and_what_is_no_id_are_told_and_delete_nothing() -> None:
    found = Round()

    compliance.take(found, a_result("1", "edited", action="rehydrate"))
    compliance.take(found, {"id": "nonsense", "error": "invalid_id"})

    assert (found.edited, found.refused, found.verdicts) == (["1"], 1, {})


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({}, "no bearer token"),
        ({"TWEETLOG_X_BEARER_TOKEN_FILE": "/nowhere"}, "/nowhere: No such file"),
        (
            {"TWEETLOG_X_BEARER_TOKEN": "secret", "TWEETLOG_X_API_URL": "http://x.example"},
            "https only",
        ),
        ({"TWEETLOG_X_BEARER_TOKEN": "secret", "TWEETLOG_X_API_URL": "x"}, "takes an address"),
    ],
)
def test_a_wrong_environment_is_one_line_without_the_token(
    environ: dict[str, str], says: str
) -> None:
    with pytest.raises(CommandError, match=says) as refused:
        Compliance(environ)

    assert refused.value.exit_code == 2
    assert "secret" not in str(refused.value)


def test_an_x_that_is_not_there_is_one_line_without_the_token() -> None:
    x = Compliance(
        {"TWEETLOG_X_BEARER_TOKEN": "secret", "TWEETLOG_X_API_URL": "http://127.0.0.1:9"}
    )

    with pytest.raises(CommandError, match="is it reachable") as refused:
        x.jobs()

    assert "secret" not in str(refused.value)
