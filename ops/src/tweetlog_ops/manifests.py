"""The topology, read from the Config Connector manifests that deploy it.

Strict: a field or kind of Pub/Sub's that is not known here stops the run, so that what is deployed
is what was tested. Resources of other APIs (accounts, permissions, datasets) are not topology.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tweetlog_ops.errors import CommandError

_SERVICE = "tweetlog/service"
_PUBSUB = "pubsub.cnrm.cloud.google.com/"
_KINDS = ("PubSubTopic", "PubSubSubscription")
# Where messages are kept has no meaning on one machine.
_TOPIC_FIELDS = frozenset(
    {"messageRetentionDuration", "messageStoragePolicy.allowedPersistenceRegions"}
)
_SUBSCRIPTION_FIELDS = frozenset(
    {
        "topicRef.name",
        "ackDeadlineSeconds",
        "messageRetentionDuration",
        "retainAckedMessages",
        "expirationPolicy.ttl",
        "retryPolicy.minimumBackoff",
        "retryPolicy.maximumBackoff",
        "deadLetterPolicy.deadLetterTopicRef.name",
        "deadLetterPolicy.maxDeliveryAttempts",
        "pushConfig.pushEndpoint",
        "pushConfig.oidcToken.serviceAccountEmail",
        "pushConfig.oidcToken.audience",
        "pushConfig.noWrapper.writeMetadata",
        "bigqueryConfig.tableRef.external",
        "bigqueryConfig.writeMetadata",
        "filter",
    }
)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic; retention in seconds, 0 for none."""

    name: str
    retention: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription: to a service by push, to a table by Pub/Sub itself, or for pulling."""

    name: str
    topic: str
    ack_deadline: int
    retention: int
    retain_acked: bool
    backoff: tuple[int, int] | None
    dead_letter_topic: str | None
    max_delivery_attempts: int
    service: str | None
    unwrapped: bool
    table: str | None
    filter: str


@dataclass(frozen=True, slots=True)
class Topology:
    """Every topic and subscription that the manifests declare."""

    topics: tuple[Topic, ...]
    subscriptions: tuple[Subscription, ...]


def read(folder: Path) -> Topology:
    """Return the topology that the manifests in `folder` declare.

    Raises:
        CommandError: naming the file, the resource and the field that is wrong.
    """
    resources = list(_resources(folder))
    topics = tuple(_topic(*one) for one in resources if one[1]["kind"] == "PubSubTopic")
    subscriptions = tuple(
        _subscription(*one) for one in resources if one[1]["kind"] == "PubSubSubscription"
    )
    _check_references(folder, topics, subscriptions)
    return Topology(topics, subscriptions)


def _resources(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise CommandError(f"{folder}: no manifests here; run inside a checkout of tweetlog")
    for file in files:
        try:
            documents = list(yaml.safe_load_all(file.read_text()))
        except yaml.YAMLError as reason:
            raise CommandError(f"{file}: not YAML: {_one_line(reason)}", exit_code=2) from None
        for document in documents:
            if isinstance(document, dict) and "kind" in document:
                _check_kind(file, document)
                yield file, document


def _check_kind(file: Path, resource: Mapping[str, Any]) -> None:
    kind = str(resource["kind"])
    if str(resource.get("apiVersion", "")).startswith(_PUBSUB) and kind not in _KINDS:
        known = " and ".join(_KINDS)
        line = f"{_where(file, resource)}: the kind is not known; Pub/Sub's are {known}"
        raise CommandError(line, exit_code=2)


def _topic(file: Path, resource: Mapping[str, Any]) -> Topic:
    spec = _spec(file, resource, _TOPIC_FIELDS)
    where = _where(file, resource)
    return Topic(_name(resource), _seconds(where, spec.get("messageRetentionDuration", "0s")))


def _subscription(file: Path, resource: Mapping[str, Any]) -> Subscription:
    spec = _spec(file, resource, _SUBSCRIPTION_FIELDS)
    where = _where(file, resource)
    if "topicRef.name" not in spec:
        raise CommandError(f"{where}: spec.topicRef.name is missing", exit_code=2)
    pushes = "pushConfig.pushEndpoint" in spec
    service = resource["metadata"].get("annotations", {}).get(_SERVICE)
    if pushes and not service:
        raise CommandError(f"{where}: annotation {_SERVICE} is missing", exit_code=2)
    return Subscription(
        name=_name(resource),
        topic=spec["topicRef.name"],
        ack_deadline=int(spec.get("ackDeadlineSeconds", 10)),
        retention=_seconds(where, spec.get("messageRetentionDuration", "604800s")),
        retain_acked=bool(spec.get("retainAckedMessages", False)),
        backoff=_backoff(where, spec),
        dead_letter_topic=spec.get("deadLetterPolicy.deadLetterTopicRef.name"),
        max_delivery_attempts=int(spec.get("deadLetterPolicy.maxDeliveryAttempts", 0)),
        service=service if pushes else None,
        unwrapped=bool(spec.get("pushConfig.noWrapper.writeMetadata", False)),
        table=spec.get("bigqueryConfig.tableRef.external"),
        filter=spec.get("filter", ""),
    )


def _spec(file: Path, resource: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Return the resource's spec with dotted names, after a check that each is known."""
    spec = dict(_flat(resource.get("spec") or {}))
    for field in spec:
        if field not in known:
            near = difflib.get_close_matches(field, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise CommandError(
                f"{_where(file, resource)}: spec.{field} is not known{hint}", exit_code=2
            )
    return spec


def _flat(spec: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in spec.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _backoff(where: str, spec: Mapping[str, Any]) -> tuple[int, int] | None:
    if "retryPolicy.minimumBackoff" not in spec and "retryPolicy.maximumBackoff" not in spec:
        return None
    # Pub/Sub's own defaults where one of the two is left out.
    least = _seconds(where, spec.get("retryPolicy.minimumBackoff", "10s"))
    most = _seconds(where, spec.get("retryPolicy.maximumBackoff", "600s"))
    return least, most


def _seconds(where: str, text: object) -> int:
    value = str(text)
    if not value.endswith("s") or not value[:-1].isdigit():
        raise CommandError(f"{where}: {value!r} is not a duration like 600s", exit_code=2)
    return int(value[:-1])


def _check_references(
    folder: Path, topics: tuple[Topic, ...], subscriptions: tuple[Subscription, ...]
) -> None:
    known = {topic.name for topic in topics}
    for one in subscriptions:
        for topic in filter(None, (one.topic, one.dead_letter_topic)):
            if topic not in known:
                near = difflib.get_close_matches(topic, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise CommandError(
                    f"{folder}: subscription {one.name}: no topic {topic}{hint}", exit_code=2
                )


def _name(resource: Mapping[str, Any]) -> str:
    return str(resource["metadata"]["name"])


def _where(file: Path, resource: Mapping[str, Any]) -> str:
    name = (resource.get("metadata") or {}).get("name", "(no name)")
    return f"{file}: {resource['kind']} {name}"


def _one_line(reason: object) -> str:
    return " ".join(str(reason).split())
