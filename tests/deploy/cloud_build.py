"""What can be wrong with cloudbuild.yaml, beyond what Cloud Build's own schema sees."""

import re
import shlex
import stat
import subprocess
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from deploy.manifests import ROOT, texts

Build = Mapping[str, Any]

# What Cloud Build puts in by itself (Cloud Build, "Substituting variable values").
BUILT_IN = frozenset(
    {
        "BRANCH_NAME",
        "BUILD_ID",
        "COMMIT_SHA",
        "LOCATION",
        "PROJECT_ID",
        "PROJECT_NUMBER",
        "REF_NAME",
        "REPO_FULL_NAME",
        "REPO_NAME",
        "REVISION_ID",
        "SERVICE_ACCOUNT",
        "SERVICE_ACCOUNT_EMAIL",
        "SHORT_SHA",
        "TAG_NAME",
        "TRIGGER_BUILD_CONFIG_PATH",
        "TRIGGER_NAME",
    }
)
_SUBSTITUTION = re.compile(r"(?<!\$)\$(?:\{(_?[A-Z][A-Z0-9_]*)\}|(_?[A-Z][A-Z0-9_]*))")
# What a script of ours reads of them: by these names alone, since others are its own.
_IN_SCRIPT = re.compile(r"\$\{?(_[A-Z][A-Z_]*|" + "|".join(BUILT_IN) + r")\b")
_BY_DIGEST = re.compile(r"[a-z0-9./-]+@sha256:[0-9a-f]{64}")
_OURS = re.compile(r"\bdeploy/[\w.-]+\.(?:sh|py)\b")
_CHANGES = re.compile(r"\b(?:gcloud|kubectl|docker push|image\.sh push|release\.sh)\b|--push\b")
_TESTS = re.compile(r"\bmake\b.*\b(?:check|test)\b")
_SCANS = "--fail-on"
# What is given to pytest by the Makefile; an empty one is every test.
_PYTEST = re.compile(r"\bmake\b.* test\b(?: TESTS=(\"[^\"]*\"|\S+))?")
# Tests that ask Google's own tools, and the one image that has these.
_ASKS_GOOGLE = ("tests/deploy/", "tests/contract/")
_ALONE = "tests/deploy/test_images.py"
_GOOGLES = "$_GCLOUD"
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|CREDENTIAL|BEARER|API_?KEY")
_SECRET = re.compile(
    r"-----BEGIN|\bAIza[\w-]{30}|\bya29\.|\bgh[pousr]_\w{30}|\bAAAAAAAAAAAAAAAAAAAAA\w+|\beyJ[\w-]{20,}\.|"
    r"[?&:](?:password|token|key)=\S"
)
# In this order, whatever lies between: nothing is shifted before it was tested, nothing read from
# X before there is somebody to take it.
_ORDER = (
    "snapshot",
    "render",
    "warehouse",
    "platform",
    "candidates",
    "smoke",
    "shift",
    "ingestor",
)


def faults(build: Build) -> Iterator[str]:
    """Yield everything that is wrong, each in a line that says where."""
    yield from _shape_faults(build)
    yield from _wait_faults(build)
    yield from _substitution_faults(build)
    yield from _image_faults(build)
    yield from _order_faults(build)
    yield from _test_faults(build)
    yield from _secret_faults(build)
    yield from _timeout_faults(build)
    yield from _script_faults(build)


def commands(step: Mapping[str, Any]) -> str:
    """Return what a step runs, as one text."""
    return "\n".join([step.get("script", ""), " ".join(step.get("args", []))])


def ancestors(build: Build, identity: str) -> set[str]:
    """Return every step that has succeeded before this one starts."""
    steps = {step["id"]: step for step in build["steps"]}
    found: set[str] = set()
    waiting = [identity]
    while waiting:
        for one in steps.get(waiting.pop(), {}).get("waitFor", []):
            if one not in found and one != "-":
                found.add(one)
                waiting.append(one)
    return found


def _shape_faults(build: Build) -> Iterator[str]:
    if not build.get("serviceAccount", "").startswith("projects/$PROJECT_ID/serviceAccounts/"):
        yield "serviceAccount: a build runs as an account of its own, of this project"
    options = build.get("options", {})
    if "logging" not in options:
        yield "options.logging: a build with an account of its own has to say where its log goes"
    if not options.get("automapSubstitutions"):
        yield "options.automapSubstitutions: the scripts read substitutions from their environment"
    if build.get("images"):
        yield "images: are pushed after all steps, so after the deployment; push in a step"
    if "availableSecrets" in build or any("secretEnv" in one for one in build["steps"]):
        yield "secretEnv: a build needs no secret"


def _wait_faults(build: Build) -> Iterator[str]:
    seen: list[str] = []
    for number, step in enumerate(build["steps"]):
        identity = step.get("id", "")
        if not identity:
            yield f"step {number}: has no id"
        if identity in seen:
            yield f"{identity}: there are two steps of this id"
        waits = step.get("waitFor", [])
        if not waits:
            yield f"{identity}: does not say what it waits for"
        for one in waits:
            if one == "-" and len(waits) > 1:
                yield f"{identity}: waits for nothing and for something"
            elif one != "-" and one not in seen:
                known = one in [other.get("id") for other in build["steps"]]
                yield f"{identity}: waits for {one}, " + ("a later step" if known else "no step")
        seen.append(identity)


def _substitution_faults(build: Build) -> Iterator[str]:
    declared = set(build.get("substitutions", {}))
    used = set()
    for path, text in texts({**build, "substitutions": {}}):
        of_shell = path.rpartition(".")[2] == "script"
        for name in _used(text, _IN_SCRIPT if of_shell else _SUBSTITUTION):
            used.add(name)
            if name not in declared | BUILT_IN:
                yield f"{path}: ${name} is not declared, and would be empty"
    for file in sorted(name for name in _files(build) if (ROOT / name).is_file()):
        for name in _used((ROOT / file).read_text(), _IN_SCRIPT):
            used.add(name)
            if name not in declared | BUILT_IN:
                yield f"{file}: ${name} is not declared in cloudbuild.yaml"
    for name in sorted(declared - used):
        yield f"substitutions.{name}: is not used"


def _used(text: str, pattern: re.Pattern[str]) -> set[str]:
    return {next(filter(None, found.groups())) for found in pattern.finditer(text)}


def _image_faults(build: Build) -> Iterator[str]:
    values = build.get("substitutions", {})
    for step in build["steps"]:
        name = _SUBSTITUTION.sub(lambda one: values.get(one[1] or one[2], one[0]), step["name"])
        if not _BY_DIGEST.fullmatch(name):
            yield f"{step.get('id')}: image {name} is not named by its digest"
    for name, value in values.items():
        if "/" in value and not _BY_DIGEST.fullmatch(value):
            yield f"substitutions.{name}: image {value} is not named by its digest"


def _order_faults(build: Build) -> Iterator[str]:
    gates = {step["id"] for step in build["steps"] if _is_gate(step)}
    if not any(_TESTS.search(commands(step)) for step in build["steps"]):
        yield "no step runs the tests"
    for step in build["steps"]:
        before = ancestors(build, step["id"])
        if _CHANGES.search(commands(step)):
            for gate in sorted(gates - before):
                yield f"{step['id']}: changes something without waiting for {gate}"
    there = {step["id"] for step in build["steps"]}
    for first, then in pairwise(_ORDER):
        if {first, then} <= there and first not in ancestors(build, then):
            yield f"{then}: does not wait for {first}"
    for one in sorted(set(_ORDER) - there):
        yield f"there is no step {one}"


def _test_faults(build: Build) -> Iterator[str]:
    """Yield each test that no step runs, that two run, or that would skip without a word."""
    tests = sorted(str(one.relative_to(ROOT)) for one in (ROOT / "tests").rglob("test_*.py"))
    run_by: dict[str, list[str]] = {one: [] for one in tests}
    for step in build["steps"]:
        for targets in _PYTEST.findall(commands(step)):
            if "CI=true" not in step.get("env", []):
                yield f"{step['id']}: runs tests without CI=true: what lacks a tool would skip"
            for one in filter(lambda test: _takes(targets, test), tests):
                run_by[one].append(step["id"])
                if one.startswith(_ASKS_GOOGLE) and one != _ALONE and step["name"] != _GOOGLES:
                    yield f"{step['id']}: runs {one} in an image without Google's tools"
    for one, steps in run_by.items():
        if len(steps) != 1:
            yield f"{one}: is run by {' and '.join(steps) or 'no step'}"


def _takes(targets: str, test: str) -> bool:
    """Whether pytest runs a file, given these arguments."""
    words = shlex.split(targets.strip('"'))
    ignored = [one.partition("=")[2] for one in words if one.startswith("--ignore=")]
    named = [one for one in words if not one.startswith("-")] or ["tests"]
    return any(map(test.startswith, named)) and not any(map(test.startswith, ignored))


def _is_gate(step: Mapping[str, Any]) -> bool:
    return bool(_TESTS.search(commands(step))) or _SCANS in step.get("args", [])


def _secret_faults(build: Build) -> Iterator[str]:
    for path, text in texts(build):
        if _SECRET.search(text):
            yield f"{path}: holds a secret"
    pairs = dict(build.get("substitutions", {}))
    for step in build["steps"]:
        pairs |= dict(one.partition("=")[::2] for one in step.get("env", []))
    for name, value in pairs.items():
        if value and _SECRET_NAME.search(name):
            yield f"{name}: a secret is no substitution and no variable of a step"


def _timeout_faults(build: Build) -> Iterator[str]:
    whole = _seconds(build.get("timeout"))
    if whole == 0:
        yield "timeout: the build has none"
    for step in build["steps"]:
        seconds = _seconds(step.get("timeout"))
        if seconds == 0:
            yield f"{step.get('id')}: has no timeout"
        if seconds > whole:
            yield f"{step.get('id')}: may take longer than the whole build"


def _seconds(text: str | None) -> int:
    found = re.fullmatch(r"(\d+)s", text or "")
    return int(found[1]) if found else 0


def _script_faults(build: Build) -> Iterator[str]:
    for step in build["steps"]:
        if "script" in step:
            yield from (f"{step['id']}: {fault}" for fault in _syntax(step["script"]))
    for file in sorted(_files(build)):
        if not (ROOT / file).is_file():
            yield f"{file}: is not there"
        elif not (ROOT / file).stat().st_mode & stat.S_IXUSR:
            yield f"{file}: cannot be executed"


def _syntax(script: str) -> Iterator[str]:
    """Yield what the shell says of a script that it only reads."""
    first = script.partition("\n")[0]
    shell = "bash" if "bash" in first else "sh"
    if shell == "bash" and "set -euo pipefail" not in script:
        yield "a script goes on after a command that failed: set -euo pipefail"
    done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, check=False)
    if done.returncode:
        yield f"not {shell}: {done.stderr.strip()}"


def _files(build: Build) -> set[str]:
    """Return the scripts of ours that the steps run, and those that these run."""
    found: set[str] = set()
    waiting = [commands(step) for step in build["steps"]]
    while waiting:
        for name in _OURS.findall(waiting.pop()):
            if name not in found:
                found.add(name)
                waiting += [(ROOT / name).read_text()] if (ROOT / name).is_file() else []
    return {name for name in found if name.endswith(".sh")}
