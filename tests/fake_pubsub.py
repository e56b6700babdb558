"""A Pub/Sub on loopback that can be told to fail, as small as the enricher's edges need it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.pubsub_v1 import types


class FakePubsub:
    """Takes what is published, hands out what is queued, notes what is acknowledged.

    Attributes:
        published: per topic path, the messages in order of arrival.
        queued: what the next pulls hand out.
        acked, nacked, extended: ack ids in order.
        failing: the status that every publish is answered with, or None.
        missing: whether the subscription is unknown.
        hold: publishes wait until this is set.
        publishing: set at the first publish.
        journal: the calls that changed something, in order.
    """

    def __init__(self) -> None:
        self.published: dict[str, list[Any]] = {}
        self.queued: deque[Any] = deque()
        self.acked: list[str] = []
        self.nacked: list[str] = []
        self.extended: list[str] = []
        self.failing: grpc.StatusCode | None = None
        self.missing = False
        self.journal: list[str] = []
        self.hold = threading.Event()
        self.hold.set()
        self.publishing = threading.Event()
        self.address = ""
        self._lock = threading.Lock()

    def queue(self, data: bytes, attributes: dict[str, str]) -> str:
        """Have a message pulled; return its ack id."""
        with self._lock:
            ack_id = f"ack-{len(self.queued)}-{time.monotonic_ns()}"
            message = types.PubsubMessage(data=data, attributes=attributes, message_id=ack_id)
            self.queued.append(types.ReceivedMessage(ack_id=ack_id, message=message))
        return ack_id

    def events(self, topic: str) -> list[Any]:
        """Return the messages on the topic of that short name."""
        with self._lock:
            paths = [path for path in self.published if path.endswith(f"/{topic}")]
            return [message for path in paths for message in self.published[path]]

    def publish(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Keep the messages, or fail as told."""
        self.publishing.set()
        self.hold.wait(30)
        if self.failing is not None:
            context.abort(self.failing, "told to fail")
        with self._lock:
            topic = self.published.setdefault(request.topic, [])
            topic.extend(request.messages)
            self.journal.append("publish")
        return types.PublishResponse(message_ids=[str(n) for n in range(len(request.messages))])

    def pull(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Hand out queued messages, after a moment when there are none."""
        if self.missing:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such subscription")
        deadline = time.monotonic() + 0.2
        while not self.queued and time.monotonic() < deadline:
            time.sleep(0.01)
        with self._lock:
            count = min(len(self.queued), request.max_messages)
            messages = [self.queued.popleft() for _ in range(count)]
        return types.PullResponse(received_messages=messages)

    def acknowledge(self, request: Any, _: grpc.ServicerContext) -> Any:
        """Note the ids."""
        with self._lock:
            self.acked.extend(request.ack_ids)
            self.journal.append("acknowledge")
        return empty_pb2.Empty()

    def modify_ack_deadline(self, request: Any, _: grpc.ServicerContext) -> Any:
        """Note the ids: a deadline of 0 is a nack."""
        with self._lock:
            (self.extended if request.ack_deadline_seconds else self.nacked).extend(request.ack_ids)
        return empty_pb2.Empty()


@contextmanager
def serving() -> Iterator[FakePubsub]:
    """Serve a fake Pub/Sub on a free port of 127.0.0.1."""
    fake = FakePubsub()
    any_size = [("grpc.max_receive_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=any_size)
    server.add_generic_rpc_handlers((_publisher(fake), _subscriber(fake)))
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield fake
    finally:
        fake.hold.set()
        server.stop(None).wait(5)


def _publisher(fake: FakePubsub) -> grpc.GenericRpcHandler:
    calls = {"Publish": _unary(fake.publish, types.PublishRequest, types.PublishResponse)}
    return grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", calls)


def _subscriber(fake: FakePubsub) -> grpc.GenericRpcHandler:
    calls = {
        "Pull": _unary(fake.pull, types.PullRequest, types.PullResponse),
        "Acknowledge": _unary(fake.acknowledge, types.AcknowledgeRequest, None),
        "ModifyAckDeadline": _unary(fake.modify_ack_deadline, types.ModifyAckDeadlineRequest, None),
    }
    return grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", calls)


def _unary(call: Callable[..., Any], request: Any, response: Any) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(
        call,
        request_deserializer=request.deserialize,
        response_serializer=response.serialize if response else empty_pb2.Empty.SerializeToString,
    )
