"""EDGE: the pull entrance: batches from the subscription, for worker pools, volume and replays."""

import functools
import logging
import multiprocessing
import signal
import threading
from collections.abc import Sequence
from multiprocessing import connection

from google.api_core import exceptions

from enricher.receive import receive_all
from enricher.settings import Settings
from tweetlog import subscription
from tweetlog.delivery import Delivery, from_message
from tweetlog.errors import PublishFailed, Unreadable
from tweetlog.publisher import PubsubTopic, publisher_client
from tweetlog.subscription import Pulled
from tweetlog.topic import Topic

log = logging.getLogger(__name__)

# How soon the end of a process is noticed at the latest; a signal wakes the watch earlier.
_WATCH_SECONDS = 0.5


def run(settings: Settings) -> int:
    """Pull, enrich and publish until SIGTERM or Ctrl-C; the batches in hand are finished first.

    Returns:
        0 when it was stopped, 1 when pulling failed in a way that waiting does not mend.
    """
    stop = _stopped_by_signals()
    if settings.processes == 1:
        log.info("ready")
        return _pull(settings, stop)
    return _pull_in_processes(settings, stop)


def receive(messages: Sequence[Pulled], *, enriched: Topic, dead_letters: Topic) -> list[str]:
    """Return the ack ids of the messages whose result is durable: all of them, or none."""
    deliveries = [_delivery(message) for message in messages]
    try:
        receive_all(deliveries, enriched=enriched, dead_letters=dead_letters)
    except PublishFailed as reason:
        log.warning("%d messages handed back: %s", len(messages), reason)
        return []
    return [message.ack_id for message in messages]


def _pull(settings: Settings, stop: threading.Event) -> int:
    client = publisher_client()
    work = functools.partial(
        receive,
        enriched=PubsubTopic(client, settings.enriched_path),
        dead_letters=PubsubTopic(client, settings.dead_path),
    )
    try:
        with subscription.subscriber_client() as subscriber:
            subscription.pull(subscriber, settings.subscription_path, work, stop=stop)
    except exceptions.GoogleAPICallError as reason:
        log.critical("%s: %s", settings.subscription_path, reason)
        return 1
    return 0


def _pull_in_processes(settings: Settings, stop: threading.Event) -> int:
    # Forked, so that they share the models' memory; the clients are made after the fork.
    context = multiprocessing.get_context("fork")
    # So is `stop`, with the handlers that set it.
    work = (settings, stop)
    workers = [context.Process(target=_worker, args=work) for _ in range(settings.processes)]
    for worker in workers:
        worker.start()
    log.info("ready")
    while not stop.is_set() and all(worker.is_alive() for worker in workers):
        connection.wait([worker.sentinel for worker in workers], timeout=_WATCH_SECONDS)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join()
    return 0 if stop.is_set() and not any(worker.exitcode for worker in workers) else 1


def _worker(settings: Settings, stop: threading.Event) -> None:
    raise SystemExit(_pull(settings, stop))


def _stopped_by_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _delivery(message: Pulled) -> Delivery | Unreadable:
    try:
        return from_message(
            message.data,
            message.attributes,
            message_id=message.message_id,
            publish_time=message.publish_time,
            attempt=message.attempt,
        )
    except Unreadable as reason:
        return reason
