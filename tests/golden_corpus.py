"""The golden corpus: payloads of our own making, and the columns that follow from them.

`enricher/golden/*.json` holds a family of cases each. After a change that is meant:

    python tests/golden_corpus.py

writes what now follows, after the version of what changed was raised. A column that is null,
empty or false is left out of the files.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enricher.enrich import CORE_VERSION, ENRICHER_VERSION, ENRICHMENTS, enrich
from tweetlog import events

GOLDEN = Path(__file__).parent / "enricher" / "golden"
VERSIONS = GOLDEN / "versions.json"
# These say which enricher it was, not what follows from the payload.
_PROVENANCE = ("raw", "enricher_version", "_CHANGE_SEQUENCE_NUMBER")
CORE = "core"

Columns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One payload, and the columns that are recorded for it, or None for a new case."""

    family: str
    name: str
    payload: Any
    columns: Columns | None


def cases() -> Iterator[Case]:
    """Yield every case of every family."""
    for file in _families():
        for name, case in json.loads(file.read_text("utf-8")).items():
            yield Case(file.stem, name, case["payload"], case.get("columns"))


def columns(payload: Any) -> Columns:
    """Return what follows from a payload now, without columns that say nothing."""
    raw = events.received(payload["data"]["id"], json.dumps(payload).encode())
    row = json.loads(enrich(raw).data)  # unlike orjson, it reads half a surrogate pair
    return {k: v for k, v in row.items() if v not in (None, [], False) and k not in _PROVENANCE}


def versions() -> dict[str, int]:
    """Return the version of each part, and of the whole where everything is installed."""
    parts = {one.name: one.version for one in ENRICHMENTS}
    whole = ENRICHER_VERSION + ENRICHER_VERSION % 2
    return {"enricher": whole, CORE: CORE_VERSION, **parts}


def recorded_versions() -> dict[str, int]:
    """Return the versions that wrote the files."""
    recorded: dict[str, int] = json.loads(VERSIONS.read_text("utf-8"))
    return recorded


def changes() -> Iterator[tuple[str, str]]:
    """Yield which column of which recorded case is not what follows now."""
    for case in cases():
        now, then = columns(case.payload), case.columns
        if then is not None:
            for name in sorted(now.keys() | then.keys()):
                if now.get(name) != then.get(name):
                    yield f"{case.family}.json, {case.name}", name


def mistakes(
    then: Mapping[str, int], now: Mapping[str, int], changed: Iterable[tuple[str, str]]
) -> list[str]:
    """Return one line for each version that fell, and each change without a version that rose."""
    fallen = [
        f"the version of {part} was {version} and is {now[part]}; it only rises"
        for part, version in then.items()
        if now.get(part, version) < version
    ]
    silent = [
        f"{where}: {column} has changed; raise the version of {part_of(column)}"
        for where, column in changed
        if now[part_of(column)] == then.get(part_of(column))
    ]
    return fallen + silent


def write() -> None:
    """Write what follows from each payload now, and the versions it follows under."""
    for file in _families():
        family = json.loads(file.read_text("utf-8"))
        full = {
            name: {"payload": case["payload"], "columns": columns(case["payload"])}
            for name, case in family.items()
        }
        text = json.dumps(full, indent=2, ensure_ascii=False)
        file.write_text(_escaped(text) + "\n", "utf-8")
    VERSIONS.write_text(json.dumps(versions(), indent=2) + "\n", "utf-8")


def _escaped(text: str) -> str:
    """Write as escapes what no file can hold, and what a reader could not see."""
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _families() -> list[Path]:
    return sorted(file for file in GOLDEN.glob("*.json") if file != VERSIONS)


def part_of(column: str) -> str:
    """Return which enrichment gives a column, or that the core does."""
    return next((one.name for one in ENRICHMENTS if column in one.schema), CORE)


def main() -> int:
    """Record what follows now, unless a version was not raised."""
    wrong = mistakes(recorded_versions(), versions(), changes())
    if wrong:
        print(*wrong, sep="\n", file=sys.stderr)  # noqa: T201 - for who runs it
        return 1
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
