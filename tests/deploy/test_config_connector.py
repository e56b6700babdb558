"""Config Connector's resources, against Google's descriptions of the APIs that they become.

A spec is the REST resource with references in place of names; `REST` says for each kind which
resource, and what else differs. Where the environment names a folder with Config Connector's own
definitions (CONFIG_CONNECTOR_CRDS), they are asked as well.
"""

import copy
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deploy import google_schema
from deploy.manifests import Manifest, Render, broken, lines, of_kind

GROUP = ".cnrm.cloud.google.com"
ABANDON = "cnrm.cloud.google.com/deletion-policy"
# Deleting one of these deletes what nothing brings back.
HOLDS_DATA = {
    "BigQueryDataset",
    "SecretManagerSecret",
    "ArtifactRegistryRepository",
    "PubSubSubscription",
}
# Made for one replay, and empty between two.
PASSING = {"tweets-raw-replay", "tweets-enriched-replay"}

Spec = dict[str, Any]


def _same(spec: Spec) -> Spec:
    return spec


def _subscription(spec: Spec) -> Spec:
    # Config Connector says never by an empty text, the API by an empty policy.
    if spec.get("expirationPolicy") == {"ttl": ""}:
        spec["expirationPolicy"] = {}
    return spec


def _secret(spec: Spec) -> Spec:
    replication = spec.get("replication", {})
    if "auto" in replication:
        replication["automatic"] = replication.pop("auto")
    return spec


def _repository(spec: Spec) -> Spec:
    policies = spec.pop("cleanupPolicies", [])
    return {**spec, "cleanupPolicies": {one["id"]: one for one in policies}}


def _role(spec: Spec) -> Spec:
    permissions = spec.pop("permissions")
    return {**spec, "includedPermissions": permissions}


def _scheduled(spec: Spec) -> Spec:
    target = spec.get("httpTarget", {})
    for token in ("oauthToken", "oidcToken"):
        if token in target:
            target[token]["serviceAccountEmail"] = target[token].pop("serviceAccount")
    return spec


def _bucket(spec: Spec) -> Spec:
    access = {"publicAccessPrevention": spec.pop("publicAccessPrevention", None)}
    access["uniformBucketLevelAccess"] = {"enabled": spec.pop("uniformBucketLevelAccess", None)}
    rules = spec.pop("lifecycleRule", [])
    return {**spec, "iamConfiguration": access, "lifecycle": {"rule": rules}}


@dataclass(frozen=True, slots=True)
class Rest:
    """What a kind becomes: the API, the resource, what the path says, what must be there."""

    api: str
    resource: str
    adapted: Callable[[Spec], Spec] = _same
    in_path: tuple[str, ...] = ()
    required: tuple[str, ...] = field(default=())


REST = {
    "PubSubTopic": Rest("pubsub.v1", "Topic"),
    "PubSubSubscription": Rest(
        "pubsub.v1", "Subscription", _subscription, required=("topic", "ackDeadlineSeconds")
    ),
    "BigQueryDataset": Rest("bigquery.v2", "Dataset", required=("location",)),
    "IAMServiceAccount": Rest("iam.v1", "ServiceAccount"),
    "IAMCustomRole": Rest("iam.v1", "Role", _role, ("resourceID",), required=("title",)),
    "SecretManagerSecret": Rest("secretmanager.v1", "Secret", _secret, required=("replication",)),
    "StorageBucket": Rest("storage.v1", "Bucket", _bucket, ("resourceID",), required=("location",)),
    "ArtifactRegistryRepository": Rest(
        "artifactregistry.v1", "Repository", _repository, ("location",), required=("format",)
    ),
    "CloudBuildTrigger": Rest(
        "cloudbuild.v1",
        "BuildTrigger",
        in_path=("location",),
        required=("filename", "serviceAccount", "repositoryEventConfig"),
    ),
    "CloudSchedulerJob": Rest(
        "cloudscheduler.v1", "Job", _scheduled, ("location",), required=("schedule", "timeZone")
    ),
    "MonitoringAlertPolicy": Rest(
        "monitoring.v3", "AlertPolicy", required=("displayName", "combiner", "conditions")
    ),
    "MonitoringNotificationChannel": Rest(
        "monitoring.v3", "NotificationChannel", required=("type", "labels")
    ),
    "MonitoringDashboard": Rest("monitoring.v1", "Dashboard", required=("displayName",)),
}

_TEXT = {"type": "string", "minLength": 1}
_REFERENCE = {
    "type": "object",
    "properties": dict.fromkeys(("apiVersion", "kind", "name", "external"), _TEXT),
    "additionalProperties": False,
    "oneOf": [{"required": ["name"]}, {"required": ["external"]}],
}
_NAMED = {
    "type": "object",
    "properties": {"name": _TEXT},
    "required": ["name"],
    "additionalProperties": False,
}
# What is no REST resource: a grant becomes an entry of a policy, an identity a call.
OWN: dict[str, Spec] = {
    "IAMPolicyMember": {
        "type": "object",
        "properties": {
            "member": _TEXT,
            "memberFrom": {
                "type": "object",
                "properties": {"serviceAccountRef": _NAMED, "serviceIdentityRef": _NAMED},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
            "role": {"type": "string", "pattern": r"^(roles|projects/[\w-]+/roles)/[\w.]+$"},
            "resourceRef": {**_REFERENCE, "required": ["kind", "apiVersion"]},
        },
        "additionalProperties": False,
        "required": ["role", "resourceRef"],
        "oneOf": [{"required": ["member"]}, {"required": ["memberFrom"]}],
    },
    "ServiceIdentity": {
        "type": "object",
        "properties": {"resourceID": _TEXT, "projectRef": _REFERENCE},
        "additionalProperties": False,
        "required": ["resourceID", "projectRef"],
    },
}


def connected(render: Render) -> Iterator[Manifest]:
    return (one for one in render if one.api.endswith(GROUP))


def schema_faults(render: Render) -> Iterator[str]:
    for one in connected(render):
        if one.kind in OWN:
            found = jsonschema.Draft202012Validator(OWN[one.kind]).iter_errors(one.spec)
            yield from (f"{one}: {error.json_path}: {error.message}" for error in found)
        elif one.kind in REST:
            yield from (f"{one}: {fault}" for fault in _rest_faults(one, REST[one.kind]))
        else:
            yield f"{one}: add {one.kind} to REST or OWN in {Path(__file__).name}"


def _rest_faults(one: Manifest, rest: Rest) -> Iterator[str]:
    spec = {name: value for name, value in one.spec.items() if name not in rest.in_path}
    resource = rest.adapted(_named(copy.deepcopy(spec)))
    yield from (f"{name} is missing" for name in rest.in_path if name not in one.spec)
    yield from (f"{name} is missing" for name in rest.required if name not in resource)
    yield from google_schema.faults(rest.api, rest.resource, resource)


def _named(spec: Any) -> Any:
    """Return a spec with a name in place of each reference."""
    if isinstance(spec, list):
        return [_name(one) if _is_reference(one) else _named(one) for one in spec]
    if not isinstance(spec, dict):
        return spec
    found = {}
    for name, value in spec.items():
        if name == "projectRef":
            continue  # the path of the request
        if name.endswith("Ref") and _is_reference(value):
            found[name.removesuffix("Ref")] = _name(value)
        else:
            found[name] = _named(value)
    return found


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and set(value) in ({"name"}, {"external"})


def _name(reference: Spec) -> str:
    return str(next(iter(reference.values())))


def reference_faults(render: Render) -> Iterator[str]:
    """Yield each reference by name to what the render does not hold."""
    there = {one.name for one in connected(render)}
    for one in connected(render):
        for path, name in _references(one.spec):
            if name not in there:
                yield f"{one}: {path}: nothing is called {name}"


def _references(value: Any, path: str = "spec") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.endswith("Ref") and isinstance(inner, dict) and "name" in inner:
                yield f"{path}.{key}", inner["name"]
            else:
                yield from _references(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _references(inner, f"{path}.{index}")


def data_faults(render: Render) -> Iterator[str]:
    for one in connected(render):
        holds = one.kind in HOLDS_DATA or (one.kind == "PubSubTopic" and one.name not in PASSING)
        if holds and one.annotations.get(ABANDON) != "abandon":
            yield f"{one}: holds data, so it wants the annotation {ABANDON}: abandon"


def test_google_takes_every_resource(render: Render) -> None:
    assert lines(schema_faults(render)) == ""


@pytest.mark.parametrize(
    ("resource", "path", "value", "complaint"),
    [
        ("PubSubTopic tweets-raw", "spec.messageRetentionDuration", "31d", "'31d' does not"),
        ("PubSubSubscription tweets-raw-enricher", "spec.topicRef", ..., "topic is missing"),
        (
            "PubSubSubscription tweets-raw-enricher",
            "spec.pushConfig.noWrapper.writeMetaData",
            True,
            "'writeMetaData' was unexpected",
        ),
        ("BigQueryDataset tweetlog", "spec.access.0.rolle", "x", "'rolle' was unexpected"),
        ("BigQueryDataset tweetlog", "spec.location", ..., "location is missing"),
        ("IAMServiceAccount loader", "spec.displayname", "x", "'displayname' was unexpected"),
        ("IAMCustomRole tweetlog-row-writer", "spec.stage", "LIVE", "'LIVE' is not one of"),
        ("SecretManagerSecret x-bearer-token", "spec.replication.auot", {}, "'auot' was unex"),
        ("ArtifactRegistryRepository tweetlog", "spec.format", "OCI", "'OCI' is not one of"),
        ("StorageBucket replay", "spec.lifecycleRule.0.condition.ageDays", 9, "'ageDays' was unex"),
        ("StorageBucket replay", "spec.uniformBucketLevelAccess", "on", "'on' is not of type"),
        ("CloudBuildTrigger push", "spec.fileName", "x", "'fileName' was unexpected"),
        ("CloudBuildTrigger push", "spec.serviceAccountRef", ..., "serviceAccount is missing"),
        ("CloudSchedulerJob verify", "spec.httpTarget.httpMethod", "POSt", "is not one of"),
        ("CloudSchedulerJob verify", "spec.attemptDeadline", "3m", "'3m' does not match"),
        ("IAMPolicyMember build-logs", "spec.role", "logging.logWriter", "does not match"),
        ("IAMPolicyMember build-logs", "spec.member", "user:x", "is valid under each of"),
        ("ServiceIdentity pubsub", "spec.resourceID", ..., "'resourceID' is a required"),
    ],
)
def test_a_mistake_in_a_resource_is_found(
    prod: Render, resource: str, path: str, value: Any, complaint: str
) -> None:
    wrong = broken(prod, resource, path, value)

    assert complaint in lines(schema_faults(wrong))


def test_what_is_referred_to_is_there(render: Render) -> None:
    assert lines(reference_faults(render)) == ""


def test_a_reference_to_nothing_is_found(prod: Render) -> None:
    path = "spec.deadLetterPolicy.deadLetterTopicRef.name"
    wrong = broken(prod, "PubSubSubscription tweets-raw-enricher", path, "tweets-daed")

    assert "nothing is called tweets-daed" in lines(reference_faults(wrong))


def test_what_holds_data_outlives_its_manifest(render: Render) -> None:
    assert lines(data_faults(render)) == ""


def test_data_that_would_go_with_its_manifest_is_found(prod: Render) -> None:
    wrong = broken(prod, "BigQueryDataset tweetlog", "metadata.annotations", {})

    assert "BigQueryDataset tweetlog: holds data" in lines(data_faults(wrong))


@pytest.mark.skipif(
    not os.environ.get("CONFIG_CONNECTOR_CRDS"),
    reason="CONFIG_CONNECTOR_CRDS names no folder of Config Connector's definitions",
)
def test_config_connector_itself_takes_every_resource(render: Render) -> None:
    schemas = _definitions(Path(os.environ["CONFIG_CONNECTOR_CRDS"]))

    found = [
        f"{one}: {error.json_path}: {error.message}"
        for one in connected(render)
        for error in jsonschema.Draft202012Validator(schemas[one.kind]).iter_errors(one.document)
    ]

    assert lines(found) == ""


def _definitions(folder: Path) -> dict[str, Spec]:
    found = {}
    for file in folder.glob("*.yaml"):
        definition = yaml.safe_load(file.read_text())["spec"]
        for version in definition["versions"]:
            if version["name"] == "v1beta1":
                schema = version["schema"]["openAPIV3Schema"]
                found[definition["names"]["kind"]] = _closed(schema)
    return found


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    if "properties" in schema and isinstance(schema.get("type"), str):
        closed.setdefault("additionalProperties", False)
    if schema.get("type") == "object" and set(schema) <= {"type"}:
        closed["additionalProperties"] = True  # metadata
    return closed


def test_subscriptions_never_expire(render: Render) -> None:
    found = {
        one.name: one.spec.get("expirationPolicy") for one in of_kind(render, "PubSubSubscription")
    }

    assert set(map(str, found.values())) == {str({"ttl": ""})}
