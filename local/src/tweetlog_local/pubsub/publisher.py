"""EDGE. `google.pubsub.v1.Publisher`: topics and publishing."""

import asyncio

from tweetlog_local.pubsub import limits, names, pages
from tweetlog_local.pubsub.api import (
    Empty,
    ListTopicSnapshotsResponse,
    ListTopicsResponse,
    ListTopicSubscriptionsResponse,
    Proto,
    Publish,
    PublishResponse,
)
from tweetlog_local.pubsub.broker import Broker
from tweetlog_local.pubsub.errors import ApiError, unimplemented
from tweetlog_local.pubsub.replay import Snapshots


class Publisher:
    """One method per RPC, by its name."""

    def __init__(self, broker: Broker, snapshots: Snapshots) -> None:
        self._broker = broker
        self._snapshots = snapshots

    def CreateTopic(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """Create a topic."""
        return self._broker.create_topic(request)

    def UpdateTopic(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """Change labels or retention."""
        return self._broker.update_topic(request)

    def GetTopic(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """One topic."""
        return self._broker.topic(request.topic).resource

    def ListTopics(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """The topics of a project, by name."""
        prefix = names.project(request.project) + "/"
        mine = [name for name in self._broker.topics if name.startswith(prefix)]
        page, token = pages.page(mine, request)
        topics = [self._broker.topic(name).resource for name in page]
        return ListTopicsResponse(topics=topics, next_page_token=token)

    def ListTopicSubscriptions(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """The names of a topic's subscriptions."""
        attached = [each.name for each in self._broker.topic(request.topic).subscriptions]
        page, token = pages.page(attached, request)
        return ListTopicSubscriptionsResponse(subscriptions=page, next_page_token=token)

    def ListTopicSnapshots(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """The names of a topic's snapshots."""
        topic = self._broker.topic(request.topic).name
        taken = [each.name for each in self._snapshots.all() if each.topic == topic]
        page, token = pages.page(taken, request)
        return ListTopicSnapshotsResponse(snapshots=page, next_page_token=token)

    def DeleteTopic(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """Delete a topic; its subscriptions stay."""
        self._broker.delete_topic(request.topic)
        return Empty()

    def DetachSubscription(self, request: Proto) -> Proto:  # noqa: ARG002, N802 - the RPC's shape
        """Refused."""
        raise unimplemented("DetachSubscription is not done by the embedded Pub/Sub: delete it")

    async def Publish(self, request: Publish) -> Proto:  # noqa: N802 - the RPC's name
        """Write messages; answered when they are durable."""
        topic = self._broker.topic(request.topic)
        limits.check_publish(request)
        faults = self._broker.faults
        if stall := faults.fire("stall_publish", topic.name):
            await asyncio.sleep(stall.seconds)
        if refusal := faults.fire("refuse_publish", topic.name):
            raise ApiError(refusal.code, "refused by a fault rule")
        message_ids = self._broker.publish(topic, request.messages, request.bodies)
        response = PublishResponse(message_ids=message_ids)
        if loss := faults.fire("lose_publish", topic.name):
            raise ApiError(loss.code, "written, but the answer was lost by a fault rule")
        return response
