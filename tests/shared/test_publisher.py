from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tweetlog.publisher import lazy_client


def test_threads_that_come_first_together_share_one_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    client, together = lazy_client(), Barrier(8)

    def first() -> int:
        together.wait()
        return id(client())

    with ThreadPoolExecutor(8) as threads:
        made = {future.result() for future in [threads.submit(first) for _ in range(8)]}

    client().transport.close()
    assert len(made) == 1
