"""Resource names: `projects/P/topics/T` and its kin, held to Google's rules for ids."""

import re

from tweetlog_local.pubsub.errors import invalid

DELETED_TOPIC = "_deleted-topic_"
ID = re.compile(r"[A-Za-z][A-Za-z0-9._~%+-]{2,254}")
PROJECT = re.compile(r"projects/[^/\s]+")


def project(name: str) -> str:
    """`name`, if it is `projects/P`."""
    if not PROJECT.fullmatch(name):
        raise invalid(f"a project is named projects/PROJECT, not {name!r}")
    return name


def topic(name: str) -> str:
    """`name`, if a topic can be called so."""
    return _checked(name, "topics")


def subscription(name: str) -> str:
    """`name`, if a subscription can be called so."""
    return _checked(name, "subscriptions")


def snapshot(name: str) -> str:
    """`name`, if a snapshot can be called so."""
    return _checked(name, "snapshots")


def project_id(name: str) -> str:
    """`P` of `projects/P/...`."""
    return name.split("/", 2)[1]


def _checked(name: str, kind: str) -> str:
    prefix, _, identifier = name.rpartition(f"/{kind}/")
    if not PROJECT.fullmatch(prefix):
        raise invalid(f"the name must be projects/PROJECT/{kind}/ID, not {name!r}")
    if not ID.fullmatch(identifier) or identifier.lower().startswith("goog"):
        raise invalid(
            f"{identifier!r} is not a valid id: 3 to 255 characters, first a letter, "
            "then letters, digits or -._~%+; and it must not begin with goog"
        )
    return name
