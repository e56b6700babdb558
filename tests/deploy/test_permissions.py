"""Everyone may do what the manifests make them do, and nothing else.

The local run has no permissions, so this is the only place where one that is missing, or one too
many, is seen before a deployment.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from deploy.manifests import (
    NUMBER,
    Manifest,
    Render,
    also,
    broken,
    containers,
    environment,
    lines,
    of_kind,
    pod,
    the,
    without,
)

PUBLISH = "roles/pubsub.publisher"
WRITE_ROWS = "tweetlogRowWriter"
INVOKE = "roles/run.invoker"
READ_SECRET = "roles/secretmanager.secretAccessor"  # noqa: S105 - a role
AGENT = "Pub/Sub's agent"
INGESTOR = "ingestor"
# Made with the cluster, by k8s/bootstrap.sh.
NODES = "gke-nodes"
REPOSITORY = "ArtifactRegistryRepository tweetlog"
PROJECT = "Project"
DATASET = "BigQueryDataset tweetlog"
# What a command of the image `ops` does to the warehouse.
QUERIES = (("roles/bigquery.jobUser", PROJECT), ("roles/bigquery.dataViewer", DATASET))
# A command that looks whether a shadow takes the replay lane sees every subscription.
LANES = ("roles/pubsub.viewer", PROJECT)
COMMANDS = {
    "verify": QUERIES,
    "query": QUERIES,
    "replay": (*QUERIES, LANES, (PUBLISH, "PubSubTopic tweets-raw-replay")),
    "compliance": (
        ("roles/bigquery.jobUser", PROJECT),
        ("roles/bigquery.dataEditor", DATASET),
        LANES,
        (PUBLISH, "PubSubTopic tweets-raw"),
        (PUBLISH, "PubSubTopic tweets-raw-replay"),
    ),
}
# What cloudbuild.yaml does, beside running as the accounts of what it deploys.
BUILD = (
    ("roles/logging.logWriter", PROJECT),
    ("roles/run.developer", PROJECT),
    ("roles/container.clusterViewer", PROJECT),
    ("roles/bigquery.jobUser", PROJECT),
    ("roles/bigquery.dataEditor", DATASET),
    ("tweetlogSnapshots", PROJECT),
    ("roles/pubsub.publisher", "PubSubTopic tweets-smoke"),
    ("roles/artifactregistry.writer", REPOSITORY),
)
CHECK = (
    ("roles/logging.logWriter", PROJECT),
    ("roles/artifactregistry.reader", REPOSITORY),
)


class Grant(NamedTuple):
    who: str
    role: str
    on: str

    def __str__(self) -> str:
        return f"{self.who}: {self.role} on {self.on}"


def needed(render: Render) -> Iterator[Grant]:
    for one in render:
        if containers(one):
            yield from _of_a_workload(one)
    for one in of_kind(render, "PubSubSubscription"):
        yield from _of_a_subscription(one)
    for one in of_kind(render, "CloudSchedulerJob"):
        who = one.spec["httpTarget"]["oauthToken"]["serviceAccountRef"]["name"]
        yield Grant(who, INVOKE, f"RunJob {one.name}")
    yield Grant(NODES, "roles/artifactregistry.reader", REPOSITORY)
    yield from (Grant("cloud-build", *grant) for grant in BUILD)
    yield from (Grant("cloud-build-check", *grant) for grant in CHECK)
    for account in {_account(one) for one in render if one.applied_by == "gcloud"}:
        on = f"IAMServiceAccount {account}"
        yield Grant("cloud-build", "roles/iam.serviceAccountUser", on)


def _of_a_workload(one: Manifest) -> Iterator[Grant]:
    who = _account(one)
    variables = environment(one)
    for name, value in variables.items():
        if name.endswith("_TOPIC"):
            yield Grant(who, PUBLISH, f"PubSubTopic {value}")
    if variables.get("TWEETLOG_TRACING") == "cloud":
        yield Grant(who, "roles/cloudtrace.agent", PROJECT)
    if "TWEETLOG_DATASET" in variables:
        yield Grant(who, WRITE_ROWS, DATASET)
    for volume in pod(one).get("volumes", []):
        source = volume.get("csi", {}).get("volumeAttributes", {})
        if "bucketName" in source:
            bucket = source["bucketName"].rpartition("-")[2]
            yield Grant(who, "roles/storage.objectUser", f"StorageBucket {bucket}")
        if "secretProviderClass" in source:
            name = source["secretProviderClass"]
            yield Grant(who, READ_SECRET, f"SecretManagerSecret {name}")
        if "secret" in volume:
            name = volume["secret"]["secretName"]
            yield Grant(who, READ_SECRET, f"SecretManagerSecret {name}")
    if one.kind == "Job":
        command = containers(one)[0]["args"][0]
        yield from (Grant(who, *grant) for grant in COMMANDS[command])


def _account(one: Manifest) -> str:
    return str(pod(one)["serviceAccountName"]).partition("@")[0]


def _of_a_subscription(one: Manifest) -> Iterator[Grant]:
    spec = one.spec
    if "pushConfig" in spec:
        who = spec["pushConfig"]["oidcToken"]["serviceAccountEmail"].partition("@")[0]
        service = one.annotations["tweetlog/service"].removesuffix("-candidate")
        yield Grant(who, INVOKE, f"RunService {service}")
        yield Grant(AGENT, "roles/iam.serviceAccountTokenCreator", f"IAMServiceAccount {who}")
    if "deadLetterPolicy" in spec:
        topic = spec["deadLetterPolicy"]["deadLetterTopicRef"]["name"]
        yield Grant(AGENT, PUBLISH, f"PubSubTopic {topic}")
        yield Grant(AGENT, "roles/pubsub.subscriber", f"PubSubSubscription {one.name}")
    if "bigqueryConfig" in spec:
        table = spec["bigqueryConfig"]["tableRef"]["external"].rpartition(".")[2]
        yield Grant(AGENT, "roles/bigquery.dataEditor", f"BigQueryTable {table}")


def granted(render: Render) -> Iterator[Grant]:
    for one in of_kind(render, "IAMPolicyMember"):
        yield Grant(_member(one.spec), _short(one.spec["role"]), _resource(one.spec["resourceRef"]))
    for one in of_kind(render, "BigQueryDataset"):
        for entry in one.spec["access"]:
            if "userByEmail" in entry:  # an authorised dataset or view is no account
                who = entry["userByEmail"].partition("@")[0]
                yield Grant(who, _short(entry["role"]), f"BigQueryDataset {one.name}")


def _member(spec: dict[str, Any]) -> str:
    if "member" in spec:
        pattern = (
            rf"principal://iam.googleapis.com/projects/{NUMBER}/locations/global/"
            r"workloadIdentityPools/example-tweetlog-(?:dev|prod).svc.id.goog/"
            r"subject/ns/tweetlog/sa/([\w-]+)"
        )
        account = r"serviceAccount:([\w-]+)@example-tweetlog-(?:dev|prod).iam.gserviceaccount.com"
        found = re.fullmatch(f"{pattern}|{account}", spec["member"])
        return (found[1] or found[2]) if found else str(spec["member"])
    who = spec["memberFrom"]
    return who["serviceAccountRef"]["name"] if "serviceAccountRef" in who else AGENT


def _short(role: str) -> str:
    return role.rpartition("/")[2] if role.startswith("projects/") else role


def _resource(reference: dict[str, str]) -> str:
    if reference["kind"] == PROJECT:
        return PROJECT
    return (
        f"{reference['kind']} {reference.get('name') or reference['external'].rpartition('/')[2]}"
    )


def faults(render: Render) -> Iterator[str]:
    need, have = set(needed(render)), list(granted(render))
    for grant in sorted(need - set(have)):
        yield f"{grant}: needed and not granted (k8s/base/platform/access/)"
    for grant in sorted(set(have) - need):
        yield f"{grant}: granted and not needed (k8s/base/platform/access/)"
    for grant in sorted({one for one in have if have.count(one) > 1}):
        yield f"{grant}: granted twice"
    accounts = {one.name for one in of_kind(render, "IAMServiceAccount")}
    acting = {grant.who for grant in need} - {AGENT, INGESTOR, NODES}
    for name in sorted(accounts ^ acting):
        yield f"account {name} is not both declared and used"


def role_faults(render: Render) -> Iterator[str]:
    """Yield roles of ours that are wider than their use, and Google's that are wider than any."""
    writer = set(the(render, "IAMCustomRole", "tweetlog-row-writer").spec["permissions"])
    wanted = {"bigquery.tables.get", "bigquery.tables.updateData"}
    for one in of_kind(render, "Service"):
        if environment(one).get("TWEETLOG_ADD_COLUMNS") == "on":
            wanted.add("bigquery.tables.update")
    for permission in sorted(writer ^ wanted):
        yield f"tweetlogRowWriter: {permission} is not both there and needed"
    for grant in granted(render):
        if grant.role in ("roles/owner", "roles/editor") or grant.role.endswith(("dmin", ".owner")):
            yield f"{grant}: nobody here is an administrator"


def test_everyone_may_do_exactly_what_they_do(render: Render) -> None:
    assert lines(faults(render)) == ""


def test_no_role_is_wider_than_its_use(render: Render) -> None:
    assert lines(role_faults(render)) == ""


@pytest.mark.parametrize(
    ("resource", "complaint"),
    [
        ("IAMPolicyMember enricher-publishes-tweets-dead", "enricher: roles/pubsub.publisher on"),
        ("IAMPolicyMember pubsub-writes-raw-events", "roles/bigquery.dataEditor on BigQueryTable"),
        ("IAMPolicyMember pubsub-mints-push-tokens", "roles/iam.serviceAccountTokenCreator on"),
        ("IAMPolicyMember pubsub-takes-from-tweets-raw-enricher", "roles/pubsub.subscriber on"),
        ("IAMPolicyMember push-calls-loader-replay", "roles/run.invoker on RunService loader-re"),
        ("IAMPolicyMember scheduler-runs-verify", "roles/run.invoker on RunJob verify"),
        ("IAMPolicyMember ingestor-reads-x-bearer-token", "roles/secretmanager.secretAccessor on"),
        ("IAMPolicyMember replay-keeps-its-place", "replay: roles/storage.objectUser on Storage"),
        ("IAMPolicyMember nodes-pull-images", "gke-nodes: roles/artifactregistry.reader on"),
        ("IAMPolicyMember verify-runs-queries", "verify: roles/bigquery.jobUser on Project"),
        ("IAMPolicyMember build-runs-as-loader", "on IAMServiceAccount loader: needed"),
        ("IAMServiceAccount loader", "account loader is not both declared and used"),
    ],
)
def test_a_missing_permission_is_found(prod: Render, resource: str, complaint: str) -> None:
    assert complaint in lines(faults(without(prod, resource)))


GRANT = """
kind: IAMPolicyMember
apiVersion: iam.cnrm.cloud.google.com/v1beta1
metadata: {name: extra}
spec:
  memberFrom: {serviceAccountRef: {name: loader}}
  role: ROLE
  resourceRef: {kind: Project, external: projects/example-tweetlog-prod}
"""


def test_a_permission_too_many_is_found(prod: Render) -> None:
    more = also(prod, "operator", GRANT.replace("ROLE", "roles/bigquery.admin"))
    topic = "spec.template.spec.containers.0.env.1.value"
    moved = broken(prod, "Service enricher", topic, "tweets-raw")

    assert "loader: roles/bigquery.admin on Project: granted and not needed" in lines(faults(more))
    assert "nobody here is an administrator" in lines(role_faults(more))
    assert "PubSubTopic tweets-enriched: granted and not needed" in lines(faults(moved))


def test_tracing_without_a_permission_is_found(prod: Render) -> None:
    index = list(environment(the(prod, "Service", "loader"))).index("TWEETLOG_TRACING")
    path = f"spec.template.spec.containers.0.env.{index}.value"
    wrong = broken(prod, "Service loader", path, "cloud")

    assert "loader: roles/cloudtrace.agent on Project: needed" in lines(faults(wrong))


def test_another_cluster_or_namespace_is_not_the_ingestor(prod: Render) -> None:
    name = "IAMPolicyMember ingestor-publishes-tweets-raw"
    other = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/x"

    assert "ingestor: roles/pubsub.publisher on PubSubTopic tweets-raw: needed" in lines(
        faults(broken(prod, name, "spec.member", other))
    )


def test_columns_that_the_loader_may_not_add_are_found(prod: Render) -> None:
    place = "spec.template.spec.containers.0.env.5"
    wrong = broken(prod, "Service loader", place, {"name": "TWEETLOG_ADD_COLUMNS", "value": "on"})

    assert "bigquery.tables.update is not both there and needed" in lines(role_faults(wrong))
