"""Each package alone: it needs what it declares, and imports nobody it may not."""

import importlib
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import pytest

OURS = ("tweetlog", "ingestor", "enricher", "loader", "tweetlog-local", "tweetlog-ops")
MAY_USE = {
    "tweetlog": set(),
    "ingestor": {"tweetlog"},
    "enricher": {"tweetlog"},
    "loader": {"tweetlog"},
    "tweetlog-local": set(),
    "tweetlog-ops": {"tweetlog", "tweetlog-local"},
}

# Run with what a package may not see hidden from it, as it is in an image of its own.
IMPORT_ALL = """
import importlib, json, pkgutil, sys
package, hidden = json.loads(sys.argv[1])

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in hidden:
            raise ModuleNotFoundError(f"{name} is not there", name=name)

sys.meta_path.insert(0, Hidden())
top = importlib.import_module(package)
for module in pkgutil.walk_packages(top.__path__, package + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def closure(distribution: str) -> set[str]:
    """Return the distributions that one needs, by their normal names, itself included."""
    found: set[str] = set()
    waiting = [distribution]
    while waiting:
        name = normal(waiting.pop())
        if name not in found:
            found.add(name)
            waiting += needs(name)
    return found


def needs(distribution: str) -> list[str]:
    try:
        requirements = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return []
    return [re.split(r"[^\w.-]", one)[0] for one in requirements]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def hidden_from(distribution: str) -> list[str]:
    wanted = closure(distribution)
    return [
        module
        for module, distributions in metadata.packages_distributions().items()
        if not wanted & {normal(one) for one in distributions} and module != "google"
    ]


@pytest.mark.parametrize("distribution", OURS)
def test_a_package_imports_with_nothing_but_what_it_declares(distribution: str) -> None:
    package = distribution.replace("-", "_")
    arguments = json.dumps([package, hidden_from(distribution)])

    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, arguments], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("distribution", OURS)
def test_a_package_declares_only_packages_of_ours_that_it_may_use(distribution: str) -> None:
    assert closure(distribution) & set(OURS) - {distribution} <= MAY_USE[distribution]


@pytest.mark.parametrize("distribution", OURS)
def test_no_pattern_repeats_a_group_possessively(distribution: str) -> None:
    """Before 3.11.5 Python matches such a pattern wrongly (python/cpython, gh-106052)."""
    package = importlib.import_module(distribution.replace("-", "_"))
    modules = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    patterns = [
        value
        for module in modules
        if not module.name.endswith("__main__")
        for value in vars(importlib.import_module(module.name)).values()
        if isinstance(value, re.Pattern)
    ]

    assert [one.pattern for one in patterns if repeats_a_group_possessively(one)] == []


def test_a_possessively_repeated_group_is_seen() -> None:
    assert repeats_a_group_possessively(re.compile(r"x(?:a|(?:bc)*+)"))
    assert not repeats_a_group_possessively(re.compile(r"x(?:a|[bc]*+)(?:de)*(.)\1++"))


def repeats_a_group_possessively(pattern: "re.Pattern[Any]") -> bool:
    def has_one(parsed: Any) -> bool:
        return any(
            (str(kind) == "POSSESSIVE_REPEAT" and not is_single(arguments[2]))
            or any(map(has_one, parts(arguments)))
            for kind, arguments in parsed
        )

    def is_single(parsed: Any) -> bool:
        simple = {"LITERAL", "NOT_LITERAL", "ANY", "IN", "GROUPREF"}
        return len(parsed) == 1 and str(parsed[0][0]) in simple

    def parts(arguments: Any) -> Iterator[Any]:
        if isinstance(arguments, parser.SubPattern):
            yield arguments
        elif isinstance(arguments, list | tuple):
            for one in arguments:
                yield from parts(one)

    parser = importlib.import_module("re._parser")
    return has_one(parser.parse(pattern.pattern, pattern.flags))
