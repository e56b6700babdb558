"""What goes to the cluster and is Kubernetes' own: two versions of its schemas, and our rules."""

from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest

from deploy.manifests import Manifest, Render, also, broken, containers, lines, of_kind, pod, the

VERSIONS = ("1.33", "1.37")
# Groups whose kinds come with every cluster.
NATIVE = ("", "apps", "networking.k8s.io", "rbac.authorization.k8s.io", "storage.k8s.io")


def is_native(manifest: Manifest) -> bool:
    return manifest.applied_by != "gcloud" and manifest.api in NATIVE


def schema_faults(render: Render, version: str) -> Iterator[str]:
    for one in filter(is_native, render):
        try:
            kubernetes_validate.validate(one.document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(map(str, error.path))
            yield f"{one}: {path}: {error.message}"


def pod_faults(render: Render) -> Iterator[str]:
    """Yield what Kubernetes' pod security standard `restricted`, or we, refuse in a Deployment."""
    for one in of_kind(render, "Deployment"):
        template = pod(one)
        security = template.get("securityContext", {})
        yield from _unless(one, "runAsNonRoot", security.get("runAsNonRoot") is True)
        yield from _unless(one, "runAsUser above 0", security.get("runAsUser", 0) > 0)
        profile = security.get("seccompProfile", {}).get("type")
        yield from _unless(one, "seccompProfile RuntimeDefault", profile == "RuntimeDefault")
        for name in ("enableServiceLinks", "automountServiceAccountToken"):
            yield from _unless(one, f"{name} false", template.get(name) is False)
        for name in ("hostNetwork", "hostPID", "hostIPC", "hostPath"):
            yield from _unless(one, f"no {name}", name not in str(template))
        for container in containers(one):
            yield from _container_faults(one, container)


def _container_faults(one: Manifest, container: dict[str, Any]) -> Iterator[str]:
    security = container.get("securityContext", {})
    escalates = security.get("allowPrivilegeEscalation")
    yield from _unless(one, "allowPrivilegeEscalation false", escalates is False)
    reads = security.get("readOnlyRootFilesystem")
    yield from _unless(one, "readOnlyRootFilesystem", reads is True)
    dropped = security.get("capabilities", {})
    yield from _unless(one, "drop ALL and add nothing", dropped == {"drop": ["ALL"]})
    resources = container.get("resources", {})
    same = resources.get("requests") == resources.get("limits") and "limits" in resources
    yield from _unless(one, "limits equal to requests", same)
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        yield from _unless(one, probe, probe in container)


def _unless(one: Manifest, wanted: str, there: object) -> Iterator[str]:
    if not there:
        yield f"{one}: wants {wanted}"


def reference_faults(render: Render) -> Iterator[str]:
    """Yield each name in a pod that no resource of the render has."""
    there = {(one.kind, one.name) for one in render}
    for one in of_kind(render, "Deployment"):
        template = pod(one)
        wanted = {("ServiceAccount", template.get("serviceAccountName"))}
        for volume in template.get("volumes", []):
            wanted |= set(_sources(volume))
        for kind, name in sorted(wanted - there, key=str):
            yield f"{one}: no {kind} {name}"
        mounted = {mount["name"] for box in containers(one) for mount in box["volumeMounts"]}
        for name in sorted(mounted ^ {volume["name"] for volume in template["volumes"]}):
            yield f"{one}: volume {name} is not both declared and mounted"


def _sources(volume: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "configMap" in volume:
        yield "ConfigMap", volume["configMap"]["name"]
    if "persistentVolumeClaim" in volume:
        yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
    if "csi" in volume:
        yield "SecretProviderClass", volume["csi"]["volumeAttributes"]["secretProviderClass"]


def deployer_faults(render: Render) -> Iterator[str]:
    """Yield what the build applies and may not, and what it may write and does not apply."""
    applied = {(one.api, plural(one.kind)) for one in render if one.applied_by == "build"}
    role = the(render, "Role", "deployer").document
    allowed = {
        (group, resource)
        for rule in role["rules"]
        if "create" in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    for group, resource in sorted(applied - allowed):
        yield f"the build applies {resource}.{group}; Role deployer does not let it"
    for group, resource in sorted(allowed - applied):
        yield f"Role deployer allows {resource}.{group}, which the build does not apply"


def plural(kind: str) -> str:
    word = kind.lower()
    if word.endswith("s"):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") else word + "s"


def network_faults(render: Render) -> Iterator[str]:
    policies = list(of_kind(render, "NetworkPolicy"))
    closed = [one for one in policies if one.spec.get("podSelector") == {}]
    if [sorted(one.spec["policyTypes"]) for one in closed] != [["Egress", "Ingress"]] or any(
        "ingress" in one.spec or "egress" in one.spec for one in closed
    ):
        yield "the namespace wants one policy that denies everything to every pod"
    reached = {
        (peer["ipBlock"]["cidr"], port["protocol"], port["port"])
        for one in policies
        for rule in one.spec.get("egress", [])
        for peer in rule.get("to", [])
        for port in rule.get("ports", [])
        if "ipBlock" in peer
    }
    # GKE, "Network policies and Workload Identity Federation": Dataplane V2.
    for port in (80, 8080):
        if ("169.254.169.254/32", "TCP", port) not in reached:
            yield f"no egress to the metadata server 169.254.169.254:{port} of Dataplane V2"


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_native_resource(render: Render, version: str) -> None:
    assert lines(schema_faults(render, version)) == ""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("spec.replica", 1, "'replica' was unexpected"),
        ("spec.strategy.type", 1, "1 is not of type"),
        ("spec.template.spec.containers.0.ports.0.containerPort", "8080", "is not of type"),
        ("spec.template.spec.enableServicelinks", False, "'enableServicelinks' was unexpected"),
        ("spec.selector", ..., "'selector' is a required property"),
    ],
)
def test_a_mistake_in_a_deployment_is_found(
    prod: Render, version: str, path: str, value: Any, complaint: str
) -> None:
    wrong = broken(prod, "Deployment ingestor", path, value)

    assert complaint in lines(schema_faults(wrong, version))


def test_pods_are_restricted(render: Render) -> None:
    assert lines(pod_faults(render)) == ""
    assert {
        one.document["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for one in of_kind(render, "Namespace")
    } == {"restricted"}


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("spec.template.spec.securityContext.runAsNonRoot", False, "wants runAsNonRoot"),
        ("spec.template.spec.securityContext.runAsUser", 0, "wants runAsUser above 0"),
        ("spec.template.spec.securityContext.seccompProfile", {}, "wants seccompProfile"),
        ("spec.template.spec.enableServiceLinks", ..., "wants enableServiceLinks false"),
        ("spec.template.spec.automountServiceAccountToken", True, "wants automountServiceAccount"),
        ("spec.template.spec.hostNetwork", True, "wants no hostNetwork"),
        (
            "spec.template.spec.containers.0.securityContext.allowPrivilegeEscalation",
            True,
            "wants allowPrivilegeEscalation false",
        ),
        (
            "spec.template.spec.containers.0.securityContext.readOnlyRootFilesystem",
            ...,
            "wants readOnlyRootFilesystem",
        ),
        (
            "spec.template.spec.containers.0.securityContext.capabilities.add",
            ["NET_RAW"],
            "wants drop ALL and add nothing",
        ),
        ("spec.template.spec.containers.0.resources.limits.cpu", "1", "limits equal to requests"),
        ("spec.template.spec.containers.0.livenessProbe", ..., "wants livenessProbe"),
    ],
)
def test_a_pod_that_may_more_is_found(prod: Render, path: str, value: Any, complaint: str) -> None:
    wrong = broken(prod, "Deployment ingestor", path, value)

    assert complaint in lines(pod_faults(wrong))


def test_a_pod_names_only_what_is_there(render: Render) -> None:
    assert lines(reference_faults(render)) == ""


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("spec.template.spec.serviceAccountName", "ingester", "no ServiceAccount ingester"),
        ("spec.template.spec.volumes.1.configMap.name", "rules", "no ConfigMap rules"),
        (
            "spec.template.spec.volumes.0.persistentVolumeClaim.claimName",
            "state",
            "no PersistentVolumeClaim state",
        ),
        ("spec.template.spec.volumes.3.name", "temp", "volume temp is not both"),
    ],
)
def test_a_name_that_is_not_there_is_found(
    prod: Render, path: str, value: str, complaint: str
) -> None:
    wrong = broken(prod, "Deployment ingestor", path, value)

    assert complaint in lines(reference_faults(wrong))


def test_the_ingestor_is_one_and_ends_before_the_next_begins(render: Render) -> None:
    spec = the(render, "Deployment", "ingestor").spec

    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert pod(the(render, "Deployment", "ingestor"))["terminationGracePeriodSeconds"] == 60


def test_the_build_may_write_exactly_what_it_applies(render: Render) -> None:
    assert lines(deployer_faults(render)) == ""


def test_a_build_that_may_more_or_less_is_found(prod: Render) -> None:
    rules = the(prod, "Role", "deployer").document["rules"]
    grants = {
        "apiGroups": ["iam.cnrm.cloud.google.com"],
        "resources": ["iampolicymembers"],
        "verbs": ["create"],
    }

    more = broken(prod, "Role deployer", "rules", [*rules, grants])
    less = broken(prod, "Role deployer", "rules", rules[:-1])
    secret = also(prod, "build", "{apiVersion: v1, kind: Secret, metadata: {name: x}}")

    assert "allows iampolicymembers.iam.cnrm.cloud.google.com" in lines(deployer_faults(more))
    assert "the build applies" in lines(deployer_faults(less))
    assert "the build applies secrets." in lines(deployer_faults(secret))


def test_no_traffic_but_what_is_needed(render: Render) -> None:
    assert lines(network_faults(render)) == ""


def test_an_open_network_or_the_other_dataplane_is_found(prod: Render) -> None:
    opened = broken(prod, "NetworkPolicy default-deny", "spec.egress", [{}])
    other = broken(
        prod, "NetworkPolicy ingestor", "spec.egress.1.to.0.ipBlock.cidr", "169.254.169.252/32"
    )

    assert "denies everything" in lines(network_faults(opened))
    assert "no egress to the metadata server" in lines(network_faults(other))
