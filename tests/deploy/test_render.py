"""A render is whole: nothing unchecked, no word left over, no secret, overlays differ in size."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from deploy.manifests import (
    K8S,
    OVERLAYS,
    Manifest,
    Render,
    also,
    broken,
    environment,
    lines,
    of_kind,
    texts,
    the,
)
from deploy.test_config_connector import OWN, REST
from deploy.test_kubernetes import NATIVE
from ingestor.x import rules_file

# Kinds of GKE's add-ons. They have no schema here: each is spelt out in full below.
ADDED = ("SecretProviderClass", "PodMonitoring")
# Where an overlay may differ from another, but for its place.
SIZES = (
    r"CloudBuildTrigger .*: spec\.substitutions\._OVERLAY",
    r"Service .*: spec\.template\.metadata\.annotations\.autoscaling\.knative\.dev/maxScale",
    r"MonitoringAlertPolicy instances-.*: spec\.conditions\.\d\.conditionThreshold\.thresholdValue",
    r"Deployment ingestor: spec\.template\.spec\.containers\.0\.env\.TWEETLOG_POSTS_PER_\w+",
    r"Deployment ingestor: spec\.template\.spec\.containers\.0\.resources\..*",
)
# What a secret looks like: a private key, Google's keys and tokens, X's bearer token, a JWT.
SECRET = re.compile(
    r"-----BEGIN|private_key|AIza[\w-]{30}|ya29\.|AAAAAAAAAAAAAAAAAAA[\w%]{20}|eyJ[\w-]{20,}\."
)


def unchecked(render: Render) -> Iterator[str]:
    """Yield each resource that no check of its schema looks at."""
    for one in render:
        native = one.api in NATIVE
        if not (native or one.kind in (*REST, *OWN, *ADDED) or one.applied_by == "gcloud"):
            yield f"{one} ({one.document['apiVersion']}): nothing checks this kind"


def left_over(render: Render) -> Iterator[str]:
    for one in render:
        for path, text in texts(one.document):
            for word in re.findall(
                r"\b(?:PROJECT_ID|PROJECT_NUMBER|REGION|ALERT_EMAIL|OVERLAY_NAME)\b", text
            ):
                yield f"{one}: {path}: {word} is left"


def secrets(render: Render) -> Iterator[str]:
    for one in render:
        if (one.kind, one.api) == ("Secret", ""):
            yield f"{one}: a secret has no place in a manifest"
        for path, text in texts(one.document):
            if SECRET.search(text):
                yield f"{one}: {path}: looks like a secret"
    for one in of_kind(render, "Deployment", "Service", "Job"):
        for name, value in environment(one).items():
            if re.search(r"TOKEN|SECRET|PASSWORD|_KEY$", name) and not name.endswith("_FILE"):
                yield f"{one}: {name} is {len(value)} characters of a secret; give it as a file"


def differences(first: Render, second: Render) -> Iterator[str]:
    """Yield each place in which two renders differ, their places and digests left aside."""
    left, right = _flat(first), _flat(second)
    for key in sorted(left.keys() | right.keys()):
        if left.get(key) != right.get(key) and not any(re.fullmatch(one, key) for one in SIZES):
            yield f"{key}: {left.get(key)} and {right.get(key)}"


def _flat(render: Render) -> dict[str, Any]:
    return {f"{one}: {path}": value for one in render for path, value in _leaves(one.document)}


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            # A variable by its name: where it stands says nothing.
            name = inner["name"] if path.endswith(".env") else index
            yield from _leaves(inner, f"{path}.{name}")
    else:
        text = re.sub(r"example-tweetlog-(dev|prod)", "PROJECT_ID", str(value))
        yield re.sub(r"(\.env\.\w+)\.value$", r"\1", path), text


def test_every_resource_is_checked(render: Render) -> None:
    assert lines(unchecked(render)) == ""


def test_a_kind_that_nothing_checks_is_found(prod: Render) -> None:
    more = also(prod, "build", "{apiVersion: example.com/v1, kind: Thing, metadata: {name: x}}")

    assert "Thing x (example.com/v1): nothing checks this kind" in lines(unchecked(more))


def test_the_add_ons_get_what_their_documents_say(render: Render) -> None:
    secret, monitoring = (
        the(render, "SecretProviderClass", "x-bearer-token"),
        _only(render, "PodMonitoring"),
    )
    project = next(of_kind(render, "Namespace")).annotations["cnrm.cloud.google.com/project-id"]

    assert secret.document["apiVersion"] == "secrets-store.csi.x-k8s.io/v1"
    assert secret.spec.keys() == {"provider", "parameters"}
    assert secret.spec["provider"] == "gke"
    assert yaml.safe_load(secret.spec["parameters"]["secrets"]) == [
        {
            "resourceName": f"projects/{project}/secrets/x-bearer-token/versions/latest",
            "path": "token",
        }
    ]
    assert monitoring.document["apiVersion"] == "monitoring.googleapis.com/v1"
    assert monitoring.spec == {
        "selector": {"matchLabels": {"app.kubernetes.io/name": "ingestor"}},
        "endpoints": [{"port": "http", "path": "/metrics", "interval": "30s"}],
    }


def _only(render: Render, kind: str) -> Manifest:
    (one,) = of_kind(render, kind)
    return one


def test_token_state_and_rules_are_where_the_ingestor_looks(render: Render) -> None:
    ingestor = the(render, "Deployment", "ingestor")
    pod = ingestor.spec["template"]["spec"]
    mounts = {one["name"]: one["mountPath"] for one in pod["containers"][0]["volumeMounts"]}
    data = next(of_kind(render, "ConfigMap")).document["data"]

    variables = environment(ingestor)

    assert variables["TWEETLOG_X_BEARER_TOKEN_FILE"] == f"{mounts['x-bearer-token']}/token"
    assert variables["TWEETLOG_STATE_DIR"] == mounts["state"]
    file = Path(variables["TWEETLOG_X_RULES_FILE"])
    assert file.parent == Path(mounts["x-rules"])
    assert rules_file.rules(file.name, data[file.name].encode())


def test_no_word_is_left_over(render: Render) -> None:
    assert lines(left_over(render)) == ""


def test_a_word_that_is_left_over_is_found(prod: Render) -> None:
    wrong = broken(prod, "BigQueryDataset tweetlog", "spec.location", "REGION")

    assert "BigQueryDataset tweetlog: spec.location: REGION is left" in lines(left_over(wrong))


def test_there_is_no_secret(render: Render) -> None:
    assert lines(secrets(render)) == ""


def test_a_secret_is_found(prod: Render) -> None:
    env = "spec.template.spec.containers.0.env.4"
    token = {"name": "TWEETLOG_X_BEARER_TOKEN", "value": "A" * 20 + "b%2F" * 12}

    in_env = lines(secrets(broken(prod, "Deployment ingestor", env, token)))
    as_secret = lines(
        secrets(also(prod, "build", "{apiVersion: v1, kind: Secret, metadata: {name: x}}"))
    )
    in_text = lines(
        secrets(broken(prod, "Service loader", "metadata.annotations.a", "AIza" + "x" * 35))
    )

    assert "looks like a secret" in in_env
    assert "give it as a file" in in_env
    assert "has no place in a manifest" in as_secret
    assert "Service loader: metadata.annotations.a: looks like a secret" in in_text


def test_no_file_of_k8s_holds_a_secret() -> None:
    found = [file for file in K8S.rglob("*") if file.is_file() and SECRET.search(file.read_text())]

    assert found == []


def test_overlays_differ_in_place_digests_and_sizes_alone(
    render_of: Callable[[str], Render],
) -> None:
    dev, prod = (render_of(overlay) for overlay in OVERLAYS)

    assert lines(differences(dev, prod)) == ""


def test_an_overlay_that_differs_in_more_is_found(render_of: Callable[[str], Render]) -> None:
    dev, prod = (render_of(overlay) for overlay in OVERLAYS)
    topic = "spec.messageRetentionDuration"

    wrong = broken(prod, "PubSubTopic tweets-raw", topic, "600s")

    assert "PubSubTopic tweets-raw: spec.messageRetentionDuration: 2678400s and 600s" in lines(
        differences(dev, wrong)
    )
