"""k8s/render.sh and k8s/bootstrap.sh, with stand-ins for gcloud and kubectl on the PATH."""

import os
import shlex
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.gcloud_commands import refused
from deploy.manifests import DIGEST, IMAGES, K8S, OVERLAYS, need_kustomize, placed

SCRIPTS = (K8S / "render.sh", K8S / "bootstrap.sh")
ARGUMENTS = (
    "prod",
    "--project=my-tweets",
    "--region=europe-west1",
    "--alert-email=me@example.com",
    "--repository=https://github.com/me/tweetlog.git",
)
# A stand-in writes down how it was called. EXISTS says whether what is asked for is there, STAGE
# how far the connection to the repository is, FAILS which command fails.
STAND_IN = """#!/usr/bin/env bash
echo "$(basename "$0") $*" >> "$CALLS"
[[ -z ${FAILS:-} || "$*" != *"$FAILS"* ]] || { echo "no" >&2; exit 1; }
case "$*" in
  kustomize*) exec "$REAL_KUBECTL" "$@" ;;
  *projects\\ describe*) echo 987654321098 ;;
  *installationState.stage*) echo "$STAGE" ;;
  *installationState.message*) echo "visit https://example.com/allow" ;;
  *describe*|*get\\ crd*) [[ $EXISTS == yes ]] ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A copy of k8s/ that a script may write to, and the stand-ins it finds on its PATH."""

    folder: Path
    environ: dict[str, str]

    def run(
        self, script: str, *arguments: str, **environ: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self.folder / "k8s" / script), *arguments],
            env=self.environ | environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def bootstrap(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        given = [part for one in ARGUMENTS for part in one.split("=", 1)]
        return self.run("bootstrap.sh", *given, *arguments, **environ)

    def calls(self) -> list[str]:
        log = Path(self.environ["CALLS"])
        found = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return found

    def place_env(self) -> str:
        return (self.folder / "k8s/overlays/prod/place.env").read_text()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    placed(tmp_path / "k8s")
    stand_ins = tmp_path / "bin"
    stand_ins.mkdir()
    for name in ("gcloud", "kubectl", "tar"):
        (stand_ins / name).write_text(STAND_IN)
        (stand_ins / name).chmod(0o755)
    environ = {
        "PATH": f"{stand_ins}:{os.environ['PATH']}",
        "CALLS": str(tmp_path / "calls"),
        "REAL_KUBECTL": shutil.which("kubectl") or "",
        "EXISTS": "no",
        "STAGE": "COMPLETE",
    }
    return Place(tmp_path, environ)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.name))
def test_shellcheck_finds_nothing(script: Path) -> None:
    shellcheck = Path(sysconfig.get_path("scripts")) / "shellcheck"

    done = subprocess.run([shellcheck, script], capture_output=True, text=True, check=False)

    assert done.stdout == ""
    assert done.returncode == 0


@pytest.mark.parametrize("script", ["render.sh", "bootstrap.sh"])
def test_help_shows_an_example(place: Place, script: str) -> None:
    done = place.run(script, "--help")

    assert done.returncode == 0
    assert f"example: k8s/{script} prod" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "usage: k8s/render.sh OVERLAY FOLDER"),
        (("staging", "new"), "no overlay staging"),
        (("prod", "k8s"), "k8s is not empty"),
        (("prod", "new", f"loader={DIGEST}"), "digests of 1 of the 4 images"),
        (("prod", "new", "loader=latest"), "'loader=latest' is not IMAGE=sha256:..."),
        (("prod", "new", *[f"loader={DIGEST}"] * 4), "an image is given twice"),
    ],
)
def test_a_render_that_cannot_be_is_refused_in_a_line(
    place: Place, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], complaint: str
) -> None:
    monkeypatch.chdir(place.folder)

    done = place.run("render.sh", *arguments)

    assert done.returncode == 2
    assert complaint in done.stderr
    assert not (place.folder / "new").exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("region=europe-west1", "region=europe|west1"),
        ("project=example-tweetlog-prod", "project=a/b"),
        ("project_number=123456789012\n", ""),
        ("alert_email=alerts@example.com", "alert_email=$(id)"),
    ],
)
def test_a_place_that_is_not_one_stops_the_render(place: Place, before: str, after: str) -> None:
    file = place.folder / "k8s/overlays/prod/place.env"
    file.write_text(file.read_text().replace(before, after))

    done = place.run("render.sh", "prod", str(place.folder / "new"))

    assert done.returncode == 2
    assert f"place.env: {before.partition('=')[0]} is" in done.stderr


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_place_of_each_overlay_is_one(overlay: str, tmp_path: Path) -> None:
    need_kustomize()

    done = subprocess.run(
        [K8S / "render.sh", overlay, tmp_path / "render"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_without_digests_nothing_that_runs_an_image_is_rendered(place: Place) -> None:
    need_kustomize()

    done = place.run("render.sh", "prod", str(place.folder / "new"))

    files = [file.name for file in (place.folder / "new").rglob("*.yaml")]
    assert done.returncode == 0, done.stderr
    assert "no digests" in done.stderr
    assert "00-namespace-tweetlog.yaml" in files
    assert not [name for name in files if name.startswith(("deployment-", "service-", "job-"))]


def test_a_base_that_kustomize_refuses_stops_the_render(place: Place) -> None:
    need_kustomize()
    file = place.folder / "k8s/base/run/replay/enricher.yaml"
    file.write_text(file.read_text().replace("TWEETLOG_ENRICHED_TOPIC", "TWEETLOG_TOPIC"))

    done = place.run("render.sh", "prod", str(place.folder / "new"))

    assert done.returncode == 1
    assert "kustomize refused" in done.stderr


def test_a_resource_that_nobody_applies_stops_the_render(place: Place) -> None:
    need_kustomize()
    file = place.folder / "k8s/base/observability/kustomization.yaml"
    file.write_text(file.read_text().replace("applied-by: build", "applied-by: nobody"))
    digests = [f"{image}={DIGEST}" for image in IMAGES]

    done = place.run("render.sh", "prod", str(place.folder / "new"), *digests)

    assert done.returncode == 1
    assert "label applied-by is 'nobody'" in done.stderr


def test_a_dry_run_prints_every_command_and_does_nothing(place: Place) -> None:
    before = place.place_env()

    done = place.bootstrap("--dry-run")

    assert done.returncode == 0, done.stderr
    assert place.calls() == []
    assert place.place_env() == before
    for command in (
        "+ gcloud services enable ",
        "+ gcloud container clusters create-auto tweetlog ",
        "+ kubectl apply --filename=",
        "+ gcloud builds repositories create tweetlog ",
    ):
        assert command in done.stderr


def test_a_first_run_makes_everything_in_order(place: Place) -> None:
    need_kustomize()

    done = place.bootstrap()

    calls = "\n".join(place.calls())
    assert done.returncode == 0, done.stderr
    assert "project=my-tweets\nproject_number=987654321098\nregion=europe-west1\n" in (
        place.place_env()
    )
    order = [
        "gcloud services enable",
        "gcloud iam service-accounts create gke-nodes",
        "--role=roles/container.defaultNodeServiceAccount",
        "gcloud container clusters create-auto tweetlog",
        "gcloud container clusters get-credentials",
        "gcloud iam service-accounts create config-connector",
        "autopilot-configconnector-operator.yaml",
        "kubectl wait --for=jsonpath={.status.healthy}=true",
        "gcloud builds connections create github",
        "gcloud builds repositories create tweetlog",
        "operator/00-namespace-tweetlog.yaml",
        "kubectl wait --namespace=tweetlog",
    ]
    assert sorted(order, key=calls.index) == order
    assert "--service-account=gke-nodes@my-tweets.iam.gserviceaccount.com" in calls
    assert "x-bearer-token --project=my-tweets --data-file=FILE" in done.stdout


def test_a_second_run_makes_nothing_again(place: Place) -> None:
    need_kustomize()
    place.bootstrap()
    place.calls()
    before = place.place_env()

    done = place.bootstrap(EXISTS="yes")

    assert done.returncode == 0, done.stderr
    assert not [call for call in place.calls() if " create" in call or "operator-system" in call]
    assert place.place_env() == before


def test_each_command_is_printed_before_it_runs(place: Place) -> None:
    need_kustomize()

    done = place.bootstrap()

    printed = [shlex.split(line[2:]) for line in done.stderr.splitlines() if line[:2] == "+ "]
    changes = [
        call
        for call in place.calls()
        if "describe" not in call and "get crd" not in call and "kubectl kustomize" not in call
    ]
    assert changes == [" ".join(one) for one in printed if one[0] in ("gcloud", "kubectl", "tar")]


def test_a_connection_that_waits_for_a_person_says_so(place: Place) -> None:
    done = place.bootstrap(STAGE="PENDING_USER_OAUTH")

    assert done.returncode == 3
    assert "visit https://example.com/allow" in done.stderr
    assert "then run this again" in done.stderr
    assert not [call for call in place.calls() if "repositories create" in call]


def test_a_command_that_fails_ends_it(place: Place) -> None:
    done = place.bootstrap(FAILS="create-auto")

    assert done.returncode == 1
    assert place.calls()[-1].startswith("gcloud container clusters create-auto")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "which overlay?"),
        (("staging", *ARGUMENTS[1:]), "no overlay"),
        (("prod", "dev"), "one overlay, not 'prod' and 'dev'"),
        ((*ARGUMENTS, "--project"), "--project wants a value"),
        ((*ARGUMENTS, "--projekt", "x"), "--projekt is not known"),
        ((*ARGUMENTS, "--project", "X"), "--project 'X' is no project id"),
        ((*ARGUMENTS, "--region", "europe"), "--region 'europe' is no region"),
        ((*ARGUMENTS, "--alert-email", "me"), "--alert-email 'me' is no address"),
        ((*ARGUMENTS, "--repository", "me/tweetlog"), "--repository 'me/tweetlog' is no address"),
    ],
)
def test_a_wrong_call_is_refused_in_a_line(
    place: Place, arguments: tuple[str, ...], complaint: str
) -> None:
    given = [part for one in arguments for part in one.split("=", 1)]

    done = place.run("bootstrap.sh", *given)

    assert done.returncode == 2
    assert complaint in done.stderr
    assert place.calls() == []


def test_gcloud_takes_every_command(place: Place, tmp_path: Path) -> None:
    done = place.bootstrap("--dry-run")
    commands = [line[2:] for line in done.stderr.splitlines() if line.startswith("+ gcloud ")]

    assert refused(commands, tmp_path) == []
    assert len(commands) > 20


def test_gcloud_refuses_a_flag_that_is_not_there(tmp_path: Path) -> None:
    (complaint,) = refused(["gcloud container clusters create-auto x --regoin=y"], tmp_path)

    assert "unrecognized arguments: --regoin=y" in complaint
