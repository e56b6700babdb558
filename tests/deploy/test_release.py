"""A deployment, step by step as cloudbuild.yaml has it, with stand-ins for Google's commands."""

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from candidate import back, candidate

from deploy.gcloud_commands import refused
from deploy.google_schema import faults
from deploy.manifests import DIGEST, REGION, ROOT, lines, need_kustomize, placed

PROJECT = "example-tweetlog-prod"
REGISTRY = f"{REGION}-docker.pkg.dev/{PROJECT}/tweetlog"
IMAGES = ("ingestor", "enricher", "loader", "ops")
DIGESTS = {one: f"sha256:{number:064x}" for number, one in enumerate(IMAGES, start=1)}

# Writes down how it was called, and answers as it was told: a pattern, an answer, an exit code.
STAND_IN = """\
#!{python} -IS
import json, os, re, sys
name, line = os.path.basename(sys.argv[0]), " ".join(sys.argv[1:])
if name == "kubectl" and sys.argv[1] == "kustomize":
    os.execv("{kubectl}", ["kubectl", *sys.argv[1:]])
with open(os.environ["JOURNAL"], "a") as journal:
    journal.write(f"{{name}} {{line}}\\n")
for one in sys.argv:
    if one.startswith("--metadata-file="):
        service = re.search("SERVICE=([a-z]+)", line)[1]
        digest = json.loads(os.environ["DIGESTS"])[service]
        said = {{"buildx.build.ref": "x", "containerimage.digest": digest}}
        with open(one.partition("=")[2], "w") as written:
            json.dump(said, written, indent=2)
for pattern, answer, code in json.loads(os.environ["ANSWERS"]):
    if re.search(pattern, f"{{name}} {{line}}"):
        print(answer, end="")
        sys.exit(code)
"""
Answers = Sequence[tuple[str, str, int]]
THERE = ("pubsub subscriptions list", "tweets-raw-enricher\ntweets-enriched-loader\n", 0)


def serving(service: str, *shares: tuple[str, int]) -> tuple[str, str, int]:
    traffic: list[dict[str, Any]]
    traffic = [{"revisionName": name, "percent": share} for name, share in shares]
    # A tag without traffic, as the last deployment left one.
    traffic.append({"revisionName": shares[0][0], "tag": "candidate"})
    found = [{"metadata": {"name": service}, "status": {"traffic": traffic}}]
    return (f"services list --filter=metadata.name={service} ", json.dumps(found), 0)


RUNNING: Answers = (
    THERE,
    serving("loader", ("loader-00041-abc", 100)),
    serving("enricher", ("enricher-00040-xyz", 90), ("enricher-00039-old", 10)),
)


@dataclass(frozen=True, slots=True)
class Ran:
    """How a build ended: the step that failed, or none; what was called, and what was said."""

    failed: str
    called: list[str]
    said: str

    def position(self, *words: str) -> int:
        """Return which call it was that has all these words."""
        (found,) = [n for n, one in enumerate(self.called) if all(word in one for word in words)]
        return found

    def has(self, *words: str) -> bool:
        return any(all(word in one for word in words) for one in self.called)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A checkout in which a build runs, with stand-ins on its PATH."""

    folder: Path

    def run(self, answers: Answers = RUNNING, **substitutions: str) -> Ran:
        """Run every step that is a script of ours, until one fails."""
        build = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())
        environment = self._environment(build["substitutions"] | substitutions, answers)
        said = ""
        for step in build["steps"]:
            script = step.get("script", "")
            if not script.startswith("deploy/"):
                continue
            done = subprocess.run(
                ["/bin/sh", "-c", script],
                cwd=self.folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            said += done.stdout
            if done.returncode:
                return Ran(step["id"], self._called(), said)
        return Ran("", self._called(), said)

    def rendered(self, name: str) -> dict[str, Any]:
        read: dict[str, Any] = yaml.safe_load((self.folder / "render" / name).read_text())
        return read

    def _called(self) -> list[str]:
        journal = self.folder / "journal"
        return journal.read_text().splitlines() if journal.exists() else []

    def _environment(self, substitutions: Mapping[str, str], answers: Answers) -> dict[str, str]:
        return {
            **substitutions,
            "PROJECT_ID": PROJECT,
            "LOCATION": substitutions.get("LOCATION", REGION),
            "BUILD_ID": "b1",
            "COMMIT_SHA": "0123abc" + "0" * 33,
            "SHORT_SHA": "0123abc",
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "JOURNAL": str(self.folder / "journal"),
            "DIGESTS": json.dumps(DIGESTS),
            "ANSWERS": json.dumps(answers),
        }


def made(folder: Path) -> Workspace:
    need_kustomize()
    placed(folder / "k8s")
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    (folder / "bin").mkdir()
    for name in ("gcloud", "kubectl", "docker"):
        fake = folder / "bin" / name
        fake.write_text(STAND_IN.format(python=sys.executable, kubectl=shutil.which("kubectl")))
        fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    return Workspace(folder)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return made(tmp_path)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Ran]:
    """A deployment that went well, for all who only look at it."""
    workspace = made(tmp_path_factory.mktemp("deployed"))
    return workspace, workspace.run()


def test_a_deployment_goes_from_consumers_to_producers(deployed: tuple[Workspace, Ran]) -> None:
    _, ran = deployed

    assert ran.failed == "", ran.said
    order = [
        ran.position("docker buildx build", "--push", "SERVICE=ops"),
        ran.position("pubsub snapshots create before-0123abc-tweets-enriched-loader"),
        ran.position("docker run", f"{REGISTRY}/ops@{DIGESTS['ops']} warehouse apply"),
        ran.position("kubectl apply", "pubsubtopic-tweets-raw.yaml"),
        ran.position("kubectl wait pubsubtopics,pubsubsubscriptions --all"),
        ran.position("run services replace render/candidate-loader.yaml"),
        ran.position("run services replace render/candidate-enricher.yaml"),
        ran.position("docker run", "smoke --project=example-tweetlog-prod"),
        ran.position("update-traffic loader --to-tags=candidate=100"),
        ran.position("update-traffic enricher --to-tags=candidate=100"),
        ran.position("run services replace render/gcloud/service-loader-replay.yaml"),
        ran.position("run services replace render/gcloud/service-enricher-replay.yaml"),
        ran.position("run jobs replace render/gcloud/job-verify.yaml"),
        ran.position("kubectl apply --filename=render/build/deployment-ingestor.yaml"),
        ran.position("kubectl rollout status deployment/ingestor"),
    ]
    assert order == sorted(order)
    # What reads from X is not among what is applied first.
    assert "deployment-" not in ran.called[ran.position("kubectl apply", "pubsubtopic-tweets-raw")]


def test_everything_in_the_render_is_deployed_once(deployed: tuple[Workspace, Ran]) -> None:
    workspace, ran = deployed

    said = "\n".join(one for one in ran.called if " apply " in one or " replace " in one)
    said = said.replace("render/candidate-", "render/gcloud/service-")
    files = [
        str(one.relative_to(workspace.folder))
        for folder in ("build", "gcloud")
        for one in (workspace.folder / "render" / folder).glob("*.yaml")
    ]
    assert len(files) > 20
    assert {one: said.count(one) for one in files} == dict.fromkeys(files, 1)


def test_every_image_is_deployed_by_the_digest_that_was_pushed(
    deployed: tuple[Workspace, Ran],
) -> None:
    workspace, _ = deployed

    text = "\n".join(one.read_text() for one in workspace.folder.glob("render/*/*.yaml"))
    for name, digest in DIGESTS.items():
        assert f"{REGISTRY}/{name}@{digest}" in text
    assert DIGEST not in text
    assert "0" * 64 not in text


def test_images_are_built_with_what_the_registry_has_and_pushed_with_their_papers(
    deployed: tuple[Workspace, Ran],
) -> None:
    _, ran = deployed

    built = ran.called[ran.position("buildx build", "SERVICE=loader", "--load")]
    pushed = ran.called[ran.position("buildx build", "SERVICE=loader", "--push")]
    assert f"--cache-from=type=registry,ref={REGISTRY}/cache:loader" in built
    assert "--tag=tweetlog/loader:b1" in built
    assert "cache-to" not in built
    assert f"--tag={REGISTRY}/loader:0123abc000" in pushed
    assert "--attest=type=sbom,generator=docker/buildkit-syft-scanner@sha256:" in pushed
    assert "--attest=type=provenance,mode=max" in pushed


def test_candidates_get_no_traffic_and_an_address(deployed: tuple[Workspace, Ran]) -> None:
    workspace, _ = deployed

    enricher = workspace.rendered("candidate-enricher.yaml")
    assert enricher["spec"]["traffic"] == [
        {"revisionName": "enricher-00040-xyz", "percent": 90},
        {"revisionName": "enricher-00039-old", "percent": 10},
        {"latestRevision": True, "percent": 0, "tag": "candidate"},
    ]
    for name in ("enricher", "loader"):
        found = workspace.rendered(f"candidate-{name}.yaml")
        assert lines(faults("run.v1", "Service", found)) == ""


def test_the_address_of_a_candidate_is_the_one_that_the_test_pushes_to(
    deployed: tuple[Workspace, Ran],
) -> None:
    workspace, _ = deployed

    for name in ("enricher", "loader"):
        file = f"build/pubsubsubscription-tweets-smoke-{name}.yaml"
        push = workspace.rendered(file)["spec"]["pushConfig"]["pushEndpoint"]
        assert push.startswith(f"https://candidate---{name}-")


def test_a_failed_test_leaves_the_traffic_where_it_was(workspace: Workspace) -> None:
    ran = workspace.run([*RUNNING, ("docker run .* smoke", "not in the table", 1)])

    assert ran.failed == "smoke"
    assert not ran.has("update-traffic")
    assert not ran.has("services replace render/gcloud")
    assert not ran.has("deployment-ingestor.yaml")


def test_a_pull_request_builds_and_leaves_nothing(workspace: Workspace) -> None:
    ran = workspace.run(_DEPLOY="false")

    assert ran.failed == ""
    assert {one.split(" --")[0] for one in ran.called} == {"docker buildx build"}
    assert not ran.has("--push")
    assert not ran.has("cache-to")
    assert ran.said.count("not pushed: _DEPLOY is false") == 4
    assert ran.said.count("not deployed: _DEPLOY is false") == 10


def test_the_first_deployment_of_all_serves_at_once(workspace: Workspace) -> None:
    ran = workspace.run([("services list", "[]", 0)])

    assert ran.failed == "", ran.said
    loader = workspace.rendered("candidate-loader.yaml")
    assert loader["spec"]["traffic"] == [
        {"latestRevision": True, "percent": 100, "tag": "candidate"}
    ]
    assert not ran.has("snapshots create")
    assert "no snapshot of tweets-raw-enricher: it is not there yet" in ran.said


def test_the_way_back_is_printed(deployed: tuple[Workspace, Ran]) -> None:
    _, ran = deployed

    way = ran.said.partition("the way back:\n")[2].splitlines()[:4]
    place = f"--project={PROJECT} --region={REGION}"
    update = "  gcloud run services update-traffic"
    shares = "enricher-00040-xyz=90,enricher-00039-old=10"
    seek, snapshot = "  gcloud pubsub subscriptions seek", "--snapshot=before-0123abc"
    assert way == [
        f"{update} enricher --to-revisions={shares} {place}",
        f"{update} loader --to-revisions=loader-00041-abc=100 {place}",
        f"{seek} tweets-raw-enricher {snapshot}-tweets-raw-enricher --project={PROJECT}",
        f"{seek} tweets-enriched-loader {snapshot}-tweets-enriched-loader --project={PROJECT}",
    ]


def test_an_ingestor_that_does_not_come_up_is_taken_back(workspace: Workspace) -> None:
    ran = workspace.run([*RUNNING, ("rollout status", "timed out", 1)])

    assert ran.failed == "ingestor"
    assert ran.has("kubectl rollout undo deployment/ingestor")
    assert "the one before it runs again" in ran.said


@pytest.mark.parametrize(
    ("answers", "substitutions", "step", "complaint"),
    [
        ([("services list", "", 1)], {}, "candidates", ""),
        ([("services list", "[{}]", 0)], {}, "candidates", "candidate.py: 'status'"),
        ([serving("loader", ("a", 60))], {}, "candidates", "who serves? {'a': 60}"),
        ([("subscriptions list", "", 1)], {}, "snapshot", ""),
        ([("kubectl wait", "", 1)], {}, "platform", ""),
        ([], {"_OVERLAY": "dev"}, "render", "dev/place.env does not say project=example-tweetl"),
        ([], {"LOCATION": "global"}, "build-ingestor", "build in a region"),
    ],
)
def test_what_is_not_as_it_should_be_stops_the_deployment(
    workspace: Workspace,
    answers: Answers,
    substitutions: dict[str, str],
    step: str,
    complaint: str,
) -> None:
    ran = workspace.run([*answers, THERE], **substitutions)

    assert ran.failed == step
    assert complaint in ran.said
    assert not ran.has("update-traffic")


def test_images_are_signed_where_there_is_an_attestor(workspace: Workspace) -> None:
    ran = workspace.run(_ATTESTOR="projects/p/attestors/built", _SIGNING_KEY="projects/p/k/1")

    signed = [one for one in ran.called if "attestations sign-and-create" in one]
    assert [one.partition("--artifact-url=")[2].split()[0] for one in signed] == [
        f"{REGISTRY}/{name}@{digest}" for name, digest in DIGESTS.items()
    ]
    assert all(
        "--attestor=projects/p/attestors/built --keyversion=projects/p/k/1" in one for one in signed
    )


def test_gcloud_takes_every_command(deployed: tuple[Workspace, Ran], tmp_path: Path) -> None:
    _, ran = deployed
    way_back = [one.strip() for one in ran.said.splitlines() if one.startswith("  gcloud ")]
    called = [_quoted(one) for one in ran.called if one.startswith("gcloud ")]

    assert refused([*called, *way_back, A_SIGNATURE], tmp_path) == []
    assert len(called) > 15
    assert len(way_back) == 4


def _quoted(line: str) -> str:
    """Return a line of the journal as one could type it."""
    return shlex.join(line.split())


A_SIGNATURE = (
    f"gcloud beta container binauthz attestations sign-and-create --project={PROJECT}"
    f" --artifact-url={REGISTRY}/ops@{DIGESTS['ops']} --attestor=projects/p/attestors/built"
    " --keyversion=projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"
)
A_SERVICE = "kind: Service\nmetadata:\n  name: loader\nspec:\n  template: {}\n"


def test_traffic_is_said_where_the_yaml_says_nothing_of_it() -> None:
    said = yaml.safe_load(candidate(A_SERVICE, {"loader-1": 100}))

    assert said["spec"] == {
        "template": {},
        "traffic": [
            {"revisionName": "loader-1", "percent": 100},
            {"latestRevision": True, "percent": 0, "tag": "candidate"},
        ],
    }


@pytest.mark.parametrize("text", [A_SERVICE + "  traffic: []\n", "spec: {}\nkind: Service\n", ""])
def test_yaml_that_cannot_be_added_to_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="has to end in its spec, without traffic"):
        candidate(text, {})


def test_there_is_no_way_back_from_the_first_revision() -> None:
    assert back({}, "", []) == "  (there was no revision before)\n"


@pytest.mark.parametrize("script", ["image.sh", "release.sh"])
def test_a_script_says_how_it_is_called(script: str) -> None:
    path = str(ROOT / "deploy" / script)

    asked = subprocess.run([path, "--help"], capture_output=True, text=True, check=False)
    wrong = subprocess.run([path, "nonsense"], capture_output=True, text=True, check=False)

    assert (asked.returncode, wrong.returncode) == (0, 2)
    assert asked.stdout == wrong.stderr
    assert re.search(rf"^example: .*deploy/{script}", asked.stdout, re.MULTILINE)
