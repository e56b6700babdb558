"""EDGE: creates the topology that the manifests declare, on a local Pub/Sub."""

from collections.abc import Mapping

from google.api_core import exceptions
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import types

from tweetlog_ops.manifests import Subscription, Topic, Topology


def apply(topology: Topology, *, project: str, services: Mapping[str, str]) -> None:
    """Create every topic and subscription that is not there, and point pushes at `services`.

    Args:
        topology: what the manifests declare.
        project: the project to create it in.
        services: each running service's address by name. A push to a service that is not
            running becomes a subscription for pulling: its messages wait.
    """
    publisher, subscriber = PublisherClient(), SubscriberClient()
    with publisher, subscriber:
        for topic in topology.topics:
            _create_topic(publisher, topic, project)
        for subscription in topology.subscriptions:
            _create_subscription(subscriber, _request(subscription, project, services))


def _create_topic(client: PublisherClient, topic: Topic, project: str) -> None:
    request = types.Topic(name=f"projects/{project}/topics/{topic.name}")
    if topic.retention:
        request.message_retention_duration = Duration(seconds=topic.retention)
    try:
        client.create_topic(request=request)
    except exceptions.AlreadyExists:
        return


def _create_subscription(client: SubscriberClient, request: types.Subscription) -> None:
    try:
        client.create_subscription(request=request)
    except exceptions.AlreadyExists:
        mask = FieldMask(paths=["push_config"])
        client.update_subscription(subscription=request, update_mask=mask)


def _request(one: Subscription, project: str, services: Mapping[str, str]) -> types.Subscription:
    request = types.Subscription(
        name=f"projects/{project}/subscriptions/{one.name}",
        topic=f"projects/{project}/topics/{one.topic}",
        ack_deadline_seconds=one.ack_deadline,
        message_retention_duration=Duration(seconds=one.retention),
        retain_acked_messages=one.retain_acked,
        filter=one.filter,
        expiration_policy=types.ExpirationPolicy(),
    )
    if one.backoff:
        least, most = one.backoff
        request.retry_policy = types.RetryPolicy(
            minimum_backoff=Duration(seconds=least), maximum_backoff=Duration(seconds=most)
        )
    if one.dead_letter_topic:
        request.dead_letter_policy = types.DeadLetterPolicy(
            dead_letter_topic=f"projects/{project}/topics/{one.dead_letter_topic}",
            max_delivery_attempts=one.max_delivery_attempts,
        )
    endpoint = services.get(one.service or "")
    if endpoint:
        request.push_config = _push(endpoint, unwrapped=one.unwrapped)
    if one.table:
        request.bigquery_config = types.BigQueryConfig(
            table=one.table.replace("PROJECT_ID", project), write_metadata=True
        )
    return request


def _push(endpoint: str, *, unwrapped: bool) -> types.PushConfig:
    push = types.PushConfig(push_endpoint=endpoint)
    if unwrapped:
        push.no_wrapper = types.PushConfig.NoWrapper(write_metadata=True)
    return push
