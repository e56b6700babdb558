"""Pages as X's API answers, made up, and twarc's way of flattening them."""

from typing import Any

Object = dict[str, Any]

ID = "1590000000000000000"


def a_tweet(id: str = ID, **more: Any) -> Object:
    return {"id": id, "text": "hello", "author_id": "1", **more}


def a_user(id: str, **more: Any) -> Object:
    return {"id": id, "username": f"user{id}", "name": f"User {id}", **more}


def a_page(*tweets: Any, **more: Any) -> Object:
    return {"data": list(tweets), **more}


def a_rich_page() -> Object:
    """A page with everything that can be referred to, and a tweet that refers to none of it."""
    retweet = a_tweet(
        "1590000000000000001",
        referenced_tweets=[{"type": "retweeted", "id": "1590000000000000002"}],
        entities={"mentions": [{"start": 3, "end": 9, "username": "user2", "id": "2"}]},
    )
    reply = a_tweet(
        "1590000000000000005",
        author_id="4",
        in_reply_to_user_id="3",
        referenced_tweets=[{"type": "replied_to", "id": "1590000000000000099"}],
        attachments={"media_keys": ["3_1"], "poll_ids": ["9"]},
        geo={"place_id": "abc", "coordinates": {"type": "Point", "coordinates": [1.5, 2.5]}},
        entities={"urls": [{"start": 0, "end": 5, "url": "https://t.co/a", "media_key": "3_1"}]},
    )
    original = a_tweet(
        "1590000000000000002",
        author_id="2",
        attachments={"media_keys": ["7_2"]},
        referenced_tweets=[{"type": "quoted", "id": "1590000000000000003"}],
    )
    quoted = a_tweet("1590000000000000003", author_id="3")
    plain = a_tweet("1590000000000000006", author_id="5")
    return a_page(
        retweet,
        reply,
        plain,
        includes={
            "users": [a_user(str(number)) for number in range(1, 7)],
            "tweets": [original, quoted],
            "media": [{"media_key": "3_1", "type": "photo"}, {"media_key": "7_2", "type": "video"}],
            "places": [{"id": "abc", "full_name": "Leeds", "geo": {"type": "Feature"}}],
            "polls": [{"id": "9", "options": []}],
        },
        errors=[
            {"resource_id": "1590000000000000099", "title": "Not Found Error"},
            {"value": "USER2", "title": "Forbidden"},
            {"value": "nobody", "title": "Forbidden"},
        ],
        meta={"result_count": 3},
        __twarc={"url": "https://x", "version": "2", "retrieved_at": "2021-04-08T19:34:32+00:00"},
    )


def flattened(page: Object) -> list[Object]:
    """Return the page's tweets as twarc flattens them: what is included is inlined."""
    shelf = {
        (kind, one.get("media_key", one.get("id"))): one
        for kind, some in page["includes"].items()
        for one in some
    }
    twarc = {"__twarc": page["__twarc"]} if "__twarc" in page else {}
    return [{**_inlined(tweet, shelf), **twarc} for tweet in page["data"]]


def _inlined(tweet: Object, shelf: dict[tuple[str, str], Object]) -> Object:
    def one(kind: str, id: str) -> Object:
        return shelf.get((kind, id), {})

    flat = dict(tweet)
    if "author_id" in tweet:
        flat["author"] = one("users", tweet["author_id"])
    if "in_reply_to_user_id" in tweet:
        flat["in_reply_to_user"] = one("users", tweet["in_reply_to_user_id"])
    if "referenced_tweets" in tweet:
        flat["referenced_tweets"] = [
            {**reference, **_inlined(one("tweets", reference["id"]), shelf)}
            for reference in tweet["referenced_tweets"]
        ]
    if "mentions" in tweet.get("entities", {}):
        mentions = [{**m, **one("users", m["id"])} for m in tweet["entities"]["mentions"]]
        flat["entities"] = {**tweet["entities"], "mentions": mentions}
    attachments = dict(tweet.get("attachments", {}))
    if "media_keys" in attachments:
        attachments["media"] = [one("media", key) for key in attachments["media_keys"]]
    if "poll_ids" in attachments:
        attachments["poll"] = one("polls", attachments["poll_ids"][-1])
    if attachments:
        flat["attachments"] = attachments
    if "geo" in tweet:
        flat["geo"] = {**tweet["geo"], **one("places", tweet["geo"]["place_id"])}
    return flat
