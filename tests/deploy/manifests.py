"""The render of an overlay as documents, and how a test breaks one of them."""

import copy
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
OVERLAYS = ("dev", "prod")
DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGES = ("ingestor", "enricher", "loader", "ops")
# A place for every test, so that yours in place.env changes none of them.
REGION = "europe-west1"
NUMBER = "123456789012"
PROJECT = "example-tweetlog-{overlay}"
PLACE = f"""\
project={PROJECT}
project_number={NUMBER}
region={REGION}
alert_email=alerts@example.com
"""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One resource of a render, and who applies it: operator, build or gcloud."""

    applied_by: str
    document: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.document["kind"])

    @property
    def api(self) -> str:
        """The API's group, without its version; empty for Kubernetes' core."""
        group, _, version = str(self.document["apiVersion"]).rpartition("/")
        return group if version else ""

    @property
    def name(self) -> str:
        return str(self.document["metadata"]["name"])

    @property
    def spec(self) -> dict[str, Any]:
        return dict(self.document.get("spec") or {})

    @property
    def annotations(self) -> dict[str, str]:
        return dict(self.document["metadata"].get("annotations") or {})

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


Render = tuple[Manifest, ...]


def rendered(overlay: str, folder: Path) -> Render:
    """Render an overlay with a made-up place and digests, exactly as a deployment does."""
    need_kustomize()
    placed(folder / "k8s")
    digests = [f"{image}={DIGEST}" for image in IMAGES]
    done = subprocess.run(
        [str(folder / "k8s/render.sh"), overlay, str(folder / "render"), *digests],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return tuple(read(folder / "render"))


def placed(k8s: Path) -> None:
    """Make a copy of k8s/ whose overlays have a made-up place."""
    shutil.copytree(K8S, k8s)
    for overlay in OVERLAYS:
        (k8s / "overlays" / overlay / "place.env").write_text(PLACE.format(overlay=overlay))


def read(folder: Path) -> Iterator[Manifest]:
    for file in sorted(folder.glob("*/*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            yield Manifest(file.parent.name, document)


def need_kustomize() -> None:
    """Skip where there is nothing to render with; fail where continuous integration runs."""
    if shutil.which("kubectl") or shutil.which("kustomize"):
        return
    reason = "neither kubectl nor kustomize is on PATH, so k8s/ cannot be rendered"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def of_kind(render: Render, *kinds: str) -> Iterator[Manifest]:
    return (one for one in render if one.kind in kinds)


def the(render: Render, kind: str, name: str) -> Manifest:
    return next(one for one in render if (one.kind, one.name) == (kind, name))


def broken(render: Render, resource: str, path: str, value: Any) -> Render:
    """Return the render with one value of one resource replaced.

    `resource` is its kind and name, such as `Service loader`. `path` is dotted: a number is a
    place in a list, `\\.` a dot in a name. Ellipsis as the value takes the field out.
    """
    wanted = the(render, *resource.split())
    document = copy.deepcopy(wanted.document)
    _put(document, _steps(path), value)
    return tuple(Manifest(one.applied_by, document) if one is wanted else one for one in render)


def without(render: Render, resource: str) -> Render:
    wanted = the(render, *resource.split())
    return tuple(one for one in render if one is not wanted)


def also(render: Render, applied_by: str, text: str) -> Render:
    """Return the render with one more resource, given as YAML."""
    return (*render, Manifest(applied_by, yaml.safe_load(text)))


def _steps(path: str) -> list[str]:
    return [step.replace("\0", ".") for step in path.replace(r"\.", "\0").split(".")]


def _put(document: Any, steps: list[str], value: Any) -> None:
    *way, last = (int(step) if step.isdigit() else step for step in steps)
    for step in way:
        if isinstance(document, dict) and step not in document:
            document[step] = {}
        document = document[step]
    if value is ...:
        del document[last]
    else:
        document[last] = value


def containers(manifest: Manifest) -> list[dict[str, Any]]:
    """Return a workload's containers: of a Deployment, a Cloud Run service or a Cloud Run job."""
    return list(pod(manifest).get("containers", []))


def pod(manifest: Manifest) -> dict[str, Any]:
    """Return what a workload's template says of its pods; empty for what is no workload."""
    inner = manifest.spec.get("template", {}).get("spec", {})
    if manifest.kind == "Job":
        inner = inner.get("template", {}).get("spec", {})
    return dict(inner) if manifest.kind in ("Deployment", "Service", "Job") else {}


def environment(manifest: Manifest) -> dict[str, str]:
    (container,) = containers(manifest)
    pairs = [(one["name"], one["value"]) for one in container.get("env", [])]
    assert len(dict(pairs)) == len(pairs), f"{manifest}: a variable stands twice"
    return dict(pairs)


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in a document with its dotted path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from texts(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from texts(inner, f"{path}.{index}")
    elif isinstance(value, str):
        yield path, value


def lines(faults: Iterable[str]) -> str:
    return "\n".join(faults)
