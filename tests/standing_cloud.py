"""The local cloud without the services: for processes that a test starts in another way."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tweetlog_ops import data_dir, local_cloud, manifests, project, topology
from tweetlog_ops.applying import to_apply
from tweetlog_ops.local_cloud import HOST, PROJECT
from tweetlog_ops.processes import Process
from tweetlog_ops.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where the embedded Pub/Sub and BigQuery listen, and what a service is told of them."""

    ports: local_cloud.Servers

    @property
    def environment(self) -> dict[str, str]:
        """What a service finds in its environment."""
        return {
            "TWEETLOG_PROJECT": PROJECT,
            "PUBSUB_EMULATOR_HOST": f"{HOST}:{self.ports.pubsub}",
            "HOST": HOST,
        }

    @property
    def loads(self) -> dict[str, str]:
        """What the loader finds there beside it."""
        return {"TWEETLOG_BIGQUERY_WRITE_ENDPOINT": f"{HOST}:{self.ports.bigquery_grpc}"}

    @property
    def asks(self) -> dict[str, str]:
        """What the operator's command finds in its environment."""
        return {
            "PUBSUB_EMULATOR_HOST": f"{HOST}:{self.ports.pubsub}",
            "BIGQUERY_EMULATOR_HOST": f"http://{HOST}:{self.ports.bigquery}",
        }

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(PROJECT, endpoint=f"http://{HOST}:{self.ports.bigquery}")

    def apply_warehouse(self) -> None:
        """Make the tables and views."""
        warehouse = self.warehouse
        warehouse.apply(to_apply(warehouse, layout="upsert"))

    def create_topology(self, services: Mapping[str, str]) -> None:
        """Create what the manifests declare, pushing to these addresses."""
        declared = manifests.read(project.platform_manifests())
        with pytest.MonkeyPatch.context() as patch:
            # The client knows a local server by this name in the environment, and no other way.
            patch.setenv("PUBSUB_EMULATOR_HOST", self.environment["PUBSUB_EMULATOR_HOST"])
            topology.apply(declared, project=PROJECT, services=services)


@contextmanager
def standing(folder: Path) -> Iterator[Cloud]:
    """Start the two servers for as long as this takes."""
    opened = data_dir.opened(folder)
    ports = local_cloud.servers()
    with ExitStack() as stack:
        for program in (local_cloud.bigquery(opened, ports), local_cloud.pubsub(opened, ports)):
            process = Process(program, opened.logs)
            stack.callback(process.stop)
            process.ready()
        yield Cloud(ports)
