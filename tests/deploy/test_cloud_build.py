"""cloudbuild.yaml says what it should; and each way in which it could not is found."""

import json
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from google.cloud.devtools import cloudbuild_v1
from google.protobuf import json_format

from deploy.cloud_build import ancestors, commands, faults
from deploy.google_schema import faults as described_faults
from deploy.manifests import ROOT, lines

FILE = ROOT / "cloudbuild.yaml"


@pytest.fixture
def build() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return read


def step(build: dict[str, Any], identity: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in build["steps"] if one["id"] == identity)
    return found


def schema_faults(build: dict[str, Any]) -> list[str]:
    """Return what SchemaStore's schema of Cloud Build says, as check-jsonschema ships it."""
    place = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "cloudbuild.json"
    validator = jsonschema.Draft7Validator(json.loads(place.read_text()))
    return [error.message for error in validator.iter_errors(build)]


def message_fault(build: dict[str, Any]) -> str:
    """Return what the API's own message says."""
    try:
        json_format.ParseDict(build, cloudbuild_v1.Build()._pb)  # noqa: SLF001 - what is parsed into
    except json_format.ParseError as reason:
        return str(reason)
    return ""


def test_nothing_is_wrong(build: dict[str, Any]) -> None:
    assert schema_faults(build) == []
    assert message_fault(build) == ""
    assert lines(described_faults("cloudbuild.v1", "Build", build)) == ""
    assert lines(faults(build)) == ""


def set_to(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what puts a value in one place; ellipsis takes it out. A step is named by its id."""

    def change(build: dict[str, Any]) -> None:
        *way, last = path.split("/")
        place: Any = build
        for one in way:
            place = step(build, one) if place is build and one not in build else place[one]
        if value is ...:
            del place[last]
        else:
            place[last] = value

    return change


BROKEN_SHAPES = [
    (set_to("check/waitfor", ["-"]), "waitfor"),
    (set_to("check/timeout", "ten minutes"), "timeout"),
    (set_to("options/machineType", "E2_HIGHCPU_9"), "E2_HIGHCPU_9"),
    (set_to("options/loging", "NONE"), "loging"),
    (set_to("steps", "none"), "steps"),
]


@pytest.mark.parametrize(("change", "complaint"), BROKEN_SHAPES)
def test_what_the_api_would_refuse_is_found(
    build: dict[str, Any], change: Callable[[dict[str, Any]], None], complaint: str
) -> None:
    change(build)

    assert complaint in message_fault(build)
    assert lines(described_faults("cloudbuild.v1", "Build", build))


@pytest.mark.parametrize(("change", "complaint"), BROKEN_SHAPES)
def test_what_the_schema_would_refuse_is_found(
    build: dict[str, Any], change: Callable[[dict[str, Any]], None], complaint: str
) -> None:
    assert complaint
    change(build)

    assert schema_faults(build)


BROKEN = [
    (set_to("push-ops/waitFor", ["scan-opps"]), "push-ops: waits for scan-opps, no step"),
    (set_to("check/waitFor", ["ingestor"]), "check: waits for ingestor, a later step"),
    (set_to("check/waitFor", ["check"]), "check: waits for check, a later step"),
    (set_to("check/waitFor", ...), "check: does not say what it waits for"),
    (set_to("test/waitFor", ["-", "check"]), "test: waits for nothing and for something"),
    (set_to("test/id", "check"), "check: there are two steps of this id"),
    (set_to("test/id", ""), "has no id"),
    (set_to("scan-ops/args", ["docker:$_IMAGE"]), "$_IMAGE is not declared"),
    (set_to("scan-ops/args", ["docker:${BUILDID}"]), "$BUILDID is not declared"),
    (set_to("builder/script", "echo $_BILDKIT"), "$_BILDKIT is not declared"),
    (set_to("substitutions/_OVERLAY", ...), "deploy/release.sh: $_OVERLAY is not declared"),
    (set_to("substitutions/_UNUSED", "x"), "substitutions._UNUSED: is not used"),
    (set_to("check/name", "python:3.13"), "check: image python:3.13 is not named by its digest"),
    (
        set_to("substitutions/_GRYPE", "anchore/grype:latest"),
        "image anchore/grype:latest is not named by its digest",
    ),
    (
        set_to("substitutions/_BUILDKIT", "moby/buildkit:v0.31.2"),
        "substitutions._BUILDKIT: image moby/buildkit:v0.31.2 is not named by its digest",
    ),
    (
        set_to("push-ops/waitFor", ["scan-ops"]),
        "push-ops: changes something without waiting for test",
    ),
    (
        set_to("push-ops/waitFor", ["check", "test", "test-pipeline", "scan-loader"]),
        "push-ops: changes something without waiting for scan-ops",
    ),
    (set_to("snapshot/waitFor", ["-"]), "snapshot: changes something without waiting for check"),
    (set_to("builder/script", "kubectl apply -f x"), "builder: changes something without"),
    (set_to("shift/waitFor", ["candidates"]), "shift: does not wait for smoke"),
    (set_to("candidates/waitFor", ["snapshot"]), "candidates: does not wait for platform"),
    (set_to("ingestor/waitFor", ["sign"]), "ingestor: does not wait for shift"),
    (set_to("smoke/id", "smoked"), "there is no step smoke"),
    (set_to("test/env", []), "test: runs tests without CI=true"),
    (set_to("test-google/name", "$_PYTHON"), "in an image without Google's tools"),
    (
        set_to("test-pipeline/script", "make test TESTS=tests/pipelines"),
        "tests/pipeline/test_run.py: is run by no step",
    ),
    (
        set_to("test/script", "make test"),
        "tests/pipeline/test_run.py: is run by test and test-pipeline",
    ),
    (
        set_to("test-google/script", 'make test TESTS="tests/deploy"'),
        "tests/contract/bigquery/test_bq.py: is run by no step",
    ),
    (set_to("check/timeout", ...), "check: has no timeout"),
    (set_to("timeout", ...), "timeout: the build has none"),
    (set_to("test/timeout", "86400s"), "test: may take longer than the whole build"),
    (set_to("builder/script", "if true; then"), "builder: not sh:"),
    (
        set_to("builder/script", "#!/usr/bin/env bash\nset -euo pipefail\nfoo() {"),
        "builder: not bash:",
    ),
    (
        set_to("builder/script", "#!/usr/bin/env bash\ndocker buildx create"),
        "builder: a script goes on after a command that failed",
    ),
    (set_to("smoke/script", "deploy/smoke.sh"), "deploy/smoke.sh: is not there"),
    (set_to("substitutions/_X_BEARER_TOKEN", "abc"), "_X_BEARER_TOKEN: a secret is no subst"),
    (set_to("check/env", ["API_KEY=abc"]), "API_KEY: a secret is no substitution"),
    (
        set_to("builder/script", "curl -H 'Authorization: Bearer " + "A" * 22 + "MLheAAAA0'"),
        "holds a secret",
    ),
    (set_to("check/secretEnv", ["TOKEN"]), "secretEnv: a build needs no secret"),
    (set_to("serviceAccount", ...), "serviceAccount: a build runs as an account of its own"),
    (set_to("options/logging", ...), "options.logging"),
    (set_to("options/automapSubstitutions", ...), "options.automapSubstitutions"),
    (set_to("images", ["x"]), "images: are pushed after all steps"),
]


@pytest.mark.parametrize(("change", "complaint"), BROKEN)
def test_what_only_we_can_see_is_found(
    build: dict[str, Any], change: Callable[[dict[str, Any]], None], complaint: str
) -> None:
    change(build)

    assert complaint in lines(faults(build))


def test_a_script_that_cannot_be_executed_is_found(
    build: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "deploy").mkdir()
    for one in ("image.sh", "release.sh"):
        (tmp_path / "deploy" / one).write_text((ROOT / "deploy" / one).read_text())
    monkeypatch.setattr("deploy.cloud_build.ROOT", tmp_path)

    assert "deploy/release.sh: cannot be executed" in lines(faults(build))


def test_tests_and_images_start_beside_each_other(build: dict[str, Any]) -> None:
    at_once = {one["id"] for one in build["steps"] if one["waitFor"] == ["-"]}

    assert {"check", "test", "test-pipeline", "test-google", "test-images", "builder"} <= at_once
    for service in ("ingestor", "enricher", "loader", "ops"):
        assert ancestors(build, f"build-{service}") == {"builder"}
        assert (
            commands(step(build, f"build-{service}")).strip() == f"deploy/image.sh build {service}"
        )


def test_tests_run_on_the_python_of_the_images(build: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()

    (digest,) = re.findall(r"\nARG BASE=python:[\w.-]+@(sha256:[0-9a-f]{64})\n", dockerfile)
    assert build["substitutions"]["_PYTHON"] == f"python@{digest}"
