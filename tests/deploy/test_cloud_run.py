"""Cloud Run's services and jobs: Google's own description of their API, and our rules."""

from collections.abc import Iterator
from typing import Any

import pytest

from deploy import google_schema
from deploy.manifests import Manifest, Render, broken, containers, environment, lines, of_kind, pod

# Cloud Run, "Container runtime contract": set by Cloud Run itself.
RESERVED = {"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}
# Where each resource stands in a manifest, and what Cloud Run calls it.
PLACES = {
    "Service": {"": "Service", "spec.template": "Revision"},
    "Job": {"": "Job", "spec.template": "Execution"},
}


def runs(render: Render) -> Iterator[Manifest]:
    return (one for one in render if one.applied_by == "gcloud")


def services(render: Render) -> Iterator[Manifest]:
    return (one for one in of_kind(render, "Service") if one.applied_by == "gcloud")


def schema_faults(render: Render) -> Iterator[str]:
    for one in runs(render):
        for fault in google_schema.faults("run.v1", one.kind, one.document):
            yield f"{one}: {fault}"
        yield from _annotation_faults(one)


def _annotation_faults(one: Manifest) -> Iterator[str]:
    known = google_schema.run_annotations()
    for path, resource in PLACES[one.kind].items():
        inner: dict[str, Any] = one.document
        for step in filter(None, path.split(".")):
            inner = inner[step]
        for name in inner.get("metadata", {}).get("annotations", {}):
            if resource not in known.get(name, ()):
                yield f"{one}: {name} is no annotation of a {resource}"


def rule_faults(render: Render) -> Iterator[str]:
    for one in runs(render):
        yield from _metadata_faults(one)
        if "serviceAccountName" not in pod(one):
            yield f"{one}: runs as the project's default account"
        for container in containers(one):
            yield from _container_faults(one, container)
    for one in services(render):
        yield from _service_faults(one)


def _metadata_faults(one: Manifest) -> Iterator[str]:
    metadata = one.document["metadata"]
    if "namespace" in metadata:
        yield f"{one}: Cloud Run takes no namespace but the project"
    for label in metadata.get("labels", {}):
        if "/" in label and not label.startswith("cloud.googleapis.com/"):
            yield f"{one}: Cloud Run takes no slash in the label {label}"


def _container_faults(one: Manifest, container: dict[str, Any]) -> Iterator[str]:
    for variable in container.get("env", []):
        if variable["name"] in RESERVED:
            yield f"{one}: Cloud Run sets {variable['name']} itself"
    if set(container.get("resources", {}).get("limits", {})) != {"cpu", "memory"}:
        yield f"{one}: wants a limit of cpu and of memory"


def _service_faults(one: Manifest) -> Iterator[str]:
    if one.annotations.get("run.googleapis.com/ingress") != "internal":
        yield f"{one}: is open to the internet"
    if "run.googleapis.com/invoker-iam-disabled" in one.annotations:
        yield f"{one}: answers whoever calls"
    if "traffic" in one.spec:
        yield f"{one}: the deployment decides on traffic, not the manifest"
    threads = environment(one).get("TWEETLOG_CONCURRENCY")
    if str(pod(one).get("containerConcurrency")) != threads:
        concurrency = pod(one).get("containerConcurrency")
        yield f"{one}: containerConcurrency {concurrency}, but TWEETLOG_CONCURRENCY {threads}"
    if "autoscaling.knative.dev/maxScale" not in one.spec["template"]["metadata"]["annotations"]:
        yield f"{one}: wants a limit of instances"
    for probe in ("startupProbe", "livenessProbe"):
        if probe not in containers(one)[0]:
            yield f"{one}: wants a {probe}"


def test_cloud_run_takes_every_service_and_job(render: Render) -> None:
    assert lines(schema_faults(render)) == ""
    assert {one.kind for one in runs(render)} == {"Service", "Job"}


@pytest.mark.parametrize(
    ("resource", "path", "value", "complaint"),
    [
        ("Service loader", "spec.template.spec.containerConcurency", 80, "containerConcurency"),
        ("Service loader", "spec.template.spec.timeoutSeconds", "60", "timeoutSeconds"),
        ("Service loader", "spec.template.spec.containers.0.envFrm", [], "envFrm"),
        ("Service loader", "spec.trafic", [], "trafic"),
        (
            "Service loader",
            r"spec.template.metadata.annotations.autoscaling\.knative\.dev/maxscale",
            "3",
            "is no annotation of a Revision",
        ),
        (
            "Service loader",
            r"metadata.annotations.run\.googleapis\.com/cpu-throttling",
            "true",
            "is no annotation of a Service",
        ),
        ("Job verify", "spec.template.spec.taskcount", 1, "taskcount"),
        ("Job verify", "spec.template.spec.template.spec.maxRetry", 1, "maxRetry"),
    ],
)
def test_a_misspelt_field_is_found(
    prod: Render, resource: str, path: str, value: Any, complaint: str
) -> None:
    wrong = broken(prod, resource, path, value)

    assert complaint in lines(schema_faults(wrong))


def test_services_and_jobs_keep_our_rules(render: Render) -> None:
    assert lines(rule_faults(render)) == ""


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("metadata.namespace", "tweetlog", "takes no namespace"),
        ("metadata.labels.tweetlog/lane", "live", "no slash in the label tweetlog/lane"),
        (r"metadata.annotations.run\.googleapis\.com/ingress", "all", "open to the internet"),
        (
            r"metadata.annotations.run\.googleapis\.com/invoker-iam-disabled",
            "true",
            "answers whoever calls",
        ),
        ("spec.traffic", [{"latestRevision": True, "percent": 100}], "decides on traffic"),
        ("spec.template.spec.serviceAccountName", ..., "default account"),
        ("spec.template.spec.containerConcurrency", 100, "but TWEETLOG_CONCURRENCY 80"),
        (
            r"spec.template.metadata.annotations.autoscaling\.knative\.dev/maxScale",
            ...,
            "wants a limit of instances",
        ),
        (
            "spec.template.spec.containers.0.env.0",
            {"name": "PORT", "value": "80"},
            "sets PORT itself",
        ),
        ("spec.template.spec.containers.0.livenessProbe", ..., "wants a livenessProbe"),
        ("spec.template.spec.containers.0.resources.limits.memory", ..., "wants a limit of cpu"),
    ],
)
def test_a_broken_rule_is_found(prod: Render, path: str, value: Any, complaint: str) -> None:
    wrong = broken(prod, "Service loader", path, value)

    assert complaint in lines(rule_faults(wrong))
