"""The local cloud: the embedded servers and the three services, as real processes."""

import json
import os
import random
import socket
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweetlog.tracing import OFF
from tweetlog_ops import data_dir as folders
from tweetlog_ops.data_dir import DataDir, Running
from tweetlog_ops.errors import CommandError
from tweetlog_ops.keeping import Kept
from tweetlog_ops.lane import LIVE, SHADOW, Lane
from tweetlog_ops.plan import Plan
from tweetlog_ops.processes import Process, Program, end_leftovers, is_alive
from tweetlog_ops.warehouse import Warehouse
from tweetlog_ops.x_source import XSource

PROJECT = "tweetlog-local"
# Of the local X API, in real seconds.
KEEP_ALIVE_SECONDS = 1.0
HOST = "127.0.0.1"
# Below the ports that systems give to outgoing connections (Linux: from 32,768; IANA: 49,152),
# one of which could otherwise take a server's port while it is being started again.
_PORTS = range(20_000, 32_000)
MODULES = (
    "tweetlog_local.x_api",
    "tweetlog_local.bigquery",
    "tweetlog_local.pubsub",
    "enricher",
    "loader",
    "ingestor",
)
#: The services that messages are delivered to, in the order in which they start.
CONSUMERS = ("loader", "enricher")


@dataclass(frozen=True, slots=True)
class Servers:
    """The ports of the embedded servers, chosen once so that a restart finds them again."""

    bigquery: int
    bigquery_grpc: int
    pubsub: int
    control: int


def servers(*, pubsub: int = 0, bigquery: int = 0) -> Servers:
    """Return the servers' ports: those that were asked for, else ones that nothing listens on."""
    free = free_ports(4)
    return Servers(bigquery or free[0], free[1], pubsub or free[2], free[3])


def ports_of(run: Running) -> Servers:
    """Return the ports of the servers of a run."""
    addresses = (run.bigquery, run.bigquery_grpc, run.pubsub, run.control)
    return Servers(*(int(address.rpartition(":")[2]) for address in addresses))


def bigquery(folder: DataDir, ports: Servers) -> Program:
    """Return the embedded BigQuery as a program."""
    listen = ("--port", str(ports.bigquery), "--grpc-port", str(ports.bigquery_grpc))
    arguments = ("--data-dir", str(folder.bigquery), *listen, "--project", PROJECT)
    return Program("bigquery", "tweetlog_local.bigquery", arguments)


def pubsub(folder: DataDir, ports: Servers) -> Program:
    """Return the embedded Pub/Sub as a program; it writes to the embedded BigQuery."""
    listen = ("--port", str(ports.pubsub), "--control-port", str(ports.control))
    sink = ("--bigquery-endpoint", f"{HOST}:{ports.bigquery_grpc}")
    arguments = ("--data-dir", str(folder.pubsub), *listen, *sink)
    return Program("pubsub", "tweetlog_local.pubsub", arguments)


def consumer(name: str, ports: Servers, plan: Plan, kept: Kept, *, port: int) -> Program:
    """Return one of `CONSUMERS` as a program, exactly as it is deployed but for the addresses.

    Args:
        name: which.
        ports: where the servers are.
        plan: the run.
        kept: how the loader writes tweets.
        port: where it listens.
    """
    environment = _service(ports, plan.tracing) | {"HOST": HOST, "PORT": str(port)}
    if name == "loader":
        environment["TWEETLOG_BIGQUERY_WRITE_ENDPOINT"] = f"{HOST}:{ports.bigquery_grpc}"
        environment |= {"TWEETLOG_LAYOUT": kept.layout, "TWEETLOG_TWEETS_TABLE": kept.table}
    return Program(name, name, (plan.delivery,), environment)


def lane_programs(
    lane: Lane, run: Running, kept: Kept, *, enricher: Path | None = None, shadow: bool = False
) -> tuple[Program, ...]:
    """Return the services of a lane, as programs that pull and let the live ones go first.

    Args:
        lane: the lane.
        run: where the servers are.
        kept: how its loader writes tweets.
        enricher: another enricher than this one; see `enricher_of`.
        shadow: whether its enricher takes what is live, too.
    """
    common = {"TWEETLOG_PROJECT": PROJECT, "PUBSUB_EMULATOR_HOST": run.pubsub}
    raw, enriched = lane.subscriptions
    loading = common | {
        "TWEETLOG_SUBSCRIPTION": enriched,
        "TWEETLOG_BIGQUERY_WRITE_ENDPOINT": run.bigquery_grpc,
        "TWEETLOG_TWEETS_TABLE": kept.table,
        "TWEETLOG_LAYOUT": kept.layout,
    }
    python, path = enricher_of(enricher)
    takes = {f"enricher-{lane.name}": raw}
    takes |= {"enricher-shadow": SHADOW} if shadow else {}
    behind = lane is not LIVE
    enriching = common | path | {"TWEETLOG_ENRICHED_TOPIC": lane.enriched}
    return (
        Program(f"loader-{lane.name}", "loader", ("pull",), loading, yields=behind),
        *(
            Program(
                name,
                "enricher",
                ("pull",),
                enriching | {"TWEETLOG_SUBSCRIPTION": subscription},
                python=python,
                yields=behind,
            )
            for name, subscription in takes.items()
        ),
    )


def enricher_of(path: Path | None) -> tuple[str, dict[str, str]]:
    """Return the interpreter that runs an enricher, and the environment that it needs.

    Args:
        path: a Python that has one installed, or a checkout of tweetlog; ours if None.

    Raises:
        CommandError: if it is neither.
    """
    if path is None:
        return sys.executable, {}
    path = path.absolute()
    own, sources = path / ".venv" / "bin" / "python", path / "services" / "enricher" / "src"
    if path.is_file() and os.access(path, os.X_OK):
        return str(path), {}
    if (sources / "enricher").is_dir() and own.is_file():
        return str(own), {}
    if (sources / "enricher").is_dir():
        found = os.pathsep.join((str(sources), str(path / "shared" / "src")))
        return sys.executable, {"PYTHONPATH": found}
    line = f"{path}: no Python, and no checkout of tweetlog with services/enricher in it"
    raise CommandError(line, exit_code=2)


def ingestor(
    ports: Servers, cursor: Path, files: tuple[str, ...], *, tracing: str = OFF
) -> Program:
    """Return the ingestor as a program that plays these files."""
    # What comes through a pipe cannot be read again, so there is no place to go on from.
    resume = () if "-" in files else ("--cursor", str(cursor))
    arguments = ("file", *resume, "--", *files)
    return Program("ingestor", "ingestor", arguments, _service(ports, tracing))


def _service(ports: Servers, tracing: str) -> dict[str, str]:
    """Return what every service finds in its environment."""
    here = {"TWEETLOG_PROJECT": PROJECT, "PUBSUB_EMULATOR_HOST": f"{HOST}:{ports.pubsub}"}
    return here if tracing == OFF else here | {"TWEETLOG_TRACING": tracing}


@dataclass(frozen=True, slots=True)
class XPorts:
    """The ports of the local X API, and of the health of the ingestor that listens to it."""

    x_api: int
    x_control: int
    health: int


def x_ports() -> XPorts:
    """Return ports that nothing listens on."""
    return XPorts(*free_ports(3))


def x_api(folder: DataDir, ports: XPorts, plan: Plan, source: XSource) -> Program:
    """Return the local X API as a program: the plan's tweets, from when somebody listens."""
    places = ("--port", str(ports.x_api), "--control-port", str(ports.x_control))
    lasting = {"keep-alive": KEEP_ALIVE_SECONDS, "rule-delay": 0.0}
    arguments = [*places, "--tls", "--folder", str(folder.x_api), "--begin", "connect"]
    arguments += [
        "--tweets",
        str(plan.tweets),
        "--seed",
        str(plan.seed),
        "--rate",
        f"{source.rate:g}",
    ]
    arguments += ["--tier", source.tier, "--speed", str(source.speed)]
    for name, seconds in lasting.items():
        arguments += [f"--{name}", f"{seconds * source.speed:g}"]
    return Program("x_api", "tweetlog_local.x_api", tuple(arguments))


def listener(ports: Servers, x: XPorts, folder: DataDir, plan: Plan, source: XSource) -> Program:
    """Return the ingestor as a program that listens: to X itself, for the plan's new tweets."""
    environment = {
        **_service(ports, plan.tracing),
        "TWEETLOG_STATE_DIR": str(folder.listening),
        "HOST": HOST,
        "PORT": str(x.health),
    }
    limit: tuple[str, ...] = ()
    if source.real:
        environment = {**source.real, **environment}
        limit = ("--tweets", str(plan.tweets)) if plan.tweets else ()
    else:
        # Who only asks the real cloud has no local one installed, and imports this module too.
        from tweetlog_local.x_api.settings import CERTIFICATE, TOKEN  # noqa: PLC0415 - see above

        environment |= {
            "TWEETLOG_X_API_URL": f"https://{HOST}:{x.x_api}",
            "TWEETLOG_X_CA_FILE": str(folder.x_api / CERTIFICATE),
            "TWEETLOG_X_BEARER_TOKEN": TOKEN,
            "TWEETLOG_X_SPEED": str(source.speed),
            "TWEETLOG_X_BACKFILL": "on" if source.tier == "enterprise" else "off",
        }
    environment["TWEETLOG_X_RULES_FILE"] = str(source.rules)
    return Program("ingestor", "ingestor", ("x", *limit), environment)


def free_ports(count: int) -> tuple[int, ...]:
    """Return different ports that nothing listens on."""
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        if len(found) == count:
            break
        if _is_free(port):
            found.append(port)
    return tuple(found)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def stats(control: str) -> dict[str, Any]:
    """Return the embedded Pub/Sub's counters; empty while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{control}/stats", timeout=5) as response:
            found: dict[str, Any] = json.load(response)
            return found
    except OSError:
        return {}


@contextmanager
def warehouse(folder: DataDir) -> Iterator[Warehouse]:
    """Reach the folder's warehouse: the running one, or one started for as long as this takes."""
    run = folders.running(folder)
    if run is not None:
        yield Warehouse(PROJECT, endpoint=f"http://{run.bigquery}")
        return
    with folders.locked(folder, patience=folders.PATIENCE_SECONDS):
        clear_leftovers(folder)
        ports = servers()
        process = Process(bigquery(folder, ports), folder.logs)
        try:
            process.ready()
            yield Warehouse(PROJECT, endpoint=f"http://{HOST}:{ports.bigquery}")
        finally:
            process.stop()


def clear_leftovers(folder: DataDir) -> None:
    """End what killed commands left behind in the folder, which the caller has locked."""
    clear_lanes(folder)
    try:
        left = json.loads(folder.running.read_text())
        end_leftovers(left.get("processes", {}), MODULES)
    except (FileNotFoundError, ValueError):
        pass
    with suppress(FileNotFoundError):
        folder.running.unlink()


def note_lanes(folder: DataDir, pids: Mapping[str, int]) -> None:
    """Write down what this command has started for a while."""
    folder.lanes.mkdir(exist_ok=True)
    _lanes_of(folder, os.getpid()).write_text(json.dumps(dict(pids)))


def forget_lanes(folder: DataDir) -> None:
    """Take back what `note_lanes` wrote: all of it has been stopped."""
    _lanes_of(folder, os.getpid()).unlink(missing_ok=True)


def clear_lanes(folder: DataDir) -> None:
    """End what commands that were killed had started for a while."""
    for note in folder.lanes.glob("*.json"):
        if not is_alive(int(note.stem)):
            with suppress(ValueError):  # killed while it wrote
                end_leftovers(json.loads(note.read_text()), MODULES)
            note.unlink(missing_ok=True)


def has_guests(folder: DataDir) -> bool:
    """Return whether another command uses the servers of this one, and has services of its own."""
    ours = _lanes_of(folder, os.getpid())
    return any(note != ours and is_alive(int(note.stem)) for note in folder.lanes.glob("*.json"))


def _lanes_of(folder: DataDir, pid: int) -> Path:
    return folder.lanes / f"{pid}.json"
