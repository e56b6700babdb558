"""Topics, subscriptions and snapshots as clients ask for them: checked, completed, or refused.

A field that Google's service would act on and this one does not is refused, never accepted and
ignored. Identities (`oidc_token`, `service_account_email`) are stored: there is nobody here to
show them to.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tweetlog_local.pubsub import limits, names
from tweetlog_local.pubsub.api import Proto, Subscription, Topic, seconds_of
from tweetlog_local.pubsub.backoff import AT_ONCE, PUSH_DEFAULT, Backoff
from tweetlog_local.pubsub.errors import invalid, unimplemented
from tweetlog_local.pubsub.filter import compile_filter

OUTPUT_ONLY = {"state", "topic_message_retention_duration"}
TOPIC_FIELDS = {"name", "labels", "message_retention_duration"}
TOPIC_CHANGEABLE = {"labels", "message_retention_duration"}
SUBSCRIPTION_CHANGEABLE = {
    "push_config",
    "bigquery_config",
    "ack_deadline_seconds",
    "retain_acked_messages",
    "message_retention_duration",
    "labels",
    "expiration_policy",
    "dead_letter_policy",
    "retry_policy",
}
SUBSCRIPTION_FIELDS = SUBSCRIPTION_CHANGEABLE | {"name", "topic", "filter"}
PUSH_FIELDS = {"push_endpoint", "attributes", "oidc_token", "pubsub_wrapper", "no_wrapper"}
BIGQUERY_FIELDS = {"table", "write_metadata", "service_account_email"}

PRINTABLE = re.compile(r"[!-~]+")  # ASCII without space, as a request line must be
TABLE = re.compile(r"(.+)[.:]([^.:]+)\.([^.:]+)")  # a project may hold a dot and a colon itself

DEFAULT_ACK_DEADLINE = 10
DEFAULT_RETENTION = 7 * limits.DAY
DEFAULT_EXPIRATION = 31 * limits.DAY
DEFAULT_ATTEMPTS = 5
DEFAULT_BACKOFF = Backoff(10.0, 600.0)


@dataclass(frozen=True, slots=True)
class TableName:
    """A BigQuery table."""

    project: str
    dataset: str
    table: str

    @property
    def default_stream(self) -> str:
        """Where rows are appended without a stream of one's own."""
        return f"{self.path}/streams/_default"

    @property
    def path(self) -> str:
        """The table as the Storage Write API names it."""
        return f"projects/{self.project}/datasets/{self.dataset}/tables/{self.table}"


def new_topic(request: Proto) -> Proto:
    """The topic that a CreateTopic asks for."""
    topic = Topic()
    topic.CopyFrom(request)
    _drop_output_only(topic)
    names.topic(topic.name)
    _check_topic(topic)
    return topic


def changed_topic(current: Proto, request: Proto) -> Proto:
    """The topic after an UpdateTopic."""
    return _merged(current, request.topic, request.update_mask, TOPIC_CHANGEABLE, _check_topic)


def new_subscription(request: Proto) -> Proto:
    """The subscription that a CreateSubscription asks for, with the documented defaults."""
    subscription = Subscription()
    subscription.CopyFrom(request)
    _drop_output_only(subscription)
    names.subscription(subscription.name)
    _complete(subscription)
    _check_subscription(subscription)
    return subscription


def changed_subscription(current: Proto, request: Proto) -> Proto:
    """The subscription after an UpdateSubscription."""
    wanted, mask = request.subscription, request.update_mask
    return _merged(current, wanted, mask, SUBSCRIPTION_CHANGEABLE, _check_changed_subscription)


def kind(subscription: Proto) -> str:
    """How a subscription hands messages over: `push`, `bigquery` or `pull`."""
    if subscription.push_config.push_endpoint:
        return "push"
    return "bigquery" if subscription.bigquery_config.table else "pull"


def backoff(subscription: Proto) -> Backoff:
    """When a failed message of a subscription is delivered again."""
    if not subscription.HasField("retry_policy"):
        return AT_ONCE if kind(subscription) == "pull" else PUSH_DEFAULT
    policy = subscription.retry_policy
    return Backoff(
        _seconds_or(policy, "minimum_backoff", DEFAULT_BACKOFF.minimum),
        _seconds_or(policy, "maximum_backoff", DEFAULT_BACKOFF.maximum),
    )


def table_name(text: str) -> TableName:
    """`project.dataset.table` or `project:dataset.table`, taken apart."""
    parts = TABLE.fullmatch(text)
    if parts is None:
        raise invalid(f"bigquery_config.table must be PROJECT.DATASET.TABLE, not {text!r}")
    return TableName(*parts.groups())


def refuse_unhonoured(message: Proto, honoured: set[str]) -> None:
    """UNIMPLEMENTED if a field is set that nothing here acts on."""
    for field, _ in message.ListFields():
        if field.name not in honoured:
            raise unimplemented(
                f"{message.DESCRIPTOR.name}.{field.name} is not done by the embedded Pub/Sub: "
                "leave it out"
            )


def check_push_config(push: Proto) -> None:
    """Refuse a push configuration that cannot work."""
    refuse_unhonoured(push, PUSH_FIELDS)
    _check_push_attributes(push.attributes)
    if push.push_endpoint and not _is_web_url(push.push_endpoint):
        raise invalid(f"push_endpoint must be an http or https URL, not {push.push_endpoint!r}")


def _is_web_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        has_address = bool(url.hostname) and url.port != 0
    except ValueError:
        return False
    return url.scheme in {"http", "https"} and has_address and PRINTABLE.fullmatch(text) is not None


def _drop_output_only(resource: Proto) -> None:
    for field in OUTPUT_ONLY.intersection(resource.DESCRIPTOR.fields_by_name):
        resource.ClearField(field)


def _complete(subscription: Proto) -> None:
    if not subscription.ack_deadline_seconds:
        subscription.ack_deadline_seconds = DEFAULT_ACK_DEADLINE
    if not subscription.HasField("message_retention_duration"):
        subscription.message_retention_duration.seconds = DEFAULT_RETENTION
    if not subscription.HasField("expiration_policy"):
        subscription.expiration_policy.ttl.seconds = DEFAULT_EXPIRATION
    _complete_dead_letter_policy(subscription)


def _complete_dead_letter_policy(subscription: Proto) -> None:
    policy = subscription.dead_letter_policy
    if subscription.HasField("dead_letter_policy") and not policy.max_delivery_attempts:
        policy.max_delivery_attempts = DEFAULT_ATTEMPTS


def _check_topic(topic: Proto) -> None:
    refuse_unhonoured(topic, TOPIC_FIELDS)
    _check_field(topic, "message_retention_duration", limits.RETENTION)


def _check_changed_subscription(subscription: Proto) -> None:
    _complete(subscription)
    _check_subscription(subscription)


def _check_subscription(subscription: Proto) -> None:
    refuse_unhonoured(subscription, SUBSCRIPTION_FIELDS)
    if subscription.push_config.push_endpoint and subscription.bigquery_config.table:
        raise invalid("a subscription has a push_config or a bigquery_config, not both")
    check_push_config(subscription.push_config)
    _check_bigquery_config(subscription)
    _check_policies(subscription)
    limits.check_number(
        "ack_deadline_seconds", subscription.ack_deadline_seconds, limits.ACK_DEADLINE
    )
    _check_field(subscription, "message_retention_duration", limits.RETENTION)
    compile_filter(subscription.filter) if subscription.filter else None


def _check_bigquery_config(subscription: Proto) -> None:
    if not subscription.HasField("bigquery_config"):
        return
    config = subscription.bigquery_config
    config.ClearField("state")
    refuse_unhonoured(config, BIGQUERY_FIELDS)
    table_name(config.table)


def _check_push_attributes(attributes: Mapping[str, str]) -> None:
    if any(item != ("x-goog-version", "v1") for item in attributes.items()):
        raise unimplemented("push_config.attributes: only x-goog-version v1 is done")


def _check_policies(subscription: Proto) -> None:
    if subscription.HasField("dead_letter_policy"):
        policy = subscription.dead_letter_policy
        names.topic(policy.dead_letter_topic)
        limits.check_number("max_delivery_attempts", policy.max_delivery_attempts, limits.ATTEMPTS)
    if subscription.HasField("retry_policy"):
        _check_retry_policy(subscription)
    if subscription.expiration_policy.HasField("ttl"):
        ttl = seconds_of(subscription.expiration_policy.ttl)
        if ttl < limits.MIN_EXPIRATION:
            raise invalid(f"expiration_policy.ttl must be a day at least, not {ttl:g} seconds")


def _check_retry_policy(subscription: Proto) -> None:
    policy = subscription.retry_policy
    for field in ("minimum_backoff", "maximum_backoff"):
        _check_field(policy, field, limits.BACKOFF)
    delays = backoff(subscription)
    if delays.minimum > delays.maximum:
        raise invalid("retry_policy: minimum_backoff must not be above maximum_backoff")


def _check_field(message: Proto, field: str, bounds: tuple[int, int]) -> None:
    if message.HasField(field):
        limits.check_duration(field, getattr(message, field), bounds)


def _seconds_or(message: Proto, field: str, default: float) -> float:
    return seconds_of(getattr(message, field)) if message.HasField(field) else default


def _merged(
    current: Proto, wanted: Proto, mask: Proto, changeable: set[str], check: Proto
) -> Proto:
    if not mask.paths:
        raise invalid("update_mask must name the fields to change")
    for path in mask.paths:
        _check_path(path, wanted, changeable)
    merged = type(current)()
    merged.CopyFrom(current)
    mask.MergeMessage(wanted, merged, True, True)  # noqa: FBT003 - it takes them by position only
    check(merged)
    return merged


def _check_path(path: str, wanted: Proto, changeable: set[str]) -> None:
    field = path.split(".", 1)[0]
    if field not in wanted.DESCRIPTOR.fields_by_name:
        raise invalid(f"update_mask: {path!r} is not a known field")
    if field not in changeable:
        raise invalid(f"update_mask: {path!r} cannot be changed")
