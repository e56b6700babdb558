"""EDGE: publishes what an operator's command decides to, each message confirmed."""

import concurrent.futures
from collections.abc import Sequence
from typing import Self

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError

from tweetlog.publisher import publisher_client
from tweetlog_ops.errors import CommandError
from tweetlog_ops.message import Message

_SECONDS = 30.0


class Publisher:
    """Publishes to the topics of a project; `PUBSUB_EMULATOR_HOST` names a local one."""

    def __init__(self, project: str) -> None:
        self._project = project
        try:
            self._client = publisher_client()
        except GoogleAuthError as reason:
            raise CommandError(f"no access to Google Cloud: {reason}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop()

    def publish(self, messages: Sequence[Message]) -> None:
        """Return once the broker has every message.

        Raises:
            CommandError: if it did not confirm one of them; any of them may have arrived.
        """
        confirmations = [
            (one.topic, self._client.publish(self._path(one.topic), one.data, **one.attributes))
            for one in messages
        ]
        for topic, confirmation in confirmations:
            try:
                confirmation.result(timeout=_SECONDS)
            except (exceptions.GoogleAPIError, concurrent.futures.TimeoutError) as reason:
                said = str(reason).splitlines()[:1] or ["no answer"]
                raise CommandError(f"topic {topic}: not confirmed: {said[0]}") from None

    def _path(self, topic: str) -> str:
        return f"projects/{self._project}/topics/{topic}"
