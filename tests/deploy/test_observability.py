"""Alerts and charts look at what is there: metrics, subscriptions, services, thresholds, code."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.manifests import ROOT, Manifest, Render, broken, lines, of_kind, texts, without

# Google's metrics that are used here, with the kind of resource each belongs to and its labels
# (Cloud Monitoring, "Google Cloud metrics" and "Kubernetes metrics").
METRICS = {
    "pubsub.googleapis.com/subscription/oldest_unacked_message_age": ("pubsub_subscription", ()),
    "pubsub.googleapis.com/subscription/num_undelivered_messages": ("pubsub_subscription", ()),
    "pubsub.googleapis.com/subscription/dead_letter_message_count": ("pubsub_subscription", ()),
    "pubsub.googleapis.com/subscription/push_request_count": (
        "pubsub_subscription",
        ("response_class", "response_code", "delivery_type"),
    ),
    "pubsub.googleapis.com/subscription/push_request_latencies": (
        "pubsub_subscription",
        ("response_code", "delivery_type"),
    ),
    "pubsub.googleapis.com/topic/send_request_count": (
        "pubsub_topic",
        ("response_class", "response_code"),
    ),
    "run.googleapis.com/container/instance_count": ("cloud_run_revision", ("state",)),
    "run.googleapis.com/request_count": (
        "cloud_run_revision",
        ("response_code", "response_code_class"),
    ),
    "run.googleapis.com/job/completed_execution_count": ("cloud_run_job", ("result",)),
    "kubernetes.io/container/restart_count": ("k8s_container", ()),
}
# Each label of a resource that a filter may name, and the kind of manifest whose name it is.
NAMES = {
    "subscription_id": "PubSubSubscription",
    "topic_id": "PubSubTopic",
    "service_name": "Service",
    "job_name": "Job",
    "namespace_name": "Namespace",
    "container_name": "Deployment",
}
WATCHED = ("MonitoringAlertPolicy", "MonitoringDashboard")
# One alert for each thing that goes wrong with a pipeline.
EXPECTED = {
    "backlog-is-slow",
    "backlog-is-stuck",
    "deliveries-are-exhausted",
    "events-are-rejected",
    "pushes-fail",
    "instances-are-at-their-limit",
    "nothing-is-published",
    "ingestor-restarts",
    "deletion-failed",
    "stream-is-down",
    "holes-grow",
    "budget-runs-out",
    "table-is-stale",
    "verify-failed",
}


def filters(one: Manifest) -> Iterator[str]:
    for path, text in texts(one.spec):
        if path.rpartition(".")[2] in ("filter", "denominatorFilter"):
            yield text


def filter_faults(render: Render) -> Iterator[str]:
    there = {(one.kind, one.name) for one in render}
    for one in of_kind(render, *WATCHED):
        for text in filters(one):
            yield from (f"{one}: {fault}" for fault in _faults_of(text, there))


def _faults_of(text: str, there: set[tuple[str, str]]) -> Iterator[str]:
    metric = _value(r'metric\.type = "([^"]+)"', text)
    resource = _value(r'resource\.type = "([^"]+)"', text)
    kind, labels = METRICS.get(metric, ("", ()))
    if not kind:
        yield f"no metric {metric or '(none)'}"
    elif resource != kind:
        yield f"{metric} belongs to {kind}, not to {resource}"
    for label in re.findall(r"metric\.labels\.(\w+)", text):
        if label not in labels:
            yield f"{metric} has no label {label}"
    for label, value in re.findall(r"resource\.labels\.(\w+) = (one_of\([^)]*\)|\"[^\"]*\")", text):
        for name in re.findall(r'"([^"]+)"', value):
            if (NAMES.get(label, ""), name) not in there:
                yield f"{label} {name}: the render has no such {NAMES.get(label, 'label')}"


def _value(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""


def code_faults(render: Render) -> Iterator[str]:
    """Yield each of our own metrics in a query that no service has."""
    for one in of_kind(render, *WATCHED):
        for path, text in texts(one.spec):
            if path.rpartition(".")[2] not in ("query", "prometheusQuery"):
                continue
            for service, name in re.findall(r"\btweetlog_(ingestor|loader|enricher)_(\w+)", text):
                known = _literals(ROOT / "services" / service / "src")
                bare = re.sub(r"_(total|bucket|sum|count)$", "", name)
                if not {name, bare} & known:
                    yield f"{one}: the {service} has no metric tweetlog_{service}_{name}"


def _literals(folder: Path) -> set[str]:
    return {
        text
        for file in folder.rglob("*.py")
        for text in re.findall(r'"([a-z][a-z0-9_]+)"', file.read_text())
    }


def coverage_faults(render: Render) -> Iterator[str]:
    """Yield each live subscription whose backlog nobody watches."""
    for policy in ("backlog-is-slow", "backlog-is-stuck"):
        watched = {
            name
            for one in of_kind(render, "MonitoringAlertPolicy")
            if one.name == policy
            for text in filters(one)
            for name in re.findall(r'"([\w-]+)"', text.partition("subscription_id")[2])
        }
        for one in of_kind(render, "PubSubSubscription"):
            # A replay may wait, and a deployment watches its own test.
            if not re.search("-(replay|smoke)-", one.name) and one.name not in watched:
                yield f"{policy}: does not watch {one.name}"


def limit_faults(render: Render) -> Iterator[str]:
    limits = {
        one.name: int(
            one.spec["template"]["metadata"]["annotations"]["autoscaling.knative.dev/maxScale"]
        )
        for one in of_kind(render, "Service")
    }
    for one in of_kind(render, "MonitoringAlertPolicy"):
        if one.name != "instances-are-at-their-limit":
            continue
        for condition in one.spec["conditions"]:
            name = condition["displayName"]
            threshold = condition["conditionThreshold"]["thresholdValue"]
            if threshold != limits[name] - 1:
                yield f"{one}: {name} has {limits[name]} instances, the threshold is {threshold}"


def policy_faults(render: Render) -> Iterator[str]:
    channels = {one.name for one in of_kind(render, "MonitoringNotificationChannel")}
    for one in of_kind(render, "MonitoringAlertPolicy"):
        if [channel.get("name") for channel in one.spec.get("notificationChannels", [])] != list(
            channels
        ):
            yield f"{one}: tells nobody"
        if len(one.spec.get("documentation", {}).get("content", "")) < 40:
            yield f"{one}: does not say what to do"


def all_faults(render: Render) -> str:
    checks = (
        filter_faults,
        code_faults,
        coverage_faults,
        limit_faults,
        policy_faults,
    )
    return lines(fault for check in checks for fault in check(render))


def test_alerts_and_charts_look_at_what_is_there(render: Render) -> None:
    assert all_faults(render) == ""


def test_there_is_an_alert_for_each_thing_that_goes_wrong(render: Render) -> None:
    assert {one.name for one in of_kind(render, "MonitoringAlertPolicy")} >= EXPECTED


SLOW = "MonitoringAlertPolicy backlog-is-slow"
LIMIT = "MonitoringAlertPolicy instances-are-at-their-limit"
FILTER = "spec.conditions.0.conditionThreshold.filter"


@pytest.mark.parametrize(
    ("resource", "path", "value", "complaint"),
    [
        (SLOW, FILTER, 'metric.type = "pubsub.googleapis.com/subscription/age"', "no metric pub"),
        (
            SLOW,
            FILTER,
            (
                'resource.type = "pubsub_topic" '
                'AND metric.type = "pubsub.googleapis.com/subscription/num_undelivered_messages"'
            ),
            "belongs to pubsub_subscription, not to pubsub_topic",
        ),
        (
            SLOW,
            FILTER,
            (
                'resource.type = "pubsub_subscription" AND metric.type = '
                '"pubsub.googleapis.com/subscription/push_request_count" '
                'AND metric.labels.class != "ack"'
            ),
            "has no label class",
        ),
        (
            SLOW,
            FILTER,
            (
                'resource.type = "pubsub_subscription" AND metric.type = '
                '"pubsub.googleapis.com/subscription/num_undelivered_messages" '
                'AND resource.labels.subscription_id = "tweets-raw-enrich"'
            ),
            "subscription_id tweets-raw-enrich: the render has no such PubSubSubscription",
        ),
        (SLOW, FILTER, 'metric.type = "x"', "backlog-is-slow: does not watch tweets-raw-store"),
        (
            SLOW,
            "spec.conditions.0.conditionPrometheusQueryLanguage",
            {"query": "increase(tweetlog_loader_bed_rows_total[5m])"},
            "the loader has no metric tweetlog_loader_bed_rows_total",
        ),
        (
            LIMIT,
            "spec.conditions.0.conditionThreshold.thresholdValue",
            100,
            "enricher has",
        ),
        (SLOW, "spec.notificationChannels", [], "tells nobody"),
        (SLOW, "spec.documentation.content", "", "does not say what to do"),
    ],
)
def test_an_alert_that_would_never_come_is_found(
    prod: Render, resource: str, path: str, value: object, complaint: str
) -> None:
    assert complaint in all_faults(broken(prod, resource, path, value))


def test_a_metric_of_ours_that_is_there_is_no_fault(prod: Render) -> None:
    query = {"query": "increase(tweetlog_loader_bad_rows_total[5m])"}
    path = "spec.conditions.0.conditionPrometheusQueryLanguage"

    assert lines(code_faults(broken(prod, SLOW, path, query))) == ""


def test_an_alert_on_a_service_that_is_gone_is_found(prod: Render) -> None:
    gone = without(prod, "Job verify")

    assert "job_name verify: the render has no such Job" in lines(filter_faults(gone))
