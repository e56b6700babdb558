"""What the ingestor takes from its environment."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from tweetlog.settings import one_of, setting, whole_number
from tweetlog.tracing import tracing_setting

ON, OFF = "on", "off"
OWN, ANY, NEVER = "own", "any", "never"
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

# What X may deliver in a day at most is some 21.6 million (250 a second).
_MANY_POSTS = 100_000_000
_MEGABYTE = 1_000_000
_TAG_PREFIX = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
_STREAM = re.compile(r"[a-z0-9_-]{1,40}")
_NAMES = re.compile(r"[a-z_.]+(,[a-z_.]+)*")

_TWEET_FIELDS = (
    "article,attachments,author_id,card_uri,community_id,context_annotations,conversation_id,"
    "created_at,display_text_range,edit_controls,edit_history_tweet_ids,entities,geo,id,"
    "in_reply_to_user_id,lang,note_tweet,possibly_sensitive,public_metrics,referenced_tweets,"
    "reply_settings,source,text,withheld"
)
_EXPANSIONS = "attachments.media_keys,attachments.poll_ids,author_id,geo.place_id"
_USER_FIELDS = (
    "created_at,description,id,location,name,protected,public_metrics,username,verified,"
    "verified_type,withheld"
)
_MEDIA_FIELDS = "alt_text,duration_ms,height,media_key,preview_image_url,type,url,variants,width"
_PLACE_FIELDS = "country,country_code,full_name,geo,id,name,place_type"
_POLL_FIELDS = "duration_minutes,end_datetime,id,options,voting_status"


def text_or_nothing(value: str) -> str:
    """Take any text; empty means: not set."""
    return value.strip()


def _count_or_nothing(value: str) -> int | None:
    return whole_number(1, _MANY_POSTS)(value) if value.strip() else None


def _port(value: str) -> int | None:
    return whole_number(0, 65_535)(value) if value.strip() else None


def _address(value: str) -> str:
    parts = urlsplit(value.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise ValueError(f"is {value!r}; it takes an address such as https://api.x.com")
    if parts.scheme == "http" and parts.hostname not in LOCAL_HOSTS:
        raise ValueError(f"is {value!r}; the token goes over https only, but for this machine")
    return value.strip().rstrip("/")


def _matching(form: re.Pattern[str], what: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if not form.fullmatch(value.strip()):
            raise ValueError(f"is {value!r}; it takes {what}")
        return value.strip()

    return parse


def _names(value: str) -> str:
    joined = ",".join(name.strip() for name in value.split(",") if name.strip())
    if joined and not _NAMES.fullmatch(joined):
        raise ValueError(f"is {value!r}; it takes X's names, with commas between")
    return joined


def _dollars(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise ValueError(f"is {value!r}; it takes dollars, such as 0.005")
    return number


@dataclass(frozen=True, slots=True)
class Settings:
    """Where events go, where they come from, and what that may cost."""

    project: str = setting("TWEETLOG_PROJECT", help="the Google Cloud project")
    raw_topic: str = setting(
        "TWEETLOG_RAW_TOPIC", default="tweets-raw", help="the topic of tweets as received"
    )
    dead_topic: str = setting(
        "TWEETLOG_DEAD_TOPIC", default="tweets-dead", help="the topic of what is not a tweet"
    )
    log_level: str = setting(
        "TWEETLOG_LOG_LEVEL",
        one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        default="INFO",
        help="how much is logged: DEBUG, INFO, WARNING or ERROR",
    )
    api_url: str = setting(
        "TWEETLOG_X_API_URL", _address, default="https://api.x.com", help="x: where X's API is"
    )
    ca_file: str = setting(
        "TWEETLOG_X_CA_FILE", text_or_nothing, default="", help="x: certificates to trust besides"
    )
    bearer_token: str = setting(
        "TWEETLOG_X_BEARER_TOKEN",
        text_or_nothing,
        default="",
        help="x: the app's bearer token",
        secret=True,
    )
    bearer_token_file: str = setting(
        "TWEETLOG_X_BEARER_TOKEN_FILE",
        text_or_nothing,
        default="",
        help="x: a file with the token instead; read again when X refuses it",
    )
    rules_file: str = setting(
        "TWEETLOG_X_RULES_FILE", text_or_nothing, default="", help="x: the rules, TOML or YAML"
    )
    rule_prefix: str = setting(
        "TWEETLOG_X_RULE_PREFIX",
        _matching(_TAG_PREFIX, "1 to 40 of A-Z a-z 0-9 _ . : -"),
        default="tweetlog:",
        help="x: begins the tags of our rules; rules without it are never touched",
    )
    stream: str = setting(
        "TWEETLOG_X_STREAM",
        _matching(_STREAM, "1 to 40 of a-z 0-9 _ -"),
        default="main",
        help="x: the stream's name in gap events",
    )
    state_dir: str = setting(
        "TWEETLOG_STATE_DIR",
        text_or_nothing,
        default="",
        help="x: where cursor, budget and spill are kept",
    )
    posts_per_day: int | None = setting(
        "TWEETLOG_POSTS_PER_DAY",
        _count_or_nothing,
        default=None,
        help="x: Posts to read in a UTC day at most",
    )
    posts_per_month: int | None = setting(
        "TWEETLOG_POSTS_PER_MONTH",
        _count_or_nothing,
        default=None,
        help="x: Posts to read in a billing month at most",
    )
    billing_day: int = setting(
        "TWEETLOG_X_BILLING_DAY",
        whole_number(1, 31),
        default=1,
        help="x: the day on which the billing month begins",
    )
    post_dollars: float = setting(
        "TWEETLOG_X_POST_DOLLARS", _dollars, default=0.005, help="x: what a Post costs"
    )
    app_id: str = setting(
        "TWEETLOG_X_APP_ID",
        text_or_nothing,
        default="",
        help="x: count this app's usage alone; empty counts the whole project's",
    )
    backfill: str = setting(
        "TWEETLOG_X_BACKFILL",
        one_of(ON, OFF),
        default=OFF,
        help="x: on where the tier has backfill_minutes (Enterprise)",
    )
    repair_hours: int = setting(
        "TWEETLOG_X_REPAIR_HOURS",
        whole_number(0, 168),
        default=24,
        help="x: holes up to so long are filled by search; longer ones, or with 0 all, are only "
        "recorded",
    )
    evict: str = setting(
        "TWEETLOG_X_EVICT",
        one_of(OWN, ANY, NEVER),
        default=OWN,
        help="x: which connections of the app are closed when X says there are too many",
    )
    tweet_fields: str = setting(
        "TWEETLOG_X_TWEET_FIELDS", _names, default=_TWEET_FIELDS, help="x: tweet.fields"
    )
    expansions: str = setting(
        "TWEETLOG_X_EXPANSIONS",
        _names,
        default=_EXPANSIONS,
        help="x: expansions; referenced_tweets.id may double the bill, see docs/x.md",
    )
    user_fields: str = setting(
        "TWEETLOG_X_USER_FIELDS", _names, default=_USER_FIELDS, help="x: user.fields"
    )
    media_fields: str = setting(
        "TWEETLOG_X_MEDIA_FIELDS", _names, default=_MEDIA_FIELDS, help="x: media.fields"
    )
    place_fields: str = setting(
        "TWEETLOG_X_PLACE_FIELDS", _names, default=_PLACE_FIELDS, help="x: place.fields"
    )
    poll_fields: str = setting(
        "TWEETLOG_X_POLL_FIELDS", _names, default=_POLL_FIELDS, help="x: poll.fields"
    )
    queue_bytes: int = setting(
        "TWEETLOG_X_QUEUE_BYTES",
        whole_number(10_000, 1_000 * _MEGABYTE),
        default=16 * _MEGABYTE,
        help="x: tweets waiting in memory at most",
    )
    spill_bytes: int = setting(
        "TWEETLOG_X_SPILL_BYTES",
        whole_number(0, 1_000_000 * _MEGABYTE),
        default=1_000 * _MEGABYTE,
        help="x: tweets waiting on disk at most; beyond, the stream is closed",
    )
    stall_seconds: int = setting(
        "TWEETLOG_X_STALL_SECONDS",
        whole_number(1, 600),
        default=25,
        help="x: silence after which the stream is opened anew; X sends something every 20",
    )
    quiet_seconds: int = setting(
        "TWEETLOG_X_QUIET_SECONDS",
        whole_number(1, 7 * 86_400),
        default=900,
        help="x: keep-alives without a tweet, at least so long, before it warns",
    )
    speed: int = setting(
        "TWEETLOG_X_SPEED",
        whole_number(1, 1_000),
        default=1,
        help="x: divides every wait, to try things out against a local X API; never a live one",
    )
    host: str = setting("HOST", default="0.0.0.0", help="x: where health is served")  # noqa: S104 - a pod's probes come from outside
    port: int | None = setting("PORT", _port, default=None, help="x: its port; none without")

    @property
    def live(self) -> bool:
        """Whether reading costs money: X itself, not an API on this machine."""
        return urlsplit(self.api_url).hostname not in LOCAL_HOSTS

    tracing: str = tracing_setting()

    def topic(self, name: str) -> str:
        """Return a topic's full name."""
        return f"projects/{self.project}/topics/{name}"
