"""Runs the ingestor as a user does, over a broker of its own, and asks the broker afterwards."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from google.api_core import exceptions
from google.cloud import pubsub_v1

PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Done:
    """How the command ended."""

    code: int
    summary: dict[str, Any]
    out: str
    err: str

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]


@dataclass(frozen=True, slots=True)
class Ingestor:
    """The command `python -m ingestor`, and the two topics it publishes to."""

    address: str
    raw: str
    dead: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(
        self, *arguments: str | Path, stdin: IO[bytes] | int = subprocess.PIPE
    ) -> "subprocess.Popen[str]":
        environment = {
            **{name: value for name, value in os.environ.items() if "TWEETLOG_" not in name},
            "PUBSUB_EMULATOR_HOST": self.address,
            "TWEETLOG_PROJECT": "p",
            "TWEETLOG_RAW_TOPIC": self.raw,
            "TWEETLOG_DEAD_TOPIC": self.dead,
            **self.environment,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "ingestor", *map(str, arguments)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def run(self, *arguments: str | Path, stdin: IO[bytes] | int = subprocess.DEVNULL) -> Done:
        return ended(self.start(*arguments, stdin=stdin))

    def create(self) -> None:
        """Create the topics, and a subscription to each that keeps what comes."""
        with pubsub_v1.SubscriberClient() as subscriber:
            publisher = pubsub_v1.PublisherClient()
            for name in (self.raw, self.dead):
                topic, kept = f"projects/p/topics/{name}", f"projects/p/subscriptions/{name}"
                publisher.create_topic(name=topic)
                subscriber.create_subscription(name=kept, topic=topic)
            publisher.stop()

    def received(self) -> list[tuple[str, bytes]]:
        """Return the id and data of every tweet published since it was last asked."""
        return [(attributes["ce-id"], data) for attributes, data in self.taken(self.raw)]

    def rejected(self) -> list[dict[str, Any]]:
        """Return every dead letter published since it was last asked."""
        return [json.loads(data) for _, data in self.taken(self.dead)]

    def taken(self, name: str) -> list[tuple[dict[str, str], bytes]]:
        subscription = f"projects/p/subscriptions/{name}"
        taken: list[tuple[dict[str, str], bytes]] = []
        with pubsub_v1.SubscriberClient() as subscriber:
            while batch := _pulled(subscriber, subscription):
                ids = [one.ack_id for one in batch]
                subscriber.acknowledge(subscription=subscription, ack_ids=ids)
                taken += [(dict(one.message.attributes), one.message.data) for one in batch]
        return taken


def _pulled(subscriber: Any, subscription: str) -> Sequence[Any]:
    try:
        response = subscriber.pull(
            subscription=subscription, max_messages=1_000, timeout=0.3, retry=None
        )
    except exceptions.DeadlineExceeded:
        return []
    messages: Sequence[Any] = response.received_messages
    return messages


def ended(process: "subprocess.Popen[str]") -> Done:
    out, err = process.communicate(timeout=PATIENCE)
    summary = json.loads(out) if out.startswith("{") else {}
    return Done(process.returncode, summary, out, err)


def stopped(process: "subprocess.Popen[str]", number: signal.Signals) -> Done:
    process.send_signal(number)
    return ended(process)
