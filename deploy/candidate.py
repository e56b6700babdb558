"""Give a Cloud Run service's YAML a new revision without traffic, or say how to go back from it.

Cloud Run sends everything to the newest revision where the YAML says nothing of traffic. So it
is told: what serves now goes on serving, and the new revision gets a tag and an address of its
own. The first revision of all has to serve.

    gcloud run services list --filter=metadata.name=loader --format=json > now.json
    python3 deploy/candidate.py now.json loader.yaml > candidate.yaml
    python3 deploy/candidate.py --back now.json --region=europe-west1
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

TAG = "candidate"


def main(arguments: Sequence[str]) -> int:
    """Print the YAML, or the command; return 2 if it cannot be asked so."""
    try:
        match arguments:
            case ["--back", now, *place]:
                sys.stdout.write(back(_shares(Path(now)), _name(Path(now)), place))
            case [now, rendered]:
                sys.stdout.write(candidate(Path(rendered).read_text(), _shares(Path(now))))
            case _:
                sys.stderr.write(f"usage: {__doc__}")
                return 2
    except (OSError, ValueError, KeyError) as reason:
        sys.stderr.write(f"candidate.py: {reason}\n")
        return 2
    return 0


def candidate(rendered: str, serving: Mapping[str, int]) -> str:
    """Return the YAML with traffic.

    Args:
        rendered: one service, its `spec` last, as kustomize writes it.
        serving: what share each revision has now, in percent; empty for a service that is new.

    Raises:
        ValueError: if the YAML says of traffic itself, or does not end in its `spec`.
    """
    keys = [line.split(":")[0] for line in rendered.splitlines() if line[:1].isalpha()]
    if keys[-1:] != ["spec"] or "\n  traffic:" in rendered:
        raise ValueError("the service's YAML has to end in its spec, without traffic")
    lines = [f"  - revisionName: {name}\n    percent: {share}" for name, share in serving.items()]
    share = 0 if serving else 100
    lines.append(f"  - latestRevision: true\n    percent: {share}\n    tag: {TAG}")
    return "\n".join([rendered.rstrip("\n"), "  traffic:", *lines, ""])


def back(serving: Mapping[str, int], service: str, place: Sequence[str]) -> str:
    """Return the command that sends traffic where it went before."""
    if not serving:
        return "  (there was no revision before)\n"
    shares = ",".join(f"{name}={share}" for name, share in serving.items())
    command = f"gcloud run services update-traffic {service} --to-revisions={shares}"
    return f"  {' '.join([command, *place])}\n"


def _shares(now: Path) -> dict[str, int]:
    """Return what share of the traffic each revision has, by what Cloud Run says of a service.

    Raises:
        ValueError: if it says nothing of who serves: better no deployment than a blind one.
    """
    services = json.loads(now.read_text())
    if not services:
        return {}
    (service,) = services
    shares: dict[str, int] = {}
    for one in service["status"]["traffic"]:
        share = one.get("percent", 0)
        if share:
            shares[one["revisionName"]] = shares.get(one["revisionName"], 0) + share
    if sum(shares.values()) != 100:  # noqa: PLR2004 - percent
        raise ValueError(f"{now}: who serves? {shares}")
    return shares


def _name(now: Path) -> str:
    services: list[dict[str, Any]] = json.loads(now.read_text())
    return str(services[0]["metadata"]["name"]) if services else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
