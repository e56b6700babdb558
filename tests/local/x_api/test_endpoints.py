"""The endpoints beside the streams: rules, search, lookup, connections, usage; tweepy asks."""

import json
from typing import Any

import pytest
import tweepy

from local.x_api.house import STREAM, House, eventually
from x_client import Collector

pytestmark = pytest.mark.servers


def test_rules_are_added_shown_and_deleted_by_tweepy(x: House) -> None:
    rules = Collector(x.up)
    assert rules.get_rules().data is None

    added = rules.add_rules([tweepy.StreamRule("train", "t"), tweepy.StreamRule("bus")])
    assert added.meta["summary"] == {"created": 2, "not_created": 0, "valid": 2, "invalid": 0}
    shown = rules.get_rules()
    assert [(rule.value, rule.tag) for rule in shown.data] == [("train", "t"), ("bus", None)]
    assert shown.meta["result_count"] == 2

    gone = rules.delete_rules([shown.data[0].id, "1"])
    assert gone.meta["summary"] == {"deleted": 1, "not_deleted": 1}
    assert [rule.value for rule in rules.get_rules().data] == ["bus"]


def test_a_rule_that_is_there_or_invalid_is_an_error_and_no_exception(x: House) -> None:
    rules = Collector(x.up)
    rules.add_rules(tweepy.StreamRule("train"))

    again = rules.add_rules(tweepy.StreamRule("train", "tag"))
    wrong = rules.add_rules(tweepy.StreamRule("h:m"))

    assert again.errors[0]["title"] == "DuplicateRule"
    assert wrong.errors[0]["title"] == "UnprocessableEntity"
    assert wrong.errors[0]["details"][0].startswith("Reference to invalid operator 'h'")
    assert again.data is wrong.data is None


def test_rules_come_in_pages_and_go_by_value_or_all_at_once(x: House) -> None:
    x.add_rules(*((f"word{number}", None) for number in range(5)))
    rules = STREAM + "/rules"

    first = x.call("GET", rules, params={"max_results": 3}).json()
    token = first["meta"]["next_token"]
    second = x.call("GET", rules, params={"max_results": 3, "pagination_token": token}).json()
    assert [len(page["data"]) for page in (first, second)] == [3, 2]
    assert "next_token" not in second["meta"]

    x.call("POST", rules, json={"delete": {"values": ["word1"]}})
    assert x.call("GET", rules).json()["meta"]["result_count"] == 4
    dry = x.call("POST", rules, params={"delete_all": "true", "dry_run": "true"}).json()
    assert dry["meta"]["summary"]["deleted"] == 4
    x.call("POST", rules, params={"delete_all": "true"})
    assert x.call("GET", rules).json()["meta"]["result_count"] == 0


def test_a_thousand_and_one_rules_are_too_many(x: House) -> None:
    rules = [{"value": f"word{number}"} for number in range(1001)]

    answer = x.call("POST", STREAM + "/rules", json={"add": rules})

    assert answer.status_code == 422
    assert answer.json()["title"] == "RulesCapExceeded"


def test_the_live_caps_can_be_asked_for(ruled: House) -> None:
    counts = ruled.call("GET", STREAM + "/rules/counts").json()["data"]

    assert counts["cap_per_client_app"] == 1000
    assert counts["client_app_rules_count"]["rule_count"] == 2


@pytest.mark.parametrize(
    ("method", "path", "options", "words"),
    [
        ("GET", STREAM, {"params": {"fields": "a"}}, "The query parameter [fields] is not one of"),
        ("GET", STREAM, {"params": {"tweet.fields": "id,nose"}}, "value [nose] is not one of"),
        ("POST", STREAM + "/rules", {"data": b"{"}, "the body is no JSON"),
        ("POST", STREAM + "/rules", {"json": {}}, "Give one of `add`, `delete`"),
        ("POST", STREAM + "/rules", {"json": {"add": []}}, "`add` is a list of rules"),
        ("POST", STREAM + "/rules", {"json": {"add": [{"value": 1}]}}, "a rule has a `value`"),
        ("POST", STREAM + "/rules", {"json": {"delete": {}}}, "`delete` has a list of `ids`"),
        ("GET", "/2/tweets/search/recent", {}, "query: must be 1 to 512 characters long"),
        ("GET", "/2/tweets/search/recent", {"params": {"query": "h:m"}}, "invalid operator 'h'"),
        (
            "GET",
            "/2/tweets/search/recent",
            {"params": {"query": "a", "max_results": 5}},
            "is not between 10 and 100",
        ),
        (
            "GET",
            "/2/tweets/search/recent",
            {"params": {"query": "a", "since_id": "1"}},
            "'since_id' must be a tweet id created after",
        ),
        ("GET", "/2/tweets", {"params": {"ids": "x"}}, "`ids` takes 1 to 100 ids"),
        ("GET", "/2/connections", {"params": {"status": "odd"}}, "`status` must be one of"),
        ("DELETE", "/2/connections", {"json": {}}, "`uuids` is a list"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(
    x: House, method: str, path: str, options: dict[str, Any], words: str
) -> None:
    answer = x.call(method, path, **options)

    assert answer.status_code == 400
    assert answer.json()["title"] == "Invalid Request"
    assert words in answer.json()["errors"][0]["message"]


def test_what_is_not_there_is_not_found(x: House) -> None:
    assert x.call("GET", "/2/nothing").status_code == 404


def test_tweepy_finds_tweets_page_by_page_the_newest_first(x: House) -> None:
    told = x.tell(*({"text": f"train {number}"} for number in range(25)), {"text": "bus"})

    pages = tweepy.Paginator(
        x.client.search_recent_tweets, "train", since_id=told[0], max_results=10
    )
    found = [[str(tweet.id) for tweet in page.data] for page in pages]

    assert [len(page) for page in found] == [10, 10, 4]
    assert [id for page in found for id in page] == told[24:0:-1]


def test_a_search_is_between_its_ids_and_gives_what_was_asked_for(x: House) -> None:
    users = {"users": [{"id": "9", "name": "N", "username": "nina"}]}
    ids = [
        x.lab.post(
            "tweets",
            json.dumps(
                {"data": {"text": f"train {n}", "author_id": "9"}, "includes": users}
            ).encode(),
        )[0]
        for n in range(4)
    ]

    answer = x.client.search_recent_tweets(
        "train from:nina",
        since_id=ids[0],
        until_id=ids[3],
        tweet_fields=["author_id"],
        expansions=["author_id"],
    )

    assert [str(tweet.id) for tweet in answer.data] == [ids[2], ids[1]]
    assert [user.username for user in answer.includes["users"]] == ["nina"]
    assert answer.meta["newest_id"] == ids[2]


def test_keywords_find_no_retweets_and_accounts_do(x: House) -> None:
    retweet = {"text": "RT @a: train", "referenced_tweets": [{"type": "retweeted", "id": "1"}]}
    (id,) = x.tell({**retweet, "author_id": "9"})

    assert x.client.search_recent_tweets("train").data is None
    assert [str(tweet.id) for tweet in x.client.search_recent_tweets("from:9").data] == [id]


def test_what_a_search_would_find_is_known(x: House) -> None:
    x.add_rules(("train", "plain"), ("bus sample:100", "sample"))
    retweet = {"text": "RT @a: train", "referenced_tweets": [{"type": "retweeted", "id": "1"}]}

    found, unseen, sampled, _ = x.tell(
        {"text": "train"}, retweet, {"text": "bus"}, {"text": "nothing"}
    )

    assert x.lab.get("ids", matched="true") == [found, unseen, sampled]
    assert x.lab.get("ids", matched="true", searchable="true") == [found]
    assert x.lab.get("ids", ids=f"{found},7", searchable="true") == [found]
    assert x.lab.get("ids", ids=found, searchable="false") == []
    assert x.lab.get("ids", ids="7") == []


@pytest.mark.parametrize("x", [{"search_delay": 3600}], indirect=True)
def test_a_tweet_is_not_found_at_once(x: House) -> None:
    x.tell({"text": "train"})

    assert x.client.search_recent_tweets("train").data is None


def test_tweepy_looks_tweets_up(x: House) -> None:
    first, second = x.tell({"text": "one"}, {"text": "two"})

    found = x.client.get_tweets([second, "5", first])

    assert [tweet.text for tweet in found.data] == ["two", "one"]
    assert [error["resource_id"] for error in found.errors] == ["5"]
    assert x.client.get_tweet(first).data.text == "one"


@pytest.mark.parametrize("x", [{"ghost": 3600}], indirect=True)
def test_a_stale_connection_can_be_closed(ruled: House) -> None:
    stream = ruled.collecting()
    stream.disconnect()
    eventually(lambda: ruled.lab.get("stats")["open"] == 0)
    (ghost,) = ruled.call("GET", "/2/connections").json()["data"]
    assert ghost["endpoint_name"] == "filtered_stream"

    killed = ruled.call("DELETE", "/2/connections", json={"uuids": [ghost["id"], "other"]}).json()

    assert killed["data"]["results"] == [
        {"uuid": ghost["id"], "success": True},
        {"uuid": "other", "success": False},
    ]
    ruled.collecting()


def test_an_open_connection_ends_when_it_is_closed_by_name(ruled: House) -> None:
    stream = ruled.collecting()

    killed = ruled.call("DELETE", "/2/connections/filtered_stream").json()

    assert killed["data"]["successful_kills"] == 1
    assert eventually(lambda: stream.end) == ("closed", 200)
    history = ruled.call("GET", "/2/connections", params={"status": "inactive"}).json()["data"]
    assert history[0]["disconnect_reason"] == "closed through the connections API"
    assert "data" not in ruled.call("GET", "/2/connections").json()


def test_what_is_read_twice_on_a_day_is_billed_once(ruled: House) -> None:
    stream = ruled.collecting()
    ruled.lab.fault("repeat")
    told = ruled.tell({"text": "train one"}, {"text": "train two"})
    eventually(lambda: len(stream.lines) == 3)
    ruled.client.search_recent_tweets("train")
    ruled.client.get_tweets(told)

    usage = ruled.call("GET", "/2/usage/tweets").json()["data"]

    assert usage["project_usage"] == 2
    assert usage["daily_project_usage"][0]["usage"][0]["tweets_consumed"] == 2
