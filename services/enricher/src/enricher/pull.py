"""EDGE: the pull entrance: batches from the subscription, for worker pools, volume and replays."""

import functools
import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import connection

from google.api_core import exceptions

from enricher.receive import Step, receive_all, traced
from enricher.settings import Settings
from tweetlog import subscription, tracing
from tweetlog.delivery import Delivery, from_message
from tweetlog.errors import PublishFailed, Unreadable
from tweetlog.publisher import BatchTopic, publisher_client
from tweetlog.subscription import Pulled
from tweetlog.topic import Topic

log = logging.getLogger(__name__)

# One batch is enriched while another is on its way.
_LOOPS = 2
# How soon the end of a process is noticed at the latest; a signal wakes the watch earlier.
_WATCH_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0


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


def receive(
    messages: Sequence[Pulled],
    *,
    enriched: Topic,
    dead_letters: Topic,
    stop: threading.Event,
    step: Step = receive_all,
) -> list[str]:
    """Return the ack ids of the messages whose result is durable: all of them, or none.

    While the broker does not confirm, the batch is kept and tried again: handing it back would
    use up the attempts that its subscription grants. None are durable when `stop` ends that.
    """
    deliveries = [_delivery(message) for message in messages]
    failures = 0
    while True:
        try:
            step(deliveries, enriched=enriched, dead_letters=dead_letters)
        except PublishFailed as reason:
            failures += 1
            wait = min(_LONGEST_WAIT_SECONDS, 2.0**failures)
            log.warning("%d messages wait %.0f s: %s", len(messages), wait, reason)
            if stop.wait(wait):
                return []
        else:
            return [message.ack_id for message in messages]


def _pull(settings: Settings, stop: threading.Event) -> int:
    publisher = publisher_client()
    tracer = tracing.opened(settings.tracing, service="enricher", project=settings.project)
    work = functools.partial(
        receive,
        enriched=BatchTopic(publisher, settings.enriched_path),
        dead_letters=BatchTopic(publisher, settings.dead_path),
        stop=stop,
        step=traced(receive_all, tracer) if tracer else receive_all,
    )
    path = settings.subscription_path
    with subscription.subscriber_client() as client, ThreadPoolExecutor(_LOOPS) as pool:
        loop = functools.partial(subscription.pull, client, path, work, stop=stop)
        loops = [pool.submit(_until_stopped, loop, path, stop) for _ in range(_LOOPS)]
    if tracer:
        tracer.close()
    return max(one.result() for one in loops)


def _until_stopped(loop: Callable[[], None], path: str, stop: threading.Event) -> int:
    """Run one loop; when it cannot go on, neither do the others."""
    try:
        loop()
    except exceptions.GoogleAPICallError as reason:
        log.critical("%s: %s", path, reason)
        return 1
    finally:
        stop.set()
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
    stopped = stop.is_set()
    return 0 if stopped and not any(worker.exitcode for worker in workers) else 1


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
        return reason.bare()
