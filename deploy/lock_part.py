"""Print the part of requirements.lock that some packages need, hashes and markers included.

The lock says of each pin who needs it (`# via`), so that the part is read off it: no index is
asked and nothing is resolved again. Python's standard library is all this needs, since it runs
before anything is installed.

    python3 deploy/lock_part.py requirements.lock tweetlog enricher > enricher.txt
"""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==")
_VIA = re.compile(r"    # (?:via |  )(?P<name>[A-Za-z0-9._-]+)")


@dataclass(frozen=True)
class Pin:
    """One distribution of the lock: its lines as they are, and who needs it."""

    name: str
    text: str
    needed_by: frozenset[str]


def main(arguments: Sequence[str]) -> int:
    """Print the part; return 2 if it cannot be asked so."""
    if len(arguments) < 2:  # noqa: PLR2004 - the lock and one package
        sys.stderr.write(f"usage: {__doc__}")
        return 2
    lock, *packages = arguments
    try:
        found = part(pins(Path(lock).read_text()), packages)
    except (OSError, ValueError) as reason:
        sys.stderr.write(f"lock_part.py: {lock}: {reason}\n")
        return 2
    sys.stdout.writelines(pin.text for pin in found)
    return 0


def pins(lock: str) -> list[Pin]:
    """Return the pins of a lock.

    Raises:
        ValueError: if a pin does not say who needs it.
    """
    found = [_pin(block) for block in _blocks(lock)]
    for pin in found:
        if not pin.needed_by:
            raise ValueError(f"{pin.name} does not say who needs it; run: make lock")
    return found


def part(pins: Sequence[Pin], packages: Sequence[str]) -> list[Pin]:
    """Return the pins that the packages need, directly or through others; in the lock's order.

    Packages are names of ours, or of distributions in the lock, which are then in the part too.

    Raises:
        ValueError: if nothing in the lock is there for one of the packages.
    """
    for package in packages:
        if not any(package == pin.name or package in pin.needed_by for pin in pins):
            raise ValueError(f"nothing is needed by {package}")
    wanted = set(packages)
    grown = True
    while grown:
        more = {pin.name for pin in pins if pin.needed_by & wanted}
        grown = not more <= wanted
        wanted |= more
    return [pin for pin in pins if pin.name in wanted]


def _blocks(lock: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in lock.splitlines(keepends=True):
        if _PIN.match(line):
            if block:
                yield block
            block = []
        block.append(line)
    if block:
        yield block


def _pin(block: Sequence[str]) -> Pin:
    named = _PIN.match(block[0])
    if named is None:
        raise ValueError(f"not a pin: {block[0].strip()!r}")
    via = (_VIA.match(line) for line in block)
    needed_by = frozenset(_normal(one["name"]) for one in via if one)
    return Pin(_normal(named["name"]), "".join(block), needed_by)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
