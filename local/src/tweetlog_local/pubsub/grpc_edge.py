"""EDGE. The services as gRPC generic handlers: requests parsed, refusals made into statuses."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from tweetlog_local.pubsub.api import Proto, StreamingPullRequest, request_type
from tweetlog_local.pubsub.errors import ApiError, unimplemented

# A publish of 10 MB must arrive to be refused in words rather than by the transport.
OPTIONS = (
    ("grpc.max_receive_message_length", 64_000_000),
    ("grpc.max_send_message_length", -1),
    # Google's clients ping every 30 s; gRPC would by default end such a connection.
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.so_reuseport", 0),  # a taken port is an error, not a second server on it
)
PUBLISHER = "google.pubsub.v1.Publisher"
SUBSCRIBER = "google.pubsub.v1.Subscriber"
REFUSED_SERVICES = {
    "google.pubsub.v1.SchemaService": "schemas are not done by the embedded Pub/Sub",
    "google.iam.v1.IAMPolicy": "there are no permissions in the embedded Pub/Sub",
}

Serve = Callable[[AsyncIterator[Proto], Any], Awaitable[None]]


def service(name: str, implementation: object) -> grpc.GenericRpcHandler:
    """Every public method of `implementation` as the RPC of its name."""
    methods = inspect.getmembers(implementation, inspect.ismethod)
    handlers = {rpc: _unary(rpc, method) for rpc, method in methods if not rpc.startswith("_")}
    return grpc.method_handlers_generic_handler(name, handlers)


def streaming_pull(serve: Serve) -> grpc.GenericRpcHandler:
    """StreamingPull, which is the one RPC that is not unary."""
    handler = grpc.stream_stream_rpc_method_handler(
        _refusing_stream(serve),
        request_deserializer=StreamingPullRequest.FromString,
        response_serializer=_serialized,
    )
    return grpc.method_handlers_generic_handler(SUBSCRIBER, {"StreamingPull": handler})


class RefusedServices(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Services that are not done say so in a sentence."""

    def service(self, handler_call_details: Any) -> Any:
        """A handler for their methods, None for others."""
        name = handler_call_details.method.split("/")[1]
        reason = REFUSED_SERVICES.get(name)
        if reason is None:
            return None

        async def refuse(_: bytes, context: Any) -> None:
            await _abort(context, unimplemented(reason))

        return grpc.unary_unary_rpc_method_handler(refuse)


def _unary(rpc: str, method: Callable[..., Any]) -> grpc.RpcMethodHandler:
    wants_context = len(inspect.signature(method).parameters) > 1

    async def handle(request: Proto, context: Any) -> Proto:
        try:
            answer = method(request, context) if wants_context else method(request)
            return await answer if inspect.isawaitable(answer) else answer
        except ApiError as error:
            return await _abort(context, error)

    return grpc.unary_unary_rpc_method_handler(
        handle,
        request_deserializer=request_type(rpc).FromString,
        response_serializer=_serialized,
    )


def _refusing_stream(serve: Serve) -> Serve:
    async def handle(requests: AsyncIterator[Proto], context: Any) -> None:
        try:
            await serve(requests, context)
        except ApiError as error:
            await _abort(context, error)

    return handle


async def _abort(context: Any, error: ApiError) -> Any:
    await context.abort(grpc.StatusCode[error.code], str(error))


def _serialized(response: Proto) -> bytes:
    return bytes(response.SerializeToString())
