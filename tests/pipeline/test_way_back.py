"""The way back from a release that acknowledged events and lost them (docs/build.md), rehearsed."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from enriched import an_enriched_tweet
from local.pubsub.clients import Clients
from local.pubsub.endpoint import endpoint
from standing_cloud import Cloud, standing
from tweetlog.publisher import BatchTopic
from tweetlog_ops.local_cloud import HOST, PROJECT, free_ports
from tweetlog_ops.processes import Process, Program

SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/tweets-enriched-loader"
SNAPSHOT = f"projects/{PROJECT}/snapshots/before-0123abc-tweets-enriched-loader"
TOPIC = f"projects/{PROJECT}/topics/tweets-enriched"
BEFORE = [str(1_590_000_000_000_000_000 + n) for n in range(3)]
SINCE = [str(1_590_000_000_000_000_100 + n) for n in range(20)]


@pytest.mark.servers
def test_what_a_bad_release_acknowledged_comes_back_by_its_snapshot(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with standing(tmp_path / "cloud") as cloud, endpoint() as bad_release:
        clients = Clients.of(cloud.environment["PUBSUB_EMULATOR_HOST"])
        cloud.apply_warehouse()
        cloud.create_topology({"loader": f"http://{HOST}:{port}/"})
        loader = a_loader(cloud, port, tmp_path)
        try:
            publish(clients, BEFORE)
            until(lambda: tweets(cloud) == sorted(BEFORE))

            take_snapshot(clients)
            send_traffic_to(clients, bad_release.url)
            publish(clients, SINCE)
            until(lambda: len(bad_release.requests) >= len(SINCE))
            assert tweets(cloud) == sorted(BEFORE)

            send_traffic_to(clients, f"http://{HOST}:{port}/")
            clients.subscriber.seek(request={"subscription": SUBSCRIPTION, "snapshot": SNAPSHOT})
            until(lambda: tweets(cloud) == sorted(BEFORE + SINCE))
        finally:
            loader.stop()
            clients.close()


def a_loader(cloud: Cloud, port: int, folder: Path) -> Process:
    environment = {**cloud.environment, **cloud.loads, "PORT": str(port)}
    process = Process(Program("loader", "loader", ("push",), environment), folder)
    process.ready()
    return process


def publish(clients: Clients, ids: list[str]) -> None:
    BatchTopic(clients.publisher, TOPIC).publish(*map(an_enriched_tweet, ids))


def take_snapshot(clients: Clients) -> None:
    clients.subscriber.create_snapshot(request={"name": SNAPSHOT, "subscription": SUBSCRIPTION})


def send_traffic_to(clients: Clients, url: str) -> None:
    """Do what a shift of traffic does: the same subscription, other code behind it."""
    found = clients.subscriber.get_subscription(request={"subscription": SUBSCRIPTION})
    found.push_config.push_endpoint = url
    clients.subscriber.modify_push_config(
        request={"subscription": SUBSCRIPTION, "push_config": found.push_config}
    )


def tweets(cloud: Cloud) -> list[str]:
    rows = cloud.warehouse.query("SELECT tweet_id FROM v_tweets ORDER BY tweet_id").rows
    return [one for (one,) in rows]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
