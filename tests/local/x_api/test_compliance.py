"""Deleted, protected, suspended: what searches, lookups, streams and jobs say from then on."""

import json
from itertools import islice
from typing import Any

import pytest
import requests
import tweepy

from local.x_api.house import House
from tweetlog_local.x_api.compliance_jobs import JobError, Jobs
from tweetlog_local.x_api.verdicts import EventError, Verdicts

AUTHORS = {1: "7", 2: "7", 3: "8"}


def some_verdicts() -> Verdicts:
    return Verdicts(AUTHORS.get)


def reason(verdicts: Verdicts, id: int) -> str | None:
    verdict = verdicts.of_tweet(id)
    return verdict.reason if verdict else None


def test_a_deleted_tweet_stays_deleted_and_others_stay() -> None:
    verdicts = some_verdicts()

    verdicts.happen({"event": "delete", "tweet": "1"}, 100)

    assert [reason(verdicts, id) for id in (1, 2, 3)] == ["deleted", None, None]


@pytest.mark.parametrize(
    ("event", "undo", "why"),
    [
        ("user_protect", "user_unprotect", "protected"),
        ("user_suspend", "user_unsuspend", "suspended"),
        ("user_delete", "user_undelete", "deactivated"),
    ],
)
def test_what_happens_to_a_user_is_so_for_every_tweet_until_it_is_lifted(
    event: str, undo: str, why: str
) -> None:
    verdicts = some_verdicts()

    verdicts.happen({"event": event, "user": "7"}, 100)
    assert [reason(verdicts, id) for id in (1, 2, 3)] == [why, why, None]
    verdicts.happen({"event": undo, "user": "7"}, 200)
    assert [reason(verdicts, id) for id in (1, 2, 3)] == [None, None, None]


def test_scrubbed_places_are_those_of_tweets_up_to_one_and_hide_nothing() -> None:
    verdicts = some_verdicts()

    verdicts.happen({"event": "scrub_geo", "user": "7", "up_to": "1"}, 100)

    assert [reason(verdicts, id) for id in (1, 2, 3)] == ["scrub_geo", None, None]
    assert verdicts.hides(1, "7") is None


def test_a_dropped_tweet_comes_back() -> None:
    verdicts = some_verdicts()

    verdicts.happen({"event": "drop", "tweet": "1"}, 100)
    assert reason(verdicts, 1) == "bounced"
    verdicts.happen({"event": "undrop", "tweet": "1"}, 200)
    assert reason(verdicts, 1) is None


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({}, "event must be one of"),
        ({"event": "burn", "tweet": "1"}, "event must be one of"),
        ({"event": "delete"}, "delete is about a `tweet`"),
        ({"event": "user_protect", "user": "ann"}, "user_protect is about a `user`"),
        ({"event": "withheld", "tweet": "1"}, "withheld has `countries`: a list"),
        ({"event": "tweet_edit", "tweet": "1"}, "tweet_edit has `edits`: a list"),
    ],
)
def test_an_event_that_is_none_is_refused(event: dict[str, Any], words: str) -> None:
    with pytest.raises(EventError, match=words):
        some_verdicts().happen(event, 100)


def test_a_job_goes_from_created_to_complete_and_holds_only_what_has_a_verdict() -> None:
    verdicts = some_verdicts()
    verdicts.happen({"event": "delete", "tweet": "1"}, 100)
    jobs = Jobs(verdicts, processing=10, lasting=1)
    job = jobs.create("tweets", None, id="5", key="k", now=1000)
    assert job.status(1000) == "created"

    jobs.upload(job, b"1\n2\n3\n1\n", 1001)

    assert [job.status(at) for at in (1001, 1010, 1011)] == ["in_progress"] * 2 + ["complete"]
    lines = [json.loads(line) for line in jobs.download(job, 1011).splitlines()]
    assert [(line["id"], line["action"], line["reason"]) for line in lines] == [
        ("1", "delete", "deleted")
    ]


def test_a_job_waits_fifteen_minutes_for_its_ids_and_a_week_for_its_reader() -> None:
    jobs = Jobs(some_verdicts(), processing=0, lasting=1)
    late = jobs.create("tweets", None, id="5", key="k", now=0)
    with pytest.raises(JobError, match="no longer valid"):
        jobs.upload(late, b"1", 901)
    done = jobs.create("tweets", None, id="6", key="k", now=1000)
    jobs.upload(done, b"1", 1000)

    assert late.status(901) == "expired"
    assert done.status(1000 + 7 * 86_400) == "expired"
    with pytest.raises(JobError, match="the job is expired"):
        jobs.download(done, 1000 + 7 * 86_400)


def test_there_is_one_job_of_a_type_at_a_time() -> None:
    jobs = Jobs(some_verdicts(), processing=10, lasting=1)
    first = jobs.create("tweets", None, id="5", key="k", now=0)
    jobs.create("users", None, id="6", key="k", now=0)

    with pytest.raises(JobError, match="already: 5"):
        jobs.create("tweets", None, id="7", key="k", now=1)
    jobs.upload(first, b"1", 1)
    jobs.create("tweets", None, id="7", key="k", now=11)


def test_a_job_with_what_is_no_id_fails() -> None:
    jobs = Jobs(some_verdicts(), processing=10, lasting=1)
    job = jobs.create("tweets", None, id="5", key="k", now=0)

    jobs.upload(job, b"1\nnonsense\n", 1)

    assert job.status(1) == "failed"
    assert job.error == "invalid id: nonsense"


@pytest.mark.servers
@pytest.mark.parametrize("x", [{"job_delay": 0}], indirect=True)
def test_tweepy_makes_a_job_and_its_files_go_by_their_addresses(x: House) -> None:
    gone, kept, protected = x.tell(
        {"text": "a", "author_id": "7"}, {"text": "b", "author_id": "8"},
        {"text": "c", "author_id": "9"},
    )  # fmt: skip
    x.lab.post(
        "compliance",
        [{"event": "delete", "tweet": gone}, {"event": "user_protect", "user": "9"}],
    )

    job = x.client.create_compliance_job("tweets", name="mine").data
    assert (job["status"], job["type"], job["name"]) == ("created", "tweets", "mine")
    upload = requests.put(
        job["upload_url"],
        data=f"{gone}\n{kept}\n{protected}\n".encode(),
        headers={"Content-Type": "text/plain"},
        timeout=60,
    )
    assert upload.status_code == 200
    done = x.client.get_compliance_job(job["id"]).data
    assert done["status"] == "complete"
    lines = requests.get(done["download_url"], timeout=60).text.splitlines()

    verdicts = {line["id"]: line["reason"] for line in map(json.loads, lines)}
    assert verdicts == {gone: "deleted", protected: "protected"}
    assert [one["id"] for one in x.client.get_compliance_jobs("tweets").data] == [job["id"]]


@pytest.mark.servers
def test_a_job_of_users_and_a_second_one_and_a_wrong_address(x: House) -> None:
    job = x.client.create_compliance_job("users").data

    with pytest.raises(tweepy.HTTPException) as refused:
        x.client.create_compliance_job("users")
    assert refused.value.response.status_code == 409
    assert requests.get(job["download_url"], timeout=60).status_code == 404
    wrong = job["upload_url"].replace("Signature=", "Signature=0")
    assert requests.put(wrong, data=b"1", timeout=60).status_code == 403


@pytest.mark.servers
def test_what_may_not_be_shown_is_neither_found_nor_looked_up(x: House) -> None:
    gone, hidden, kept = x.tell(
        {"text": "train", "author_id": "7"}, {"text": "train", "author_id": "8"},
        {"text": "train", "author_id": "9", "geo": {"place_id": "p"}},
    )  # fmt: skip
    x.lab.post(
        "compliance",
        [
            {"event": "delete", "tweet": gone},
            {"event": "user_suspend", "user": "8"},
            {"event": "scrub_geo", "user": "9", "up_to": kept},
        ],
    )

    found = x.client.search_recent_tweets("train").data
    looked_up = x.client.get_tweets([gone, hidden, kept], tweet_fields=["geo"])

    assert [str(tweet.id) for tweet in found] == [kept]
    assert [(str(tweet.id), tweet.geo) for tweet in looked_up.data] == [(kept, None)]
    assert [error["title"] for error in looked_up.errors] == [
        "Not Found Error",
        "Authorization Error",
    ]


@pytest.mark.servers
@pytest.mark.parametrize("x", [{"tier": "enterprise"}], indirect=True)
def test_compliance_streams_tell_what_happens_in_their_partition(x: House) -> None:
    path = "/2/tweets/compliance/stream"
    with x.call("GET", path, params={"partition": 2}, stream=True) as stream:
        x.lab.post(
            "compliance",
            [
                {"event": "delete", "tweet": "4", "author": "7"},
                {"event": "delete", "tweet": "5", "author": "7"},
                {"event": "user_protect", "user": "5"},
                {"event": "withheld", "tweet": "9", "author": "7", "countries": ["XY"]},
                {"event": "tweet_edit", "tweet": "13", "edits": ["14"]},
            ],
        )
        lines = islice(filter(None, stream.iter_lines()), 3)
        told = [json.loads(line)["data"] for line in lines]

    assert [[*event] for event in told] == [["delete"], ["withheld"], ["tweet_edit"]]
    assert told[0]["delete"]["tweet"] == {"id": "5", "author_id": "7"}
    assert told[1]["withheld"]["withheld_in_countries"] == ["XY"]
    assert told[2]["tweet_edit"]["edit_tweet_ids"] == ["13", "14"]


@pytest.mark.servers
def test_compliance_streams_are_for_enterprises(x: House) -> None:
    answer = x.call("GET", "/2/users/compliance/stream", params={"partition": 1})

    assert answer.status_code == 403
