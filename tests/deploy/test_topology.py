"""The parts fit each other: endpoints, audiences, deadlines, lanes, schedules, images, commands."""

import re
from collections.abc import Iterator

import pytest

import enricher.__main__
import ingestor.__main__
import loader.__main__
from deploy.manifests import (
    IMAGES,
    NUMBER,
    PROJECT,
    REGION,
    Manifest,
    Render,
    broken,
    containers,
    environment,
    lines,
    of_kind,
    pod,
    the,
    without,
)
from tweetlog_ops import cli

SERVICE = "tweetlog/service"
DEPLOYED = f"https://{{service}}-{NUMBER}.{REGION}.run.app"


def push_faults(render: Render) -> Iterator[str]:
    services = {one.name: one for one in of_kind(render, "Service")}
    pushed = set()
    for one in of_kind(render, "PubSubSubscription"):
        push = one.spec.get("pushConfig")
        if push is None:
            continue
        name, candidate, _ = one.annotations.get(SERVICE, "").partition("-candidate")
        pushed.add(name)
        url = DEPLOYED.format(service=name)
        # A revision that has a tag and no traffic has an address of its own.
        address = url.replace("//", "//candidate---") if candidate else url
        if push["pushEndpoint"] != address:
            yield f"{one}: pushes to {push['pushEndpoint']}, but the service is {address}"
        if push["oidcToken"].get("audience") != url:
            yield f"{one}: the token is for {push['oidcToken'].get('audience')}, not for {url}"
        if name not in services:
            yield f"{one}: no Cloud Run service {name}"
        else:
            yield from _deadline_faults(one, services[name])
    for name in sorted(set(services) - pushed):
        yield f"Service {name}: no subscription pushes to it"


def _deadline_faults(subscription: Manifest, service: Manifest) -> Iterator[str]:
    deadline, timeout = subscription.spec["ackDeadlineSeconds"], pod(service)["timeoutSeconds"]
    if timeout != deadline:
        yield f"{service}: may take {timeout} s, but {subscription} waits {deadline} s"
    attempts = subscription.spec.get("deadLetterPolicy", {}).get("maxDeliveryAttempts")
    # What a test sends to a candidate is not set aside: it goes by itself.
    if attempts != 100 and not subscription.annotations.get(SERVICE, "").endswith("-candidate"):
        yield f"{subscription}: dead-letters after {attempts} attempts instead of 100"
    if subscription.spec.get("retryPolicy") != {"minimumBackoff": "10s", "maximumBackoff": "600s"}:
        yield f"{subscription}: wants a back-off from 10 s to 600 s"


def lane_faults(render: Render) -> Iterator[str]:
    """Yield where an event would not reach the next service of its own lane."""
    for lane in ("", "-replay"):
        topic = environment(the(render, "Service", f"enricher{lane}"))["TWEETLOG_ENRICHED_TOPIC"]
        reached = [
            one.annotations.get(SERVICE)
            for one in of_kind(render, "PubSubSubscription")
            if one.spec["topicRef"] == {"name": topic}
        ]
        if reached != [f"loader{lane}"]:
            yield f"enricher{lane} publishes to {topic}, which reaches {reached}"
    topics = {one.name for one in of_kind(render, "PubSubTopic")}
    for one in of_kind(render, "Deployment", "Service"):
        for name, value in environment(one).items():
            if name.endswith("_TOPIC") and value not in topics:
                yield f"{one}: {name} is {value}, which is no topic"
    for topic in sorted(topics):
        if not _subscribed(render, topic):
            yield f"topic {topic} has no subscription: what is published there is lost"


def _subscribed(render: Render, topic: str) -> bool:
    subscriptions = of_kind(render, "PubSubSubscription")
    return any(one.spec["topicRef"] == {"name": topic} for one in subscriptions)


def region_faults(render: Render) -> Iterator[str]:
    """Yield what keeps tweets elsewhere than where the overlay says."""
    for one in of_kind(render, "PubSubTopic"):
        policy = one.spec.get("messageStoragePolicy", {})
        if policy.get("allowedPersistenceRegions") != [REGION]:
            yield f"{one}: keeps messages elsewhere than in {REGION}"
    for one in of_kind(render, "BigQueryDataset", "ArtifactRegistryRepository", "StorageBucket"):
        if one.spec["location"] != REGION:
            yield f"{one}: is in {one.spec['location']}, not in {REGION}"


def volume_faults(render: Render) -> Iterator[str]:
    """Yield each bucket that a job mounts and nobody makes."""
    buckets = {one.spec["resourceID"] for one in of_kind(render, "StorageBucket")}
    for one in of_kind(render, "Job"):
        for volume in pod(one).get("volumes", []):
            name = volume.get("csi", {}).get("volumeAttributes", {}).get("bucketName")
            if name and name not in buckets:
                yield f"{one}: mounts {name}, which is no bucket"


def schedule_faults(render: Render) -> Iterator[str]:
    jobs = {one.name for one in of_kind(render, "Job")}
    for one in of_kind(render, "CloudSchedulerJob"):
        found = re.search(r"/jobs/([\w-]+):run$", one.spec["httpTarget"]["uri"])
        if not found or found[1] not in jobs:
            yield f"{one}: starts {one.spec['httpTarget']['uri']}, which is no job"


def image_faults(render: Render) -> Iterator[str]:
    place = f"{REGION}-docker.pkg.dev/{PROJECT.format(overlay='(dev|prod)')}/tweetlog"
    for one in render:
        for container in containers(one):
            if not re.fullmatch(rf"{place}/[a-z]+@sha256:[0-9a-f]{{64}}", container["image"]):
                yield f"{one}: image {container['image']} is not ours by digest"


def command_faults(render: Render) -> Iterator[str]:
    """Yield what an image's own command would refuse of a container's arguments."""
    takes = {
        "ingestor": ingestor.__main__._parser(),  # noqa: SLF001 - what the image runs
        "enricher": enricher.__main__._parser(),  # noqa: SLF001 - as above
        "loader": loader.__main__._parser(),  # noqa: SLF001 - as above
        "ops": cli.parser(),
    }
    for one in render:
        for container in containers(one):
            image = container["image"].rpartition("/")[2].partition("@")[0]
            try:
                takes[image].parse_args(container.get("args", []))
            except SystemExit:
                yield f"{one}: {image} does not take {' '.join(container.get('args', []))}"


def test_every_push_reaches_its_service_in_time(render: Render) -> None:
    assert lines(push_faults(render)) == ""


PUSH = "PubSubSubscription tweets-raw-enricher"


@pytest.mark.parametrize(
    ("resource", "path", "value", "complaint"),
    [
        (PUSH, "spec.pushConfig.pushEndpoint", "https://x.run.app", "pushes to https://x.run"),
        (PUSH, "spec.pushConfig.oidcToken.audience", ..., "the token is for None"),
        (PUSH, "metadata.annotations.tweetlog/service", "enrich", "no Cloud Run service enrich"),
        (PUSH, "spec.ackDeadlineSeconds", 30, "may take 60 s, but"),
        (PUSH, "spec.retryPolicy", ..., "wants a back-off"),
        (PUSH, "spec.deadLetterPolicy.maxDeliveryAttempts", 5, "after 5 attempts"),
        ("Service loader", "spec.template.spec.timeoutSeconds", 300, "may take 300 s, but"),
        ("Service loader", "metadata.name", "writer", "no subscription pushes to it"),
    ],
)
def test_a_push_that_would_not_arrive_is_found(
    prod: Render, resource: str, path: str, value: object, complaint: str
) -> None:
    wrong = broken(prod, resource, path, value)

    assert complaint in lines(push_faults(wrong))


def test_each_lane_stays_its_own(render: Render) -> None:
    assert lines(lane_faults(render)) == ""


def test_lanes_that_mix_and_topics_without_a_reader_are_found(prod: Render) -> None:
    path = "spec.template.spec.containers.0.env.1.value"

    mixed = broken(prod, "Service enricher-replay", path, "tweets-enriched")
    nowhere = broken(prod, "Service enricher-replay", path, "tweets-enriched-repaly")
    unread = without(prod, "PubSubSubscription tweets-dead-store")

    assert "which reaches ['loader']" in lines(lane_faults(mixed))
    assert "which is no topic" in lines(lane_faults(nowhere))
    assert "topic tweets-dead has no subscription" in lines(lane_faults(unread))


def test_tweets_stay_in_the_region_of_the_overlay(render: Render) -> None:
    assert lines(region_faults(render)) == ""


def test_data_in_another_region_is_found(prod: Render) -> None:
    anywhere = broken(prod, "PubSubTopic tweets-raw", "spec.messageStoragePolicy", ...)
    elsewhere = broken(prod, "BigQueryDataset tweetlog", "spec.location", "US")

    assert "PubSubTopic tweets-raw: keeps messages elsewhere" in lines(region_faults(anywhere))
    assert "BigQueryDataset tweetlog: is in US" in lines(region_faults(elsewhere))


def test_a_bucket_that_is_mounted_is_there(render: Render) -> None:
    assert lines(volume_faults(render)) == ""


def test_a_bucket_that_is_not_there_is_found(prod: Render) -> None:
    wrong = without(prod, "StorageBucket replay")

    assert "Job replay: mounts example-tweetlog-prod-replay, which is no bucket" in lines(
        volume_faults(wrong)
    )


def test_what_starts_by_the_clock_is_there(render: Render) -> None:
    assert lines(schedule_faults(render)) == ""


def test_a_schedule_for_nothing_is_found(prod: Render) -> None:
    path = "spec.httpTarget.uri"
    uri = "https://run.googleapis.com/v2/projects/p/locations/r/jobs/verfy:run"

    wrong = broken(prod, "CloudSchedulerJob verify", path, uri)

    assert "which is no job" in lines(schedule_faults(wrong))


def test_what_runs_is_ours_by_digest(render: Render) -> None:
    assert lines(image_faults(render)) == ""
    used = {
        container["image"].rpartition("/")[2].partition("@")[0]
        for one in render
        for container in containers(one)
    }
    assert used == set(IMAGES)


@pytest.mark.parametrize(
    "image",
    [
        "loader",
        "europe-west1-docker.pkg.dev/example-tweetlog-prod/tweetlog/loader:latest",
        "gcr.io/example-tweetlog-prod/tweetlog/loader@sha256:" + "0" * 64,
    ],
)
def test_another_image_or_a_tag_is_found(prod: Render, image: str) -> None:
    wrong = broken(prod, "Service loader", "spec.template.spec.containers.0.image", image)

    assert "is not ours by digest" in lines(image_faults(wrong))


def test_each_image_takes_its_arguments(render: Render) -> None:
    assert lines(command_faults(render)) == ""


@pytest.mark.parametrize(
    ("resource", "path", "arguments"),
    [
        ("Service loader", "spec.template.spec.containers.0.args", ["psuh"]),
        (
            "Job verify",
            "spec.template.spec.template.spec.containers.0.args",
            ["verify", "--projekt=x"],
        ),
    ],
)
def test_arguments_that_an_image_refuses_are_found(
    prod: Render, resource: str, path: str, arguments: list[str]
) -> None:
    wrong = broken(prod, resource, path, arguments)

    assert f"does not take {' '.join(arguments)}" in lines(command_faults(wrong))


def test_a_pull_request_is_built_as_who_cannot_deploy(render: Render) -> None:
    push, request = (the(render, "CloudBuildTrigger", name) for name in ("push", "pull-request"))

    assert push.spec["serviceAccountRef"] == {"name": "cloud-build"}
    assert push.spec["repositoryEventConfig"]["push"] == {"branch": "^main$"}
    assert "_DEPLOY" not in push.spec["substitutions"]
    assert request.spec["serviceAccountRef"] == {"name": "cloud-build-check"}
    assert request.spec["substitutions"]["_DEPLOY"] == "false"
    assert request.spec["substitutions"]["_SERVICE_ACCOUNT"] == "cloud-build-check"
    assert request.spec["repositoryEventConfig"]["pullRequest"]["commentControl"] == (
        "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
    )
    assert push.spec["filename"] == request.spec["filename"] == "cloudbuild.yaml"
