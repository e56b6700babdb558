"""The part of the lock that an image installs: all that its service needs, and nothing else."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from lock_part import part, pins
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
LOCK = REPOSITORY / "requirements.lock"
OURS = {
    "ingestor": REPOSITORY / "services/ingestor",
    "enricher": REPOSITORY / "services/enricher",
    "loader": REPOSITORY / "services/loader",
    "tweetlog-ops": REPOSITORY / "ops",
}

# The lock does not tell what only an extra needs; so the image has that as well, and can report.
EXTRAS = {"tweetlog-ops": "tweetlog-ops[report]"}

A_LOCK = """\
flask==3.1.3 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via loader (services/loader/pyproject.toml)
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:cc
    # via click
click==8.5.1 \\
    --hash=sha256:dd
    # via
    #   flask
    #   Typer
typer==1.0 \\
    --hash=sha256:ee
    # via tweetlog-workspace (pyproject.toml:dev)
"""


def names(lock: str, *packages: str) -> list[str]:
    return [pin.name for pin in part(pins(lock), packages)]


def test_a_part_holds_what_is_needed_directly_and_through_others() -> None:
    assert names(A_LOCK, "loader") == ["flask", "colorama", "click"]


def test_a_part_keeps_hashes_and_markers_as_they_are() -> None:
    kept = "".join(pin.text for pin in part(pins(A_LOCK), ["loader"]))

    assert kept == A_LOCK[: A_LOCK.index("typer==")]


def test_a_distribution_of_the_lock_is_in_its_own_part() -> None:
    assert names(A_LOCK, "typer") == ["colorama", "click", "typer"]


def test_a_package_that_nothing_is_there_for_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="nothing is needed by lodaer"):
        names(A_LOCK, "lodaer")


def test_a_pin_that_does_not_say_who_needs_it_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="flask does not say who needs it; run: make lock"):
        pins("flask==3.1.3 \\\n    --hash=sha256:aa\n")


def needed(distribution: str) -> set[str]:
    """Return what this interpreter would install for a package of ours, extras followed."""
    found: set[str] = set()
    waiting = [Requirement(distribution)]
    while waiting:
        requirement = waiting.pop()
        key = f"{normal(requirement.name)}{sorted(requirement.extras)}"
        if key not in found:
            found.add(key)
            waiting += direct(requirement)
    return {key.split("[")[0] for key in found}


def direct(requirement: Requirement) -> list[Requirement]:
    wanted = (Requirement(one) for one in metadata.requires(requirement.name) or [])
    extras = ["", *requirement.extras]
    return [
        one
        for one in wanted
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras)
    ]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("package", OURS)
def test_the_part_of_a_service_is_what_its_metadata_asks_for(package: str) -> None:
    installed = {normal(one.metadata["Name"]) for one in metadata.distributions()}

    locked = set(names(LOCK.read_text(), "tweetlog", package))

    wanted = needed(EXTRAS.get(package, package)) - {"tweetlog", package}
    assert wanted <= locked
    # Only what other machines and Pythons need may come on top.
    assert {name for name in locked if name in installed} <= wanted


@pytest.mark.parametrize("package", OURS)
def test_no_image_holds_the_local_cloud_or_the_tools(package: str) -> None:
    locked = set(names(LOCK.read_text(), "tweetlog", package))

    assert not locked & {"duckdb", "sqlglot", "pyarrow", "uv", "pytest", "mypy", "hatchling"}


def test_the_command_prints_a_part_that_pip_takes() -> None:
    script = REPOSITORY / "deploy" / "lock_part.py"
    done = subprocess.run(
        [sys.executable, "-I", str(script), str(LOCK), "tweetlog", "ingestor"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "\ntweepy==" in done.stdout
    assert "flask==" not in done.stdout


def test_a_wrong_call_says_how() -> None:
    script = REPOSITORY / "deploy" / "lock_part.py"
    done = subprocess.run(
        [sys.executable, str(script), str(LOCK)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "python3 deploy/lock_part.py requirements.lock tweetlog enricher" in done.stderr
